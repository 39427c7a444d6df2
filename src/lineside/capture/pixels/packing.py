"""How samples of 8 to 16 bits lie in a camera's bytes, and how they come out again.

Two families of packing exist beside whole bytes and words. GigE Vision's older one (`…Packed`) keeps the upper bits of two
samples in the outer bytes of a group of three. The naming convention's (`…p`) writes the bits in a row, the lowest first.
The layouts are those of the GenICam Pixel Format Naming Convention 2.4 and of GigE Vision 1.2.
"""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Packing(StrEnum):
    """How a row of samples lies in bytes."""

    BYTES = "bytes"
    """One byte a sample."""
    WORDS = "words"
    """Two bytes a sample, the lower first; the value in the lower bits."""
    GIGE_10 = "gige_10"
    """Two samples of 10 bits in three bytes: the upper 8 bits of the first, both rests, the upper 8 bits of the second."""
    GIGE_12 = "gige_12"
    """The same with 12 bits."""
    LSB_10 = "lsb_10"
    """Four samples of 10 bits in five bytes, in a row from the lowest bit."""
    LSB_12 = "lsb_12"
    """Two samples of 12 bits in three bytes, in a row from the lowest bit."""

    @property
    def bits(self) -> int:
        """Bits that a sample takes in memory."""
        return {"bytes": 8, "words": 16, "lsb_10": 10}.get(self, 12)

    @property
    def group(self) -> tuple[int, int]:
        """Samples of the smallest group that fills whole bytes, and these bytes."""
        return {"bytes": (1, 1), "words": (1, 2), "lsb_10": (4, 5)}.get(self, (2, 3))

    def size_bytes(self, samples: int) -> int:
        """Bytes that so many samples take, the last one begun counting in full."""
        return (samples * self.bits + 7) // 8


def values(raw: NDArray[np.uint8], packing: Packing, samples: int) -> NDArray[np.uint16]:
    """The samples' whole values as a uint16 array (N, samples).

    Args:
        raw: uint8 (N, bytes): rows of `Packing.size_bytes(samples)` bytes.
        packing: How they are packed.
        samples: How many a row has.
    """
    if packing is Packing.BYTES:
        return raw.astype(np.uint16)
    if packing is Packing.WORDS:
        return np.ascontiguousarray(raw).view("<u2")
    group = _groups(raw, packing).astype(np.uint16)
    out = np.empty((*group.shape[:2], packing.group[0]), np.uint16)
    if packing is Packing.LSB_10:
        for i in range(4):
            out[..., i] = ((group[..., i] >> (2 * i)) | (group[..., i + 1] << (8 - 2 * i))) & 0x3FF
    elif packing is Packing.LSB_12:
        out[..., 0] = group[..., 0] | ((group[..., 1] & 0xF) << 8)
        out[..., 1] = (group[..., 1] >> 4) | (group[..., 2] << 4)
    else:
        rest = 2 if packing is Packing.GIGE_10 else 4
        mask = (1 << rest) - 1
        out[..., 0] = (group[..., 0] << rest) | (group[..., 1] & mask)
        out[..., 1] = (group[..., 2] << rest) | ((group[..., 1] >> 4) & mask)
    return out.reshape(raw.shape[0], -1)[:, :samples]


def upper_bytes(raw: NDArray[np.uint8], packing: Packing, samples: int, bits: int) -> NDArray[np.uint8]:
    """The upper 8 of each sample's `bits` as a uint8 array (N, samples), without unfolding the rest.

    Equal to `values(…) >> (bits - 8)`; a word with bits above its format's becomes 255 and does not wrap.

    Args:
        raw: uint8 (N, bytes): rows of `Packing.size_bytes(samples)` bytes. May be returned as it is.
        packing: How they are packed.
        samples: How many a row has.
        bits: Bits of a value, 8 to 16.
    """
    if packing is Packing.BYTES:
        return raw
    if packing is Packing.WORDS:
        return _upper_of_words(np.ascontiguousarray(raw).view("<u2"), bits)
    group = _groups(raw, packing)
    parts: Any = cv2.split(group)  # its stubs allow what it never answers
    if packing is Packing.LSB_10:
        planes = [(parts[i] >> (2 * i + 2)) | (parts[i + 1] << (6 - 2 * i)) for i in range(3)]
        out: Any = cv2.merge([*planes, parts[4]])
    elif packing is Packing.LSB_12:
        first, middle, last = parts
        out = cv2.merge([(first >> 4) | (middle << 4), last])
    else:
        out = cv2.merge([parts[0], parts[2]])
    return np.asarray(out, np.uint8).reshape(raw.shape[0], -1)[:, :samples]


def _upper_of_words(words: NDArray[np.uint16], bits: int) -> NDArray[np.uint8]:
    """`min(words >> (bits - 8), 255)` in one pass of OpenCV.

    It rounds to the nearest. Half a step less than half a bit below, the nearest is the floor, exactly: the fractions are
    whole multiples of `1 / step` and none is a half.
    """
    if bits == 8:
        return np.asarray(cv2.convertScaleAbs(words), np.uint8)
    step = 1 << (bits - 8)
    return np.asarray(cv2.convertScaleAbs(words, alpha=1 / step, beta=-(step - 1) / (2 * step)), np.uint8)


def _groups(raw: NDArray[np.uint8], packing: Packing) -> NDArray[np.uint8]:
    """Rows of whole groups, uint8 (N, groups, bytes); a group begun at a row's end is filled up with zeros."""
    size = packing.group[1]
    missing = -raw.shape[1] % size
    if missing:
        raw = np.pad(raw, ((0, 0), (0, missing)))
    return np.ascontiguousarray(raw).reshape(raw.shape[0], -1, size)


def stretched(samples: NDArray[np.uint16], black: int, white: int) -> NDArray[np.uint8]:
    """Values with `black` at 0 and `white` at 255, in between linear and rounded, beyond cut off."""
    return np.asarray(np.take(_stretch_table(black, white), samples), np.uint8)


@lru_cache(maxsize=8)
def _stretch_table(black: int, white: int) -> NDArray[np.uint8]:
    scaled = np.rint((np.arange(2**16) - black) * (255 / (white - black)))
    return np.asarray(scaled.clip(0, 255), np.uint8)
