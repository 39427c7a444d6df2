"""What the CPU answers to the test picture in float32, and how far another answer is from it.

How far is far depends on the model: scores of one are all below 0.01, boxes of another span 1280 pixels. So the yardstick
is the model's own: how far its answer moves when red and blue of the test picture change places. An answer that is as far off as
that belongs to another picture.
"""

from __future__ import annotations

import io
import math
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.engine.ort_session import cpu_session
from lineside.models.rows import in_order_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Answer = Sequence[NDArray[Any]]

TOLERANCES: Mapping[str, float] = {
    "float32": 0.005,
    "tf32": 0.1,
    "float16": 0.1,
    "bfloat16": 0.5,
    "int8": 0.5,
}
"""Largest deviation by precision, as a share of the yardstick. Seen on eleven models, float32 kernels of another make stay below
0.0005, bfloat16 between 0.03 and 0.3, float32 kernels on an int8 graph, whose every rounding may fall to the other side,
below 0.4. float16 and tf32 round eight times as finely as bfloat16. Another picture, or swapped channels, give 1."""

_LEAST_SHARE = 1e-4
_STILL = 0.05
_BEST_ROWS = 10
_SAME_SCORE = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """A model's answer on the CPU, and the yardstick for others.

    Attributes:
        feeds: The inputs of the test picture, by name.
        answer: The outputs, in order.
        spans: For each output, how far numbers up to 1 and larger ones move when the picture changes.
        precision: What the graph itself is in: `float32`, `float16` or `int8`.
        rows_move: Whether the rows of an answer are sorted by score, so that a rounding may change their order.
    """

    feeds: Mapping[str, NDArray[Any]]
    answer: tuple[NDArray[Any], ...]
    spans: tuple[tuple[float, float], ...]
    precision: str
    rows_move: bool

    @classmethod
    def taken(
        cls,
        model: bytes,
        feeds: Mapping[str, NDArray[Any]],
        *,
        picture: str,
        precision: str,
        rows_move: bool = False,
    ) -> Reference:
        """The reference of a model, by three runs on the CPU.

        Args:
            model: The graph as it was before any optimisation for a CPU.
            feeds: The inputs of the test picture.
            picture: Name of the one that holds the picture's planes, (1, 3, H, W).
            precision: What the graph is in.
            rows_move: Whether the rows of an answer are sorted by score.

        Raises:
            LinesideError: As `cpu_session` and its runs.
        """
        session = cpu_session(model)
        planes = feeds[picture]
        others = (
            np.ascontiguousarray(planes[:, ::-1]) if planes.ndim == 4 else planes,
            np.ascontiguousarray(planes[..., ::-1]),
        )
        answer, swapped, mirrored = (
            tuple(session.bind({**feeds, picture: each}, fixed_shapes=False).run())
            for each in (planes, *others)
        )
        spans = []
        for number, output in enumerate(answer):
            colour = _distances(output, swapped[number], rows_move=rows_move)
            place = _distances(output, mirrored[number], rows_move=rows_move)
            # A model that is blind to colour is measured by a tenth of what a mirrored picture changes.
            spans.append((max(colour[0], place[0] / 10), max(colour[1], place[1] / 10)))
        return cls(dict(feeds), answer, tuple(spans), precision, rows_move)

    @property
    def size(self) -> int:
        """How many numbers are compared."""
        return sum(output.size for output in self.answer)

    def deviation(self, got: Answer) -> float:
        """How far an answer is off, as a share of the yardstick: 0 for the same numbers, infinite for NaN or other shapes."""
        worst = 0.0
        if len(got) != len(self.answer):
            return math.inf
        for expected, other, spans in zip(self.answer, got, self.spans, strict=True):
            if not np.isfinite(other).all() and np.isfinite(expected).all():
                return math.inf
            sizes = _norms(expected)
            distances = _distances(expected, other, rows_move=self.rows_move)
            for distance, span, size in zip(distances, spans, sizes, strict=True):
                if distance:
                    # What says the same of every picture has no span; then a share of its own size counts.
                    worst = max(
                        worst, distance / (span if span > _LEAST_SHARE * size else _STILL * size or 1)
                    )
        return worst

    def tolerance(self, precision: str) -> float:
        """The largest deviation that a precision explains, on this graph."""
        return max(TOLERANCES.get(precision, 0.0), TOLERANCES[self.precision])

    def to_bytes(self) -> bytes:
        """The reference as a file."""
        stream = io.BytesIO()
        arrays: dict[str, Any] = {f"in {name}": value for name, value in self.feeds.items()}
        arrays |= {f"out {number}": value for number, value in enumerate(self.answer)}
        arrays["spans"] = np.array(self.spans, np.float64).reshape(-1, 2)
        arrays["about"] = np.array([self.precision, str(int(self.rows_move))])
        np.savez(stream, **arrays)
        return stream.getvalue()

    @classmethod
    def read(cls, path: Path) -> Reference:
        """The reference of a file.

        Raises:
            OSError, ValueError: The file is missing or none of ours.
        """
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as held:
                feeds = {key[3:]: held[key] for key in held.files if key.startswith("in ")}
                answer = tuple(held[f"out {n}"] for n in range(sum(k.startswith("out ") for k in held.files)))
                spans = tuple((float(a), float(b)) for a, b in held["spans"])
                precision, rows_move = held["about"].tolist()
        except (KeyError, EOFError, zipfile.BadZipFile) as fault:
            raise ValueError(f"{path.name} is no reference: {fault}") from fault
        return cls(feeds, answer, spans, precision, rows_move == "1")


