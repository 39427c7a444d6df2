"""Why a model is not quantised, or what came of it not written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.core.errors import QuantisationError

if TYPE_CHECKING:
    from lineside.evaluation.judging import Judgement
    from lineside.evaluation.quantising.trials import Subject
    from lineside.models.card import ModelCard


def refuse_unfit(subject: Subject, precision: str) -> None:
    """Refuse a model that there is nothing to quantise in.

    Raises:
        QuantisationError: It is in integers or halves already, or has no layer before its decode tail.
    """
    name, was = subject.reading.subject.name, subject.card.precision
    if was != "fp32":
        raise QuantisationError(
            f"{name}: it is {was} already, expected a model in float32. Export it in float32, and quantise that"
        )
    if not subject.tail.layers:
        raise QuantisationError(
            f"{name}: no layer with weights was found before its decode tail, so nothing would be {precision}. "
            "Export it again, without NMS, in float32"
        )


def refuse_other(before: ModelCard, after: ModelCard) -> None:
    """Refuse a form that is recognised as something else.

    Raises:
        QuantisationError: It is.
    """
    if (before.family, before.names, before.task) != (after.family, after.names, after.task):
        raise QuantisationError(
            f"{before.file}: the quantised file is recognised as {after.family} with {len(after.names)} classes, the "
            f"float one as {before.family} with {len(before.names)}. Set the family with --family"
        )


def refusal(subject: Subject, judgement: Judgement | None, *, timed_out: bool = False) -> QuantisationError:
    """The refusal to write what was not good enough; `timed_out`: not every layer was measured."""
    name = subject.reading.subject.name
    if judgement is None:
        return QuantisationError(
            f"{name}: every layer would have to stay in float, so nothing is gained and nothing was written. Raise "
            "--tolerance, give other pictures, or use --precision fp16"
        )
    late = " The time for fragile layers ran out: raise --search-s." if timed_out else ""
    return QuantisationError(
        f"{name}: nothing was written: {judgement.lost}, at most {judgement.allowed:g} may be (--max-drop).{late} Give more "
        "pictures of the line with --data, try another --method, allow more, or use --precision fp16"
    )
