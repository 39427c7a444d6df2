"""The own options of a kind of camera beside the camera's features, in one table of settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ConfigDict, Field, model_validator

from lineside.core.documents import Table, parsed
from lineside.core.errors import near

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lineside.capture.camera import CameraSettings
    from lineside.capture.genicam.device import Value


class FeatureTable(Table):
    """Own options in small letters, and any feature of the camera, whose names begin with a capital."""

    model_config = ConfigDict(extra="allow", frozen=True)

    levels: tuple[int, int] | None = Field(default=None)
    """The values that become black and white, in the camera's numbers; unset: the upper 8 bits are kept."""

    buffers: int = Field(default=8, ge=2, le=256)
    """Pictures that find room while nobody reads."""

    @model_validator(mode="before")
    @classmethod
    def _features_begin_with_a_capital(cls, table: Any) -> Any:
        own = cls.model_fields
        for name in table if isinstance(table, dict) else ():
            if name not in own and not str(name)[:1].isupper():
                raise ValueError(
                    f"options ({', '.join(own)}) or features of the camera, which begin with a capital; "
                    f'"{name}" is neither{near(str(name), own)}'
                )
            if name not in own and not isinstance(table[name], bool | int | float | str):
                raise ValueError(f"true, false, a number or a text for {name}")
        return table


class SettableTable(Table):
    """Any feature of the camera, for one product; its trigger stays as the line's settings say."""

    model_config = ConfigDict(extra="allow", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _are_the_cameras(cls, table: Any) -> Any:
        for name, value in table.items() if isinstance(table, dict) else ():
            if not str(name)[:1].isupper():
                raise ValueError(
                    f"features of the camera, which begin with a capital; {name} is no such, and an option of lineside's own "
                    "holds from the opening on"
                )
            if str(name).startswith("Trigger"):
                raise ValueError(f"no {name}: the camera's trigger is the same for all products")
            if not isinstance(value, bool | int | float | str):
                raise ValueError(f"true, false, a number or a text for {name}")  # noqa: TRY004 # pydantic takes this one
        return table


T = TypeVar("T", bound=FeatureTable)


def options_and_features(schema: type[T], settings: CameraSettings) -> tuple[T, Mapping[str, Value]]:
    """The own options of a kind, and the camera's features in the order in which they were written.

    Args:
        schema: The kind's table.
        settings: How the camera is opened.

    Raises:
        SettingsError: An option or a value is not accepted.
    """
    options = parsed(schema, settings.features, f"camera {settings.id}: features")
    return options, dict(options.model_extra or {})
