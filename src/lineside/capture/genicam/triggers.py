"""What makes a camera take a picture, written into its features."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lineside.capture.camera import TriggerMode
from lineside.capture.genicam.features import set_feature
from lineside.core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lineside.capture.genicam.device import Nodes, Value

_OF_A_TRIGGER = ("TriggerSource", "TriggerActivation", "TriggerDelay", "TriggerDelayAbs", "TriggerOverlap")
_PICTURE = "FrameStart"
_WIRES = ("Line1", "Line0", "Line2")
_RATES = ("AcquisitionFrameRate", "AcquisitionFrameRateAbs")
_RATE_SWITCHES = ("AcquisitionFrameRateEnable", "AcquisitionFrameRateEnabled")


_BY_SOFTWARE = (TriggerMode.SOFTWARE, TriggerMode.PLC)


def split(
    features: Mapping[str, Value], mode: TriggerMode, who: str
) -> tuple[dict[str, Value], dict[str, Value]]:
    """The features that come first, and those of the trigger, which come last.

    Args:
        features: What the settings say.
        mode: What the camera's `trigger` says.
        who: The camera, for messages.

    Raises:
        SettingsError: They contradict the camera's `trigger`, or switch a trigger that lineside switches.
    """
    for name in ("TriggerMode", "TriggerSelector"):
        if name in features:
            raise SettingsError(
                f'{who}: {name}: the camera\'s trigger ("{mode}") says this; expected free, software, hardware or plc '
                f"there, and no {name}"
            )
    own = {name: value for name, value in features.items() if name in _OF_A_TRIGGER}
    if own and mode is TriggerMode.FREE:
        raise SettingsError(f'{who}: {next(iter(own))}: expected trigger = "hardware"; it is "free"')
    if mode in _BY_SOFTWARE and own.get("TriggerSource", "Software") != "Software":
        raise SettingsError(
            f'{who}: TriggerSource: expected "Software", as trigger = "{mode}"; got "{own["TriggerSource"]}"'
        )
    return {name: value for name, value in features.items() if name not in own}, own


def set_trigger(nodes: Nodes, mode: TriggerMode, own: Mapping[str, Value], who: str) -> None:
    """The camera takes a picture for each trigger of the given kind and for nothing else, or runs freely.

    Every other trigger that the camera has (acquisition, burst) is off.

    Args:
        nodes: The camera's features.
        mode: What makes it take a picture.
        own: Source, activation and delay, where the settings say them.
        who: The camera, for messages.

    Raises:
        SettingsError: It cannot be triggered so.
        SourceError: It does not answer.
    """
    if nodes.describe("TriggerMode") is None:
        if mode is TriggerMode.FREE:
            return
        raise SettingsError(f'{who}: trigger: this camera cannot be triggered; expected "free", got "{mode}"')
    _switch_all_off(nodes, who)
    if mode is TriggerMode.FREE:
        set_feature(nodes, "TriggerMode", "Off", who)
        return
    source = "Software" if mode in _BY_SOFTWARE else _wire(nodes, own, who)
    set_feature(nodes, "TriggerSource", source, who)
    for name, value in own.items():
        if name != "TriggerSource":
            set_feature(nodes, name, value, who)
    set_feature(nodes, "TriggerMode", "On", who)
    if mode in _BY_SOFTWARE and nodes.describe("TriggerSoftware") is None:
        raise SettingsError(
            f'{who}: trigger: this camera has no TriggerSoftware; expected "free" or "hardware"'
        )


def _switch_all_off(nodes: Nodes, who: str) -> None:
    """Every trigger is off, and the one of each picture is selected."""
    selector = nodes.describe("TriggerSelector")
    if selector is None:
        return
    for each in selector.entries:
        nodes.set("TriggerSelector", each)
        switch = nodes.describe("TriggerMode")
        if switch is not None and switch.writable and nodes.get("TriggerMode") != "Off":
            nodes.set("TriggerMode", "Off")
    if _PICTURE in selector.entries:
        set_feature(nodes, "TriggerSelector", _PICTURE, who)


def _wire(nodes: Nodes, own: Mapping[str, Value], who: str) -> Value:
    """The source that the settings name, or the camera's first input."""
    if "TriggerSource" in own:
        if own["TriggerSource"] == "Software":
            raise SettingsError(
                f'{who}: TriggerSource: expected a wire, as trigger = "hardware"; got "Software"'
            )
        return own["TriggerSource"]
    node = nodes.describe("TriggerSource")
    entries = () if node is None else node.entries
    for wire in _WIRES:
        if wire in entries:
            return wire
    raise SettingsError(
        f"{who}: TriggerSource: expected one of {', '.join(entries) or 'none'} in the camera's features; none is set"
    )


def period_s(nodes: Nodes, mode: TriggerMode) -> float | None:
    """Seconds between two pictures: endless where they come when they are asked for, `None` where the camera cannot tell.

    Raises:
        SourceError: It does not answer.
    """
    if mode is not TriggerMode.FREE:
        return math.inf
    for name in ("ResultingFrameRate", "ResultingFrameRateAbs", *_RATES):
        if nodes.describe(name) is not None:
            fps = float(nodes.get(name))
            return 1 / fps if fps > 0 else None
    return None


def set_rate(nodes: Nodes, fps: float, who: str) -> None:
    """The camera takes so many pictures a second by itself.

    Raises:
        SettingsError: It has no such feature, or the rate is beyond its limits.
        SourceError: It does not answer.
    """
    for switch in _RATE_SWITCHES:
        node = nodes.describe(switch)
        if node is not None and node.writable:
            set_feature(nodes, switch, value=True, who=who)
    for name in _RATES:
        node = nodes.describe(name)
        if node is not None:
            set_feature(nodes, name, float(fps), who)
            return
    raise SettingsError(f"{who}: fps: this camera has no {_RATES[0]}; leave fps out")
