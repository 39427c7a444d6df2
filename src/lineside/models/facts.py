"""Facts about a model set by hand: arguments, or `best.toml` beside `best.onnx`."""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lineside.core.errors import SettingsError, UnknownNameError, near
from lineside.core.geometry import Fit, Size

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lineside.models.side_inputs import Held
    from lineside.models.spec import Conventions

_CHOICES = {
    "colour": ("rgb", "bgr"),
    "anchor": ("centre", "corner", "stretch", "crop"),
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
        mean: What is subtracted from the scaled values, one a channel in the model's order.
        deviation: What they are divided by after that, one a channel in the model's order.
        anchor: Where the letterbox puts the picture: `centre`, `corner` or `stretch`; `crop` cuts its middle out.
        rounding: How the scaled size becomes whole pixels: `round` or `floor`.
        gain: Whether boxes go back with one factor, `single`, or one of each axis, `per_axis`.
        pad_value: Grey level of the letterbox's padding, 0 to 255.
        anchors: Width and height of the anchor boxes in pixels, three a level, level by level, for heads that are
            decoded on the host.
        inputs: What the inputs beside the picture hold, by name: `width height` or `height width` of the picture,
            `ones`, or their numbers in order. Kept as pairs of name and value.

    Raises:
        SettingsError: A value is not among those accepted.
    """

    family: str | None = None
    names: tuple[str, ...] | None = None
    size: Size | None = None
    colour: str | None = None
    scale: float | None = None
    mean: tuple[float, float, float] | None = None
    deviation: tuple[float, float, float] | None = None
    anchor: str | None = None
    rounding: str | None = None
    gain: str | None = None
    pad_value: int | None = None
    anchors: tuple[tuple[float, float], ...] | None = None
    inputs: Mapping[str, str | Sequence[float]] | tuple[tuple[str, Held], ...] | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None:
                object.__setattr__(self, field.name, _checked(field.name, value))

    def over(self, other: ModelFacts) -> ModelFacts:
        """These facts, and those of `other` where these say nothing."""
        own = {f.name: getattr(self, f.name) for f in fields(self)}
        return replace(other, **{k: v for k, v in own.items() if v is not None})

    @property
    def side_inputs(self) -> dict[str, Held]:
        """What is said of the inputs beside the picture, by name."""
        return dict(self.inputs or ())  # type: ignore[arg-type] # pairs since __post_init__

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
            colour=self.colour or habit.colour,  # type: ignore[arg-type] # the same
            scale=habit.scale if self.scale is None else self.scale,
            mean=self.mean or habit.mean,
            deviation=self.deviation or habit.deviation,
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
        if "schema" in table and ("model" in table or "line" in table):
            raise SettingsError(
                f"{path}: expected facts about {model.name}, because it has the model's name; it is a recipe or a line's settings. "
                "Give it another name, or put it in another folder than the model"
            )
        known = [field.name for field in fields(cls)]
        for key in table:
            if key not in known:
                raise UnknownNameError(f'{path}: unknown key "{key}"{near(key, known)}')
        try:
            return cls(**table)
        except SettingsError as fault:
            raise type(fault)(f"{path}: {fault}") from fault


def parse_size(text: str, key: str = "size") -> Size:
    """`640` or `640x480` (width x height) as a size.

    Args:
        text: What was given.
        key: What it is, for the message.

    Raises:
        SettingsError: Neither.
    """
    width, _, height = text.lower().partition("x")
    if not _is_number(width) or (height and not _is_number(height)) or ("x" in text.lower() and not height):
        raise SettingsError(
            f'{key}: expected a number or WIDTHxHEIGHT, for instance 640 or 640x480; got "{text}"'
        )
    return Size(height=int(height or width), width=int(width))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 6


def parse_three(text: str, key: str) -> tuple[float, float, float]:
    """Three numbers from a comma list, one a channel.

    Args:
        text: For instance `0.485,0.456,0.406`.
        key: What they are, for the message.

    Raises:
        SettingsError: It holds anything else.
    """
    try:
        first, second, third = (float(part) for part in text.split(","))
    except ValueError as fault:
        raise SettingsError(
            f'{key}: expected three numbers with commas, as 0.485,0.456,0.406; got "{text}"'
        ) from fault
    return first, second, third


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


def _checked(key: str, value: Any) -> Any:
    """A value in the type of its field.

    Raises:
        SettingsError: It is not among those accepted.
    """
    if key in _CHOICES:
        if value not in _CHOICES[key]:
            raise UnknownNameError(f"{key}: expected one of {', '.join(_CHOICES[key])}; got {value!r}")
        return value
    return _CHECKS[key](value)


def _family(value: Any) -> str:
    from lineside.models.recognise import family_named

    if not isinstance(value, str):
        raise SettingsError(f"family: expected a name, for instance yolov8; got {value!r}")
    family_named(value)
    return value


def _names(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(
        isinstance(name, str) and name.strip() for name in value
    ):
        raise SettingsError(f"names: expected a list of strings, none of them empty; got {value!r}")
    twice = sorted({name for name in value if list(value).count(name) > 1})
    if not value or twice:
        raise SettingsError(
            f"names: expected at least one class name, each once; twice: {', '.join(twice) or 'none'}"
        )
    return tuple(value)


def _size(value: Any) -> Size:
    if isinstance(value, str):
        value = parse_size(value)
    elif isinstance(value, int) and not isinstance(value, bool):
        value = Size(value, value)
    if not isinstance(value, Size):
        raise SettingsError(f'size: expected 640 or "640x480" (width x height); got {value!r}')
    if min(value) < 1:
        raise SettingsError(f"size: expected a width and a height of at least 1 px; got {value}")
    return value


def _scale(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 65535:
        raise SettingsError(f"scale: expected the divisor of the pixel values, 255 or 1; got {value!r}")
    return float(value)


def _mean(value: Any) -> tuple[float, float, float]:
    return _three("mean", value, "numbers, for instance 0.485, 0.456, 0.406", above=-math.inf)


def _deviation(value: Any) -> tuple[float, float, float]:
    return _three("deviation", value, "numbers above 0, for instance 0.229, 0.224, 0.225", above=0)


def _three(key: str, value: Any, expected: str, *, above: float) -> tuple[float, float, float]:
    """One number a channel.

    Raises:
        SettingsError: There are not three, or one is no number, not finite or out of range.
    """
    numbers = value if isinstance(value, list | tuple) else ()
    if len(numbers) != 3 or not all(
        isinstance(n, int | float) and not isinstance(n, bool) and abs(n) <= 65535 and n > above
        for n in numbers
    ):
        raise SettingsError(f"{key}: expected a list of three {expected}; got {value!r}")
    return float(numbers[0]), float(numbers[1]), float(numbers[2])


def _inputs(value: Any) -> tuple[tuple[str, Held], ...]:
    from lineside.models.side_inputs import checked

    return checked(value)


def _pad_value(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 255:
        raise SettingsError(f"pad_value: expected a whole number from 0 to 255; got {value!r}")
    return value


def _anchors(value: Any) -> tuple[tuple[float, float], ...]:
    """Pairs of width and height.

    Raises:
        SettingsError: They are none, or not three a level.
    """
    rows = value if isinstance(value, list | tuple) else ()
    pairs = [tuple(row) if isinstance(row, list | tuple) else () for row in rows]
    is_table = pairs and len(pairs) % 3 == 0 and all(len(pair) == 2 for pair in pairs)
    if not is_table or not all(
        isinstance(n, int | float) and not isinstance(n, bool) and 0 < n <= 65535
        for pair in pairs
        for n in pair
    ):
        raise SettingsError(
            "anchors: expected pairs of width and height in pixels, three a level, level by level, for instance "
            f"[[10, 13], [16, 30], [33, 23], ...]; got {value!r}"
        )
    return tuple((float(width), float(height)) for width, height in pairs)


_CHECKS: dict[str, Callable[[Any], Any]] = {
    "family": _family,
    "names": _names,
    "size": _size,
    "scale": _scale,
    "mean": _mean,
    "deviation": _deviation,
    "pad_value": _pad_value,
    "anchors": _anchors,
    "inputs": _inputs,
}
