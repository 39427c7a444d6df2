"""One camera over the conveyor: how it draws a part."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lineside.capture.plant.bank import GRAIN_SLACK, Bank
from lineside.capture.plant.face import Face, defect_window
from lineside.capture.plant.lighting import TILT, drift_step
from lineside.capture.plant.reveal import Optics, reveal
from lineside.capture.plant.settings import CAMERAS
from lineside.capture.plant.sprite import Pose, Window, lay, whole

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from numpy.typing import NDArray

    from lineside.capture.plant.lighting import Preset
    from lineside.capture.plant.model import Model
    from lineside.capture.plant.part import Part, Resting
    from lineside.capture.plant.reveal import Trace
    from lineside.capture.plant.settings import PlantSettings

    Image = NDArray[np.uint8]

_VIEW = 31


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """A part as a camera's lens sees it, before light and noise.

    Attributes:
        image: The scene, uint8 BGR (H, W, 3); overwritten by the thread's next picture.
        optics: What is still to be done to it.
        traces: The defects in it, also where a neighbour hides them.
        covers: Neighbours on top: their window and how much shines through them, uint8 (h, w, 3).
    """

    image: Image
    optics: Optics
    traces: tuple[Trace, ...]
    covers: tuple[tuple[Window, Image], ...]


@dataclass(frozen=True, slots=True)
class _Shake:
    """By how much the camera trembles in one picture: shorter sides, and radians."""

    x: float
    y: float
    turn: float


class View:
    """A camera.

    Args:
        settings: The plant's settings.
        camera: One of `CAMERAS`.
        makes: The makes of each product.
        light: The lamps.
    """

    def __init__(
        self, settings: PlantSettings, camera: str, makes: Mapping[str, Sequence[Model]], light: Preset
    ) -> None:
        self._settings = settings
        self._makes = makes
        self._number = CAMERAS.index(camera)
        self._tilt = TILT if camera == "side" else 0.0
        self._bank = Bank(settings, camera, makes, light)
        self._scratch = threading.local()

    def warm(self) -> None:
        """Draw everything beforehand that a part can need."""
        self._bank.warm()

    def draw(self, part: Part) -> Drawn:
        """A part on its belt between its neighbours."""
        rng = np.random.default_rng([self._settings.seed, self._number, _VIEW, part.number])
        bank, model = self._bank, self._makes[part.product][part.make]
        shake = _Shake(*(float(v) for v in rng.normal(0, (0.0018, 0.0018, 0.005))))
        optics = self._optics(part.number, rng)
        image = self._belt(part, rng)
        for resting in part.below:
            self._lay_part(image, part, resting, shake)
        pose = self._pose(part, part.resting, shake)
        bank.body(part.product, part.make, part.resting.surface).lay(image, _whole_px(pose))
        windows = [defect_window(d, pose, bank.radius_px(model), whole(image)) for d in part.defects]
        bare = [w.of(image).copy() for w in windows]
        missing = {d.hole for d in part.defects}
        self._lay_details(image, part, pose, missing)
        traces = []
        for defect, window, patch in zip(part.defects, windows, bare, strict=True):
            if not window.is_empty:
                face = Face(bank, model, part, pose, window)
                site = face.site(defect, window.of(image), patch)
                window.of(image)[:], trace = reveal(site, face.region(defect), optics, window)
                traces.append(trace)
        _dust(image, pose, bank.radius_px(model), rng)
        covers = tuple(self._lay_part(image, part, resting, shake) for resting in part.above)
        return Drawn(image, optics, tuple(traces), covers)

    def _optics(self, number: int, rng: np.random.Generator) -> Optics:
        bank = self._bank
        height, width = self._settings.size
        x, y = (int(v) for v in rng.integers(0, GRAIN_SLACK, 2))
        cut = Window(x, y, x + width, y + height)
        is_soft, is_fast = rng.random(2) < 0.1
        defocus = float(rng.uniform(0.75, 1.0) if is_soft else rng.uniform(0.35, 0.75))
        motion = float(rng.uniform(0.5, 1.0) if is_fast else rng.uniform(0, 0.5))
        return Optics(
            gain=bank.gain(drift_step(number)),
            level=1 + float(np.clip(rng.normal(0, bank.preset.flicker), -0.08, 0.08)),
            blur=(math.hypot(defocus, motion), defocus),
            grain=(cut.of(bank.grain[0]), cut.of(bank.grain[1])),
            sigma=bank.preset.grain,
        )

    def _belt(self, part: Part, rng: np.random.Generator) -> Image:
        """A piece of the belt, in the thread's own buffer: a fresh one would cost its page faults in every frame."""
        strip = self._bank.belt(part.belt)
        height, width = self._settings.size
        left = int(rng.integers(strip.shape[1] - width + 1))
        image: Image | None = getattr(self._scratch, "image", None)
        if image is None:
            image = self._scratch.image = np.empty((height, width, 3), np.uint8)
        np.copyto(image, strip[:, left : left + width])
        return image

    def _pose(self, part: Part, resting: Resting, shake: _Shake) -> Pose:
        """Where a part's face lies, its axis on a whole pixel: from its own flat pixels to the frame's."""
        size, squash = self._settings.size, math.cos(self._tilt)
        scale = self._bank.scale(part.product, part.make, resting.surface)
        model = self._makes[part.product][part.make]
        turn = resting.turn + shake.turn
        c, s = math.cos(turn) * scale, math.sin(turn) * scale
        side = min(size)
        raised = 0.5 * model.thickness * math.sin(self._tilt) * model.radius
        x = size.width / 2 + (resting.at[0] + shake.x) * side
        y = size.height / 2 + (resting.at[1] * squash + shake.y - raised) * side
        return Pose(np.array([[c, -s], [s * squash, c * squash]]), (float(round(x)), float(round(y))))

    def _lay_part(self, image: Image, part: Part, resting: Resting, shake: _Shake) -> tuple[Window, Image]:
        """Lay a good part into the picture; the answer is its window and what shines through its body."""
        pose = self._pose(part, resting, shake)
        block = self._bank.body(part.product, part.make, resting.surface)
        window, through = block.lay(image, _whole_px(pose))
        if not window.is_empty:
            self._lay_details(image, part, pose, frozenset())
        return window, through

    def _lay_details(self, image: Image, part: Part, pose: Pose, missing: AbstractSet[int]) -> None:
        """Lay what turns with the part: its holes but the missing ones, and its print."""
        model = self._makes[part.product][part.make]
        if model.holes:
            block = self._bank.hole(part.product, part.make)
            radius = self._bank.radius_px(model)
            for number, hole in enumerate(model.holes):
                if number not in missing:
                    x, y = pose.place(hole.x * radius, hole.y * radius)
                    block.lay(image, (round(x), round(y)))
        lay(image, self._bank.ink(part.product, part.make), pose)


def _whole_px(pose: Pose) -> tuple[int, int]:
    return round(pose.at[0]), round(pose.at[1])


def _dust(image: Image, pose: Pose, radius_px: float, rng: np.random.Generator) -> None:
    """Scatter specks of dust over the part, in place: smaller and fainter than any defect."""
    count = int(rng.poisson(5))
    places = rng.uniform(-0.9, 0.9, (count, 2)) * radius_px
    tones = rng.uniform(-26, 22, count)
    for (x, y), tone in zip(places, tones, strict=True):
        px, py = (round(v) for v in pose.place(x, y))
        patch = image[max(py, 0) : py + 2, max(px, 0) : px + 1 + (count & 1)]
        patch[:] = np.clip(patch + tone, 0, 255)
