"""The features that cameras have for a product: checked before, and proven of each picture."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lineside.capture import camera as cameras
from lineside.core import plugins
from lineside.core.documents import parsed
from lineside.core.errors import CameraUnsetError, PluginError, SettingsError
from lineside.judge.recipe import camera_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lineside.core.frame import Frame
    from lineside.judge.recipe import Recipe
    from lineside.line.settings.document import CameraTable
    from lineside.line.settings.reading import LineSettings


@dataclass(frozen=True, slots=True)
class Outfit:
    """A camera's features for a product.

    Attributes:
        features: Those that differ from the line's settings, by name.
        name: The same for the same features; empty where the line's settings hold.
    """

    features: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""

    @classmethod
    def of(cls, features: Mapping[str, Any]) -> Outfit:
        """The outfit of some features."""
        if not features:
            return cls()
        text = json.dumps(features, sort_keys=True)
        return cls(dict(features), hashlib.sha256(text.encode()).hexdigest()[:12])


def outfits(recipe: Recipe, settings: LineSettings) -> dict[str, Outfit]:
    """The outfit of each camera of the line for a product, by the camera's name.

    Raises:
        SettingsError: A feature is not one that this kind of camera takes for a product, or the line's settings have no value to
            which it goes back.
    """
    _refuse_shots(recipe, settings)
    return {
        table.id: Outfit.of(_checked(recipe, settings, table) if recipe.camera(table.id).features else {})
        for table in settings.document.camera
    }


def _refuse_shots(recipe: Recipe, settings: LineSettings) -> None:
    """Refuse features for one shot of several, which are all taken with the same."""
    for name, table in recipe.document.camera.items():
        if table.features and name not in settings.shots:
            raise SettingsError(
                f'{recipe.file}: camera."{name}".features: expected them in camera.{camera_of(name)}, because all shots of a '
                "camera are taken with the same"
            )


def _checked(recipe: Recipe, settings: LineSettings, table: CameraTable) -> Mapping[str, Any]:
    """What a recipe asks of one camera, checked by its kind's own table and against the line's settings."""
    features, where = recipe.camera(table.id).features, f"{recipe.file}: camera.{table.id}.features"
    schema = _settable(cameras.scheme_of(table.source))
    if schema is None:
        raise SettingsError(
            f"{where}: expected none, as a camera at {settings.camera(table).shown} takes features only when it is opened; got "
            f"{', '.join(features)}. Set them in line.toml"
        )
    parsed(schema, features, where)
    lacking = [name for name in features if name not in table.features]
    if lacking:
        raise SettingsError(
            f"{where}.{lacking[0]}: expected a value in line.toml, too: features of camera {table.id} there have "
            f"{', '.join(table.features) or 'none'}. It is what holds for products whose recipe says nothing of it"
        )
    return features


def _settable(scheme: str) -> Any:
    """The table of what a kind of camera takes for a product; `None` where it takes nothing."""
    for name in plugins.each(cameras.KINDS):
        try:
            kind = plugins.load(cameras.KINDS, name)
        except PluginError:  # another kind that is not installed
            continue
        if scheme in kind.SCHEMES:
            return getattr(kind, "Settable", None)
    return None


def proven(camera: str, outfit: Outfit, then: Callable[[Frame], Frame] | None) -> Callable[[Frame], Frame]:
    """A function that refuses a picture which was not taken with an outfit, and does what is to be done to one that was.

    Args:
        camera: The camera's name, for messages.
        outfit: What its product asks for.
        then: What is done to the picture; `None` for nothing.
    """

    def prepare(frame: Frame) -> Frame:
        if frame.setting != outfit.name:
            had = (
                "those of another product" if frame.setting is not None else "none that are known for certain"
            )
            raise CameraUnsetError(
                f"camera {camera}: expected a picture with this product's features of the camera; it had {had}"
            )
        return frame if then is None else then(frame)

    return prepare
