"""An engine with those calls of a detector that whatever looks at pictures one by one needs."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

from lineside.detector.detector import Timings
from lineside.detector.thresholds import Thresholds
from lineside.dispatch.asked import own
from lineside.dispatch.askings import thresholds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from lineside.core.detections import Detections
    from lineside.dispatch.engine import Engine
    from lineside.models.card import ModelCard


@dataclass(frozen=True, slots=True, eq=False)
class AskedThresholds(Thresholds):
    """Checked settings, with the words in which they were asked for.

    Attributes:
        asked: Arguments of `Engine.submit`.
    """

    asked: Mapping[str, Any]


class EngineDetector:
    """Looks at one picture at a time, on whichever device is done with it first; from several threads at several.

    Of a detector it has `thresholds` and `timed`, which is what a `SlicedDetector` calls, and `card`, `names` and `truth`.
    A `SlicedDetector` over it with as many `threads` as there are devices, or a few more, spreads the slices of a large picture.

    Args:
        engine: The engine.

    Attributes:
        truth: `None`: there are as many sessions as devices, and `Engine.health` tells of them.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.truth = None

    @property
    def card(self) -> ModelCard:
        """The card of the model that new pictures are for; after a swap the new one's."""
        return self._engine.card

    @property
    def names(self) -> tuple[str, ...]:
        """Its class names."""
        return self._engine.card.names

    def thresholds(self, **asked: Any) -> AskedThresholds:
        """The settings of a call, checked, as `Detector.thresholds`.

        Raises:
            SettingsError: A value is out of range, a class or NMS kind unknown.
        """
        asked = own(asked)
        checked = thresholds(self.card, asked)
        return AskedThresholds(checked.selection, checked.nms, checked.suppression, asked=asked)

    def timed(
        self, image: NDArray[Any], settings: AskedThresholds, *, clock: Callable[[], float] = perf_counter
    ) -> tuple[Detections, Timings]:
        """What the model sees in one picture; as its run counts all the time from here to there and back, waiting too.

        Raises:
            UnansweredError: Nothing is known of it.
        """
        start = clock()
        found = self._engine.submit(image, **settings.asked).result()
        return found, Timings(0.0, clock() - start, 0.0)
