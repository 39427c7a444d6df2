"""Features that a camera which is kept open is asked to take, in their place between its triggers. No thread, no clock."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lineside.core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lineside.capture.camera import CameraSettings
    from lineside.capture.requests import Request, Requests

MOST_TRIES = 3
"""A change during which the camera was lost is tried again with its next opening, so often in all."""


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """Features to be set.

    Attributes:
        features: All values by name, in the order of the settings.
        setting: Their name.
        behind: The newest trigger that was owed when it was asked for; `None` where none was.
        tries: How often it was begun before.
    """

    features: Mapping[str, Any]
    setting: str
    behind: Request | None
    tries: int = 0


class Changes:
    """Those that wait, and the one that the camera is at.

    Args:
        settings: What the camera is opened with.

    Attributes:
        settings: The same with what the camera took last, for its next opening.
        setting: The name of what it took last; empty for what the settings say.
        since_s: Pictures that were taken before may have been taken with other features.
    """

    def __init__(self, settings: CameraSettings) -> None:
        self.settings = settings
        self.setting = ""
        self.since_s = -math.inf
        self._usual = settings
        self._waiting: deque[Change] = deque()
        self._current: Change | None = None

    def ask(self, features: Mapping[str, Any], setting: str, requests: Requests) -> None:
        """The features are set over those of the settings, after the triggers that are owed by now and before later ones.

        Where no trigger lies between it and the one before, that one is overtaken and is not answered.

        Raises:
            SettingsError: The settings have no value for one, to which the camera could go back.
        """
        usual = self._usual.features
        lacking = [name for name in features if name not in usual]
        if lacking:
            raise SettingsError(
                f"camera {self._usual.id}: {lacking[0]}: expected a feature that the camera's settings have a value for, to which "
                f"it goes back; they have {', '.join(usual) or 'none'}"
            )
        behind = requests.newest()
        if self._waiting and self._waiting[-1].behind is behind:
            self._waiting.pop()
        self._waiting.append(Change({**usual, **features}, setting, behind))

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

    def settle(self, change: Change, since_s: float | None) -> bool:
        """The change is answered. False where it was answered before.

        Args:
            change: It.
            since_s: Pictures from then on were taken with it; `None` where the camera refused it.
        """
        if change is not self._current:
            return False
        self._current = None
        if since_s is not None:
            self.settings = replace(self._usual, features=change.features)
            self.setting, self.since_s = change.setting, since_s
        return True

    def setting_at(self, captured_s: float | None) -> str | None:
        """What the camera had when it took a picture by itself; `None` where that is not known for certain."""
        is_certain = self.since_s == -math.inf or (captured_s is not None and captured_s >= self.since_s)
        return self.setting if is_certain else None

    def lose_current(self) -> Sequence[Change]:
        """The camera was lost while it was at a change: the next opening begins with it. Those that are given up, answered no more."""
        lost, self._current = self._current, None
        if lost is None:
            return ()
        if lost.tries + 1 >= MOST_TRIES:
            return (lost,)
        if not self._waiting or self._waiting[0].behind is not None:  # else it is overtaken
            self._waiting.appendleft(replace(lost, behind=None, tries=lost.tries + 1))
        return ()

    def drop_all(self) -> Sequence[Change]:
        """All of them, the oldest first. None is answered any more."""
        current = () if self._current is None else (self._current,)
        dropped = [*current, *self._waiting]
        self._current = None
        self._waiting.clear()
        return dropped
