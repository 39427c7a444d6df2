"""A result as JSON, for the protocols whose messages carry whole parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lineside.outputs.plant.codes import NO_REASON, REASON_CODES, VERDICT_CODES

if TYPE_CHECKING:
    from lineside.outputs.plant.link import PlantAnswer


def result_of(answer: PlantAnswer) -> dict[str, Any]:
    """What a client reads of one part: the words, and beside them the numbers of every other protocol."""
    return {
        "trigger": answer.trigger,
        "inspection": answer.inspection,
        "verdict": str(answer.verdict),
        "verdict_code": VERDICT_CODES[answer.verdict],
        "reason": None if answer.reason is None else str(answer.reason),
        "reason_code": NO_REASON if answer.reason is None else REASON_CODES[answer.reason],
        "count": answer.count,
        "confidence": round(answer.confidence, 4),
        "product": answer.product,
        "serial": answer.serial,
        "detail": answer.detail,
    }
