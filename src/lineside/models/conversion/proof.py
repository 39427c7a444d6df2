"""The proof that a rewritten file answers as the original does: to the test picture, and to the user's own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from lineside.core.errors import LinesideError
from lineside.models.file import ModelFile
from lineside.models.probe import as_exported, planar, probe_picture
from lineside.models.reading import Reading, read_model
from lineside.models.recognise import family
from lineside.models.surgery import difference
from lineside.postprocess.candidates import Candidates, Selection
from lineside.postprocess.nms import Suppression, open_nms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from lineside.models.conversion.thresholds import Thresholds
    from lineside.models.facts import ModelFacts
    from lineside.models.spec import Runner

OWN_PICTURES = 2
"""Every step is proven on so many pictures of lineside's own: the test picture, and the same turned round."""

BOX_TOLERANCE_PX = 0.05
SCORE_TOLERANCE = 1e-4


@dataclass(frozen=True, slots=True)
class Proof:
    """What was compared, and how far apart it was at the most.

    Attributes:
        pictures: Pictures that both files answered.
        detections: Detections that were compared; 0 where raw answers were, which needs none.
        apart: How the answers may differ, in words.
    """

    pictures: int
    detections: int
    apart: str


RAW = "raw answers within 0.01 px and 2e-5 in score"
FOUND = f"detections within {BOX_TOLERANCE_PX:g} px and {SCORE_TOLERANCE:g} in score"


