"""What a defect does to a picture: each kind paints over a small patch of it.

The shape is thrown from the defect's own seed and lies in the part's own coordinates, so two cameras see the
same scratch; its shading follows the light of each.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from lineside.capture.plant.defects import Defect

    Plane = NDArray[np.float32]
    Patch = NDArray[np.float32]
    Path = NDArray[np.float64]

_FINE = 4
_SHIFT = 4


@dataclass(frozen=True, slots=True, eq=False)
class Site:
    """The patch that a defect is painted on.

    Attributes:
        defect: What to paint.
        clean: The patch without it, float32 (height, width, 3), 0 to 255.
        bare: The same without print.
        ink: The print as it lies in the patch, float32 (height, width, 4): colour times cover, cover from 0 to 1.
        ink_colour: Its colour, blue, green, red.
        matrix: float64 (2, 2): a pixel along and across the defect, in pixels of the patch.
        at: Its middle in the patch, x and y.
        light: The direction towards the key lamp in the picture, a unit vector.
    """

    defect: Defect
    clean: Patch
    bare: Patch
    ink: Patch
    ink_colour: tuple[int, int, int]
    matrix: NDArray[np.float64]
    at: tuple[float, float]
    light: tuple[float, float]

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the patch."""
        return self.clean.shape[0], self.clean.shape[1]

    @property
    def size_px(self) -> float:
        """The longer side of the defect."""
        return self.defect.size_px

    @property
    def level(self) -> float:
        """How bright the middle of the patch is, 0 to 255."""
        x, y = (round(v) for v in self.at)
        near = self.clean[max(y - 6, 0) : max(y + 7, 1), max(x - 6, 0) : max(x + 7, 1)]
        return float(near.mean()) if near.size else 128.0

    def local(self) -> tuple[Plane, Plane]:
        """For each pixel its place along and across the defect, in its longer sides from its middle."""
        height, width = self.shape
        back = np.linalg.inv(self.matrix) / self.size_px
        x = np.arange(width, dtype=np.float32)[None, :] - np.float32(self.at[0])
        y = np.arange(height, dtype=np.float32)[:, None] - np.float32(self.at[1])
        return (
            np.asarray(back[0, 0] * x + back[0, 1] * y, np.float32),
            np.asarray(back[1, 0] * x + back[1, 1] * y, np.float32),
        )

    def lines(self, paths: Sequence[tuple[Path, NDArray[np.float64]]]) -> Plane:
        """Lines as a mask of 0 to 1: paths in longer sides, each with a width in pixels for each of its pieces."""
        height, width = self.shape
        canvas = np.zeros((height * _FINE, width * _FINE), np.uint8)
        for path, widths in paths:
            xy = path @ (self.matrix.T * self.size_px) + np.array(self.at) + 0.5
            points = np.round(xy * _FINE * 2**_SHIFT).astype(np.int32)
            for i, broad in enumerate(widths):
                start, end = points[i].tolist(), points[i + 1].tolist()
                cv2.line(canvas, start, end, (255,), max(round(broad * _FINE), 1), cv2.LINE_AA, _SHIFT)
        small = cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA)
        return np.asarray(small, np.float32) / np.float32(255)

    def shifted(self, plane: Plane, pixels: float) -> Plane:
        """A plane moved towards the lamp."""
        height, width = self.shape
        move = np.array([[1, 0, self.light[0] * pixels], [0, 1, self.light[1] * pixels]])
        return np.asarray(cv2.warpAffine(plane, move, (width, height)), np.float32)


def paint(site: Site) -> Patch:
    """The patch with the defect on it, float32 (height, width, 3)."""
    return _PAINTERS[site.defect.kind](site, np.random.default_rng(site.defect.seed))


def _scratch(site: Site, rng: np.random.Generator) -> Patch:
    """A groove: a curved line, bright where its flank faces the lamp and dark on the other flank."""
    size = site.size_px
    sag = max(float(rng.uniform(0.10, 0.26)), 3.4 / size) * float(rng.choice((-1, 1)))
    bend = float(rng.uniform(-0.25, 0.25))
    broad = float(np.clip(1.3 + 0.016 * size * rng.uniform(0.6, 1.4), 1.4, 3.0))
    paths = [_arc(sag, bend, broad)]
    if size > 24 and rng.random() < 0.35:
        path, widths = _arc(sag, bend, broad * 0.7)
        paths.append(
            (path * rng.uniform(0.4, 0.75) + (rng.uniform(-0.12, 0.12), rng.uniform(3, 6) / size), widths)
        )
    core = site.lines(paths)
    lip = np.maximum(site.shifted(core, -1.3) - core, 0)[..., None]
    core = core[..., None]
    is_bright = site.level < 190
    if is_bright:
        painted = site.clean + core * (np.float32(238) - site.clean) * np.float32(0.85)
        return np.asarray(painted * (1 - np.float32(0.45) * lip), np.float32)
    painted = site.clean * (1 - np.float32(0.72) * core)
    return np.asarray(painted + lip * (np.float32(248) - painted) * np.float32(0.55), np.float32)


