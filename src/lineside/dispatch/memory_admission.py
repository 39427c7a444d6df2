"""Whether a card has the memory for one more model, as far as its maker's library tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.core.errors import DeviceMemoryError

if TYPE_CHECKING:
    from lineside.dispatch.signals import Signals


class MemoryAdmission:
    """Admits models to cards before they are loaded there: one that has no room there would take what runs down with it.

    Args:
        signals: What the makers' libraries tell. A card that none tells of admits every model.
    """

    def __init__(self, signals: Signals) -> None:
        self._signals = signals
        self._before: dict[str, float] = {}
        self._took: dict[str, float] = {}
        self._size_bytes = 0

    def opening(self) -> None:
        """The first model is about to be opened everywhere."""
        self._signals.look()
        self._before = self._all("memory_bytes")

    def opened(self, size_bytes: int) -> None:
        """It is: what the cards' memory grew by is what it took, with the driver's share for the process.

        Args:
            size_bytes: Of its file; 0 where that is not known.
        """
        self._size_bytes = size_bytes
        self._signals.look()
        for device, used in self._all("memory_bytes").items():
            self._took[device] = max(used - self._before.get(device, used), 0.0)

    def admit(self, model: str, size_bytes: int) -> None:
        """Refuse a model that a card has no room for beside what runs there.

        It is reckoned with what the first model took for each byte of its file, and with the file's own bytes at the least.

        Args:
            model: What the message calls it.
            size_bytes: Of its file.

        Raises:
            DeviceMemoryError: A card has not so much free.
        """
        self._signals.look()
        for device, free in self._all("memory_free_bytes").items():
            took = self._took.get(device, 0.0)
            needed = max(float(size_bytes), took * size_bytes / self._size_bytes if self._size_bytes else 0.0)
            if free < needed:
                raise DeviceMemoryError(
                    f"{model}: {device} has {free / 1e6:.0f} MB of memory free, and it needs about {needed / 1e6:.0f} MB there "
                    f"(the first model took {took / 1e6:.0f} MB). The model that ran before runs on. Make room on the card, or start anew with "
                    "the new model alone"
                )

    def _all(self, name: str) -> dict[str, float]:
        readings = self._signals.readings
        return {device: float(reading[name]) for device, reading in readings.items() if name in reading}
