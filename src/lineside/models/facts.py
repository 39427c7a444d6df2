"""Facts about a model set by hand: arguments, or `best.toml` beside `best.onnx`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from lineside.core.errors import SettingsError, near
from lineside.core.geometry import Fit, Size
from lineside.models.spec import Conventions

# Each key: what is accepted, for the message, and a test of it.
_CHOICES = {
    "colour": ("rgb", "bgr"),
    "anchor": ("centre", "corner", "stretch"),
    "rounding": ("round", "floor"),
    "gain": ("per_axis", "single"),
}


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What the user knows better than the file. `None` leaves a fact to the recognition.

    Attributes:
        family: Name of the family, for instance `yolov8`; older and newer names of the same head are accepted.
        names: Class names in the order of their ids.
        size: Input size, for files that leave it open.
        colour: Channel order that the model expects: `rgb` or `bgr`.
        scale: What pixel values are divided by: 255 or 1.
        anchor: Where the letterbox puts the picture: `centre`, `corner` or `stretch`.
        rounding: How the scaled size becomes whole pixels: `round` or `floor`.
        gain: Whether boxes go back with one factor, `single`, or one of each axis, `per_axis`.
        pad_value: Grey level of the letterbox's padding, 0 to 255.

    Raises:
        SettingsError: A value is not among those accepted.
    """

    family: str | None = None
    names: tuple[str, ...] | None = None
    size: Size | None = None
    colour: str | None = None
    scale: float | None = None
    anchor: str | None = None
    rounding: str | None = None
    gain: str | None = None
    pad_value: int | None = None

    def __post_init__(self) -> None:
        for key, choices in _CHOICES.items():
            value = getattr(self, key)
            if value is not None and value not in choices:
                raise SettingsError(f'{key}: expected one of {", ".join(choices)}; got "{value}"')
        if self.scale is not None and not 0 < self.scale <= 65535:
            raise SettingsError(f"scale: expected the divisor of the pixel values, 255 or 1; got {self.scale}")
        if self.pad_value is not None and not 0 <= self.pad_value <= 255:
            raise SettingsError(f"pad_value: expected 0 to 255; got {self.pad_value}")
        if self.size is not None and min(self.size) < 1:
            raise SettingsError(f"size: expected a height and a width of at least 1 px; got {self.size}")
        if self.names is not None and (not self.names or len(set(self.names)) != len(self.names)):
            raise SettingsError("names: expected at least one class name, each once")

    def over(self, other: ModelFacts) -> ModelFacts:
        """These facts, and those of `other` where these say nothing."""
        own = {f.name: getattr(self, f.name) for f in fields(self)}
        return replace(other, **{k: v for k, v in own.items() if v is not None})

    def conventions(self, habit: Conventions) -> Conventions:
        """A family's habit with these facts laid over it."""
        fit = Fit(
            anchor=self.anchor or habit.fit.anchor,  # type: ignore[arg-type] # checked in __post_init__
            rounding=self.rounding or habit.fit.rounding,  # type: ignore[arg-type] # the same
            gain=self.gain or habit.fit.gain,  # type: ignore[arg-type] # the same
            pad_value=habit.fit.pad_value if self.pad_value is None else self.pad_value,
        )
        return replace(
            habit,
            fit=fit,
            colour=self.colour or habit.colour,
            scale=habit.scale if self.scale is None else float(self.scale),
        )

    @classmethod
    def beside(cls, model: Path) -> ModelFacts:
        """The facts of the `.toml` file beside a model, or none where there is no such file.

        Raises:
            SettingsError: The file is malformed; the message names the file and the key.
        """
        path = model.with_suffix(".toml")
        if path == model or not path.is_file():
            return cls()
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
            raise SettingsError(f"{path}: not a TOML file: {fault}") from fault
        except OSError as fault:
            raise SettingsError(f"{path}: cannot be read: {fault.strerror}") from fault
        try:
            return cls(**{key: _typed(key, value) for key, value in table.items()})
        except SettingsError as fault:
            raise SettingsError(f"{path}: {fault}") from fault


def parse_size(text: str) -> Size:
    """`640` or `640x480` (width x height) as a size.

    Raises:
        SettingsError: Neither.
    """
    width, _, height = text.lower().partition("x")
    if not width.isdigit() or (height and not height.isdigit()) or ("x" in text.lower() and not height):
        raise SettingsError(f'size: expected a number or WIDTHxHEIGHT, for instance 640 or 640x480; got "{text}"')
    return Size(height=int(height or width), width=int(width))


def parse_names(text: str) -> tuple[str, ...]:
    """Class names from a comma list, or from a text file with one name a line.

    Raises:
        SettingsError: The file cannot be read or holds no name.
    """
    path = Path(text)
    if "," not in text and path.suffix in {".txt", ".names"}:
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as fault:
            raise SettingsError(f"names: {path}: cannot be read: {fault}") from fault
    else:
        lines = text.split(",")
    names = tuple(line.strip() for line in lines if line.strip())
    if not names:
        raise SettingsError(f"names: {text!r} holds no class name")
    return names


def _typed(key: str, value: Any) -> Any:
    """A value of the file beside the model in the type of its field."""
    known = [f.name for f in fields(ModelFacts)]
    if key not in known:
        raise SettingsError(f'unknown key "{key}"{near(key, known)}')
    if key == "names":
        if not isinstance(value, list) or not all(isinstance(n, str) for n in value):
            raise SettingsError(f"names: expected a list of strings; got {value!r}")
        return tuple(value)
    if key == "size":
        if isinstance(value, int) and not isinstance(value, bool):
            return Size(value, value)
        if isinstance(value, str):
            return parse_size(value)
        raise SettingsError(f'size: expected 640 or "640x480" (width x height); got {value!r}')
    wanted = {"scale": (int, float), "pad_value": (int,)}.get(key, (str,))
    if not isinstance(value, wanted) or isinstance(value, bool):
        raise SettingsError(f"{key}: expected a {wanted[-1].__name__}; got {value!r}")
    return value