def share_off(answer: Answer, other: Answer) -> float:
    """How far another answer to the same picture is off, as a share of the answer's own size: the worst of its outputs.

    Scores and pixels are told apart, because a score must not drown in pixels. Infinite for NaN or other shapes. Of rows that are
    sorted by score those of nearly the same score may stand in any order.
    """
    if len(answer) != len(other):
        return math.inf
    off = _share_off(answer, other)
    if not 0 < off < math.inf:
        return off
    return min(off, _share_off(answer, in_order_of(answer, other, _SAME_SCORE)))


def _share_off(answer: Answer, other: Answer) -> float:
    worst = 0.0
    for one, two in zip(answer, other, strict=True):
        if one.shape != two.shape or not np.isfinite(two).all():
            return math.inf
        sizes, distances = _norms(one), _distances(one, two, rows_move=False)
        worst = max(worst, *(off / (size or 1.0) for off, size in zip(distances, sizes, strict=True)))
    return worst


def differ(answer: Answer, other: Answer) -> float:
    """The largest difference of two answers to the same picture: 0 where every bit is the same."""
    if all(np.array_equal(a, b, equal_nan=True) for a, b in zip(answer, other, strict=True)):
        return 0.0
    if any(a.shape != b.shape for a, b in zip(answer, other, strict=True)):
        return math.inf
    return max(
        float(np.abs(a.astype(np.float64) - b.astype(np.float64)).max(initial=0.0))
        for a, b in zip(answer, other, strict=True)
    )


def _norms(expected: NDArray[Any]) -> tuple[float, float]:
    """The size of the numbers up to 1 and of the larger ones: a score must not drown in pixels."""
    small = np.abs(expected) <= 1
    return _norm(expected[small]), _norm(expected[~small])


def _distances(expected: NDArray[Any], other: NDArray[Any], *, rows_move: bool) -> tuple[float, float]:
    """How far apart two outputs are in the numbers up to 1 and in the larger ones."""
    if rows_move and expected.ndim >= 2 and expected.shape[-1:] == other.shape[-1:]:
        expected, other = _best_rows(expected, other)
    if expected.shape != other.shape:
        return math.inf, math.inf
    small = np.abs(expected) <= 1
    off = np.subtract(expected, other, dtype=np.float64)
    return _norm(off[small]), _norm(off[~small])


def _best_rows(expected: NDArray[Any], other: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """The best tenth of the rows, and what is nearest to each in the other answer, wherever it stands there."""
    rows, others = (values.reshape(-1, values.shape[-1]).astype(np.float64) for values in (expected, other))
    best = rows[: max(_BEST_ROWS, len(rows) // 10)]
    if not len(best) or not len(others):
        return best, others
    nearest = [int(np.abs(others - row).max(axis=-1).argmin()) for row in best]
    return best, others[nearest]


def _norm(values: NDArray[Any]) -> float:
    return float(np.linalg.norm(values.astype(np.float64)))
