"""The plant: part by part, camera by camera, a picture and its truth."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from lineside.capture.plant.cap import Cap
from lineside.capture.plant.defects import DEFECTS
from lineside.capture.plant.disc import Disc
from lineside.capture.plant.lighting import PRESETS
from lineside.capture.plant.part import throw_part
from lineside.capture.plant.settings import CAMERAS
from lineside.capture.plant.sight import longest, seen
from lineside.capture.plant.view import View
from lineside.core.errors import SettingsError
from lineside.core.truth import FrameTruth
from lineside.core.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lineside.capture.plant.lighting import Preset
    from lineside.capture.plant.model import Model
    from lineside.capture.plant.part import Part
    from lineside.capture.plant.settings import PlantSettings
    from lineside.capture.plant.sight import Seen

_MAKES = 10
_MOST_MAKES = 12


class Plant:
    """A conveyor with parts on it and cameras over it.

    The same settings and the same number give the same part and the same picture, in any order. It may be
    used from several threads.

    Args:
        settings: What to draw.
        light: A light of one's own in place of the preset that `settings.lighting` names.

    Attributes:
        settings: What is drawn.
        light: The light that it is drawn in.
    """

    def __init__(self, settings: PlantSettings, light: Preset | None = None) -> None:
        self.settings = settings
        self.light = PRESETS[settings.lighting] if light is None else light
        self._makes = _throw_makes(settings)
        self._views = {camera: self._new_view(camera) for camera in settings.cameras}
        self._lock = Lock()

    @property
    def camera_names(self) -> tuple[str, ...]:
        """Names of the cameras, by number."""
        return self.settings.cameras

    def warm(self) -> None:
        """Draw beforehand what frames are put together from; without it the first frames do as they need it."""
        for camera in self.camera_names:
            self._view(camera).warm()

    def part(self, number: int) -> Part:
        """The part with a number: what it is, how it lies, what is wrong with it.

        Raises:
            SettingsError: The number is below 0.
        """
        if number < 0:
            raise SettingsError(f"part: expected a number from 0 on, got {number}")
        return throw_part(self.settings, self._makes, number)

    def render(self, number: int, camera: int = 0) -> tuple[NDArray[np.uint8], FrameTruth]:
        """The picture of a part and what is truly in it.

        Args:
            number: The part's, from 0.
            camera: The camera's, an index into `camera_names`.

        Returns:
            The picture, uint8 BGR (H, W, 3), owned by the caller, and its truth.

        Raises:
            SettingsError: There is no such part or camera.
        """
        part = self.part(number)
        if not 0 <= camera < len(self.camera_names):
            raise SettingsError(
                f"camera: expected 0 to {len(self.camera_names) - 1} ({', '.join(self.camera_names)}), got {camera}"
            )
        name = self.camera_names[camera]
        drawn = self._view(name).draw(part)
        found = seen(drawn)
        image = drawn.optics.picture(drawn.image)
        return image, self._truth(part, name, found)

    def _truth(self, part: Part, camera: str, found: Sequence[Seen]) -> FrameTruth:
        return FrameTruth(
            part=part.number,
            verdict=self._verdict(part, camera, found),
            xyxy=np.array([s.xyxy for s in found], np.float32).reshape(-1, 4),
            class_id=np.array([s.class_id for s in found], np.int32),
            names=DEFECTS,
            masks=tuple(s.mask for s in found),
            limit_px=self.settings.limit_px,
        )

    def _verdict(self, part: Part, camera: str, found: Sequence[Seen]) -> Verdict:
        if not part.defects:
            return Verdict.PASS
        if longest(found) >= self.settings.limit_px:
            return Verdict.FAIL
        for other in CAMERAS:
            if other != camera and longest(seen(self._view(other).draw(part))) >= self.settings.limit_px:
                return Verdict.FAIL
        return Verdict.UNKNOWN

    def _view(self, camera: str) -> View:
        """A camera of the plant; also one that nobody asked for, because its sight counts for the verdict."""
        with self._lock:
            if camera not in self._views:
                self._views[camera] = self._new_view(camera)
            return self._views[camera]

    def _new_view(self, camera: str) -> View:
        return View(self.settings, camera, self._makes, self.light)


def _throw_makes(settings: PlantSettings) -> dict[str, tuple[Model, ...]]:
    products = ("disc", "cap") if settings.product == "mixed" else (settings.product,)
    count = max(1, min(_MOST_MAKES, settings.variants // (2 * len(products))))
    makes: dict[str, tuple[Model, ...]] = {}
    for product in products:
        thrower = Disc if product == "disc" else Cap
        makes[product] = tuple(
            thrower.thrown(np.random.default_rng([settings.seed, _MAKES, len(product), i]))
            for i in range(count)
        )
    return makes
