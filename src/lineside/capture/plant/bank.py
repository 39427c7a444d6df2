"""What a camera's pictures are put together from: drawn once, used in every frame."""

from __future__ import annotations

from functools import lru_cache
from threading import RLock
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from lineside.capture.plant.belt import BELTS, belt_strip
from lineside.capture.plant.lighting import DRIFT_STEPS, gain_map, lamps
from lineside.capture.plant.model import Stage
from lineside.capture.plant.settings import CAMERAS
from lineside.capture.plant.sprite import Block
from lineside.capture.plant.textures import grain
from lineside.core.geometry import Size

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from lineside.capture.plant.lighting import Preset
    from lineside.capture.plant.model import Model
    from lineside.capture.plant.settings import PlantSettings
    from lineside.capture.plant.sprite import Sprite

    Image = NDArray[np.uint8]
    _Key = tuple[str, int, int, int]

_T = TypeVar("_T")

_BELT, _BODY, _GAIN, _GRAIN, _SCALE, _BELTS = 21, 22, 23, 24, 25, 26
_ANY_SURFACE = 1 << 20
GRAIN_SLACK = 64
"""By how much the tile of noise is wider and higher than a frame, in pixels: each frame cuts another part."""

BELT_COUNT = 4


@lru_cache(maxsize=256)
def belts_of(seed: int) -> tuple[int, ...]:
    """The belts that a plant has, as indices into `BELTS`."""
    return tuple(int(b) for b in np.random.default_rng([seed, _BELTS]).permutation(len(BELTS))[:BELT_COUNT])


@lru_cache(maxsize=64)
def _ink(model: Model, radius_px: float) -> Sprite:
    """A make's print, which is flat and so the same for every camera."""
    return model.ink(radius_px)


class Bank:
    """The sprites of one camera, each drawn when it is first asked for.

    Args:
        settings: The plant's settings.
        camera: One of `CAMERAS`.
        makes: The makes of each product.
        light: The lamps.

    Attributes:
        preset: The same lamps.
        grain: Noise to add and to take away, uint8 (H, W, 3) each, wider and higher than a frame.
    """

    def __init__(
        self, settings: PlantSettings, camera: str, makes: Mapping[str, Sequence[Model]], light: Preset
    ) -> None:
        self.preset = light
        self._settings = settings
        self._camera = camera
        self._makes = makes
        self._products = tuple(makes)
        self._number = CAMERAS.index(camera)
        self._lock = RLock()  # a body asks for its scale while it is drawn
        self._drawn: dict[_Key, Any] = {}
        size = settings.size
        slack = Size(size.height + GRAIN_SLACK, size.width + GRAIN_SLACK)
        self.grain = grain(self._rng(_GRAIN), slack, self.preset.grain)

    def warm(self) -> None:
        """Draw everything that a part can need."""
        for step in range(DRIFT_STEPS):
            self.gain(step)
        for belt in belts_of(self._settings.seed):
            self.belt(belt)
        for product, makes in self._makes.items():
            for make, model in enumerate(makes):
                self.ink(product, make)
                if model.holes:
                    self.hole(product, make)
                for surface in range(self._surfaces(product)):
                    self.body(product, make, surface)

    def gain(self, step: int) -> Image:
        """The light on each pixel at a step of the drift, uint8 (H, W, 3)."""
        seeds = (self._settings.seed, self._number, _GAIN)
        return self._once(
            ("gain", 0, step, 0), lambda: gain_map(self.preset, self._settings.size, step, seeds)
        )

    def belt(self, number: int) -> Image:
        """A belt's strip, uint8 (height, about 1.9 widths, 3)."""
        rng = self._rng(_BELT, number)
        size, camera = self._settings.size, self._camera
        return self._once(
            ("belt", 0, number, 0), lambda: belt_strip(BELTS[number], self.preset, size, camera, rng)
        )

    def body(self, product: str, make: int, surface: int) -> Block:
        """A make's body with one of its surfaces."""
        number = surface % self._surfaces(product)

        def draw() -> Block:
            rng = self._rng(_BODY, self._products.index(product), make, number)
            model = self._makes[product][make]
            return Block.of(model.body(self._stage(model, self.scale(product, make, number), rng), rng))

        return self._once(("body", self._products.index(product), make, number), draw)

    def hole(self, product: str, make: int) -> Block:
        """A make's bolt hole."""

        def draw() -> Block:
            rng = self._rng(_BODY, self._products.index(product), make, _ANY_SURFACE)
            model = self._makes[product][make]
            sprite = model.hole(self._stage(model, 1.0, rng))
            assert sprite is not None
            return Block.of(sprite)

        return self._once(("hole", self._products.index(product), make, 0), draw)

    def ink(self, product: str, make: int) -> Sprite:
        """A make's print, flat."""
        model = self._makes[product][make]
        key = ("ink", self._products.index(product), make, 0)
        return self._once(key, lambda: _ink(model, self.radius_px(model)))

    def scale(self, product: str, make: int, surface: int) -> float:
        """The size of a make's parts with one of its surfaces, against the make's own; every camera has the same."""
        number = surface % self._surfaces(product)
        key = ("scale", self._products.index(product), make, number)
        seeds = (self._settings.seed, _SCALE, *key[1:])
        return self._once(key, lambda: float(np.random.default_rng(seeds).uniform(0.965, 1.035)))

    def radius_px(self, model: Model) -> float:
        """Pixels of a make's radius."""
        return model.radius * min(self._settings.size)

    def _surfaces(self, product: str) -> int:
        return max(self._settings.variants // (len(self._makes[product]) * len(self._makes)), 1)

    def _rng(self, *key: int) -> np.random.Generator:
        return np.random.default_rng([self._settings.seed, self._number, *key])

    def _stage(self, model: Model, scale: float, rng: np.random.Generator) -> Stage:
        lit_by = lamps(self.preset, self._camera, rng)
        return Stage(self._camera, self.radius_px(model) * scale, lit_by, self.preset.ambient)

    def _once(self, key: _Key, draw: Callable[[], _T]) -> _T:
        made: _T | None = self._drawn.get(key)
        if made is None:
            with self._lock:
                made = self._drawn.get(key)
                if made is None:
                    made = self._drawn[key] = draw()
        return made
