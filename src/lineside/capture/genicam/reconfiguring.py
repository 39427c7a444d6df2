"""Other features for a camera that is open, as for another product: what may be set while pictures flow, and what a pause needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.capture.camera import TriggerMode
from lineside.capture.genicam.device import NodeKind
from lineside.capture.genicam.features import set_feature, set_features
from lineside.capture.genicam.triggers import split
from lineside.core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from lineside.capture.genicam.device import Nodes, Value

_EXPOSURES = ("ExposureTime", "ExposureTimeAbs")
_RATES = ("ResultingFrameRate", "ResultingFrameRateAbs")
_OFFSETS = ("OffsetX", "OffsetY")
_UNTOLD_S = 0.5  # of a camera that does not say how long it exposes
_WAY_S = 0.1  # from the sensor to this computer


def changeable(
    nodes: Nodes, features: Mapping[str, Any], opened_with: Mapping[str, Any], mode: TriggerMode, who: str
) -> dict[str, Value]:
    """What of these features is to be written, the trigger's last.

    Our own options, and commands, are left out where they are as the camera was opened with: none of them is done again.

    Args:
        nodes: The camera's features.
        features: All of them, by name.
        opened_with: What the camera was opened with.
        mode: What makes it take a picture.
        who: The camera, for messages.

    Raises:
        SettingsError: An option of ours would change, or they contradict the camera's `trigger`.
        SourceError: The camera does not answer.
    """
    wanted: dict[str, Value] = {}
    for name, value in features.items():
        is_as_opened = name in opened_with and opened_with[name] == value
        if not name[:1].isupper():
            if is_as_opened:
                continue
            raise SettingsError(
                f"{who}: {name}: expected this option in the line's settings; it holds from the opening on"
            )
        node = nodes.describe(name) if is_as_opened else None
        if node is None or node.kind is not NodeKind.COMMAND:
            wanted[name] = value
    first, of_trigger = split(wanted, mode, who)
    return {**first, **of_trigger}


def needs_pause(nodes: Nodes, wanted: Mapping[str, Value], mode: TriggerMode) -> bool:
    """Whether pictures must stop for it: a feature is locked while they flow, or they come by themselves all the time.

    Raises:
        SourceError: The camera does not answer.
    """
    if mode is TriggerMode.FREE:
        return True  # only so is no picture of before among those behind
    for name, value in wanted.items():
        node = nodes.describe(name)
        if (
            node is not None
            and not node.writable
            and node.kind is not NodeKind.COMMAND
            and nodes.get(name) != value
        ):
            return True
    return False


def set_in_a_pause(nodes: Nodes, wanted: Mapping[str, Value], who: str) -> None:
    """The camera, whose pictures do not flow, has the values.

    A region of interest is moved to the corner first: the old offset would bound the new size.

    Raises:
        SettingsError: One is not accepted; those before it have been set.
        SourceError: The camera does not answer.
    """
    for name in _OFFSETS:
        node = nodes.describe(name) if name in wanted else None
        if node is not None and node.writable and node.low is not None:
            set_feature(nodes, name, int(node.low), who)
    set_features(nodes, wanted, who)


def settling_s(nodes: Nodes) -> float:
    """So long may a picture take from the beginning of its exposure until it is here, as the camera is set now.

    Raises:
        SourceError: The camera does not answer.
    """
    exposure_s = _number(nodes, _EXPOSURES)
    fps = _number(nodes, _RATES)
    told_s = _UNTOLD_S if exposure_s is None else exposure_s * 1e-6
    return told_s + (1 / fps if fps else 0.0) + _WAY_S


def _number(nodes: Nodes, names: tuple[str, ...]) -> float | None:
    for name in names:
        if nodes.describe(name) is not None:
            try:
                return float(nodes.get(name))
            except SettingsError:  # declared, and not to be read now
                continue
    return None
