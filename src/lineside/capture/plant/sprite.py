"""Sprites: what is drawn once, and laid into many frames with one warp and one blend."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NOTHING = (0, 0, 0, 255)


@dataclass(frozen=True, slots=True, eq=False)
class Sprite:
    """Something to lay over a picture.

    Attributes:
        pixels: uint8 (height, width, 4): blue, green and red already multiplied by how much covers, and how
            much of what lies below shines through (255 = all).
        origin: The pixel, x and y, that is laid onto a given place.
    """

    pixels: NDArray[np.uint8]
    origin: tuple[float, float]

    @classmethod
    def of(
        cls,
        colour: NDArray[np.uint8],
        cover: NDArray[np.float32],
        shadow: NDArray[np.float32] | float,
        origin: tuple[float, float],
    ) -> Sprite:
        """A sprite from a colour uint8 (h, w, 3), its cover 0 to 1 and a shadow 0 to 1 that darkens the rest."""
        pixels = np.empty((*cover.shape, 4), np.uint8)
        bytes_of_cover = np.asarray(255 * cover + np.float32(0.5), np.uint8)
        pixels[..., :3] = cv2.multiply(
            colour, cv2.cvtColor(bytes_of_cover, cv2.COLOR_GRAY2BGR), scale=1 / 255
        )
        pixels[..., 3] = 255 * (1 - cover) * (1 - shadow) + np.float32(0.5)
        return cls(pixels, origin)


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Something large to lay over a picture at whole pixels, without a warp.

    Attributes:
        colour: uint8 (h, w, 3), already multiplied by how much covers.
        through: uint8 (h, w, 3): how much of what lies below shines through (255 = all), in each colour.
        origin: The pixel, x and y, that is laid onto a given one.
    """

    colour: NDArray[np.uint8]
    through: NDArray[np.uint8]
    origin: tuple[int, int]

    @classmethod
    def of(cls, sprite: Sprite) -> Block:
        """A sprite without its empty edges."""
        tight = cropped(sprite)
        through = np.asarray(cv2.cvtColor(cv2.extractChannel(tight.pixels, 3), cv2.COLOR_GRAY2BGR), np.uint8)
        colour = np.asarray(cv2.cvtColor(tight.pixels, cv2.COLOR_BGRA2BGR), np.uint8)
        return cls(colour, through, (round(tight.origin[0]), round(tight.origin[1])))

    def lay(self, image: NDArray[np.uint8], at: tuple[int, int]) -> tuple[Window, NDArray[np.uint8]]:
        """Lay it into a picture, in place.

        Returns:
            The window that it touched, and what shines through it there.
        """
        height, width = self.colour.shape[:2]
        left, top = at[0] - self.origin[0], at[1] - self.origin[1]
        clip = whole(image)
        window = Window(
            max(left, clip.left),
            max(top, clip.top),
            min(left + width, clip.right),
            min(top + height, clip.bottom),
        )
        if window.is_empty:
            return window, self.through[:0, :0]
        own = Window(window.left - left, window.top - top, window.right - left, window.bottom - top)
        patch, through = window.of(image), own.of(self.through)
        cv2.multiply(patch, through, patch, 1 / 255)
        cv2.add(patch, own.of(self.colour), patch)
        return window, through


def cropped(sprite: Sprite) -> Sprite:
    """A sprite without the edges where it is empty."""
    x, y, width, height = cv2.boundingRect(255 - sprite.pixels[..., 3])
    pixels = np.ascontiguousarray(sprite.pixels[y : y + height, x : x + width])
    return Sprite(pixels, (sprite.origin[0] - x, sprite.origin[1] - y))


@dataclass(frozen=True, slots=True)
class Window:
    """A rectangle of a frame, in whole pixels: left, top, right, bottom."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def is_empty(self) -> bool:
        """Whether it holds no pixel."""
        return self.right <= self.left or self.bottom <= self.top

    def of(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """This part of a picture, as a view."""
        return image[self.top : self.bottom, self.left : self.right]


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """Where something lies in a frame.

    Attributes:
        matrix: float64 (2, 2), from its own pixels to the frame's.
        at: The place of its origin in the frame, x and y in pixels.
    """

    matrix: NDArray[np.float64]
    at: tuple[float, float]

    def place(self, x: float, y: float) -> tuple[float, float]:
        """The frame's pixel of a point given from the origin in own pixels."""
        m = self.matrix
        return (
            float(m[0, 0] * x + m[0, 1] * y + self.at[0]),
            float(m[1, 0] * x + m[1, 1] * y + self.at[1]),
        )

    def affine(self, origin: tuple[float, float], window: Window) -> NDArray[np.float64]:
        """The warp of a sprite with that origin into a window of the frame, float64 (2, 3)."""
        x, y = self.place(-origin[0], -origin[1])
        return np.column_stack((self.matrix, (x - window.left, y - window.top)))

    def window(self, sprite: Sprite, clip: Window) -> Window:
        """The pixels of the frame that a sprite can touch, within `clip`."""
        height, width = sprite.pixels.shape[:2]
        ox, oy = sprite.origin
        corners = [self.place(x, y) for x in (-ox - 1, width - ox) for y in (-oy - 1, height - oy)]
        xs, ys = zip(*corners, strict=True)
        return Window(
            max(math.floor(min(xs)), clip.left),
            max(math.floor(min(ys)), clip.top),
            min(math.ceil(max(xs)) + 1, clip.right),
            min(math.ceil(max(ys)) + 1, clip.bottom),
        )


def whole(image: NDArray[np.uint8]) -> Window:
    """The window of a whole picture."""
    return Window(0, 0, image.shape[1], image.shape[0])


def warp(sprite: Sprite, pose: Pose, window: Window) -> NDArray[np.uint8]:
    """A sprite as it lies in a window of a frame, uint8 (h, w, 4)."""
    size = (window.right - window.left, window.bottom - window.top)
    return np.asarray(
        cv2.warpAffine(
            sprite.pixels,
            pose.affine(sprite.origin, window),
            size,
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=_NOTHING,
        ),
        np.uint8,
    )


def blend(patch: NDArray[np.uint8], layer: NDArray[np.uint8]) -> None:
    """Lay a warped sprite over a patch of a picture, in place."""
    through = cv2.cvtColor(cv2.extractChannel(layer, 3), cv2.COLOR_GRAY2BGR)
    cv2.multiply(patch, through, patch, 1 / 255)
    cv2.add(patch, cv2.cvtColor(layer, cv2.COLOR_BGRA2BGR), patch)


def lay(image: NDArray[np.uint8], sprite: Sprite, pose: Pose, clip: Window | None = None) -> Window:
    """Lay a sprite into a picture, in place; the answer is the window that it touched."""
    window = pose.window(sprite, clip or whole(image))
    if not window.is_empty:
        blend(window.of(image), warp(sprite, pose, window))
    return window
