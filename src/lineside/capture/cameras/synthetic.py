"""The drawn plant as a live camera: `synthetic:cap?camera=side&fps=20`."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from lineside.capture.camera import CameraStatistics
from lineside.capture.pacing import Pace
from lineside.core.documents import Table, parsed
from lineside.core.errors import SourceEndedError
from lineside.core.frame import Frame

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from numpy.typing import NDArray

    from lineside.capture.camera import Camera, CameraSettings
    from lineside.capture.plant.plant import Plant
    from lineside.capture.plant.settings import PlantSettings

SCHEMES = ("synthetic",)

DEFAULT_FPS = 10.0
"""Parts a second that pass the camera, unless the address or the settings say otherwise."""


NOMINAL_US = 1000.0
"""The exposure at which pictures are as the plant draws them."""


class Features(Table):
    """How bright pictures are. What the plant draws stands in its address."""

    ExposureTime: float = Field(NOMINAL_US, ge=1, le=1e6)
    """Microseconds; 1000 is as the plant draws, twice as much is twice as bright."""

    Gain: float = Field(0.0, ge=-48, le=48)
    """Decibels; 6 is about twice as bright."""


class Settable(Features):
    """What a recipe may set: all of them."""


def open_camera(settings: CameraSettings) -> Camera:
    """A camera over the drawn conveyor, running.

    The keys of the address are those of `synthetic:` pictures, in `docs/plant.md`. `camera` is `top` unless it says `side`;
    `count` ends it after so many pictures; `fps` of the settings goes before that of the address.

    Raises:
        SettingsError: A product, a key or a value is not accepted.
        ImageTooLargeError: The frames would have more pixels than the limit.
    """
    from lineside.capture.plant.query import PlantQuery
    from lineside.capture.plant.settings import CAMERAS

    _factor(settings.features, settings.id)
    asked = PlantQuery(settings.address.partition(":")[2])
    plant = _plant(asked.settings(settings.limit_px))
    view = CAMERAS.index(asked.choice("camera", CAMERAS) or CAMERAS[0])
    fps = settings.fps or asked.number("fps", (0.001, 10_000)) or DEFAULT_FPS
    return DrawnCamera(settings, plant, view, fps=fps, count=asked.whole("count", (1, 2**53)))


class DrawnCamera:
    """A camera that draws the part it is triggered for, or part after part from 0 on at its rate.

    Its frames carry their truth. They have a part's number where a trigger was announced with one (`expect`).

    Args:
        settings: The camera's.
        plant: What it looks at; several cameras may look at one.
        view: Which of the plant's cameras it is.
        fps: Parts a second; the rate of a camera that is not triggered.
        count: After so many pictures it has ended; `None` for no end.
    """

    def __init__(
        self, settings: CameraSettings, plant: Plant, view: int, *, fps: float, count: int | None = None
    ) -> None:
        plant.warm()
        self._settings = settings
        self._plant = plant
        self._view = view
        self._count = count
        self._pace = Pace(settings, fps)
        self._expected: int | None = None
        self._parts: list[int | None] = []
        self._last: int | None = None
        self._statistics = CameraStatistics()
        self._factor = _factor(settings.features, settings.id)

    @property
    def period_s(self) -> float | None:
        """Seconds between two parts."""
        return self._pace.period_s

    def expect(self, part: int) -> None:
        """The next trigger is for this part, which is drawn then; without it triggers count from 0."""
        self._expected = part

    def configure(self, features: Mapping[str, Any]) -> None:
        """Pictures that are drawn from now on have these features.

        Raises:
            SettingsError: One is not accepted; nothing was changed.
            SourceError: The camera is closed.
        """
        self._pace.refuse_closed()
        self._factor = _factor(features, self._settings.id)

    def trigger(self) -> None:
        """One picture is taken.

        Raises:
            SourceError: The camera is closed, or runs by itself.
        """
        self._pace.trigger()
        self._parts.append(self._expected)
        self._expected = None

    def read(self, timeout_s: float) -> Frame | None:
        """The next picture, or `None`.

        Raises:
            SourceError: The camera is closed.
            SourceEndedError: All of `count` were given.
        """
        due = self._pace.wait(timeout_s)
        if due is None:
            return None
        if self._count is not None and due.number >= self._count:
            raise SourceEndedError(f"camera {self._settings.id}: all {self._count} pictures are drawn")
        part = self._parts.pop(0) if self._parts else None
        number = due.number if part is None else part
        image, truth = self._plant.render(number, self._view)
        if number == self._last:
            image = _again(image, due.number)
        self._last = number
        if self._factor != 1:
            image = np.asarray(np.clip(image * self._factor, 0, 255), np.uint8)
        done = self._statistics
        self._statistics = CameraStatistics(done.frames + 1, done.dropped + due.skipped)
        return Frame(
            image,
            self._settings.id,
            done.frames,
            captured_s=due.at_s,
            wall_s=self._settings.wall_at(due.at_s),
            device_frame=due.number,
            part=part,
            truth=truth,
        )

    def statistics(self) -> CameraStatistics:
        """What it has done."""
        return self._statistics

    def close(self) -> None:
        """It takes no more pictures."""
        self._pace.close()


def _factor(features: Mapping[str, Any], name: str) -> float:
    """How much brighter pictures are than the plant draws them.

    Raises:
        SettingsError: A feature is not accepted.
    """
    asked = parsed(Features, features, f"camera {name}: features")
    return float(asked.ExposureTime / NOMINAL_US * 10 ** (asked.Gain / 20))


def _again(image: NDArray[np.uint8], number: int) -> NDArray[np.uint8]:
    """A second picture of the same part: the plant draws it alike to the last bit, and no sensor does."""
    noise = np.random.default_rng(number).integers(-2, 3, image.shape, np.int16)
    return np.asarray(np.clip(image + noise, 0, 255), np.uint8)


@lru_cache(maxsize=4)
def _plant(settings: PlantSettings) -> Plant:
    """One plant for all cameras that look at it, and for a camera that is opened again: it takes long to draw."""
    from lineside.capture.plant.plant import Plant

    return Plant(settings)