class Original:
    """The file as it was read, its answers to some pictures, and how others are held against them.

    Args:
        reading: The file, with its answer to the test picture.
        facts: Facts set by hand that it was read with.
        run: How to run a graph once.
        pictures: More pictures, uint8 (1, 3, H, W) planes in the model's channel order.
        stands_in: Whether operators stand in the file for a layer that cannot be run here.
        told: Called with what is being done, for who waits.

    Attributes:
        pictures: The test pictures, `OWN_PICTURES` of lineside's own before the user's.
    """

    def __init__(
        self,
        reading: Reading,
        facts: ModelFacts | None,
        run: Runner,
        pictures: Iterable[NDArray[np.uint8]] = (),
        *,
        stands_in: bool = False,
        told: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.reading = reading
        self.stands_in = stands_in
        self.told = told
        self._facts = facts
        self._run = run
        turned = np.ascontiguousarray(probe_picture(reading.subject.picture.size)[::-1, ::-1])
        self.pictures = [reading.planes, planar(turned, reading.conventions), *pictures]
        data = reading.subject.model.SerializeToString()
        self.answers = [self.answer(data, reading, planes) for planes in self.pictures]
        self.names = tuple(tensor.name for tensor in reading.subject.graph.outputs)

    def answer(self, data: bytes, reading: Reading, planes: NDArray[Any]) -> tuple[NDArray[Any], ...]:
        """What a file answers to a picture."""
        spec = reading.subject.picture
        return tuple(self._run(data, spec.feeds(as_exported(planes, spec, reading.conventions))))

    def read_again(self, data: bytes) -> Reading:
        """A rewritten file, read as the original was.

        Raises:
            LinesideError: It cannot be read.
        """
        import hashlib

        path = self.reading.subject.file.path
        return read_model(
            ModelFile(path, data, hashlib.sha256(data).hexdigest()), facts=self._facts, run=self._run
        )

    def other_answer(self, data: bytes, *, part: slice = slice(None)) -> str | None:
        """How a rewritten file with the same head answers otherwise, or `None` where it does not.

        Args:
            data: The file; outputs that the head does not need may be missing.
            part: Which of the pictures are shown to it.
        """
        try:
            new = self.read_again(data)
        except LinesideError as fault:
            return f"the file would be refused: {_first(fault)}"
        if (other := self._other_card(new, same_head=True)) is not None:
            return other
        names = [tensor.name for tensor in new.subject.graph.outputs]
        places = [self.names.index(name) for name in names]
        for planes, answers in self._shown(part):
            expected = [answers[place] for place in places]
            if (other := difference(expected, self.answer(data, new, planes))) is not None:
                return other
        return None

    def other_detections(self, data: bytes, inside: Thresholds) -> tuple[str | None, int]:
        """How a file whose NMS was taken out finds otherwise, outside, with the same thresholds; and how much was compared.

        Args:
            data: The file.
            inside: The thresholds that the original holds, and the way of its NMS.
        """
        try:
            new = self.read_again(data)
        except LinesideError as fault:
            return _first(fault), 0
        if (other := self._other_card(new, same_head=False)) is not None:
            return other, 0
        count = 0
        for planes, answers in self._shown(slice(None)):
            expected = decoded(self.reading, answers, Selection(inside.confidence))
            if (other := apart(expected, found(new, self.answer(data, new, planes), inside))) is not None:
                return other, count
            count += len(expected.confidence)
        return None, count

    def _shown(self, part: slice) -> Iterator[tuple[NDArray[np.uint8], tuple[NDArray[Any], ...]]]:
        """Some of the pictures, and what the original answers to each."""
        pairs = list(zip(self.pictures, self.answers, strict=True))[part]
        for number, pair in enumerate(pairs, 1):
            if len(self.pictures) > OWN_PICTURES:
                self.told(f"proof, picture {number} of {len(pairs)}")
            yield pair

    def _other_card(self, new: Reading, *, same_head: bool) -> str | None:
        """What is said otherwise of a rewritten file, or `None`."""
        old, size = self.reading, self.reading.subject.picture.size
        kept: list[tuple[str, object, object]] = [
            ("task", old.match.spec.task, new.match.spec.task),
            ("class names", old.names, new.names),
            ("input size", size, new.subject.picture.size),
            ("element type", old.subject.picture.dtype, new.subject.picture.dtype),
        ]
        conventions = new.conventions
        if same_head:
            kept.append(("family", old.family, new.family))
        else:  # how its NMS goes about it is the new family's business
            conventions = replace(
                conventions, class_aware=old.conventions.class_aware, nms=old.conventions.nms
            )
        kept.append(("conventions", old.conventions, conventions))
        return next((f"its {what} would be {b}, they are {a}" for what, a, b in kept if a != b), None)


def _first(fault: LinesideError) -> str:
    """What a refusal begins with, without the file's name."""
    return str(fault).partition(": ")[2].partition(". ")[0]


def decoded(reading: Reading, answer: Sequence[NDArray[Any]], want: Selection) -> Candidates:
    """What a model's family makes of its answer, in model pixels."""
    return family(reading.family).decode(answer, reading.match.spec, want)


def found(reading: Reading, answer: Sequence[NDArray[Any]], inside: Thresholds) -> Candidates:
    """What is left of a model's answer after NMS outside with these thresholds."""
    want = Selection(inside.confidence, multi_label=inside.multi_label)
    how = Suppression(inside.iou, inside.class_aware, inside.most, inside.confidence)
    return open_nms("iou")(decoded(reading, answer, want), how)


def apart(expected: Candidates, got: Candidates) -> str | None:
    """How two lists of detections differ, or `None`; equal scores may stand in any order."""
    if len(expected.confidence) != len(got.confidence):
        return f"{len(got.confidence)} detections, the original has {len(expected.confidence)}"
    free = np.ones(len(got.confidence), np.bool_)
    for box, score, label in zip(expected.xyxy, expected.confidence, expected.class_id, strict=True):
        fits = (
            free
            & (got.class_id == label)
            & (np.abs(got.xyxy - box).max(axis=1, initial=0) <= BOX_TOLERANCE_PX)
            & (np.abs(got.confidence - score) <= SCORE_TOLERANCE)
        )
        if not fits.any():
            return f"no detection of class {label} at {np.round(box, 1).tolist()} with {score:.3f}"
        free[int(fits.argmax())] = False
    return None
