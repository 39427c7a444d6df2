"""What a plant is asked to draw."""

from __future__ import annotations

import math
from dataclasses import dataclass

from lineside.core.errors import SettingsError, UnknownNameError, near
from lineside.core.geometry import Size

PRODUCTS = ("disc", "cap", "mixed")
"""What runs on the conveyor: machined metal discs, printed plastic caps, or lots of both."""

CAMERAS = ("top", "side")
"""The cameras over the conveyor: one straight above, one tilted, with its own light from low down."""

LIGHTINGS = ("day", "night", "evening")
"""The lighting presets."""

FRAME_SIZE = Size(height=640, width=640)
"""The size of a frame unless set."""

SMALLEST_SIDE_PX = 96
LARGEST_SIDE_PX = 8192
SMALLEST_DEFECT_PX = 4.0


@dataclass(frozen=True, slots=True)
class PlantSettings:
    """A plant: the same settings draw the same pictures.

    Attributes:
        product: One of `PRODUCTS`.
        seed: What everything is thrown from, 0 or more.
        size: Size of the frames. The scene scales with the shorter side.
        lighting: One of `LIGHTINGS`.
        defect_rate: Share of the parts that have defects, 0 to 1.
        cameras: Which of `CAMERAS` look at the parts, in the order of their numbers.
        variants: How many surfaces are drawn beforehand for each product and camera, 1 to 256. More of them
            give more variety, take more memory and a longer start.
        defect_px: The longer side of the smallest and of the largest defect, in pixels of a frame of any size.
        limit_px: A defect counts when the longer side of its box reaches this, in pixels.

    Raises:
        UnknownNameError: There is no such product, lighting or camera.
        SettingsError: A value is out of its range.
    """

    product: str = "disc"
    seed: int = 0
    size: Size = FRAME_SIZE
    lighting: str = "day"
    defect_rate: float = 0.3
    cameras: tuple[str, ...] = CAMERAS
    variants: int = 16
    defect_px: tuple[float, float] = (SMALLEST_DEFECT_PX, 90.0)
    limit_px: float = 8.0

    def __post_init__(self) -> None:
        self._check_names()
        if self.seed < 0:
            raise SettingsError(f"seed: expected 0 or more, got {self.seed}")
        if not all(SMALLEST_SIDE_PX <= side <= LARGEST_SIDE_PX for side in self.size):
            raise SettingsError(
                f"size: expected sides of {SMALLEST_SIDE_PX} to {LARGEST_SIDE_PX} pixels, got {self.size}"
            )
        if not 0 <= self.defect_rate <= 1:
            raise SettingsError(f"defect_rate: expected 0 to 1, got {self.defect_rate}")
        if not 1 <= self.variants <= 256:
            raise SettingsError(f"variants: expected 1 to 256, got {self.variants}")
        self._check_defects()

    def _check_names(self) -> None:
        for key, name, known in (
            ("product", self.product, PRODUCTS),
            ("lighting", self.lighting, LIGHTINGS),
            *(("cameras", camera, CAMERAS) for camera in self.cameras),
        ):
            if name not in known:
                raise UnknownNameError(f'{key}: there is no "{name}"{near(name, known)}')
        if not self.cameras or len(set(self.cameras)) < len(self.cameras):
            raise SettingsError(
                f"cameras: expected at least one, each once, of {', '.join(CAMERAS)}; got {self.cameras}"
            )

    def _check_defects(self) -> None:
        smallest, largest = self.defect_px
        most = min(self.size) / 4
        if not SMALLEST_DEFECT_PX <= smallest <= largest:
            raise SettingsError(
                f"defect_px: expected two sizes in order, from {SMALLEST_DEFECT_PX:g} pixels on, "
                f"got {smallest:g} and {largest:g}"
            )
        if smallest > most:
            raise SettingsError(
                f"defect_px: expected the smallest to be at most {most:g} pixels, a quarter of the shorter side "
                f"of a {self.size} frame; got {smallest:g}"
            )
        if not (math.isfinite(self.limit_px) and self.limit_px > 0):
            raise SettingsError(f"limit_px: expected a finite number above 0, got {self.limit_px}")
