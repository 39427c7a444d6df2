"""What `lineside convert` does to a file: one step after the other, each proven, or left out with its reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from lineside.core.errors import LinesideError, ModelError, SettingsError
from lineside.models.card import ModelCard
from lineside.models.conversion import folding, opset, pruning
from lineside.models.conversion.nms_removed import without_nms
from lineside.models.conversion.proof import FOUND, OWN_PICTURES, RAW, Original, Proof
from lineside.models.conversion.shapes import fix_axes
from lineside.models.integer_layers import store_weights_unsigned
from lineside.models.lint import named

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onnx import ModelProto

    from lineside.models.conversion.thresholds import Thresholds
    from lineside.models.reading import Reading
    from lineside.models.spec import Runner


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is asked for. With nothing asked, all is done that leaves the answer as it is and that a hint names.

    Attributes:
        opset: The operator set, or `None`.
        size: Whether height and width are fixed at the size that the file is read with.
        batch: Whether the batch is fixed at 1.
        remove_nms: Whether the NMS inside is taken out.
        unsigned: Whether int8 weights of convolutions on integers become uint8.
        fold: Whether normalisation and constant arithmetic are computed once.
        prune: Whether nodes and constants that nobody reads are dropped.
        outputs: Whether outputs that the head does not need are dropped.
    """

    opset: int | None = None
    size: bool = False
    batch: bool = False
    remove_nms: bool = False
    unsigned: bool = False
    fold: bool = False
    prune: bool = False
    outputs: bool = False

    def __post_init__(self) -> None:
        if self.opset is not None and not opset.LEAST <= self.opset <= opset.MOST:
            raise SettingsError(
                f"opset: expected a number from {opset.LEAST} to {opset.MOST}; got {self.opset}"
            )

    @property
    def are_none(self) -> bool:
        """Whether nothing is asked for."""
        return self == Wishes()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a step.

    Attributes:
        step: Its name: that of its option.
        done: Whether the file was changed.
        what: What was done, or why nothing was.
    """

    step: str
    done: bool
    what: str


@dataclass(frozen=True, slots=True)
class Conversion:
    """A file rewritten and proven.

    Attributes:
        data: The new file's bytes.
        card: Its card.
        outcomes: What became of each step.
        proof: What was compared.
        inside: What the NMS was set to that was taken out, or `None`.
    """

    data: bytes
    card: ModelCard
    outcomes: tuple[Outcome, ...]
    proof: Proof
    inside: Thresholds | None = None

    @property
    def is_changed(self) -> bool:
        """Whether any step changed the file."""
        return any(outcome.done for outcome in self.outcomes)


Step = tuple[str, Callable[["ModelProto"], str | None]]
"""A step's name, and what changes a model in place: it answers what it did, or `None` where there was nothing to do."""

Differs = Callable[[bytes], str | None]
"""How a rewritten file answers otherwise than the original, or `None` where it does not."""


def convert(original: Original, wishes: Wishes, run: Runner) -> Conversion:
    """A file rewritten as asked for, and proven on the original's pictures.

    Args:
        original: The file as it was read, and the pictures.
        wishes: What is asked for.
        run: How to run a graph once.

    Raises:
        UnsupportedModelError: A step that was asked for cannot be done.
        ModelError: After a step that was asked for, the file answers otherwise.
    """
    reading = original.reading
    outcomes: list[Outcome] = []
    if reading.subject.batch > 1:
        outcomes.append(
            Outcome("batch", done=True, what=f"a batch of {reading.subject.batch} became one picture a run")
        )
    if wishes.remove_nms:
        original.told("remove-nms")
        return _without_nms(original, wishes, run, outcomes)
    model = _copy(reading.subject.model)
    differs = partial(original.other_answer, part=slice(OWN_PICTURES))
    for step in _steps(reading, wishes, run):
        original.told(step[0])
        model = _stepped(reading, model, step, differs, outcomes, is_asked=not wishes.are_none)
    data = model.SerializeToString()
    if (other := original.other_answer(data, part=slice(OWN_PICTURES, None))) is not None:
        raise ModelError(f"{reading.subject.name}: after the conversion {other}. Nothing was written")
    proof = Proof(len(original.pictures), 0, RAW)
    return Conversion(data, ModelCard.of(original.read_again(data)), tuple(outcomes), proof)


