"""A camera of the plant as a source of frames: free-running, or one picture for each trigger."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from lineside.core.errors import SettingsError
from lineside.core.frame import Frame

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lineside.capture.plant.plant import Plant


class PlantCamera:
    """One camera of a plant.

    It can be iterated (part after part from 0 on, in real time where `fps` is set) or triggered (the part that
    the trigger names). A plant's cameras may be used from a thread each.

    Args:
        plant: The plant. Call its `warm` before a run against the clock, so that no frame waits for a sprite.
        camera: Number of the camera, an index into `plant.camera_names`.
        count: How many frames an iteration has; `None` for no end.
        fps: Frames a second of an iteration; `None` for as fast as they are asked for.
        clock: Monotonic seconds.
        sleep: Waits for a number of seconds.

    Attributes:
        name: The stream of its frames, for instance `synthetic:disc/top`.
        count: How many frames an iteration has; `None` for no end.
        plant: The plant.

    Raises:
        SettingsError: There is no such camera, or a number is out of its range.
    """

    def __init__(
        self,
        plant: Plant,
        camera: int = 0,
        *,
        count: int | None = None,
        fps: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        if not 0 <= camera < len(plant.camera_names):
            raise SettingsError(
                f"camera: expected 0 to {len(plant.camera_names) - 1}, an index into {plant.camera_names}; "
                f"got {camera}"
            )
        if count is not None and count < 1:
            raise SettingsError(f"count: expected at least 1 frame, or none for no end; got {count}")
        if fps is not None and not 0 < fps <= 10_000:
            raise SettingsError(f"fps: expected more than 0 and at most 10000 frames a second, got {fps}")
        self.plant = plant
        self.name = f"synthetic:{plant.settings.product}/{plant.camera_names[camera]}"
        self.count = count
        self._camera = camera
        self._fps = fps
        self._clock = clock
        self._sleep = sleep
        self._triggered = 0
        self._run = 0

    def __iter__(self) -> Iterator[Frame]:
        """The frames of the parts 0, 1, 2 …; a second iteration starts from 0 and ends the first."""
        self._run += 1
        run = self._run
        if self._fps is not None:
            self.plant.warm()
        started_s = self._clock()
        number = 0
        while self._run == run and (self.count is None or number < self.count):
            if self._fps is not None:
                self._sleep(max(started_s + number / self._fps - self._clock(), 0))
            yield self._take(number, number)
            number += 1

    def trigger(self, part: int) -> Frame:
        """A picture of a part, taken now. Its sequence number counts the camera's triggers.

        Args:
            part: Number of the part, from 0.

        Raises:
            SettingsError: The number is below 0.
        """
        frame = self._take(part, self._triggered)
        self._triggered += 1
        return frame

    def close(self) -> None:
        """End an iteration under way; the camera can be used again."""
        self._run += 1

    def _take(self, part: int, sequence: int) -> Frame:
        captured_s = self._clock()
        image, truth = self.plant.render(part, self._camera)
        return Frame(image, self.name, sequence, captured_s=captured_s, part=part, truth=truth)
