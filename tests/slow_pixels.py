"""The same formats, written down a second time: sample by sample, in plain Python, from the text of the standards."""

from __future__ import annotations

import numpy as np


def pack(values, packing):
    """Bytes of a row of samples."""
    if packing == "bytes":
        return bytes(int(v) for v in values)
    if packing == "words":
        return b"".join(int(v).to_bytes(2, "little") for v in values)
    if packing.startswith("lsb"):
        bits = int(packing[-2:])
        whole = sum(int(v) << (bits * i) for i, v in enumerate(values))
        return whole.to_bytes((len(values) * bits + 7) // 8, "little")
    rest = int(packing[-2:]) - 8
    out = bytearray()
    for i in range(0, len(values), 2):
        first = int(values[i])
        second = int(values[i + 1]) if i + 1 < len(values) else 0
        mask = (1 << rest) - 1
        out += bytes([first >> rest, (first & mask) | ((second & mask) << 4), second >> rest])
    if len(values) % 2:
        out.pop()
    return bytes(out)


def demosaic(plane, order):
    """Bilinear BGR of a Bayer plane: means of the nearest of each colour, rounded half up; the rim is its neighbour's."""
    height, width = plane.shape
    colours = {"B": 0, "G": 1, "R": 2}
    out = np.zeros((height, width, 3), np.uint8)
    crosses = {"+": ((0, 1), (1, 0), (0, -1), (-1, 0)), "x": ((1, 1), (1, -1), (-1, 1), (-1, -1))}
    for y in range(1, height - 1):
        for x in range(1, width - 1):
            own = order[(y % 2) * 2 + x % 2]
            out[y, x, colours[own]] = plane[y, x]
            beside, above = order[(y % 2) * 2 + (x + 1) % 2], order[((y + 1) % 2) * 2 + x % 2]
            if own == "G":
                for colour, (dy, dx) in ((beside, (0, 1)), (above, (1, 0))):
                    two = int(plane[y - dy, x - dx]) + int(plane[y + dy, x + dx])
                    out[y, x, colours[colour]] = (two + 1) >> 1
            else:
                other = "R" if own == "B" else "B"
                for colour, shape in (("G", "+"), (other, "x")):
                    four = sum(int(plane[y + dy, x + dx]) for dy, dx in crosses[shape])
                    out[y, x, colours[colour]] = (four + 2) >> 2
    out[:, 0], out[:, -1] = out[:, 1], out[:, -2]
    out[0], out[-1] = out[1], out[-2]
    return out


def yuv_pixel(luma, blue, red):
    """BGR of one pixel by the formulae of JPEG's (JFIF's) YCbCr, as real numbers."""
    return (
        luma + 1.772 * (blue - 128),
        luma - 0.344136 * (blue - 128) - 0.714136 * (red - 128),
        luma + 1.402 * (red - 128),
    )
