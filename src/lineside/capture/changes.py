"""Features that a camera which is kept open is asked to take, in their place between its triggers. No thread, no clock."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lineside.capture.camera import CameraSettings
    from lineside.capture.requests import Request, Requests


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """Features to be set.

    Attributes:
        features: Values by name.
        behind: The newest trigger that was owed when it was asked for; `None` where none was.
    """

    features: Mapping[str, Any]
    behind: Request | None


class Changes:
    """Those that wait, and the one that the camera is at. Each is answered once.

    Args:
        settings: What the camera is opened with.

    Attributes:
        settings: The same with every change that the camera took, for its next opening.
    """

    def __init__(self, settings: CameraSettings) -> None:
        self.settings = settings
        self._waiting: deque[Change] = deque()
        self._current: Change | None = None

    def ask(self, features: Mapping[str, Any], requests: Requests) -> None:
        """The features are set after the triggers that are owed by now, and before later ones."""
        self._waiting.append(Change(dict(features), requests.newest()))

    def is_due(self, requests: Requests) -> bool:
        """Whether the next one comes before the next trigger."""
        if not self._waiting or self._current is not None:
            return False
        behind = self._waiting[0].behind
        return behind is None or not requests.owes(behind)

    def take(self, requests: Requests) -> Change | None:
        """The one that is due; the camera is at it now."""
        if self.is_due(requests):
            self._current = self._waiting.popleft()
            return self._current
        return None

    def settle(self, change: Change, *, is_taken: bool) -> bool:
        """The change is answered, and the settings have it where the camera took it. False where it was answered before."""
        if change is not self._current:
            return False
        self._current = None
        if is_taken:
            self.settings = replace(self.settings, features={**self.settings.features, **change.features})
        return True

    def drop_current(self) -> Sequence[Change]:
        """The one that the camera was at when it was lost, if any. It is answered no more."""
        dropped = () if self._current is None else (self._current,)
        self._current = None
        return dropped

    def drop_all(self) -> Sequence[Change]:
        """All of them, the oldest first. None is answered any more."""
        dropped = [*self.drop_current(), *self._waiting]
        self._waiting.clear()
        return dropped
