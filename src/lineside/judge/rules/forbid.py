"""`forbid`: no object of these classes may be in any view."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.core.errors import SettingsError, UnknownNameError, near

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from lineside.core.detections import Detections

DEFAULT_MIN_CONFIDENCE = 0.25
_KEYS = ("classes", "min_confidence")


def make(settings: Mapping[str, Any], names: Sequence[str]) -> Forbid:
    """The rule that a table of settings describes.

    Args:
        settings: `classes`, names of classes, by default all; `min_confidence`, 0 to 1, by default 0.25.
        names: The model's class names.

    Raises:
        SettingsError: A key is unknown, a value out of range, or a class is none of the model's.
    """
    for key in settings:
        if key not in _KEYS:
            raise UnknownNameError(f'forbid: no such setting "{key}"{near(key, _KEYS)}')
    return Forbid(
        classes=_classes(settings.get("classes", tuple(names)), names),
        min_confidence=_share(settings.get("min_confidence", DEFAULT_MIN_CONFIDENCE)),
        names=tuple(names),
    )


@dataclass(frozen=True, slots=True)
class Forbid:
    """No object of these classes with a confidence above the minimum.

    Attributes:
        classes: Names of the forbidden classes.
        min_confidence: Objects whose confidence is not above it are not looked at, 0 to 1.
        names: The model's class names.
    """

    classes: tuple[str, ...]
    min_confidence: float
    names: tuple[str, ...]
    _is_forbidden: NDArray[np.bool_] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        table = np.array([name in self.classes for name in self.names], np.bool_)
        object.__setattr__(self, "_is_forbidden", table)

    def violation(self, detections: Detections) -> str | None:
        """The forbidden objects as a sentence, best first, or `None` where there is none."""
        found = self._is_forbidden[detections.class_id] & (detections.confidence > self.min_confidence)
        if not found.any():
            return None
        rows = np.flatnonzero(found).tolist()
        named = [f"{self.names[detections.class_id[i]]} {detections.confidence[i]:.2f}" for i in rows[:3]]
        more = f" and {len(rows) - 3} more" if len(rows) > 3 else ""
        return f"{', '.join(named)}{more}"


def _classes(wanted: object, names: Sequence[str]) -> tuple[str, ...]:
    if isinstance(wanted, str) or not isinstance(wanted, list | tuple) or not wanted:
        raise SettingsError(f"forbid: classes: expected a list of class names; got {wanted!r}")
    for name in wanted:
        if name not in names:
            raise UnknownNameError(
                f'forbid: classes: the model has no class "{name}"{near(str(name), names)}'
            )
    return tuple(wanted)


def _share(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise SettingsError(f"forbid: min_confidence: expected a number from 0 to 1; got {value!r}")
    return float(value)
