"""How long to wait before something that failed is tried again."""

from __future__ import annotations

from dataclasses import dataclass

from lineside.core.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Backoff:
    """Pauses between attempts: none before the first, then twice as long each time.

    Attributes:
        first_s: The pause before the second attempt, in seconds.
        longest_s: No pause is longer.

    Raises:
        SettingsError: The pauses are not positive and in order.
    """

    first_s: float = 0.25
    longest_s: float = 2.0

    def __post_init__(self) -> None:
        if not 0 < self.first_s <= self.longest_s:
            raise SettingsError(
                f"backoff: expected 0 < first <= longest, in seconds; got {self.first_s} and {self.longest_s}"
            )

    def pause_s(self, failures: int) -> float:
        """Seconds to wait after so many failures in a row, the loss itself being the first."""
        if failures <= 1:
            return 0.0
        return float(min(self.first_s * 2.0 ** min(failures - 2, 60), self.longest_s))
