"""From pixels to millimetres: one scale, one an axis, or the plane that four known points or a checkerboard span."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Self

import numpy as np
from pydantic import BeforeValidator, Field, FiniteFloat, model_validator

from lineside.core.documents import Table
from lineside.core.errors import ImageError, SettingsError
from lineside.core.geometry import Size
from lineside.judge.judgement import UndecidableError

if TYPE_CHECKING:
    from numpy.typing import NDArray

Scale = Annotated[float, Field(gt=0)]
Point = tuple[FiniteFloat, FiniteFloat]

_LEAST_SPREAD = 1e-3  # of four points, against their distances: nearer to a line than that is no plane
_HORIZON = 1e-9


def _as_pair(value: object) -> object:
    """One scale for both axes."""
    return (value, value) if isinstance(value, int | float) else value


class PointTable(Table):
    """One place whose millimetres are known."""

    px: Point
    """Where it is in the picture: x, y in pixels."""
    mm: Point
    """Where it is on the plane of the parts: x, y in millimetres, from any origin."""


class CalibrationTable(Table):
    """What a pixel is in millimetres: `mm_per_px`, or `points`."""

    mm_per_px: Annotated[tuple[Scale, Scale] | None, BeforeValidator(_as_pair)] = None
    """Millimetres per pixel; of x and of y where they differ. For a camera that looks straight down."""
    points: list[PointTable] | None = Field(None, min_length=4, max_length=2000)
    """At least four places on the plane of the parts, not three of four on one line. For a camera that looks aslant."""
    max_error_mm: Scale = 0.5
    """So far may a point be from where the plane says it is."""
    picture: tuple[int, int] | None = None
    """Width and height of the pictures that the calibration was made with. Others are not measured."""

    @model_validator(mode="after")
    def _is_a_plane(self) -> CalibrationTable:
        if (self.mm_per_px is None) == (self.points is None):
            raise ValueError("mm_per_px or points, one of them")
        if self.picture is not None and min(self.picture) < 1:
            raise ValueError(f"picture as width and height in pixels; got {list(self.picture)}")
        try:
            self.plane()
        except SettingsError as fault:
            raise ValueError(str(fault)) from fault
        return self

    def plane(self) -> Plane:
        """What turns pixels into millimetres.

        Raises:
            SettingsError: The points span no plane, or do not fit one.
        """
        size = None if self.picture is None else Size(height=self.picture[1], width=self.picture[0])
        if self.points is None:
            assert self.mm_per_px is not None
            return Plane(np.diag([*self.mm_per_px, 1.0]), size)
        px, mm = (np.array([getattr(p, unit) for p in self.points], np.float64) for unit in ("px", "mm"))
        return Plane.through(px, mm, self.max_error_mm, size)


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """The plane that the parts lie in, as a camera sees it. Its pictures must be free of the lens's distortion.

    Attributes:
        matrix: float64 (3, 3): from pixels to millimetres, in homogeneous coordinates.
        size: Size of the pictures that it holds for; `None` for any.
        error_mm: How far the farthest point that it was made of is from it.
    """

    matrix: NDArray[np.float64]
    size: Size | None = None
    error_mm: float = 0.0

    @classmethod
    def through(
        cls, px: NDArray[np.float64], mm: NDArray[np.float64], max_error_mm: float, size: Size | None = None
    ) -> Self:
        """The plane that fits known points best (the normalised direct linear transform; Hartley and Zisserman 2004, 4.1).

        Args:
            px: float64 (N, 2), in pixels.
            mm: float64 (N, 2), the same points in millimetres.
            max_error_mm: So far may a point be from where the plane says it is.
            size: Size of the pictures.

        Raises:
            SettingsError: They span no plane, lie behind each other, or do not fit one.
        """
        for points, unit in ((px, "px"), (mm, "mm")):
            if not _spans(points):
                raise SettingsError(
                    f"points of which four span a plane; three of the {unit} are on one line or equal"
                )
        matrix = _homography(px, mm)
        depth = px @ matrix[2, :2] + matrix[2, 2]
        if not (np.all(depth > _HORIZON) or np.all(depth < -_HORIZON)):
            raise SettingsError("points on one side of the horizon; two may have changed places")
        matrix = matrix / depth.mean()
        seen = _project(matrix, px)
        error_mm = np.linalg.norm(seen - mm, axis=1)
        worst = int(np.argmax(error_mm))
        if error_mm[worst] > max_error_mm:
            raise SettingsError(
                f"points within {max_error_mm:g} mm of one plane; points[{worst}] is {error_mm[worst]:.2f} mm off"
            )
        return cls(matrix, size, float(error_mm[worst]))

    def to_mm(self, points: NDArray[np.floating], size: Size) -> NDArray[np.float64]:
        """Points of a picture on the plane, float64 (..., 2) in millimetres.

        Args:
            points: (..., 2), in pixels.
            size: Size of the picture.

        Raises:
            UndecidableError: The plane was made with pictures of another size, or a point lies beyond the horizon.
        """
        self._refuse_size(size)
        flat = points.reshape(-1, 2).astype(np.float64)
        if np.any(flat @ self.matrix[2, :2] + self.matrix[2, 2] <= _HORIZON):
            raise UndecidableError("a point lies beyond the horizon of the camera's calibration")
        return _project(self.matrix, flat).reshape(points.shape)

    def area_mm2(self, points: NDArray[np.floating], size: Size) -> float:
        """The area of pixels, each given by its middle, in square millimetres.

        Args:
            points: (N, 2): x and y of the middles.
            size: Size of the picture.

        Raises:
            UndecidableError: As `to_mm`.
        """
        self._refuse_size(size)
        depth = points.astype(np.float64) @ self.matrix[2, :2] + self.matrix[2, 2]
        if np.any(depth <= _HORIZON):
            raise UndecidableError("a point lies beyond the horizon of the camera's calibration")
        # The determinant of a homography's derivative is its own, over the depth's third power.
        return float(abs(np.linalg.det(self.matrix)) * np.sum(depth**-3.0))

    @property
    def is_straight(self) -> bool:
        """Whether a pixel is the same length everywhere."""
        return bool(self.matrix[2, 0] == 0 and self.matrix[2, 1] == 0)

    def _refuse_size(self, size: Size) -> None:
        if self.size is not None and size != self.size:
            raise UndecidableError(
                f"the camera was calibrated with pictures of {self.size}; this one is {size}"
            )


def checkerboard_points(
    image: NDArray[np.uint8], columns: int, rows: int, square_mm: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The inner corners of a checkerboard: float64 (N, 2) in pixels, and the same in millimetres of the board.

    Args:
        image: uint8 BGR (H, W, 3) or grey (H, W).
        columns: Inner corners in a row of the board: one less than its squares.
        rows: Inner corners in a column.
        square_mm: Side of a square.

    Raises:
        SettingsError: A number is out of range.
        ImageError: No such board is in the picture.
    """
    import cv2

    if min(columns, rows) < 2 or not 0 < square_mm < np.inf:
        raise SettingsError(
            f"checkerboard: expected 2 inner corners at least each way and a side above 0 mm; got {columns}x{rows} of {square_mm:g} mm"
        )
    grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    is_found, corners = cv2.findChessboardCornersSB(grey, (columns, rows), flags=cv2.CALIB_CB_ACCURACY)
    if not is_found:
        raise ImageError(
            f"no checkerboard with {columns}x{rows} inner corners was found: show it whole, flat and evenly lit, and count the "
            "corners where four squares meet"
        )
    px = corners.reshape(-1, 2).astype(np.float64)
    steps = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1).reshape(-1, 2)
    return px, (steps * square_mm).astype(np.float64)


