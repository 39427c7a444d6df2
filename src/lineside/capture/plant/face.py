"""The face of one part in one picture, and the patches of it that defects are painted on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from lineside.capture.plant.marks import Site
from lineside.capture.plant.sprite import Window, warp

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lineside.capture.plant.bank import Bank
    from lineside.capture.plant.defects import Defect
    from lineside.capture.plant.model import Model
    from lineside.capture.plant.part import Part
    from lineside.capture.plant.sprite import Pose

    Image = NDArray[np.uint8]

_MARGIN_PX = 7
_REACH = 0.62
"""Half a patch in longer sides of its defect: shapes are thrown a little longer than asked at times."""


def defect_window(defect: Defect, pose: Pose, radius_px: float, clip: Window) -> Window:
    """The pixels of the frame that a defect can touch."""
    x, y = pose.place(defect.at[0] * radius_px, defect.at[1] * radius_px)
    half = _REACH * defect.size_px + _MARGIN_PX
    return Window(
        max(math.floor(x - half), clip.left),
        max(math.floor(y - half), clip.top),
        min(math.ceil(x + half) + 1, clip.right),
        min(math.ceil(y + half) + 1, clip.bottom),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """A part's face in a patch of a frame.

    Attributes:
        bank: The camera's sprites.
        model: The part's make.
        part: The part.
        pose: How its face lies in the frame.
        window: The patch.
    """

    bank: Bank
    model: Model
    part: Part
    pose: Pose
    window: Window

    def place(self, x: float, y: float) -> tuple[float, float]:
        """The pixel of the patch of a point on the face, given in radii."""
        radius = self.bank.radius_px(self.model)
        px, py = self.pose.place(x * radius, y * radius)
        return px - self.window.left, py - self.window.top

    def site(self, defect: Defect, patch: Image, bare: Image) -> Site:
        """The patch to paint a defect on.

        Args:
            defect: The defect.
            patch: The patch without it, where a hole is missing still without that hole.
            bare: The same without holes and print.
        """
        product, make = self.part.product, self.part.make
        at = self.place(*defect.at)
        clean = patch.copy()
        if defect.hole >= 0:
            self.bank.hole(product, make).lay(clean, (round(at[0]), round(at[1])))
        ink = warp(self.bank.ink(product, make), self.pose, self.window).astype(np.float32)
        ink[..., 3] = 1 - ink[..., 3] / np.float32(255)
        c, s = math.cos(defect.angle), math.sin(defect.angle)
        key = self.bank.preset.key
        return Site(
            defect=defect,
            clean=clean.astype(np.float32),
            bare=bare.astype(np.float32),
            ink=ink,
            ink_colour=self.model.ink_colour,
            matrix=self.pose.matrix @ np.array([[c, -s], [s, c]]),
            at=at,
            light=(math.cos(key.azimuth), math.sin(key.azimuth)),
        )

    def region(self, defect: Defect) -> NDArray[np.float32]:
        """Where in the patch a defect can be: on the face and in none of its holes. float32 (h, w, 1), 0 to 1."""
        model, window = self.model, self.window
        mask = np.zeros((window.bottom - window.top, window.right - window.left), np.uint8)
        self._disc(mask, (0, 0, (1 + model.outer) / 2), 255)
        if model.inner:
            self._disc(mask, (0, 0, model.inner - 0.02), 0)
        for number, hole in enumerate(model.holes):
            if number != defect.hole:
                self._disc(mask, (hole.x, hole.y, hole.radius * 1.02), 0)
        return (mask.astype(np.float32) / np.float32(255))[..., None]

    def _disc(self, mask: Image, disc: tuple[float, float, float], value: int) -> None:
        """Fill a disc of the face: its middle and its radius, in radii."""
        x, y = self.place(disc[0], disc[1])
        matrix = self.pose.matrix
        broad = math.hypot(matrix[0, 0], matrix[0, 1]) * disc[2] * self.bank.radius_px(self.model)
        high = math.hypot(matrix[1, 0], matrix[1, 1]) * disc[2] * self.bank.radius_px(self.model)
        axes = (round(broad * 16), round(high * 16))
        cv2.ellipse(mask, (round(x * 16), round(y * 16)), axes, 0, 0, 360, (value,), -1, cv2.LINE_AA, 4)
