"""The line that `soak.py` runs."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from lineside.testing.graphs import colour_spots

if TYPE_CHECKING:
    from pathlib import Path

_LINE = """
schema = 1
[line]
name = "soak"
deadline_ms = 10000
health_file = "health.json"
[[camera]]
id = "top"
source = "synthetic:mixed?size=320x320&defects=0.3"
trigger = "plc"
timeout_s = 30.0
[[camera]]
id = "side"
source = "synthetic:mixed?size=320x320&defects=0.3&camera=side"
trigger = "plc"
timeout_s = 30.0
[recipes]
folder = "recipes"
[[plant]]
kind = "modbus_server"
port = {port}
acknowledge_timeout_s = 30.0
answer_timeout_s = 30.0
[outbox.keep]
every = 50
[[output]]
kind = "folder"
path = "results"
max_bytes = 50000000
[[output]]
kind = "csv"
path = "tables"
[[output]]
kind = "database"
url = "sqlite:///{folder}/results.db"
[trace]
folder = "trace"
segment_bytes = 200000
record_bytes = 1000000
picture_bytes = 50000000
[trace.keep]
every = 50
"""
_RECIPE = """
schema = 1
code = "{code}"
[model]
path = "../spots.onnx"
[[rule]]
kind = "forbid"
min_confidence = {confidence}
[end]
"""


def write_line(folder: Path) -> int:
    """The line's files; the port of its link."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    (folder / "recipes").mkdir()
    (folder / "spots.onnx").write_bytes(colour_spots().SerializeToString())
    for code, confidence in (("usual", 0.999), ("strict", 0.0)):
        text = _RECIPE.format(code=code, confidence=confidence)
        (folder / "recipes" / f"{code}.toml").write_text(text)
    (folder / "line.toml").write_text(_LINE.format(port=port, folder=folder.resolve()))
    return port
