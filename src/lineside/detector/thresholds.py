"""The settings of a call, checked once: what is out of range or unknown is refused, never bent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lineside.core.errors import SettingsError, UnknownNameError, near
from lineside.postprocess.candidates import Selection
from lineside.postprocess.nms import Suppression, open_nms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lineside.models.card import ModelCard
    from lineside.postprocess.nms import Boxes, Nms


CONFIDENCE = 0.25
"""The confidence above which an object counts unless set; of a classifier every class counts."""

MAX_DETECTIONS = 300
"""The most objects of a picture unless set."""

MAX_CLASSES = 5
"""The most classes that a classifier names unless set."""


@dataclass(frozen=True, slots=True, eq=False)
class Thresholds:
    """Checked settings of a call; `Detector.__call__` says what each means.

    Attributes:
        selection: Which candidates are wanted.
        nms: The kind of NMS, opened; `none` for a head that needs no NMS.
        suppression: What it is asked for.
    """

    selection: Selection
    nms: Nms
    suppression: Suppression

    @classmethod
    def checked(  # noqa: PLR0913 # the thresholds of a call, all by keyword
        cls,
        card: ModelCard,
        *,
        confidence: float | None,
        iou: float,
        classes: Sequence[int | str] | None,
        max_detections: int | None,
        nms: str | None,
        class_aware: bool | None,
        multi_label: bool,
    ) -> Thresholds:
        """The settings of a call to a model.

        Raises:
            SettingsError: A value is out of range, a class or NMS kind unknown.
        """
        is_classifier = card.task == "classify"
        if confidence is None:
            confidence = 0.0 if is_classifier else CONFIDENCE
        if max_detections is None:
            max_detections = MAX_CLASSES if is_classifier else MAX_DETECTIONS
        for name, value in (("confidence", confidence), ("iou", iou)):
            if not _is_share(value):
                raise SettingsError(f"{name}: expected a number from 0 to 1; got {value!r}")
        if not is_count(max_detections):
            raise SettingsError(
                f"max_detections: expected a whole number of at least 1; got {max_detections!r}"
            )
        for name, flag in (("class_aware", class_aware), ("multi_label", multi_label)):
            if not isinstance(flag, bool | np.bool_) and not (flag is None and name == "class_aware"):
                raise SettingsError(f"{name}: expected True or False; got {flag!r}")
        opened = nms_for(card, nms)
        habit = card.conventions.class_aware
        return cls(
            selection=Selection(float(confidence), _class_mask(classes, card.names), bool(multi_label)),
            nms=open_nms("none", boxes=_boxes(card)) if card.nms_free else opened,
            suppression=Suppression(
                iou=float(iou),
                class_aware=habit if class_aware is None else bool(class_aware),
                limit=int(max_detections),
                confidence=float(confidence),
            ),
        )


def nms_for(card: ModelCard, kind: str | None) -> Nms:
    """A kind of NMS for the boxes of a model, or the habit of its family.

    Raises:
        SettingsError: There is no such kind, or it has no meaning for these boxes.
    """
    text = card.conventions.nms if kind is None else kind
    if not isinstance(text, str):
        raise SettingsError(f"nms: expected the name of a kind, or None for the family's habit; got {text!r}")
    return open_nms(text, boxes=_boxes(card))


def _boxes(card: ModelCard) -> Boxes:
    return "oriented" if card.task == "obb" else "upright"


def is_count(value: object) -> bool:
    """Whether a value is a whole number of at least 1."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and bool(value >= 1)


def _is_share(value: object) -> bool:
    is_number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    return is_number and 0 <= value <= 1  # type: ignore[operator] # a number by the line above


def _class_mask(classes: Sequence[int | str] | None, names: tuple[str, ...]) -> NDArray[np.bool_] | None:
    """The wanted classes as a mask, or `None` for all."""
    if classes is None:
        return None
    if isinstance(classes, str | int | np.integer):
        classes = (classes,)
    if not isinstance(classes, Iterable):
        raise SettingsError(f"classes: expected class ids or names, or None for all; got {classes!r}")
    mask = np.zeros(len(names), bool)
    for wanted in classes:
        mask[_class_ids(wanted, names)] = True
    if not mask.any():
        raise SettingsError("classes: expected at least one class, or None for all")
    return mask


def _class_ids(wanted: object, names: tuple[str, ...]) -> list[int]:
    """The classes that an id or a name means; a name that several classes share means them all."""
    if isinstance(wanted, str):
        for fold in (str, str.casefold):
            named = [i for i, name in enumerate(names) if fold(name) == fold(wanted)]
            if named:
                return named
        if not (wanted.isascii() and wanted.isdigit()):
            raise UnknownNameError(f'classes: the model has no class "{wanted}"{near(wanted, names)}')
        wanted = int(wanted)
    if isinstance(wanted, bool | np.bool_) or not isinstance(wanted, int | np.integer):
        raise SettingsError(f"classes: expected an id or a name; got {wanted!r}")
    if not 0 <= int(wanted) < len(names):
        raise UnknownNameError(f"classes: expected an id from 0 to {len(names) - 1}; got {wanted!r}")
    return [int(wanted)]
