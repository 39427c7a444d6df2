"""Large pictures in slices: small objects keep the size at which the model was trained."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineside.core.detections import Detections
from lineside.core.errors import SettingsError
from lineside.core.geometry import Size
from lineside.detector.detector import Timings
from lineside.detector.merging import merge
from lineside.detector.thresholds import is_count, nms_for
from lineside.postprocess.slices import SliceGrid
from lineside.preprocess.letterbox import as_bgr

if TYPE_CHECKING:
    from lineside.detector.thresholds import Thresholds
    from lineside.engine.truth import Truth
    from lineside.models.card import ModelCard

Answer: TypeAlias = tuple[Detections, Timings]
Each: TypeAlias = Callable[
    [Callable[[NDArray[np.uint8]], Answer], Sequence[NDArray[np.uint8]]], Iterable[Answer]
]
"""Like `map`: runs a function over slices, the answers in their order."""


class Looks(Protocol):
    """What looks at slices: a `Detector`, or what has its calls."""

    @property
    def card(self) -> ModelCard:
        """The model's card."""

    @property
    def names(self) -> tuple[str, ...]:
        """Its class names."""

    @property
    def truth(self) -> Truth | None:
        """The report on its session; `None` where there is none, or more than one."""

    @property
    def thresholds(self) -> Callable[..., Any]:
        """The settings of a call, checked."""

    @property
    def timed(self) -> Callable[..., Answer]:
        """What is in a picture, and how long each stage took."""


DEFAULT_OVERLAP = 0.2
_MOST_OVERLAP = 0.9