def _project(matrix: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    mapped = np.column_stack([points, np.ones(len(points))]) @ matrix.T
    projected: NDArray[np.float64] = mapped[:, :2] / mapped[:, 2:]
    return projected


def _homography(px: NDArray[np.float64], mm: NDArray[np.float64]) -> NDArray[np.float64]:
    from_px, from_mm = _normaliser(px), _normaliser(mm)
    rows: list[tuple[float, ...]] = [(0.0,) * 9]  # four points give eight rows, and nine unknowns need nine
    for (x, y), (u, v) in zip(_project(from_px, px), _project(from_mm, mm), strict=True):
        rows += [(-x, -y, -1, 0, 0, 0, u * x, u * y, u), (0, 0, 0, -x, -y, -1, v * x, v * y, v)]
    solution = np.linalg.svd(np.array(rows), full_matrices=False)[2][-1].reshape(3, 3)
    matrix: NDArray[np.float64] = np.linalg.inv(from_mm) @ solution @ from_px
    return matrix


def _normaliser(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Moves points around the origin, about one unit away from it."""
    centre = points.mean(axis=0)
    scale = 1.0 / np.abs(points - centre).mean()
    return np.array([[scale, 0, -scale * centre[0]], [0, scale, -scale * centre[1]], [0, 0, 1]])


def _spans(points: NDArray[np.float64]) -> bool:
    """Whether four of the points have no three on one line; the four outermost are asked."""
    hull = _outermost(points)
    if len(hull) < 4:
        return False
    extent = float(np.ptp(points, axis=0).max())
    corners = hull if len(hull) <= 8 else hull[np.linspace(0, len(hull) - 1, 8).astype(int)]
    return any(_least_area(corners[list(four)]) > _LEAST_SPREAD * extent**2 for four in _fours(len(corners)))


def _outermost(points: NDArray[np.float64]) -> NDArray[np.float64]:
    import cv2

    hull: NDArray[np.float64] = cv2.convexHull(points.astype(np.float32)).reshape(-1, 2).astype(np.float64)
    return hull


def _fours(count: int) -> list[tuple[int, ...]]:
    from itertools import combinations

    return list(combinations(range(count), 4))


def _least_area(four: NDArray[np.float64]) -> float:
    """The smallest triangle among four points."""
    areas = []
    for left_out in range(4):
        a, b, c = np.delete(four, left_out, axis=0)
        areas.append(abs((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])) / 2)
    return float(min(areas))