def _arc(sag: float, bend: float, broad: float) -> tuple[Path, NDArray[np.float64]]:
    t = np.linspace(-0.5, 0.5, 17)
    y = sag * (0.5 - 4 * t**2) + bend * sag * t * 4 * (1 - 4 * t**2)
    widths = broad * (1 - 0.65 * np.abs(t[:-1] + t[1:]) ** 2)
    return np.column_stack((t, y)), widths


def _dent(site: Site, rng: np.random.Generator) -> Patch:
    """A hollow: its wall towards the lamp lies in the shade, the one away from it is lit."""
    u, v = site.local()
    q = float(rng.uniform(0.62, 0.95))
    bulge = 1 + np.float32(0.12) * np.sin(3 * np.arctan2(v, u) + np.float32(rng.uniform(0, 6)))
    hollow = np.maximum(1 - ((u / 0.56) ** 2 + (v / (0.56 * q)) ** 2) * bulge, 0)
    hollow = hollow**1.6
    across, down = np.gradient(hollow, axis=1), np.gradient(hollow, axis=0)
    lit = across * np.float32(site.light[0]) + down * np.float32(site.light[1])
    lit = (lit / max(float(np.abs(lit).max()), 1e-6))[..., None]
    depth = float(rng.uniform(0.55, 0.8))
    painted = site.clean * (1 + np.float32(depth) * np.minimum(lit, 0) - np.float32(0.10) * hollow[..., None])
    return np.asarray(
        painted + np.maximum(lit, 0) * (np.float32(250) - painted) * np.float32(0.72 * depth), np.float32
    )


def _missing_hole(site: Site, rng: np.random.Generator) -> Patch:
    """The blank where the hole should be, with the mark of a drill that never came through."""
    u, v = site.local()
    del rng
    r = np.sqrt(u**2 + v**2)
    cone = np.maximum(1 - r / np.float32(0.16), 0)
    x, y = np.gradient(cone, axis=1), np.gradient(cone, axis=0)
    lit = x * np.float32(site.light[0]) + y * np.float32(site.light[1])
    lit = (lit / max(float(np.abs(lit).max()), 1e-6))[..., None]
    painted = site.bare * (
        1 + np.float32(0.55) * np.minimum(lit, 0) - np.float32(0.35) * (cone[..., None] > 0.72)
    )
    painted = painted + np.maximum(lit, 0) * (np.float32(245) - painted) * np.float32(0.5)
    # The circle that was scribed for the hole.
    scribed = np.exp(-(((r - np.float32(0.40)) * np.float32(site.size_px / 0.8)) ** 2))[..., None]
    return np.asarray(painted * (1 - np.float32(0.16) * scribed), np.float32)


_DARK_STAINS = ((0.30, 0.42, 0.52), (0.28, 0.30, 0.32), (0.22, 0.38, 0.66), (0.55, 0.42, 0.32))
_LIGHT_STAINS = ((224, 230, 232), (205, 214, 218))


def _stain(site: Site, rng: np.random.Generator) -> Patch:
    """A translucent blotch that dried from its edge."""
    inside = _blotch(site, rng, 0.34)
    cover = np.clip(inside * np.float32(max(site.size_px * 0.14, 3.0)) + np.float32(0.35), 0, 1)
    seam = np.exp(-(((inside - np.float32(0.03)) * np.float32(max(site.size_px * 0.16, 5))) ** 2)) * (
        inside > -0.05
    )
    thick = float(rng.uniform(0.55, 0.85))
    cover = (cover * np.float32(thick) + seam * cover * np.float32(0.25))[..., None]
    if site.level < 85:
        colour = np.array(_LIGHT_STAINS[int(rng.integers(len(_LIGHT_STAINS)))], np.float32)
        return np.asarray(
            site.clean + np.minimum(cover, 1) * (colour - site.clean) * np.float32(0.75), np.float32
        )
    tint = np.array(_DARK_STAINS[int(rng.integers(len(_DARK_STAINS)))], np.float32)
    return np.asarray(site.clean * (1 - np.minimum(cover, 1) * (1 - tint)), np.float32)


