"""What an address asks of the plant: `disc?seed=3&lighting=evening`, each key checked when it is read."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from lineside.core.errors import ImageTooLargeError, SettingsError, UnknownNameError, near
from lineside.core.geometry import Size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lineside.capture.plant.settings import PlantSettings

KEYS = ("seed", "lighting", "size", "count", "defects", "camera", "fps", "variants")
"""What can stand after the question mark."""

_DIGITS = 19


class PlantQuery:
    """The keys and values of an argument, each checked when it is read.

    Args:
        argument: `PRODUCT` or `PRODUCT?key=value&key=value`; `docs/plant.md` has the keys.

    Attributes:
        name: The argument as it stands in a refusal.

    Raises:
        UnknownNameError: There is no such key.
        SettingsError: A key has no value, or stands twice.
    """

    def __init__(self, argument: str) -> None:
        product, _, query = argument.partition("?")
        self.name = name = f"synthetic:{argument}"
        self._values = {"product": product}
        for pair in query.split("&") if query else ():
            key, equals, value = pair.partition("=")
            if key not in KEYS:
                raise UnknownNameError(f'{name}: there is no key "{key}"{near(key, KEYS)}')
            if not (equals and value):
                raise SettingsError(f'{name}: expected {key}=VALUE, got "{pair}"')
            if key in self._values:
                raise SettingsError(f"{name}: expected {key} once, it stands there twice")
            self._values[key] = value

    def settings(self, limit_px: int) -> PlantSettings:
        """The plant that is asked for.

        Args:
            limit_px: Pixels of the largest frame.

        Raises:
            SettingsError: A product or a value is not accepted.
            ImageTooLargeError: The frames would have more pixels than the limit.
        """
        from lineside.capture.plant.settings import PlantSettings

        fields = self._fields()
        try:
            settings = PlantSettings(**fields)
        except SettingsError as error:
            raise SettingsError(f"{self.name}: {error}") from error
        if settings.size.height * settings.size.width > limit_px:
            raise ImageTooLargeError(
                f"{self.name}: expected frames of at most {limit_px} pixels, size asks for "
                f"{settings.size}. Raise limit_px or ask for less."
            )
        return settings

    def _fields(self) -> dict[str, Any]:
        from lineside.capture.plant.settings import LIGHTINGS, PRODUCTS

        asked = {
            "product": self.choice("product", PRODUCTS),
            "seed": self.whole("seed", (0, 2**63 - 1)),
            "size": self._size(),
            "lighting": self.choice("lighting", LIGHTINGS),
            "defect_rate": self.number("defects", (0, 1)),
            "variants": self.whole("variants", (1, 256)),
        }
        return {field: value for field, value in asked.items() if value is not None}

    def choice(self, key: str, known: Sequence[str]) -> str | None:
        """One of the known names, or `None` where the key is not there."""
        value = self._values.get(key)
        if value is not None and value not in known:
            raise UnknownNameError(f'{self.name}: {key}: there is no "{value}"{near(value, known)}')
        return value

    def whole(self, key: str, bounds: tuple[int, int]) -> int | None:
        """A whole number within bounds, or `None` where the key is not there."""
        value = self._values.get(key)
        if value is None:
            return None
        is_whole = value.isascii() and value.isdecimal() and len(value) <= _DIGITS
        if not is_whole or not bounds[0] <= int(value) <= bounds[1]:
            raise SettingsError(
                f'{self.name}: {key}: expected a whole number from {bounds[0]} to {bounds[1]}, got "{value}"'
            )
        return int(value)

    def number(self, key: str, bounds: tuple[float, float]) -> float | None:
        """A number within bounds, or `None` where the key is not there."""
        value = self._values.get(key)
        if value is None:
            return None
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not bounds[0] <= number <= bounds[1]:
            raise SettingsError(
                f'{self.name}: {key}: expected a number from {bounds[0]:g} to {bounds[1]:g}, got "{value}"'
            )
        return number

    def _size(self) -> Size | None:
        value = self._values.get("size")
        if value is None:
            return None
        width, cross, height = value.partition("x")
        sides = (width, height)
        if not cross or not all(s.isascii() and s.isdecimal() and len(s) <= _DIGITS for s in sides):
            raise SettingsError(
                f'{self.name}: size: expected WIDTHxHEIGHT in pixels, for instance 640x480; got "{value}"'
            )
        return Size(height=int(height), width=int(width))