class SlicedDetector:
    """A detector for pictures much larger than its model's input: it looks at overlapping slices of them.

    What a slice's border cuts counts only where no neighbour shows more of it, and what two slices see is merged.
    An object that is not larger than the overlap is whole in one of the slices.

    Args:
        detector: Who looks at the slices.
        size: Size of a slice; one number for a square. `None`: the model's input, so that nothing is scaled.
        overlap: Share of a slice's side that neighbours have in common at least, 0 to 0.9.
        whole: Look at the whole picture, too, for objects larger than the overlap.
        merge: The kind of NMS over the slices' objects, as `nms` of a call; `None`: the habit of the model's family.
        threads: How many slices are looked at side by side. Open the detector with `threads=1` for more than one.
        each: In place of threads, a function like `map` that runs another over the slices.

    Attributes:
        card: The model's card.
        names: Its class names.
        truth: The report on the detector's session; `None` where it has none, or more than one.

    Raises:
        SettingsError: An argument is out of range, or the model classifies whole pictures.

    Example:
        >>> board = SlicedDetector(Detector("best.onnx"), overlap=0.2)   # doctest: +SKIP
        >>> detections = board(cv2.imread("board.png"), confidence=0.4)  # doctest: +SKIP
    """

    def __init__(
        self,
        detector: Looks,
        *,
        size: int | Size | None = None,
        overlap: float = DEFAULT_OVERLAP,
        whole: bool = False,
        merge: str | None = None,
        threads: int = 1,
        each: Each | None = None,
    ) -> None:
        if not is_count(threads) or (each is not None and threads != 1):
            raise SettingsError(
                f"threads: expected a whole number of at least 1, and 1 where `each` is given; got {threads!r}"
            )
        self._detector = detector
        self._asked = size, merge
        self._take(detector.card)
        self._overlap = _checked_overlap(overlap)
        self._whole = bool(whole)
        self._threads = int(threads)
        self._each: Each = map if each is None else each

    def __call__(self, image: NDArray[Any], **thresholds: Any) -> Detections:
        """What the model sees in one picture, best first.

        Args:
            image: As for a `Detector`, not smaller than a slice.
            thresholds: As for a `Detector`. `max_detections` holds for each slice and for the picture; `iou` and
                `class_aware` also for the merging.

        Raises:
            SettingsError: A slice is larger than the picture, or as a `Detector`.
            LinesideError: As a `Detector`; a slice that cannot be judged leaves no answer for the picture.
        """
        return self.timed(image, self.thresholds(**thresholds))[0]

    @property
    def card(self) -> ModelCard:
        """The card of the detector's model, which a swap changes."""
        card: ModelCard = self._detector.card
        return card

    @property
    def names(self) -> tuple[str, ...]:
        """Its class names."""
        names: tuple[str, ...] = self._detector.names
        return names

    @property
    def truth(self) -> Truth | None:
        """The report on the detector's session."""
        truth: Truth | None = self._detector.truth
        return truth

    def _take(self, card: ModelCard) -> None:
        """Slice for a model from here on."""
        if card.task == "classify":
            raise SettingsError(f"{card.file} classifies whole pictures; slices are for detectors")
        size, merge = self._asked
        self._sliced_for = card
        self._size = _slice_size(size, card.input.size)
        self._merge = nms_for(card, merge)

    def thresholds(self, **thresholds: Any) -> Thresholds:
        """The settings of a call, checked, as `Detector.thresholds`."""
        checked: Thresholds = self._detector.thresholds(**thresholds)
        return checked

    def timed(
        self, image: NDArray[Any], settings: Thresholds, *, clock: Callable[[], float] = perf_counter
    ) -> Answer:
        """What the model sees in one picture, and the time of each stage, added up over the slices.

        Args:
            image: As for a call.
            settings: From `thresholds`.
            clock: Monotonic seconds.
        """
        picture = as_bgr(image)
        if self.card is not self._sliced_for:  # the detector's model was swapped
            self._take(self.card)
        grid = SliceGrid.over(Size(*picture.shape[:2]), self._size, self._overlap)
        views = [picture[y : y + self._size.height, x : x + self._size.width] for x, y in grid.corners]
        if with_whole := self._whole and len(views) > 1:
            views.append(picture)
        answers = self._spread(lambda view: self._detector.timed(view, settings, clock=clock), views)
        start = clock()
        whole = answers[-1][0] if with_whole else None
        found = merge(
            grid,
            [found for found, _ in answers[: len(grid.corners)]],
            whole,
            self._merge,
            settings.suppression,
        )
        times = [timing for _, timing in answers]
        return found, Timings(
            sum(t.preprocess_s for t in times),
            sum(t.run_s for t in times),
            sum(t.postprocess_s for t in times) + clock() - start,
        )

    def _spread(
        self, look: Callable[[NDArray[np.uint8]], Answer], views: Sequence[NDArray[np.uint8]]
    ) -> list[Answer]:
        """The answers to all slices, in their order."""
        if self._threads > 1:
            with ThreadPoolExecutor(min(self._threads, len(views))) as pool:
                return list(pool.map(look, views))
        answers = list(self._each(look, views))
        if len(answers) != len(views):
            raise SettingsError(
                f"each: expected an answer for each of {len(views)} slices, in their order; got {len(answers)}"
            )
        return answers

    def __repr__(self) -> str:
        return f"SlicedDetector({self._detector!r}, slices of {self._size}, overlap {self._overlap:g})"


def _slice_size(size: object, model: Size) -> Size:
    """The size of a slice.

    Raises:
        SettingsError: It is none.
    """
    if size is None:
        return model
    sides = size if isinstance(size, tuple) and len(size) == 2 else (size, size)
    if not all(is_count(side) for side in sides):
        raise SettingsError(
            f"slices: expected a side in whole pixels of at least 1, or a Size(height, width); got {size!r}"
        )
    return Size(*map(int, sides))


def _checked_overlap(overlap: object) -> float:
    """The overlap as a number.

    Raises:
        SettingsError: It is none, or out of range.
    """
    is_number = isinstance(overlap, int | float | np.integer | np.floating) and not isinstance(overlap, bool)
    if not is_number or not 0 <= overlap <= _MOST_OVERLAP:  # type: ignore[operator] # a number by now
        raise SettingsError(
            f"overlap: expected a share of a slice's side, a number from 0 to {_MOST_OVERLAP}; got {overlap!r}"
        )
    return float(overlap)  # type: ignore[arg-type] # a number by the line above
