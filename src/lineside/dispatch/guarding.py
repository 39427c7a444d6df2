"""Calls of what the caller of an engine brings: a fault there is the caller's own, and ends no thread of the engine's."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger(__name__)


def guarded(name: str, called: Callable[..., object]) -> Callable[..., None]:
    """A function of the caller's whose faults are logged, as the thread that calls it has other pictures to see to.

    Args:
        name: What it is called in the log.
        called: The function.
    """

    def call(*arguments: Any) -> None:
        try:
            called(*arguments)
        except BaseException as fault:  # noqa: BLE001 # anybody's code
            told(fault, f"{name}({', '.join(repr(each) for each in arguments if isinstance(each, str))})")

    return call


def told(fault: BaseException, what: str) -> None:
    """Log what a function of the caller's raised, with its traceback.

    What asks the whole program to end does so from its main thread alone, where a handler of a signal may have raised it;
    in any other it would only end that thread, and with it a device.
    """
    if (
        isinstance(fault, SystemExit | KeyboardInterrupt)
        and threading.current_thread() is threading.main_thread()
    ):
        raise fault
    _log.error("%s failed", what, exc_info=fault)
