"""The text of a `line.toml` that explains itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lineside.line.settings.document import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Seen:
    """A camera for the settings.

    Attributes:
        id: Its name.
        address: What opens it.
        about: What people know it by.
        is_drawn: It is one of the drawn plant.
    """

    id: str
    address: str
    about: str = ""
    is_drawn: bool = False


def drawn_cameras() -> list[Seen]:
    """The two cameras of the drawn plant."""
    return [
        Seen(name, f"synthetic:mixed?camera={name}", "of the drawn plant", is_drawn=True)
        for name in ("top", "side")
    ]


def template(cameras: Sequence[Seen], model: str) -> str:
    """The settings of a line with these cameras and this model.

    Args:
        cameras: At least one.
        model: An .onnx file, or `shipped:NAME`.
    """
    is_drawn = all(camera.is_drawn for camera in cameras)
    tables = "\n".join(_camera(camera) for camera in cameras)
    deadline_ms = 500 if is_drawn else 200
    return _TEXT.format(schema=SCHEMA, deadline_ms=deadline_ms, cameras=tables, model=_quoted(model))


def _camera(camera: Seen) -> str:
    about = "".join(c for c in camera.about if c.isprintable())
    return _CAMERA.format(id=_quoted(camera.id), address=_quoted(camera.address), about=about or "a camera")


def _quoted(text: str) -> str:
    """The text as TOML writes it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in escaped) + '"'


_CAMERA = """\
[[camera]]                         # {about}
id = {id}
source = {address}
trigger = "software"               # free | software | hardware | plc
# delivery = "every_part"          # or "latest", of a free-running camera
# shots = 1                        # pictures of each part
# timeout_s = 2.0                  # without a picture for so long it is lost
# features = {{ ExposureTime = 5000.0 }}
# baseline = "top.json"            # what is usual, from lineside health --learn: refuses dark, blurred and shifted pictures, too
# health = {{ repeats = false }}     # where a source repeats its pictures
# adjust = {{ rotate = 90 }}         # lens, rotation, crop, mask
"""

_TEXT = """\
# A line of lineside. Every key stands in docs/run.md. `lineside check` looks whether all of it is right.
schema = {schema}

[line]
name = "line-1"
deadline_ms = {deadline_ms}                  # from a part's trigger to its answer
parts_per_minute = 60              # how often cameras with trigger "software" take a part's pictures
# least_ms = 100                   # parts are never nearer to each other: sooner is trigger_missed
# join_ms = 20                     # pictures of free-running and wired cameras so near are of one part
health_file = "health.json"        # written every second

{cameras}
[model]
path = {model}
# confidence = 0.25                # the lowest that a rule looks at, unless set

[[rule]]
kind = "forbid"                    # no object of these classes may be seen; all classes unless set
# classes = ["scratch", "dent"]
min_confidence = 0.3

# In place of [model] and [[rule]], a recipe a product, chosen by the plant's product code:
# [recipes]
# folder = "recipes"
# product = "cap-blue"             # where the plant names none

[devices]
# priority = ["cuda:0", "cpu"]     # all of them run; what was tuned, else the CPU, unless set
demotion = "prefer"                # or "require": no start without every device

# [[plant]]                        # the plant's control hears of each part first
# kind = "modbus_server"
# host = "127.0.0.1"
# port = 1502

# [ejector]                        # moves off the line what has not passed
# delay_ms = 800
# pulse_ms = 50
# output = {{ kind = "gpio", chip = "/dev/gpiochip0", line = 17 }}

# [[output]]                       # results, off the verdict's path
# kind = "csv"
# path = "results"

# [trace]                          # one hash-chained record a part, for lineside verify and replay
# folder = "trace"
# record_days = 365
# picture_days = 30

# [view]                           # what the cameras see, in a browser on this machine; or a folder, or a file.mp4
# to = "8080"
"""
