"""A camera's bytes as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from lineside.capture.pixels.formats import Kind, PixelFormat, pixel_format
from lineside.capture.pixels.packing import Packing, stretched, upper_bytes, values
from lineside.core.errors import ImageError, ImageFormatError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lineside.core.geometry import Size

_DEMOSAIC = {
    "RGGB": cv2.COLOR_BayerRGGB2BGR,
    "GRBG": cv2.COLOR_BayerGRBG2BGR,
    "GBRG": cv2.COLOR_BayerGBRG2BGR,
    "BGGR": cv2.COLOR_BayerBGGR2BGR,
}
_TO_BGR = {"RGB": cv2.COLOR_RGB2BGR, "RGBa": cv2.COLOR_RGBA2BGR, "BGRa": cv2.COLOR_BGRA2BGR}
_LIMITED = {"YUYV": cv2.COLOR_YUV2BGR_YUYV, "UYVY": cv2.COLOR_YUV2BGR_UYVY}
_LEAST_BAYER_PX = 3


def convert(
    raw: Any,
    form: PixelFormat | str | int,
    size: Size,
    *,
    row_bytes: int | None = None,
    levels: Sequence[int] | None = None,
) -> NDArray[np.uint8]:
    """The picture as a new uint8 (H, W, 3) BGR array, 0 to 255, C-contiguous, owned by the caller.

    Grey is repeated to three channels, alpha is dropped, a Bayer pattern is interpolated bilinearly by OpenCV. Of 10, 12, 14
    and 16 bits the upper 8 are kept (`value >> (bits - 8)`), before the interpolation, unless `levels` says otherwise.

    Args:
        raw: The bytes, as anything with a buffer: of a driver, valid while the call runs. Not kept and not written to.
        form: The pixel format, its name or its number in the GenICam naming convention.
        size: The picture's size.
        row_bytes: Bytes from the beginning of one row to that of the next, where a camera pads rows; `None`: it does not.
        levels: The value that becomes 0 and the one that becomes 255, in the camera's numbers: between them linear.

    Raises:
        ImageFormatError: The format is not read, or the size does not fit it, as an odd width with 4:2:2 chroma.
        ImageError: There are too few bytes, or so many that where rows begin is unclear.
        SettingsError: `levels` are not two values in order.
    """
    known = form if isinstance(form, PixelFormat) else pixel_format(form)
    _check_size(known, size)
    rows = _rows(np.frombuffer(raw, np.uint8), known, size, row_bytes)
    samples = size.width * known.samples_per_px
    if rows.shape[0] != size.height:  # in one row, bit by bit
        samples *= size.height
    if levels is None:
        bytes_ = upper_bytes(rows, known.packing, samples, known.bits)
    else:
        black, white = _levels(levels, known)
        bytes_ = stretched(values(rows, known.packing, samples), black, white)
    return _colours(bytes_, known, size)


def _check_size(form: PixelFormat, size: Size) -> None:
    if size.height < 1 or size.width < 1:
        raise ImageFormatError(f"{form.name}: expected a picture of at least 1x1 pixel, got {size}")
    if form.kind is Kind.YUV and size.width % 2:
        raise ImageFormatError(
            f"{form.name}: two pixels share their colour, so the width must be even; got {size}"
        )
    if form.kind is Kind.BAYER and min(size) < _LEAST_BAYER_PX:  # OpenCV would make it black
        raise ImageFormatError(
            f"{form.name}: expected at least {_LEAST_BAYER_PX}x{_LEAST_BAYER_PX} pixels; got {size}"
        )


def _rows(raw: NDArray[np.uint8], form: PixelFormat, size: Size, row_bytes: int | None) -> NDArray[np.uint8]:
    """The bytes of each row, or of all rows in one where rows do not begin at whole bytes."""
    own = form.row_bytes(size.width)
    step = own if row_bytes is None else row_bytes
    if step < own:
        raise ImageError(
            f"{form.name} of {size}: expected rows of at least {own} bytes, they begin every {step} bytes"
        )
    padded = (size.height - 1) * step + own
    joined = form.size_bytes(size)
    if row_bytes is None and joined != padded:
        if raw.size == joined:
            return raw[np.newaxis]
        if raw.size not in (padded, size.height * step):
            raise ImageError(
                f"{form.name} of {size}: a row does not fill whole bytes, and {raw.size} bytes are neither {joined} "
                f"(rows without gaps) nor {padded} (each row from a whole byte). Choose a width that does"
            )
    if raw.size < padded:
        raise ImageError(f"{form.name} of {size}: expected {padded} bytes, got {raw.size}: it is incomplete")
    strided = np.lib.stride_tricks.as_strided(
        raw, (size.height, own), (step * raw.strides[0], raw.strides[0]), writeable=False
    )
    # Without gaps it is one row, which costs less to unpack.
    if step == own and joined == padded and form.packing not in (Packing.BYTES, Packing.WORDS):
        return raw[np.newaxis, :joined]
    return strided


def _levels(levels: Sequence[int], form: PixelFormat) -> tuple[int, int]:
    highest = (1 << form.bits) - 1
    if form.kind is Kind.YUV:
        raise SettingsError(f"levels: they are for brightness of 8 to 16 bits; {form.name} has chroma")
    if len(levels) != 2 or not 0 <= levels[0] < levels[1] <= highest:
        raise SettingsError(
            f"levels: expected a darkest and a brightest value, 0 to {highest} for {form.name} and in this order; "
            f"got {list(levels)}"
        )
    return levels[0], levels[1]


def _colours(samples: NDArray[np.uint8], form: PixelFormat, size: Size) -> NDArray[np.uint8]:
    """Samples of 8 bits as a new BGR picture."""
    plane = samples.reshape(*size, -1) if form.samples_per_px > 1 else samples.reshape(*size)
    if form.kind is Kind.MONO:
        picture: Any = cv2.cvtColor(plane, cv2.COLOR_GRAY2BGR)
    elif form.kind is Kind.BAYER:
        picture = cv2.cvtColor(plane, _DEMOSAIC[form.order])
    elif form.kind is Kind.YUV:
        picture = cv2.cvtColor(plane, _LIMITED[form.order]) if form.limited else _full_range(plane, form)
    elif form.order in _TO_BGR:
        picture = cv2.cvtColor(plane, _TO_BGR[form.order])
    else:
        picture = plane.copy()
    return np.asarray(picture, np.uint8)


def _full_range(plane: NDArray[np.uint8], form: PixelFormat) -> NDArray[np.uint8]:
    """BGR of luma and chroma that use the whole byte, as machine-vision cameras send them; two pixels share a colour.

    OpenCV's own conversions of 4:2:2 are for television's range only. Its `YCrCb` is that of JPEG, with the whole byte.
    """
    luma = form.order.index("Y")
    height, width = plane.shape[:2]
    pairs = plane.reshape(height, width // 2, 4)
    full = np.empty((height, width // 2, 6), np.uint8)  # Y Cr Cb of both pixels
    first, second = luma, luma + 2
    blue, red = 1 - luma, 3 - luma
    cv2.mixChannels([pairs], [full], [first, 0, red, 1, blue, 2, second, 3, red, 4, blue, 5])
    return np.asarray(cv2.cvtColor(full.reshape(height, width, 3), cv2.COLOR_YCrCb2BGR), np.uint8)
