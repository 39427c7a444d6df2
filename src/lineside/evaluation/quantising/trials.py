"""A model in several forms, each of which answers pictures as on the line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lineside.core.errors import DeadModelError, ModelOutputError
from lineside.core.placement import Placement
from lineside.detector.detector import Detector
from lineside.detector.opening import OpenModel
from lineside.engine.attempt import Prepared
from lineside.engine.ladder import open_session
from lineside.engine.ort_session import simplify
from lineside.evaluation.agreement import CONFIDENCE, agreement, ask
from lineside.evaluation.quantising.quantiser import OPERATORS, to_fp16, to_int8
from lineside.models.card import ModelCard
from lineside.models.decode_tail import DecodeTail
from lineside.models.quantisable import described, fed_with_bytes, float_tensors, named, raised, units

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from lineside.core.detections import Detections
    from lineside.evaluation.quantising.quantiser import Ranges
    from lineside.models.reading import Reading

_COMPARED = 8  # pictures that the sensitivity of a group is measured on

DEAD = 2.0
"""The damage of a form that no longer answers at all: more than any that does."""


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """A float model made ready to be quantised.

    Attributes:
        reading: The model.
        card: Its card.
        data: It in the form that is quantised: constants folded, nodes named.
        tail: Its decode tail.
        units: The nodes before the tail, layer by layer.
        tensors: Float tensors whose ranges must be known.
    """

    reading: Reading
    card: ModelCard
    data: bytes
    tail: DecodeTail
    units: tuple[tuple[str, ...], ...]
    tensors: tuple[str, ...]

    @classmethod
    def of(cls, reading: Reading) -> Subject:
        """The model of a reading.

        Raises:
            QuantisationError: Its operator set cannot be raised.
            UnsupportedModelError, DeviceError: The runtime cannot open it.
        """
        data, graph = named(simplify(raised(reading.subject.model, reading.subject.name)))
        tail = DecodeTail.of(graph)
        tensors = float_tensors(graph, {*tail.layers, *tail.before}, OPERATORS)
        return cls(reading, ModelCard.of(reading), data, tail, units(graph, tail), tensors)

    @property
    def before_tail(self) -> frozenset[str]:
        """Every node that may be quantised."""
        return frozenset({*self.tail.layers, *self.tail.before})

    def int8(self, ranges: Ranges, nodes: Collection[str]) -> bytes:
        """The model with these nodes in int8.

        Raises:
            QuantisationError: The quantiser refuses it.
        """
        return described(to_int8(self.data, ranges, nodes), self.reading.subject.model, {})

    def fp16(self) -> bytes:
        """The model in half precision, its decode tail and its inputs and outputs in float32.

        Raises:
            QuantisationError: The converter refuses it.
        """
        return described(to_fp16(self.data, self.tail.nodes), self.reading.subject.model, {})

    def opened(self, data: bytes) -> Detector:
        """The detector of a form of the model: the head is the same, so it is not recognised again.

        Raises:
            DeadModelError: It answers the test picture as no working model does.
            UnsupportedModelError, DeviceError: The runtime cannot open or run it.
        """
        picture = self.reading.subject.picture
        fed = fed_with_bytes(data, picture, self.reading.conventions)
        opened = open_session(lambda _: Prepared(fed), [Placement("cpu")])
        return Detector.of(OpenModel(self.card, opened.session, opened.truth))

    def damage(
        self,
        ranges: Ranges,
        images: Sequence[NDArray[Any]],
        expected: Sequence[Detections],
    ) -> Callable[[frozenset[str]], float]:
        """How much quantising some nodes changes the answers to some pictures.

        Args:
            ranges: What the tensors hold.
            images: Pictures, uint8 BGR.
            expected: The float model's answers to them, from `ask`.
        """

        def measure(nodes: frozenset[str]) -> float:
            try:
                detector = self.opened(self.int8(ranges, nodes))
                answers = [ask(detector, image) for image in images]
            except (DeadModelError, ModelOutputError):
                return DEAD
            return agreement(zip(expected, answers, strict=True), self.card.task).damage

        return measure


class Looked:
    """What the float model saw in the calibration pictures; some are kept, those first that show something."""

    def __init__(self, task: str) -> None:
        self._task = task
        self.count = self.seen = 0
        self.images: list[NDArray[np.uint8]] = []
        self.answers: list[Detections] = []
        self._shows: list[bool] = []

    def at(self, image: NDArray[np.uint8], answer: Detections) -> None:
        """Count a picture."""
        shows = self._task == "classify" or bool((answer.confidence >= CONFIDENCE).any())
        self.count += 1
        self.seen += shows
        if len(self.images) < _COMPARED:
            place = len(self.images)
        elif shows and not all(self._shows):
            place = self._shows.index(False)
            del self.images[place], self.answers[place], self._shows[place]
        else:
            return
        self.images.insert(place, image)
        self.answers.insert(place, answer)
        self._shows.insert(place, shows)
