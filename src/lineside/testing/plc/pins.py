"""A control that is wired to digital lines, with lines made of memory: no chip is needed, and none is tested."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lineside.outputs.plant.kinds.gpio import GpioRegisters, Settings
from lineside.outputs.plant.polled import PolledLink
from lineside.outputs.plant.signals import Control, Status

if TYPE_CHECKING:
    from collections.abc import Mapping

_WIRES = {
    "trigger": 1,
    "acknowledge": 2,
    "reset": 3,
    "ready": 11,
    "busy": 12,
    "results_valid": 13,
    "passed": 14,
    "fault": 15,
    "heartbeat": 16,
    "trigger_acknowledged": 17,
}


class MemoryLines:
    """Lines of a chip that is not there.

    Attributes:
        levels: Each line.
        history: What the outputs were set to, in order.
        is_gone: The chip has vanished.
    """

    def __init__(self) -> None:
        self.levels: dict[int, bool] = {}
        self.history: list[dict[int, bool]] = []
        self.is_gone = False

    def open(self, inputs: list[int], outputs: list[int]) -> None:
        """Outputs are down, inputs as the other side has them."""
        self._check()
        self.levels = {**dict.fromkeys(inputs, False), **self.levels, **dict.fromkeys(outputs, False)}

    def get(self, lines: list[int]) -> list[bool]:
        """How these are."""
        self._check()
        return [self.levels.get(line, False) for line in lines]

    def set(self, levels: Mapping[int, bool]) -> None:
        """These are so."""
        self._check()
        self.levels.update(levels)
        self.history.append(dict(levels))

    def close(self) -> None:
        """Nothing is held."""

    def _check(self) -> None:
        if self.is_gone:
            raise OSError("no such chip")


class PinsPlc:
    """The control's end of the lines. It sees no numbers: what a line cannot say is 0 in its `Status`.

    Args:
        settings: More settings of the link.
    """

    def __init__(self, **settings: Any) -> None:
        self.settings = {"kind": "gpio", **_WIRES, "retry_first_s": 0.02, **settings}
        self.lines = MemoryLines()

    def link(self) -> PolledLink:
        """A link over these lines."""
        checked = Settings(**{key: value for key, value in self.settings.items() if key != "kind"})
        return PolledLink(GpioRegisters(checked, self.lines), checked)

    def attach(self, link: Any) -> None:
        """It is wired."""

    def write(self, control: Control) -> None:
        """Its outputs."""
        levels = {_WIRES[name]: getattr(control, name) for name in ("trigger", "acknowledge", "reset")}
        self.lines.levels.update(levels)

    def read(self) -> Status | None:
        """Its inputs."""
        levels = {name: self.lines.levels.get(line, False) for name, line in _WIRES.items()}
        return Status(
            ready=levels["ready"],
            busy=levels["busy"],
            trigger_acknowledged=levels["trigger_acknowledged"],
            results_valid=levels["results_valid"],
            fault=levels["fault"],
            heartbeat=int(levels["heartbeat"]),
            verdict=int(levels["passed"]),
        )

    def kill(self) -> None:
        """The chip is gone."""
        self.lines.is_gone = True
        self.lines.levels = {}

    def revive(self) -> None:
        """The chip is back."""
        self.lines.is_gone = False

    def babble(self) -> None:
        """Levels are all that a line has: none is garbage."""

    def close(self) -> None:
        """Nothing is held."""
