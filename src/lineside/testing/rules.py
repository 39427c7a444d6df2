"""What a rule must withstand, and a stand-in for one; for the rules of other packages too."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from lineside.core.detections import Detections
from lineside.core.frame import Frame
from lineside.core.geometry import Size
from lineside.core.inspection import View
from lineside.core.verdict import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lineside.judge.judgement import Judgement

PICTURE = Size(height=480, width=640)
"""Size of the pictures of `seen`."""


@dataclass(frozen=True, slots=True)
class StandInRule:
    """A rule that says what it is told to.

    Attributes:
        answer: What it answers; an exception is raised.
        min_confidence: The lowest that it says it looks at.
        cameras: Whose views it says it looks at.
    """

    answer: Judgement | Exception
    min_confidence: float = 0.25
    cameras: tuple[str, ...] | None = None

    def judge(self, views: Sequence[View]) -> Judgement:
        """The answer."""
        del views
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def seen(
    camera: str,
    names: Sequence[str],
    *found: tuple[str, float, Sequence[float]],
    size: Size = PICTURE,
    truncated: bool = False,
) -> View:
    """A view in which objects were found: class, confidence, and left, top, right, bottom of each.

    Args:
        camera: Its name.
        names: The model's class names.
        found: The objects, in any order.
        size: Size of the picture.
        truncated: Whether a cap cut others off.
    """
    rows = sorted(found, key=lambda one: -one[1])
    detections = Detections(
        xyxy=np.array([box for _, _, box in rows], np.float32).reshape(-1, 4),
        confidence=np.array([score for _, score, _ in rows], np.float32),
        class_id=np.array([names.index(name) for name, _, _ in rows], np.int32),
        names=tuple(names),
        size=size,
        truncated=truncated,
    )
    image = np.zeros((*size, 3), np.uint8)
    return View(camera, frame=Frame(image, camera, 0, part=0), detections=detections)


def unproven_parts(part: Sequence[View]) -> Iterator[tuple[str, list[View]]]:
    """What is made of a part that passes, so that nobody may pass it: a title and the views of each.

    A judge of one rule that passes `part` must pass none of these.

    Args:
        part: Its views, all with detections, each of another camera.
    """
    yield "no view at all", []
    for number, view in enumerate(part):
        others = [one for at, one in enumerate(part) if at != number]
        assert view.detections is not None
        yield f"without {view.camera}", others
        for reason in Reason:
            lost = View(view.camera, frame=view.frame, reason=reason, detail="so it is")
            yield f"{view.camera}: {reason}", [*others, lost]
        for title, detections in _unsound(view.detections):
            yield f"{view.camera}: {title}", [*others, replace(view, detections=detections)]


def _unsound(good: Detections) -> Iterator[tuple[str, Detections]]:
    """Detections that prove nothing, some of them such as only a maker without checks can make."""
    yield "truncated", replace(good, truncated=True)
    yield "of another model", replace(good, names=(*good.names, "another"))
    if len(good.names) > 1:
        yield "of classes in another order", replace(good, names=good.names[::-1])
    fields = {
        "xyxy": np.array([[100, 100, 140, 140]], np.float32),
        "confidence": np.array([0.9], np.float32),
        "class_id": np.array([0], np.int32),
        "names": good.names,
        "size": good.size,
        "truncated": False,
    }
    yield "without any class", Detections.proven(**(fields | {"names": ()}))
    for title, score in (("NaN", np.nan), ("infinity", np.inf), ("above 1", 1.5), ("below 0", -0.5)):
        spoilt = {"confidence": np.array([score], np.float32)}
        yield f"a confidence that is {title}", Detections.proven(**(fields | spoilt))
    for title, number in (("NaN", np.nan), ("infinity", np.inf)):
        spoilt = {"xyxy": np.array([[100, 100, number, 140]], np.float32)}
        yield f"a box with {title}", Detections.proven(**(fields | spoilt))
    for number in (-1, len(good.names)):
        spoilt_ids = {"class_id": np.array([number], np.int32)}
        yield f"the class id {number}", Detections.proven(**(fields | spoilt_ids))
