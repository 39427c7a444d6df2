"""What is usual for one camera and one product: learned from good pictures, kept beside the recipe."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field, ValidationError

from lineside.capture.health.measures import EDGES_PX
from lineside.core.documents import Table, fault_of
from lineside.core.errors import SettingsError
from lineside.core.geometry import Size

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from lineside.capture.health.measures import Measures

LEAST_PICTURES = 20
"""Fewer do not show what is usual."""

_LARGEST_BYTES = 1 << 20
_EDGE_STEP = 1 / 12  # of what is kept of the edges, in standard deviations


@dataclass(frozen=True, slots=True)
class Range:
    """What a measure was in the pictures that were learned from.

    Attributes:
        low: The lowest.
        high: The highest.
    """

    low: float
    high: float


@dataclass(frozen=True, slots=True, eq=False)
class Baseline:
    """What is usual in a camera's pictures of one product.

    Attributes:
        size: Their size.
        pictures: How many were learned from.
        focus: Their range of `Measures.focus`, as the next three are of theirs.
        level: Of the light.
        contrast: Of the contrast.
        saturated: Of the share of white pixels.
        edges: Where edges usually are, float32 (64, 64).
        coloured: Whether all of them had colour.
    """

    size: Size
    pictures: int
    focus: Range
    level: Range
    contrast: Range
    saturated: Range
    edges: NDArray[np.float32]
    coloured: bool

    @classmethod
    def learned(cls, measures: Sequence[Measures]) -> Baseline:
        """What is usual in these pictures.

        Args:
            measures: Of good pictures of one camera, which show all that is usual: every colour of the part, every belt, the light
                from morning to night.

        Raises:
            SettingsError: There are too few, or they have several sizes.
        """
        if len(measures) < LEAST_PICTURES:
            raise SettingsError(
                f"baseline: expected at least {LEAST_PICTURES} pictures to learn from; got {len(measures)}"
            )
        sizes = sorted({each.size for each in measures})
        if len(sizes) > 1:
            raise SettingsError(
                f"baseline: expected pictures of one size; got {' and '.join(map(str, sizes[:3]))}"
            )

        def over(name: str) -> Range:
            values = [getattr(each, name) for each in measures]
            return Range(float(min(values)), float(max(values)))

        return cls(
            size=sizes[0],
            pictures=len(measures),
            focus=over("focus"),
            level=over("level"),
            contrast=over("contrast"),
            saturated=over("saturated"),
            edges=np.mean([each.edges for each in measures], axis=0, dtype=np.float32),
            coloured=not any(each.is_grey for each in measures),
        )

    def to_dict(self) -> dict[str, Any]:
        """A value that `json.dumps` takes, and that `from_dict` reads."""
        steps = np.clip(np.round(self.edges / _EDGE_STEP), -127, 127).astype(np.int8)
        ranges = {name: [getattr(self, name).low, getattr(self, name).high] for name in _RANGES}
        return {
            "baseline": 1,
            "width": self.size.width,
            "height": self.size.height,
            "pictures": self.pictures,
            **ranges,
            "coloured": self.coloured,
            "edges": base64.b64encode(steps.tobytes()).decode("ascii"),
        }

    @classmethod
    def from_dict(cls, value: Any, where: str = "baseline") -> Baseline:
        """The baseline that `to_dict` gave.

        Args:
            value: It.
            where: The file's name, for messages.

        Raises:
            SettingsError: It is none.
        """
        try:
            table = _Document.model_validate(value)
        except ValidationError as fault:
            raise fault_of(fault, _Document, where) from fault
        try:
            steps = np.frombuffer(base64.b64decode(table.edges, validate=True), np.int8)
        except ValueError as fault:
            raise SettingsError(f"{where}: edges: expected base64; {fault}") from fault
        if steps.size != EDGES_PX**2:
            raise SettingsError(f"{where}: edges: expected {EDGES_PX**2} bytes; got {steps.size}")
        return cls(
            size=Size(height=table.height, width=table.width),
            pictures=table.pictures,
            coloured=table.coloured,
            edges=steps.reshape(EDGES_PX, EDGES_PX).astype(np.float32) * np.float32(_EDGE_STEP),
            **{name: Range(*getattr(table, name)) for name in _RANGES},
        )


_RANGES = ("focus", "level", "contrast", "saturated")
_Pair = tuple[Annotated[float, Field(allow_inf_nan=False)], Annotated[float, Field(allow_inf_nan=False)]]


class _Document(Table):
    baseline: Literal[1]
    width: Annotated[int, Field(ge=1, le=1 << 16)]
    height: Annotated[int, Field(ge=1, le=1 << 16)]
    pictures: Annotated[int, Field(ge=1)]
    focus: _Pair
    level: _Pair
    contrast: _Pair
    saturated: _Pair
    coloured: bool
    edges: Annotated[str, Field(max_length=1 << 16)]


def load_baseline(path: Path) -> Baseline:
    """The baseline in a file.

    Raises:
        SettingsError: The file cannot be read, or holds none.
    """
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise SettingsError(
                f"{path}: expected a baseline of at most {_LARGEST_BYTES} bytes; it is larger"
            )
        value = json.loads(path.read_bytes())
    except OSError as fault:
        raise SettingsError(f"{path}: cannot be read: {fault.strerror or fault}") from fault
    except ValueError as fault:
        raise SettingsError(
            f"{path}: expected JSON as `lineside health --learn` writes it: {fault}"
        ) from fault
    return Baseline.from_dict(value, str(path))
