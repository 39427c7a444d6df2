"""NMS as a part to choose: which of overlapping boxes stay, and as what.

A kind is a file of `postprocess/kinds/`; its name is the file's. Settings of a kind follow its name, as in
`soft?sigma=0.3`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, Protocol

from lineside.core import plugins
from lineside.core.errors import SettingsError, UnknownNameError, near

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lineside.postprocess.candidates import Candidates

KINDS = "lineside.postprocess.kinds"
"""The folder of the kinds of NMS, and the entry point group for more of them."""

Boxes = Literal["upright", "oriented"]


@dataclass(frozen=True, slots=True)
class Suppression:
    """What a call asks of any kind of NMS.

    Attributes:
        iou: Overlap above which two boxes are one object's, 0 to 1.
        class_aware: Only boxes of one class are compared.
        limit: The most objects that are left.
        confidence: An object's confidence is above it, also where the kind changes confidences.
    """

    iou: float
    class_aware: bool
    limit: int
    confidence: float = 0.0


class Nms(Protocol):
    """A kind of NMS with its settings. It keeps no state."""

    def __call__(self, found: Candidates, how: Suppression) -> Candidates:
        """What is left of candidates that come best first, best first again; the candidates stay as they are.

        At most `how.limit` are left, and `truncated` is true where that cut some off. The `rows` of each say
        which of the head's rows to ask for more of it.
        """
        ...


class Kind(Protocol):
    """A file of `postprocess/kinds/`.

    Attributes:
        BOXES: What it takes: `upright`, `oriented`, or both.
    """

    BOXES: tuple[Boxes, ...]

    def make(self, settings: Mapping[str, float]) -> Nms:
        """The kind with these settings, by name; `numbers` reads them.

        Raises:
            SettingsError: A setting is unknown or out of range.
        """
        ...


@lru_cache(maxsize=256)
def open_nms(text: str, *, boxes: Boxes = "upright") -> Nms:
    """The kind of NMS that a text names.

    Args:
        text: A kind, or a kind with settings: `soft?sigma=0.3`, more of them joined by `&`.
        boxes: What the model answers.

    Raises:
        SettingsError: There is no such kind, it has no meaning for these boxes, or a setting is not accepted.
    """
    name, mark, rest = text.partition("?")
    if name not in plugins.own(KINDS) and name not in plugins.names(KINDS):
        raise UnknownNameError(f'nms: unknown kind "{name}"{near(name, plugins.names(KINDS))}')
    kind: Kind = plugins.load(KINDS, name)
    if boxes not in kind.BOXES:
        fitting = [other for other in plugins.own(KINDS) if boxes in plugins.load(KINDS, other).BOXES]
        raise SettingsError(
            f'nms: "{name}" is for {" and ".join(kind.BOXES)} boxes and the model\'s are {boxes}; '
            f"choose one of {', '.join(fitting)}"
        )
    return kind.make(_settings(name, rest) if mark else {})


def numbers(kind: str, settings: Mapping[str, float], **defaults: float) -> dict[str, float]:
    """The settings of a kind, with its defaults for what is not set.

    Raises:
        UnknownNameError: A setting has no default, so the kind does not know it.
    """
    for name in settings:
        if name not in defaults:
            known = near(name, defaults) or "; it has none"
            raise UnknownNameError(f'nms: {kind}: no such setting "{name}"{known}')
    return defaults | dict(settings)


def _settings(kind: str, text: str) -> dict[str, float]:
    """The settings behind the question mark: `name=number`, joined by `&`."""
    settings: dict[str, float] = {}
    for part in text.split("&"):
        name, equals, value = part.partition("=")
        number = _number(value)
        if not (name and equals) or number is None or name in settings:
            raise SettingsError(
                f"nms: {kind}: expected settings like {kind}?name=0.5&other=2, each once; got {text!r}"
            )
        settings[name] = number
    return settings


def _number(text: Any) -> float | None:
    """The finite number that a text holds, or `None`."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
