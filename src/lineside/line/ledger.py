"""Who owes what for which part: a state machine without threads, clock or I/O.

Events go in with their time, actions come out. Every part that is triggered gets exactly one `JudgePart` and, when
its `Judged` comes, exactly one `Answer`, whatever else happens or does not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lineside.core.errors import SettingsError
from lineside.core.inspection import Inspection, Origin, View
from lineside.core.verdict import Reason, Verdict
from lineside.judge.judge import Judgement
from lineside.line.events import (
    Absence,
    Answer,
    Capture,
    Detect,
    Detected,
    DetectFailed,
    FrameArrived,
    FrameLost,
    GiveUp,
    Judged,
    JudgePart,
    LateResult,
    Tick,
    Triggered,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lineside.core.frame import Frame
    from lineside.line.events import Action, Event


@dataclass(slots=True, eq=False)
class _Open:
    """A part that has no answer yet. Its views are filled in as they are settled."""

    number: int
    triggered_s: float
    deadline_s: float
    views: dict[str, View | None]
    frames: dict[str, Frame] = field(default_factory=dict)
    capture_s: dict[str, float] = field(default_factory=dict)
    origin: Origin = field(default_factory=Origin)
    with_judge: bool = False

    @property
    def is_settled(self) -> bool:
        return None not in self.views.values()


class Ledger:
    """The open parts of a line.

    Args:
        cameras: Names of the cameras that see each part.
        deadline_s: Seconds from the trigger to the deadline.
        max_captures: Triggers that one camera may leave unanswered; further ones are NO_FRAME at once.
        max_frames: Pictures that may wait for the model; further ones are OVERLOAD at once.
        reserve_s: So long before a part's deadline the model's answer is due, because it has to be judged and told, too.

    Raises:
        SettingsError: There is no camera, or a limit or the deadline is not positive.
    """

    def __init__(
        self,
        cameras: Sequence[str],
        *,
        deadline_s: float,
        max_captures: int = 4,
        max_frames: int = 8,
        reserve_s: float = 0.0,
    ) -> None:
        limits_ok = max_captures >= 1 and max_frames >= 1 and 0 <= reserve_s < deadline_s
        if not cameras or not limits_ok:
            raise SettingsError(
                f"ledger: expected cameras, a deadline above 0 s and limits of at least 1; got {list(cameras)}, "
                f"{deadline_s} s, {max_captures} captures and {max_frames} frames"
            )
        self._cameras = tuple(cameras)
        self._deadline_s = deadline_s
        self._max_captures = max_captures
        self._max_frames = max_frames
        self._reserve_s = reserve_s
        self._absence: Reason | None = None
        self._open: dict[int, _Open] = {}
        self._capturing: set[tuple[str, int]] = set()
        self._detecting: set[tuple[str, int]] = set()
        self._last_part = -1

    @property
    def open_parts(self) -> int:
        """How many parts have no answer yet."""
        return len(self._open)

    @property
    def next_deadline_s(self) -> float | None:
        """The earliest deadline of an open part, or `None`."""
        waiting = (part.deadline_s for part in self._open.values() if not part.with_judge)
        return min(waiting, default=None)

    def handle(self, event: Event, now_s: float) -> list[Action]:
        """What is to be done after an event.

        Args:
            event: What happened. One that nobody waits for changes nothing.
            now_s: Monotonic seconds, never less than at the last call.

        Raises:
            SettingsError: A part's number is not above the last one's.
        """
        actions = self._overdue(now_s)
        match event:
            case Triggered():
                actions += self._trigger(event)
            case FrameArrived():
                actions += self._arrive(event, now_s)
            case FrameLost():
                actions += self._give_up(event, self._capturing)
            case Detected():
                actions += self._detected(event)
            case DetectFailed():
                actions += self._give_up(event, self._detecting)
            case Judged():
                actions += self._answer(event, now_s)
            case Absence():
                self._absence = event.reason
            case GiveUp():
                actions += self._give_all_up(event)
            case Tick():
                pass
        return actions

    def _overdue(self, now_s: float) -> list[Action]:
        """The parts whose deadline has come go to the judge with what there is."""
        actions: list[Action] = []
        for part in self._open.values():
            if not part.with_judge and now_s >= part.deadline_s:
                actions += self._close(part, Reason.LATE, "did not come by the deadline")
        return actions

    def _give_all_up(self, event: GiveUp) -> list[Action]:
        waiting = [part for part in self._open.values() if not part.with_judge]
        return [
            action
            for part in waiting
            for action in self._close(part, event.reason, f"had not come yet: {event.detail}")
        ]

    def _close(self, part: _Open, reason: Reason, what: str) -> list[Action]:
        """Let the judge have what there is; what is missing has its reason."""
        for camera, view in part.views.items():
            if view is None and camera in part.frames and self._absence is not None:
                detail = "no device was in service until the deadline"
                part.views[camera] = self._unknown(part, camera, self._absence, detail)
            elif view is None:
                who = "the model's answer" if camera in part.frames else "the picture"
                part.views[camera] = self._unknown(part, camera, reason, f"{who} {what}")
        return self._to_judge(part)

    def _trigger(self, event: Triggered) -> list[Action]:
        if event.part <= self._last_part:
            raise SettingsError(f"ledger: expected a part after {self._last_part}; got part {event.part}")
        self._last_part = event.part
        due_s = event.at_s + self._deadline_s
        views = event.views or self._cameras
        part = _Open(event.part, event.at_s, due_s, dict.fromkeys(views), origin=event.origin)
        self._open[event.part] = part
        if event.refusal is not None:
            refusal = event.refusal
            for camera in views:
                part.views[camera] = self._unknown(part, camera, refusal.reason, refusal.detail)
            return self._to_judge(part)
        if not event.asks:
            self._capturing.update((camera, event.part) for camera in views)
            return []
        actions: list[Action] = []
        for camera in views:
            unanswered = sum(1 for name, _ in self._capturing if name == camera)
            if unanswered >= self._max_captures:
                detail = f"the camera has left {unanswered} triggers unanswered"
                actions += self._settle(part, self._unknown(part, camera, Reason.NO_FRAME, detail))
            else:
                self._capturing.add((camera, event.part))
                actions.append(Capture(camera, event.part))
        return actions

    def _arrive(self, event: FrameArrived, now_s: float) -> list[Action]:
        part = self._owed(event.camera, event.part, self._capturing)
        if not isinstance(part, _Open):
            return [LateResult(event)] if part else []
        part.frames[event.camera] = event.frame
        part.capture_s[event.camera] = now_s - part.triggered_s
        if event.frame.part != event.part:
            reason, detail = Reason.NO_FRAME, f"the picture that came is of part {event.frame.part}"
        elif len(self._detecting) >= self._max_frames:
            reason, detail = Reason.OVERLOAD, f"{len(self._detecting)} pictures wait for the model already"
        else:
            self._detecting.add((event.camera, event.part))
            return [Detect(event.camera, event.part, event.frame, part.deadline_s - self._reserve_s)]
        return self._settle(part, self._unknown(part, event.camera, reason, detail))

    def _give_up(self, event: FrameLost | DetectFailed, owing: set[tuple[str, int]]) -> list[Action]:
        part = self._owed(event.camera, event.part, owing)
        if not isinstance(part, _Open):
            return []
        return self._settle(part, self._unknown(part, event.camera, event.reason, event.detail))

    def _detected(self, event: Detected) -> list[Action]:
        part = self._owed(event.camera, event.part, self._detecting)
        if not isinstance(part, _Open):
            return [LateResult(event)] if part else []
        seconds = {"capture": part.capture_s[event.camera], **event.seconds}
        view = View(
            event.camera,
            frame=part.frames[event.camera],
            detections=event.detections,
            seconds=seconds,
            device=event.device,
        )
        return self._settle(part, view)

    def _owed(self, camera: str, number: int, owing: set[tuple[str, int]]) -> _Open | bool:
        """The open part that waits for this; True where its answer was given already, False where nobody waits."""
        if (camera, number) not in owing:
            return False
        owing.remove((camera, number))
        part = self._open.get(number)
        return part if part is not None and part.views[camera] is None else True

    def _unknown(self, part: _Open, camera: str, reason: Reason, detail: str) -> View:
        seconds = {"capture": part.capture_s[camera]} if camera in part.capture_s else {}
        return View(camera, frame=part.frames.get(camera), reason=reason, detail=detail, seconds=seconds)

    def _settle(self, part: _Open, view: View) -> list[Action]:
        part.views[view.camera] = view
        return self._to_judge(part) if part.is_settled else []

    def _to_judge(self, part: _Open) -> list[Action]:
        part.with_judge = True
        return [JudgePart(part.number, _views(part))]

    def _answer(self, event: Judged, now_s: float) -> list[Action]:
        part = self._open.get(event.part)
        if part is None or not part.with_judge:
            return []
        del self._open[event.part]
        judgement = event.judgement
        if judgement.verdict is Verdict.PASS and now_s > part.deadline_s:
            late_ms = (now_s - part.deadline_s) * 1e3
            judgement = Judgement(Verdict.UNKNOWN, Reason.LATE, f"judged {late_ms:.1f} ms after the deadline")
        return [Answer(_inspection(part, judgement, now_s, event.judge_s))]


def _inspection(part: _Open, judgement: Judgement, now_s: float, judge_s: float) -> Inspection:
    """The answer; UNKNOWN where the judgement claims more than the views prove."""

    def made(said: Judgement) -> Inspection:
        return Inspection(
            part=part.number,
            verdict=said.verdict,
            reason=said.reason,
            detail=said.detail,
            views=_views(part),
            triggered_s=part.triggered_s,
            answered_s=now_s,
            deadline_s=part.deadline_s,
            judge_s=judge_s,
            origin=part.origin,
        )

    try:
        return made(judgement)
    except SettingsError as unproven:
        return made(Judgement(Verdict.UNKNOWN, Reason.INTERNAL_FAULT, str(unproven)))


def _views(part: _Open) -> tuple[View, ...]:
    return tuple(view for view in part.views.values() if view is not None)
