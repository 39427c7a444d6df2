"""What pictures are asked for: settings of a call, checked against the model before a picture is taken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lineside.core.errors import SettingsError
from lineside.detector.thresholds import Thresholds
from lineside.dispatch.asked import key_of, own

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from lineside.models.card import ModelCard

_USUAL: Mapping[str, Any] = {}
_DEFAULTS: dict[str, Any] = {
    "confidence": None,
    "iou": 0.45,
    "classes": None,
    "max_detections": None,
    "nms": None,
    "class_aware": None,
    "multi_label": False,
}
_KEPT = 256


class Askings:
    """The settings that fit every model that may get the picture: one, and two during a swap.

    Args:
        card: The model's card; `None` takes any settings, for models that are none of ours.
    """

    def __init__(self, card: ModelCard | None) -> None:
        self._cards: tuple[ModelCard, ...] = () if card is None else (card,)
        self._checked: dict[Hashable, Mapping[str, Any]] = {}

    def checked(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        """Settings that the models accept; the same object for the same ones.

        Raises:
            SettingsError: There is no such setting, a value is out of range, a class or NMS kind unknown.
        """
        if not asked:
            return _USUAL
        asked = own(asked)
        key = key_of(asked)
        found = self._checked.get(key)
        if found is None:
            for card in self._cards:
                thresholds(card, asked)
            if len(self._checked) >= _KEPT:
                self._checked = {}
            found = self._checked[key] = asked
        return found

    def add(self, card: ModelCard | None) -> None:
        """Have settings fit one more model from here on.

        Settings for which a model is refused are forgotten: whether a call still comes with them is not known, and if one does,
        they are known again. So the settings of a single call refuse a model once, and not for as long as the engine lives.

        Raises:
            SettingsError: Some that calls came with do not.
        """
        if card is None:
            return
        before = self._cards
        self._cards = (*before, card)
        refusals: dict[Hashable, SettingsError] = {}
        for key, asked in tuple(self._checked.items()):
            try:
                thresholds(card, asked)
            except SettingsError as fault:
                refusals[key] = fault
        if refusals:
            self._cards = before  # first, so that no call is refused for a model that does not come
            for key in refusals:
                self._checked.pop(key, None)
            first = next(iter(refusals.values()))
            raise type(first)(
                f"{card.file}: calls came with settings that do not fit it: {first}. Once no call does any more it is taken"
            ) from first

    def keep(self, card: ModelCard | None) -> None:
        """Have settings fit this model alone."""
        self._cards = () if card is None else (card,)


def thresholds(card: ModelCard, asked: Mapping[str, Any]) -> Thresholds:
    """The settings of a call, as a detector of this model checks them.

    Raises:
        SettingsError: One is unknown or out of range.
    """
    unknown = asked.keys() - _DEFAULTS.keys()
    if unknown:
        raise SettingsError(
            f"{', '.join(sorted(unknown))}: no such setting of a call; expected {', '.join(_DEFAULTS)}"
        )
    return Thresholds.checked(card, **(_DEFAULTS | dict(asked)))