def _without_nms(original: Original, wishes: Wishes, run: Runner, outcomes: list[Outcome]) -> Conversion:
    """The file without its NMS, and what else was asked for; all proven by what is found."""
    removed = without_nms(original)
    inside = removed.inside
    text = f"the NMS is gone; it was set to {inside.options()}"
    if original.stands_in:
        text += ". TensorRT's layer was not run: what its documentation says was, in ONNX's operators"
    outcomes.append(Outcome("remove-nms", done=True, what=text))

    def differs(data: bytes) -> str | None:
        return original.other_detections(data, inside)[0]

    model = removed.model
    for step in _steps(original.reading, replace(wishes, outputs=False), run):  # one output is left
        original.told(step[0])
        model = _stepped(original.reading, model, step, differs, outcomes, is_asked=True)
    data = model.SerializeToString()
    proof = Proof(len(original.pictures), removed.detections, FOUND)
    return Conversion(data, ModelCard.of(original.read_again(data)), tuple(outcomes), proof, inside)


def _stepped(
    reading: Reading,
    model: ModelProto,
    step: Step,
    differs: Differs,
    outcomes: list[Outcome],
    *,
    is_asked: bool,
) -> ModelProto:
    """The model after a step, or the model as it was where there was nothing to do or the answer would be another.

    Raises:
        LinesideError: The step was asked for and cannot be done, or the model then answers otherwise.
    """
    name, change = step
    copy = _copy(model)
    try:
        what = change(copy)
        if what is not None and (other := differs(copy.SerializeToString())) is not None:
            raise ModelError(f"the file would answer otherwise: {other}")
    except LinesideError as fault:
        if is_asked:
            raise type(fault)(f"{reading.subject.name}: --{name}: {fault}. Nothing was written") from fault
        outcomes.append(Outcome(name, done=False, what=str(fault)))
        return model
    outcomes.append(Outcome(name, done=what is not None, what=what or "there was nothing to do"))
    return model if what is None else copy


def _steps(reading: Reading, wishes: Wishes, run: Runner) -> Iterator[Step]:
    """The steps in their order: those that are asked for, or those that a hint names and that change no answer."""
    card = ModelCard.of(reading)
    codes = {hint.code for hint in card.hints}
    everything = wishes.are_none
    version = wishes.opset
    if everything and codes & {"opset_old", "opset_beyond_cuda"}:
        version = opset.RECOMMENDED
    if wishes.outputs or (everything and "unread_outputs" in codes):
        yield "outputs", partial(_drop_outputs, card=card)
    if wishes.prune or everything:
        yield "prune", _prune
    if version is not None:
        yield "opset", partial(_to_opset, card=card, version=version)
    if wishes.size or wishes.batch:
        yield "size" if wishes.size else "batch", partial(_fix, reading=reading, wishes=wishes)
    if wishes.unsigned or (everything and "dynamic_int8_signed" in codes):
        yield "unsigned", _unsigned
    if wishes.fold or everything:
        yield "fold", partial(_fold, run=run)


def _drop_outputs(model: ModelProto, *, card: ModelCard) -> str | None:
    names = [value.name for value in model.graph.output]
    gone = pruning.keep_outputs(model, {names[place] for place in (card.head.output, *card.head.others)})
    return f"dropped {named(gone)}, which the head does not need" if gone else None


def _prune(model: ModelProto) -> str | None:
    nodes, constants = pruning.drop_dead(model)
    fixed = pruning.fix_constants(model)
    parts = [
        (nodes, "nodes that no output depends on were dropped"),
        (constants, "constants that nobody reads were dropped"),
        (fixed, "constants are inputs no more"),
    ]
    return "; ".join(f"{count} {what}" for count, what in parts if count) or None


def _to_opset(model: ModelProto, *, card: ModelCard, version: int) -> str | None:
    return None if card.opset == version else opset.to_opset(model, version)


def _fix(model: ModelProto, *, reading: Reading, wishes: Wishes) -> str | None:
    fixed = fix_axes(model, reading.subject.picture, size=wishes.size, batch=wishes.batch)
    return f"fixed: {' and '.join(fixed)}" if fixed else None


def _unsigned(model: ModelProto) -> str | None:
    layers = store_weights_unsigned(model)
    return f"the int8 weights of {layers} layers are uint8; the sums stay the same" if layers else None


def _fold(model: ModelProto, *, run: Runner) -> str | None:
    pruning.raise_format(model, pruning.FIXED_CONSTANTS_SINCE)
    lifted = folding.lift_constants(model)
    norms = folding.fold_norms(model)
    nodes = folding.fold_constants(model, run)
    parts = [
        f"{count} {what}"
        for count, what in (
            (lifted, "Constant nodes became constants"),
            (norms, "normalisations went into their convolutions"),
            (nodes, "nodes whose values never change were computed"),
        )
        if count
    ]
    return "; ".join(parts) or None


def _copy(model: ModelProto) -> ModelProto:
    import onnx

    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    return copy
