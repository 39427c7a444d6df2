"""The judge: FAIL where a rule is proven to be broken, PASS where every rule is proven to hold, UNKNOWN for all else."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from lineside.core.errors import SettingsError, UnknownNameError, near
from lineside.core.inspection import View
from lineside.core.verdict import Reason, Verdict
from lineside.judge.judgement import Judgement, joined, unknown, unproven
from lineside.judge.rule import KINDS, Rule, judged, open_rule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lineside.core.detections import Detections

__all__ = ["KINDS", "Judge", "Judgement", "Rule", "open_rule"]


class Judge:
    """The rules of one product over the views of its cameras.

    A proven violation is FAIL, also where another camera is missing. PASS needs detections from every camera,
    complete ones, and every rule proven to hold. All else is UNKNOWN with the first reason.

    Args:
        rules: At least one.
        names: The class names of the model that the rules were made for.
        cameras: Names of the cameras whose views a part needs, at least one.

    Attributes:
        min_confidence: The lowest that any rule looks at: run the detector with it.

    Raises:
        SettingsError: There is no rule or no camera, a camera is named twice, a rule looks at another, or no rule looks
            at one of them.
    """

    def __init__(self, rules: Sequence[Rule], *, names: Sequence[str], cameras: Sequence[str]) -> None:
        if not rules:
            raise SettingsError("judge: expected at least one rule; without any, every part would pass")
        if not cameras or len(set(cameras)) < len(cameras):
            raise SettingsError(
                f"judge: expected cameras of different names, at least one; got {list(cameras)}"
            )
        self.rules = tuple(rules)
        self.names = tuple(names)
        self.cameras = tuple(cameras)
        self.min_confidence = min(rule.min_confidence for rule in self.rules)
        self._refuse_unseen()

    def _refuse_unseen(self) -> None:
        """Refuse a camera that no rule looks at, and a rule whose camera does not exist."""
        seen = {name for rule in self.rules for name in (rule.cameras or self.cameras)}
        for name in sorted(seen - set(self.cameras)):
            raise UnknownNameError(f'judge: no camera "{name}"{near(name, self.cameras)}')
        unseen = [name for name in self.cameras if name not in seen]
        if unseen:
            raise SettingsError(
                f"judge: no rule looks at the camera {', '.join(unseen)}: whatever it shows would pass. Give a rule that does, or "
                "leave the camera out of the part's"
            )

    def __call__(self, views: Sequence[View]) -> Judgement:
        """The judgement on a part.

        Args:
            views: Those of its cameras; one that is missing is a reason for UNKNOWN. Several of one camera are all looked at, those of
                other cameras are not.
        """
        shown = {view.camera for view in views}
        missing = [View(n, reason=Reason.NO_FRAME, detail="no view") for n in self.cameras if n not in shown]
        sound = [*missing, *(_sound(view, self.names) for view in views if view.camera in self.cameras)]
        doubts = [doubt for view in sound if (doubt := unproven(view))]
        said = [judged(rule, sound) for rule in self.rules]
        if any(view.detections is not None for view in sound):
            violations = [one for one in said if one.verdict is Verdict.FAIL]
        else:  # nothing was seen, so nothing can be proven
            violations = []
            said = [_doubted(one) for one in said]
        doubts += [one for one in said if one.verdict is Verdict.UNKNOWN]
        if violations:
            return Judgement(Verdict.FAIL, None, joined([*violations, *doubts]))
        doubts += [cut for view in sound if (cut := _cut(view))]
        if doubts:
            return Judgement(Verdict.UNKNOWN, doubts[0].reason, joined(doubts))
        return Judgement(Verdict.PASS, None, f"every rule holds in {', '.join(self.cameras)}")


def _sound(view: View, names: tuple[str, ...]) -> View:
    """The view as it is; without its detections where they come from another model or are no numbers."""
    detections = view.detections
    if detections is None:
        return view
    if detections.names != names:
        fault = (
            f"the rules were made for the classes {', '.join(names)}; the model's are "
            f"{', '.join(detections.names)}"
        )
    elif not _is_finite(detections):
        fault = "the model answered boxes or confidences that are no numbers"
    else:
        return view
    return replace(view, detections=None, reason=Reason.MODEL_UNHEALTHY, detail=fault)


def _is_finite(detections: Detections) -> bool:
    """Whether boxes are finite, confidences within 0 to 1 and class ids known; a maker may have left its checks out."""
    confidence, ids = detections.confidence, detections.class_id
    is_sound = bool(((confidence >= 0) & (confidence <= 1)).all() and np.isfinite(detections.xyxy).all())
    if detections.xywhr is not None:
        is_sound = is_sound and bool(np.isfinite(detections.xywhr).all())
    return is_sound and bool(((ids >= 0) & (ids < len(detections.names))).all())


def _doubted(judgement: Judgement) -> Judgement:
    """The judgement of a rule on a part of which nothing was seen."""
    if judgement.verdict is Verdict.UNKNOWN:
        return judgement
    return unknown(Reason.RULE_ERROR, f"a rule answered {judgement.verdict} and nothing was seen")


def _cut(view: View) -> Judgement | None:
    """What a cap on detections makes doubtful."""
    detections = view.detections
    if detections is None or not detections.truncated:
        return None
    return unknown(
        Reason.TRUNCATED,
        f"{view.camera}: more was detected than a picture's limit of {len(detections)} lets through",
    )
