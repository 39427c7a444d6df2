"""Routing as a part to choose: which device a picture goes to. A policy is a file of `dispatch/policies/`."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Protocol

from lineside.core import plugins
from lineside.core.errors import PluginError, UnknownNameError, near

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lineside.dispatch.job import Job
    from lineside.dispatch.lane import Lane

POLICIES = "lineside.dispatch.policies"
"""The folder of the policies, and the entry point group for more of them."""

DEFAULT = "earliest_completion"


class Policy(Protocol):
    """A routing policy. It may keep state; it has no clock, and dice only from the seed that it was made with."""

    def pick(self, job: Job, lanes: Sequence[Lane], now_s: float) -> Lane | None:
        """The queue that the picture joins, or `None` to let it wait for whichever device is free first.

        Args:
            job: The picture.
            lanes: Its model's queue on each healthy device, at least one, fastest device first.
            now_s: The time.
        """
        ...


class PolicyFile(Protocol):
    """A file of `dispatch/policies/`."""

    def make(self, dice: random.Random) -> Policy:
        """The policy, for one scheduler."""
        ...


def open_policy(name: str, *, seed: int = 0) -> Policy:
    """The policy of that name.

    Args:
        name: The file's name.
        seed: Of the dice of a policy that throws some.

    Raises:
        UnknownNameError: There is none; the message names the near ones.
    """
    try:
        module: PolicyFile = plugins.load(POLICIES, name)
    except PluginError as unknown:
        raise UnknownNameError(
            f'devices.routing: no policy "{name}"{near(name, plugins.names(POLICIES))}'
        ) from unknown
    return module.make(random.Random(seed))  # noqa: S311 # routing, no secret
