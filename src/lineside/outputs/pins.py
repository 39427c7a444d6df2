"""Digital lines of this machine by libgpiod 2, for links and for switches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from lineside.outputs.extras import needed

if TYPE_CHECKING:
    from collections.abc import Mapping


class Lines(Protocol):
    """Lines of a chip, by number; true is up."""

    def open(self, inputs: list[int], outputs: list[int]) -> None:
        """The lines are ours, outputs down. Raises `OSError` where they are not."""

    def get(self, lines: list[int]) -> list[bool]:
        """How these inputs are."""

    def set(self, levels: Mapping[int, bool]) -> None:
        """These outputs are so."""

    def close(self) -> None:
        """The lines are let go of; may be called twice."""


class GpiodLines:
    """Lines by libgpiod 2.

    Args:
        chip: The chip's device.
        active_low: A line is up where its level is low.
        kind: The kind of output, for messages.

    Raises:
        NotInstalledError: gpiod is not there.
    """

    def __init__(self, chip: str, *, active_low: bool, kind: str = "gpio") -> None:
        with needed(kind, "gpiod", "gpio"):
            import gpiod
        self._gpiod = gpiod
        self._chip = chip
        self._active_low = active_low
        self._request: Any = None

    def open(self, inputs: list[int], outputs: list[int]) -> None:
        """The lines are requested, outputs down."""
        from gpiod.line import Direction, Value

        low = self._active_low
        into = self._gpiod.LineSettings(direction=Direction.INPUT, active_low=low)
        out = self._gpiod.LineSettings(
            direction=Direction.OUTPUT, active_low=low, output_value=Value.INACTIVE
        )
        config: Any = {tuple(lines): how for lines, how in ((inputs, into), (outputs, out)) if lines}
        self._request = self._gpiod.request_lines(self._chip, config=config, consumer="lineside")

    def get(self, lines: list[int]) -> list[bool]:
        """How these inputs are."""
        from gpiod.line import Value

        return [value is Value.ACTIVE for value in self._request.get_values(lines)]

    def set(self, levels: Mapping[int, bool]) -> None:
        """These outputs are so."""
        from gpiod.line import Value

        values = {line: Value.ACTIVE if level else Value.INACTIVE for line, level in levels.items()}
        self._request.set_values(values)

    def close(self) -> None:
        """The lines are released."""
        if self._request is not None:
            self._request.release()
            self._request = None