def _blotch(site: Site, rng: np.random.Generator, rough: float) -> Plane:
    """Above 0 inside an irregular patch as long as the defect, in its longer sides."""
    u, v = site.local()
    q = float(rng.uniform(0.62, 1.0))
    knots = rng.standard_normal((10, 10), dtype=np.float32)
    bumps = cv2.remap(knots, u * 5 + 4.5, v * 5 + 4.5, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
    r = np.sqrt(u**2 + (v / np.float32(q)) ** 2)
    return np.asarray(0.45 - r + rough * 0.16 * np.asarray(bumps, np.float32), np.float32)


def _misprint(site: Site, rng: np.random.Generator) -> Patch:
    """Print that is worn off, doubled or smeared, or ink where none belongs."""
    choice = rng.random()
    inside = _blotch(site, rng, 0.30)
    window = np.clip(inside * np.float32(max(site.size_px * 0.5, 4)) + np.float32(0.5), 0, 1)[..., None]
    inked = float((site.ink[..., 3:] * window).sum() / max(float(window.sum()), 1e-6))
    if inked < 0.12 or choice < 0.62:
        return _ink_blob(site, window, rng)
    if choice < 0.76 or site.size_px < 18:
        # Worn, not gone: a letter that is missing without a trace would be a space.
        v = site.local()[1]
        worn = np.float32(0.76) + np.float32(0.14) * np.sin(
            v * np.float32(site.size_px * rng.uniform(0.8, 1.6))
        )
        away = window * worn[..., None]
        return np.asarray(site.clean * (1 - away) + site.bare * away, np.float32)
    if choice < 0.88:
        move = float(np.clip(0.16 * site.size_px, 3.5, 9))
        return _print_again(site, window, [move], 0.8, rng)
    reach = float(np.clip(0.45 * site.size_px, 6, 26))
    return _print_again(site, window, list(np.linspace(1, reach, 9)), 0.34, rng)


def _ink_blob(site: Site, window: Patch, rng: np.random.Generator) -> Patch:
    """A blot of ink with droplets, or scraped ink where the blot would not show on ink."""
    cover = window.copy()
    for _ in range(int(rng.integers(0, 4)) if site.size_px > 16 else 0):
        u, v = site.local()
        x, y = rng.uniform(-0.5, 0.5, 2)
        drop = np.float32(rng.uniform(0.03, 0.08)) - np.sqrt(
            (u - np.float32(x)) ** 2 + (v - np.float32(y)) ** 2
        )
        cover = np.maximum(cover, np.clip(drop * np.float32(site.size_px) + np.float32(0.5), 0, 1)[..., None])
    colour = np.array(site.ink_colour, np.float32)
    return np.asarray(
        site.clean * (1 - np.float32(0.93) * cover) + np.float32(0.93) * cover * colour, np.float32
    )


def _print_again(
    site: Site, window: Patch, moves: Sequence[float], strength: float, rng: np.random.Generator
) -> Patch:
    """The print once more, moved, within the window."""
    turn = float(rng.uniform(0, 2 * math.pi))
    step = site.matrix @ np.array((math.cos(turn), math.sin(turn)))
    height, width = site.shape
    painted = site.clean
    for pixels in moves:
        move = np.array([[1, 0, step[0] * pixels], [0, 1, step[1] * pixels]])
        layer = (
            np.asarray(cv2.warpAffine(site.ink, move, (width, height)), np.float32)
            * window
            * np.float32(strength)
        )
        painted = painted * (1 - layer[..., 3:]) + layer[..., :3]
    return np.asarray(painted, np.float32)


def _crack(site: Site, rng: np.random.Generator) -> Patch:
    """A dark jagged line that branches and grows thin."""
    size = site.size_px
    count = int(np.clip(size / 5, 4, 12))
    t = np.linspace(-0.5, 0.5, count + 1)
    jag = max(0.055, 1.5 / size)
    y = np.cumsum(rng.normal(0, jag, count + 1))
    y -= np.linspace(y[0], y[-1], count + 1) * 0.7
    broad = float(np.clip(1.4 + 0.022 * size, 1.5, 3.2))
    trunk = np.column_stack((t, y - y.mean()))
    paths = [(trunk, np.linspace(broad, max(0.45 * broad, 0.8), count))]
    for _ in range(int(rng.integers(1, 3)) if size > 18 else 0):
        at = int(rng.integers(count // 3, count))
        turn = float(rng.choice((-1, 1)) * rng.uniform(0.45, 0.95))
        reach = float(rng.uniform(0.15, 0.32)) * (1 - at / count + 0.25)
        steps = np.linspace(0, reach, 4)[:, None] * (math.cos(turn), math.sin(turn))
        steps[1:] += rng.normal(0, 0.018, (3, 2))
        paths.append((trunk[at] + steps, np.linspace(0.7 * broad, max(0.4 * broad, 0.7), 3)))
    core = site.lines(paths)
    lip = np.maximum(site.shifted(core, -1.2) - core, 0)[..., None]
    painted = site.clean * (1 - np.float32(0.86) * core[..., None])
    return np.asarray(painted + lip * (np.float32(240) - painted) * np.float32(0.35), np.float32)


_PAINTERS: dict[str, Callable[[Site, np.random.Generator], Patch]] = {
    "scratch": _scratch,
    "dent": _dent,
    "missing_hole": _missing_hole,
    "stain": _stain,
    "misprint": _misprint,
    "crack": _crack,
}
