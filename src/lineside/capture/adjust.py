"""What is done to a camera's picture before anyone looks at it: lens correction, rotation, crop and mask, in this order."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Literal, Self

import cv2
import numpy as np
from pydantic import Field, model_validator

from lineside.core.documents import Table
from lineside.core.errors import ImageFormatError, SettingsError
from lineside.core.geometry import Size

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lineside.core.frame import Frame

_Px = Annotated[int, Field(ge=0, le=1 << 16)]
_Number = Annotated[float, Field(allow_inf_nan=False)]
_Point = tuple[_Number, _Number]

_QUARTERS = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}


class Crop(Table):
    """The part of the picture that is looked at, in pixels of the corrected and rotated picture."""

    left: _Px
    top: _Px
    width: Annotated[int, Field(ge=16, le=1 << 16)]
    height: Annotated[int, Field(ge=16, le=1 << 16)]


class Lens(Table):
    """The lens as OpenCV's calibration tells it.

    The model is that of `cv2.calibrateCamera` (Zhang 2000, Brown 1966): focal lengths and principal point in pixels of the
    camera's picture, and k1, k2, p1, p2, k3. The corrected picture has the same size and the same focal lengths.
    """

    focal_px: _Point
    centre_px: _Point
    distortion: Annotated[tuple[_Number, ...], Field(min_length=4, max_length=8)]

    @model_validator(mode="after")
    def _checked(self) -> Self:
        if len(self.distortion) not in {4, 5, 8}:
            raise ValueError("4, 5 or 8 numbers of distortion: k1, k2, p1, p2, k3, k4, k5, k6")
        if min(self.focal_px) <= 0:
            raise ValueError("focal lengths above 0 pixels")
        return self


class AdjustmentSettings(Table):
    """What is done to the pictures of one camera. Nothing by default."""

    lens: Lens | None = None
    rotate: Annotated[Literal[0, 90, 180, 270], Field(description="degrees, clockwise")] = 0
    mirror: Annotated[Literal["none", "horizontal", "vertical"], Field(description="after the rotation")] = (
        "none"
    )
    crop: Crop | None = None
    mask: Annotated[
        tuple[tuple[_Point, ...], ...],
        Field(description="polygons, in pixels of the cropped picture; what lies in them is painted over"),
    ] = ()
    mask_value: Annotated[int, Field(ge=0, le=255, description="grey value of what is painted over")] = 114

    @model_validator(mode="after")
    def _checked(self) -> Self:
        for number, polygon in enumerate(self.mask):
            if len(polygon) < 3:
                raise ValueError(
                    f"at least 3 corners for polygon {number} of the mask; it has {len(polygon)}"
                )
        return self

    @property
    def is_nothing(self) -> bool:
        """Whether pictures stay as they are."""
        return self == AdjustmentSettings(mask_value=self.mask_value)


@dataclass(slots=True)
class Adjustment:
    """Does to each picture of a camera what its settings say. Tables are made once for each size of picture.

    Args:
        settings: What to do.
        camera: The camera's id, for messages.
    """

    settings: AdjustmentSettings
    camera: str = "camera"
    _maps: dict[Size, tuple[NDArray[np.int16], NDArray[np.uint16]]] = field(init=False, default_factory=dict)
    _masks: dict[Size, NDArray[np.uint8]] = field(init=False, default_factory=dict)

    def apply(self, frame: Frame) -> Frame:
        """The frame with its adjusted picture, which it owns; the same frame where nothing is to be done.

        The frame's truth is lost where the picture's geometry changes, because its boxes are none of the new picture's.

        Raises:
            ImageFormatError: The crop does not lie within the picture.
        """
        settings = self.settings
        if settings.is_nothing:
            return frame
        image = frame.image
        if settings.lens is not None:
            image = self._corrected(image, settings.lens)
        if settings.rotate:
            image = np.asarray(cv2.rotate(image, _QUARTERS[settings.rotate]), np.uint8)
        if settings.mirror != "none":
            image = np.asarray(cv2.flip(image, 1 if settings.mirror == "horizontal" else 0), np.uint8)
        if settings.crop is not None:
            image = self._cropped(image, settings.crop)
        if settings.mask:
            image = self._masked(image, is_ours=image is not frame.image)
        keeps_geometry = settings == AdjustmentSettings(mask=settings.mask, mask_value=settings.mask_value)
        return replace(frame, image=image, truth=frame.truth if keeps_geometry else None)

    def _corrected(self, image: NDArray[np.uint8], lens: Lens) -> NDArray[np.uint8]:
        size = Size(*image.shape[:2])
        if size not in self._maps:
            matrix = np.array(
                [
                    [lens.focal_px[0], 0, lens.centre_px[0]],
                    [0, lens.focal_px[1], lens.centre_px[1]],
                    [0, 0, 1],
                ],
                np.float64,
            )
            distortion = np.array(lens.distortion, np.float64)
            maps = cv2.initUndistortRectifyMap(
                matrix, distortion, np.eye(3), matrix, (size.width, size.height), cv2.CV_16SC2
            )
            self._maps[size] = (np.asarray(maps[0], np.int16), np.asarray(maps[1], np.uint16))
        return np.asarray(cv2.remap(image, *self._maps[size], cv2.INTER_LINEAR), np.uint8)

    def _cropped(self, image: NDArray[np.uint8], crop: Crop) -> NDArray[np.uint8]:
        height, width = image.shape[:2]
        bottom, right = crop.top + crop.height, crop.left + crop.width
        if bottom > height or right > width:
            raise ImageFormatError(
                f"camera {self.camera}: crop: expected it within the picture of {width}x{height}; it ends at {right}x{bottom}"
            )
        return np.ascontiguousarray(image[crop.top : bottom, crop.left : right])

    def _masked(self, image: NDArray[np.uint8], *, is_ours: bool) -> NDArray[np.uint8]:
        size = Size(*image.shape[:2])
        if size not in self._masks:
            painted = np.zeros(size, np.uint8)
            corners = [
                np.round(np.array(polygon, np.float64)).astype(np.int32) for polygon in self.settings.mask
            ]
            cv2.fillPoly(painted, corners, 255)
            self._masks[size] = painted
        # A frame's picture is never written to: others may look at it.
        own = image if is_ours else image.copy()
        own[self._masks[size] > 0] = self.settings.mask_value
        return own


def refuse_outside(settings: AdjustmentSettings, size: Size, where: str) -> None:
    """Nothing, where the settings fit pictures of this size: what can be said before the first one comes.

    Args:
        settings: What is to be done.
        size: Of the camera's pictures.
        where: The settings' place, for the message.

    Raises:
        SettingsError: The crop or a corner of the mask lies outside the picture.
    """
    height, width = (size.width, size.height) if settings.rotate in {90, 270} else (size.height, size.width)
    crop = settings.crop
    if crop is not None:
        if crop.left + crop.width > width or crop.top + crop.height > height:
            raise SettingsError(
                f"{where}.crop: expected it within the picture of {width}x{height}; it ends at "
                f"{crop.left + crop.width}x{crop.top + crop.height}"
            )
        height, width = crop.height, crop.width
    for number, polygon in enumerate(settings.mask):
        for x, y in polygon:
            if not (0 <= x <= width and 0 <= y <= height):
                raise SettingsError(
                    f"{where}.mask[{number}]: expected corners within the picture of {width}x{height}; got {x:g}, {y:g}"
                )
