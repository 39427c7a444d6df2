"""What stands between the line and a plant's control: triggers come in, answers go out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from lineside.core import plugins
from lineside.core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lineside.core.verdict import Reason, Verdict

KINDS = "lineside.outputs.plant.kinds"
"""The folder of the protocols, and the entry point group for more of them."""


@dataclass(frozen=True, slots=True)
class PlantTrigger:
    """The plant's control says that a part is in place.

    Attributes:
        id: The control's number of the part, which travels to the answer; `None` where it gives none.
        at_s: When it was heard, in monotonic seconds.
        product: The product code that holds for this part; `None` where the control sets none.
        serial: The part's serial number, or an empty string.
        order: The link's own number of the trigger, which belongs into the answer: it says which of several triggers
            without a number, or with the same one, is meant.
    """

    id: int | None
    at_s: float
    product: str | None = None
    serial: str = ""
    order: int | None = None


@dataclass(frozen=True, slots=True)
class ProductChosen:
    """The plant's control chose another product for the parts to come."""

    code: str
    at_s: float


@dataclass(frozen=True, slots=True)
class TriggerRefused:
    """A trigger that could not be taken: a double one, one before the last answer was acknowledged, one while not ready.

    The link has answered it with `trigger_missed` already and counts it.
    """

    id: int | None
    at_s: float
    sentence: str


@dataclass(frozen=True, slots=True)
class PlantNote:
    """Something that people should know: the control is away, or back, does not acknowledge, or was reset.

    Attributes:
        code: `plc.lost`, `plc.back`, `plc.unacknowledged`, `plc.garbage`, `plc.reset`, `plc.unanswered`, `plc.stranger`.
        at_s: Monotonic seconds.
        sentence: What happened.
    """

    code: str
    at_s: float
    sentence: str


PlantEvent: TypeAlias = PlantTrigger | ProductChosen | TriggerRefused | PlantNote


class LineState(StrEnum):
    """What the plant's control may expect of the line."""

    STARTING = "starting"
    READY = "ready"
    """A trigger will be taken."""
    STOPPING = "stopping"
    """No new parts; those on the line are still answered."""
    FAULT = "fault"
    """Nothing can be judged: every part is UNKNOWN."""


@dataclass(frozen=True, slots=True)
class PlantAnswer:
    """What the plant's control hears of one part.

    Attributes:
        trigger: The trigger's number; `None` where the control gave none.
        inspection: The line's own number of the part, which only grows. Gaps tell the control of a missed answer.
        verdict: PASS, FAIL or UNKNOWN, which is a reject.
        reason: Why UNKNOWN, else `None`.
        count: Objects that were detected, over all views.
        confidence: Of the most confident object that decided the verdict, 0 to 1; 0 without one.
        product: The recipe's code, or an empty string.
        serial: The part's serial number, or an empty string.
        detail: The grounds as a sentence.
        order: `PlantTrigger.order` of the trigger that this answers; `None` for a part that no trigger of this link began. An
            answer without it is never taken for that to a trigger without a number.
    """

    trigger: int | None
    inspection: int
    verdict: Verdict
    reason: Reason | None
    count: int = 0
    confidence: float = 0.0
    product: str = ""
    serial: str = ""
    detail: str = ""
    order: int | None = None


class PlantLink(Protocol):
    """One connection to the plant. It has threads of its own where its protocol needs them.

    No method waits for the other side longer than the protocol's own write; a control that is away is told by a
    `PlantNote`, and comes back by itself.
    """

    def start(self, heard: Callable[[PlantEvent], None]) -> None:
        """The link is open, or tries to be, and tells what it hears. `heard` is quick, and may be called by any thread.

        Raises:
            OutputError: It can never work: a port in use, a certificate that fails.
        """

    def tell(self, state: LineState) -> None:
        """The plant's control can see the line's state."""

    def answer(self, answer: PlantAnswer) -> None:
        """The answer is written, results first and `results valid` last.

        Answers are shown in the order of their triggers, each until the control has acknowledged it: one may have to wait
        for those before it, which this method does not.

        Raises:
            OutputError: It could not be written; the plant's control may not know this part, and must reject it then. Or the
                trigger is not one that waits for an answer: it has one already, or was reset.
        """

    def close(self) -> None:
        """Not ready any more, and closed; may be called twice."""


def open_link(settings: Mapping[str, Any]) -> PlantLink:
    """The link that a table describes, not yet started. A kind's file holds `make(settings) -> PlantLink`.

    Args:
        settings: `kind`, the name of a protocol, and that protocol's settings.

    Raises:
        SettingsError: There is no kind, or a setting is not accepted.
        PluginError: No such protocol exists, or what it needs is not installed.
    """
    if "kind" not in settings:
        raise SettingsError(
            f"plant: expected a kind: {', '.join(plugins.names(KINDS))}; got {dict(settings)!r}"
        )
    rest = {key: value for key, value in settings.items() if key != "kind"}
    link: PlantLink = plugins.load(KINDS, str(settings["kind"])).make(rest)
    return link
