"""From a drawn scene to a camera's picture, and what of a defect can be seen in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from lineside.capture.plant.lighting import GAIN_ONE
from lineside.capture.plant.marks import paint

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lineside.capture.plant.defects import Defect
    from lineside.capture.plant.marks import Patch, Site
    from lineside.capture.plant.sprite import Window

    Image = NDArray[np.uint8]

SEEN = 9.0
"""Grey levels by which a pixel must change to belong to a defect's mask, at least."""

SEEN_SHARE = 0.30
"""The same as a share of the defect's strongest change: its faint outskirts are no part of its box."""

CONTRAST = 54.0
"""Mean change within the mask, in grey levels, that every defect is given at least."""

CONTRAST_TO_NOISE = 7.0
"""The same in standard deviations of the texture and the noise around it."""

_AMPLIFIED = (1.0, 1.5, 2.2, 3.2)


@dataclass(frozen=True, slots=True, eq=False)
class Optics:
    """What lens, light and sensor make of one picture.

    Attributes:
        gain: The light on each pixel, uint8 (H, W, 3); `GAIN_ONE` leaves it as it is.
        level: What all of it is multiplied by.
        blur: Standard deviation of the blur along and across the belt, in pixels.
        grain: The noise to add and to take away, uint8 (H, W, 3) each.
        sigma: Its standard deviation in grey levels.
    """

    gain: Image
    level: float
    blur: tuple[float, float]
    grain: tuple[Image, Image]
    sigma: float

    def lens(self, patch: Image, window: Window) -> Image:
        """A patch as light and lens show it, a new array."""
        lit = cv2.multiply(patch, window.of(self.gain), scale=self.level / GAIN_ONE)
        return self._blurred(np.asarray(lit, np.uint8))

    def picture(self, scene: Image) -> Image:
        """The camera's picture of a scene, a new array; the scene is overwritten."""
        cv2.multiply(scene, self.gain, scene, self.level / GAIN_ONE)
        image = self._blurred(scene)
        cv2.add(image, self.grain[0], image)
        cv2.subtract(image, self.grain[1], image)
        return image

    def _blurred(self, lit: Image) -> Image:
        broad = 5 if self.blur[0] > 0.8 else 3
        return np.asarray(cv2.GaussianBlur(lit, (broad, 3), self.blur[0], sigmaY=self.blur[1]), np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """A defect as it was painted into a scene.

    Attributes:
        defect: Which one.
        window: The patch of the frame.
        change: By how much it changes the picture, uint8 (h, w): the strongest of the three colours.
    """

    defect: Defect
    window: Window
    change: Image


def reveal(site: Site, region: Patch, optics: Optics, window: Window) -> tuple[Image, Trace]:
    """The patch with the defect, strong enough to be seen, and its trace.

    Args:
        site: The patch and what to paint.
        region: Where on the patch the part's face is, float32 (h, w, 1), 0 to 1.
        optics: The picture's.
        window: The patch in the frame.
    """
    clean = _bytes(site.clean)
    before = optics.lens(clean, window)
    needed = max(CONTRAST, CONTRAST_TO_NOISE * _unrest(before, optics.sigma))
    effect = (paint(site) - site.clean) * region
    best: tuple[float, Image, Image] | None = None
    for gain in _AMPLIFIED:
        after = _bytes(site.clean + np.float32(gain) * effect)
        change = _change(before, optics.lens(after, window))
        contrast = _contrast(change)
        if best is None or contrast > best[0]:
            best = contrast, after, change
        if contrast >= needed:
            break
    assert best is not None
    if best[0] < needed:
        after = _bytes(_forced(site.clean, effect))
        best = 0.0, after, _change(before, optics.lens(after, window))
    return best[1], Trace(site.defect, window, best[2])


def _bytes(patch: Patch) -> Image:
    return np.asarray(np.clip(patch + np.float32(0.5), 0, 255), np.uint8)


def _change(before: Image, after: Image) -> Image:
    blue, green, red = cv2.split(cv2.absdiff(before, after))
    return np.asarray(cv2.max(cv2.max(blue, green), red), np.uint8)


def threshold(change: Image) -> float:
    """The change from which a pixel belongs to the mask."""
    return max(SEEN, SEEN_SHARE * float(change.max()))


def _contrast(change: Image) -> float:
    seen = change[change >= threshold(change)]
    return float(seen.mean()) if seen.size else 0.0


def _unrest(patch: Image, sigma: float) -> float:
    """The standard deviation of the texture and the noise of a patch, robust against edges in it."""
    grey = cv2.cvtColor(patch, cv2.COLOR_BGR2GRAY).astype(np.float32)
    off = np.abs(grey - np.asarray(cv2.GaussianBlur(grey, (0, 0), 2.5), np.float32))
    texture = 1.48 * float(np.median(off))
    return float(np.hypot(texture, sigma))


def _forced(clean: Patch, effect: Patch) -> Patch:
    """The patch with the defect's shape in black or white, whichever lies farther from what is there."""
    weight = np.abs(effect).max(axis=2, keepdims=True)
    weight = weight / max(float(weight.max()), 1e-6)
    level = float((clean * weight).sum() / max(float(weight.sum()) * 3, 1e-6))
    target = np.float32(10 if level > 120 else 250)
    return np.asarray(clean + np.float32(0.9) * weight * (target - clean), np.float32)
