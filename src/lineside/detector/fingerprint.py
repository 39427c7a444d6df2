"""What a measured figure depends on: the versions, the processor and its cores, the drivers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.core.version import VERSION
from lineside.engine.cache import processor
from lineside.engine.hardware import usable_cores
from lineside.engine.installed import version_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lineside.engine.provider import Provider


def fingerprint(provider: Provider) -> dict[str, str]:
    """Everything outside of the model that a provider's speed and answers depend on, by what it is.

    Args:
        provider: The provider; its packages and the drivers of its devices are part of it.
    """
    marks = {"lineside": VERSION, "processor": processor(), "cores": str(usable_cores())}
    for package in ("onnxruntime", *provider.packages):
        if found := version_of(package):
            marks[package] = found
    for device in provider.find_devices():
        marks[f"device {device.index}"] = f"{device.name}, driver {device.driver or 'unknown'}"
    return marks


def changes(then: Mapping[str, str], now: Mapping[str, str]) -> tuple[str, ...]:
    """What is another than it was, one phrase each; empty where all is the same."""
    return tuple(
        f"{what} was {then.get(what, 'not there')}, is {now.get(what, 'not there')}"
        for what in sorted(then.keys() | now.keys())
        if then.get(what) != now.get(what)
    )
