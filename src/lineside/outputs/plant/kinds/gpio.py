"""Digital inputs and outputs of this machine by libgpiod 2: no numbers, one verdict line."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any, Self

from pydantic import Field, model_validator

from lineside.core.documents import parsed
from lineside.core.errors import OutputError
from lineside.core.verdict import Verdict
from lineside.outputs.pins import GpiodLines
from lineside.outputs.plant.codes import VERDICT_CODES
from lineside.outputs.plant.maps import MapRow
from lineside.outputs.plant.polled import PolledLink
from lineside.outputs.plant.settings import PolledSettings
from lineside.outputs.plant.signals import (
    CONTROL,
    STATUS,
    STATUS_WORDS,
    Control,
    Order,
    pack_control,
    unpack_status,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lineside.outputs.pins import Lines

_INPUTS = ("trigger", "acknowledge", "reset")
_OUTPUTS = ("ready", "busy", "trigger_acknowledged", "results_valid", "passed", "fault", "heartbeat")
_NEEDED = ("trigger", "results_valid", "passed")
_MEANINGS = {signal.name: signal.meaning for signal in (*CONTROL, *STATUS)} | {
    "acknowledge": "The results were read. Without it they are valid for `pulse_s`",
    "results_valid": "`passed` belongs to one part now",
    "passed": "PASS. Down for everything else, and while nothing is valid",
    "heartbeat": "Changes with every beat",
}
_Line = int | None


class Settings(PolledSettings):
    """Which line of the chip is which signal. Numbers are those of `gpioinfo`."""

    chip: str = Field(default="/dev/gpiochip0", min_length=1)
    """The chip."""
    trigger: int = Field(ge=0, le=1023)
    """Input: a part is in place."""
    acknowledge: _Line = Field(default=None, ge=0, le=1023)
    """Input: the results were read. Without it results are valid for `pulse_s`."""
    reset: _Line = Field(default=None, ge=0, le=1023)
    """Input: forget the parts on the way."""
    results_valid: int = Field(ge=0, le=1023)
    """Output: `passed` belongs to one part now."""
    passed: int = Field(ge=0, le=1023)
    """Output: PASS. Down for everything else, and while nothing is valid."""
    ready: _Line = Field(default=None, ge=0, le=1023)
    """Output: a trigger will be taken."""
    busy: _Line = Field(default=None, ge=0, le=1023)
    """Output: a part is not answered yet."""
    trigger_acknowledged: _Line = Field(default=None, ge=0, le=1023)
    """Output: the trigger was heard."""
    fault: _Line = Field(default=None, ge=0, le=1023)
    """Output: nothing can be judged."""
    heartbeat: _Line = Field(default=None, ge=0, le=1023)
    """Output: changes with every beat."""
    pulse_s: float = Field(default=0.05, gt=0, le=60)
    """Seconds that results are valid where there is no `acknowledge`."""
    active_low: bool = False
    """A signal is up where its line is low. Dangerous for outputs: a line that is let go may read as PASS."""

    @model_validator(mode="after")
    def _are_different(self) -> Self:
        lines = [line for line in self.lines().values() if line is not None]
        if len(set(lines)) < len(lines):
            raise ValueError(f"a line of its own for each signal; got {self.lines()}")
        return self

    def lines(self) -> dict[str, int | None]:
        """Each signal's line."""
        return {name: getattr(self, name) for name in (*_INPUTS, *_OUTPUTS)}


def make(settings: Mapping[str, Any]) -> PolledLink:
    """The link that a table describes, not yet started.

    Raises:
        SettingsError: A setting is not accepted.
        NotInstalledError: gpiod is not there.
    """
    checked = parsed(Settings, settings, "plant gpio")
    return PolledLink(
        GpioRegisters(checked, GpiodLines(checked.chip, active_low=checked.active_low)), checked
    )


def describe(settings: Mapping[str, Any]) -> list[MapRow]:
    """Where each signal is.

    Raises:
        SettingsError: A setting is not accepted.
    """
    given = parsed(
        Settings, {"trigger": 0, "results_valid": 1, "passed": 2, **settings}, "plant gpio"
    ).lines()
    rows = []
    for name in (*_INPUTS, *_OUTPUTS):
        line = given[name] if name in settings else None
        place = "" if line is None else f"line {line}"
        writer = "control" if name in _INPUTS else "lineside"
        needed = "" if name not in _NEEDED else " (needed)"
        rows.append(
            MapRow(writer, place or f"the line that is set as {name}", name, "bit", _MEANINGS[name] + needed)
        )
    return rows


class GpioRegisters:
    """The blocks of signals, as far as lines can say them.

    Args:
        settings: Which line is which signal.
        lines: The chip's.
        clock: Monotonic seconds, for the pulse.
    """

    def __init__(self, settings: Settings, lines: Lines, *, clock: Callable[[], float] = monotonic) -> None:
        self.name = f"the lines of {settings.chip}"
        self.order = Order.BIG
        self._settings = settings
        self._lines = lines
        self._clock = clock
        self._block = bytearray(2 * STATUS_WORDS)
        self._valid_since_s: float | None = None

    def open(self) -> None:
        """The lines are ours, and all outputs down.

        Raises:
            OutputError: They are not there, or another program has them.
        """
        at = self._settings.lines()
        inputs = [line for name in _INPUTS if (line := at[name]) is not None]
        outputs = [line for name in _OUTPUTS if (line := at[name]) is not None]
        self._called(lambda: self._lines.open(inputs, outputs))

    def read(self) -> bytes:
        """The inputs as a block, in which `acknowledge` is up at the end of a pulse where no line says so.

        Raises:
            OutputError: The chip does not answer.
        """
        at = self._settings.lines()
        wired = {name: line for name in _INPUTS if (line := at[name]) is not None}
        levels = dict(zip(wired, self._called(lambda: self._lines.get(list(wired.values()))), strict=True))
        if self._settings.acknowledge is None:
            since_s = self._valid_since_s
            levels["acknowledge"] = since_s is not None and self._clock() - since_s >= self._settings.pulse_s
        return pack_control(Control(**levels), self.order)

    def write(self, word: int, data: bytes) -> None:
        """The outputs say what the block says.

        Raises:
            OutputError: The chip does not take it.
        """
        self._block[2 * word : 2 * word + len(data)] = data
        status = unpack_status(bytes(self._block), self.order)
        if status is None:
            raise OutputError(f"{self.name}: the block of signals is malformed")
        levels = {
            "ready": status.ready,
            "busy": status.busy,
            "trigger_acknowledged": status.trigger_acknowledged,
            "results_valid": status.results_valid,
            "passed": status.verdict == VERDICT_CODES[Verdict.PASS],
            "fault": status.fault,
            "heartbeat": bool(status.heartbeat & 1),
        }
        at = self._settings.lines()
        wired = {line: levels[name] for name in _OUTPUTS if (line := at[name]) is not None}
        self._called(lambda: self._lines.set(wired))
        if not status.results_valid:
            self._valid_since_s = None
        elif self._valid_since_s is None:
            self._valid_since_s = self._clock()

    def close(self) -> None:
        """The lines are let go of."""
        self._called(self._lines.close)

    def _called(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except (
            OSError,
            ValueError,
        ) as fault:  # ValueError: what gpiod raises for a line that the chip has not
            raise OutputError(
                f"{self.name}: {fault}. Does another program have them, and may this user open the chip?"
            ) from fault
