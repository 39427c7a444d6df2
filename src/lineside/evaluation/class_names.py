"""The class names that stand beside a YOLO folder: `classes.txt`, or the names of a `data.yaml`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lineside.core.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

_ITEM = re.compile(
    r"""\s*(?:(?P<key>\d+)\s*:\s+)?
        (?:'(?P<single>(?:[^']|'')*)'
          |"(?P<double>[^"\\]*)"
          |(?P<plain>(?![-?:]\s)[^\s,'"\[\]{}&*!|>%@`#](?:(?!:\s|:$)[^,\[\]{}#])*?))\s*$""",
    re.VERBOSE,
)
_INLINE = re.compile(r"""(?:[^,'"]|'[^']*'|"[^"]*")+""")


def find_class_names(folders: Sequence[Path], above: Path) -> tuple[tuple[str, ...] | None, str]:
    """The names and the file's name they come from; `None` where no file gives any.

    Args:
        folders: Where `classes.txt` and `data.yaml` may lie, nearest first.
        above: A folder in which a `data.yaml` speaks for its splits (`<above>/val/images`).

    Raises:
        DatasetError: A file of names is there and cannot be understood.
    """
    for folder in folders:
        if (folder / "classes.txt").is_file():
            return _read_classes_txt(folder / "classes.txt"), "classes.txt"
    for folder in (*folders, above):
        if (folder / "data.yaml").is_file():
            return _read_data_yaml(folder / "data.yaml"), "data.yaml"
    return None, ""


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as fault:
        raise DatasetError(f"{file}: cannot be read as UTF-8 text: {fault}") from fault


def _read_classes_txt(file: Path) -> tuple[str, ...]:
    lines = [line.strip() for line in _text(file).rstrip().splitlines()]
    for number, line in enumerate(lines, start=1):
        if not line:
            raise DatasetError(
                f"{file}:{number}: an empty line. Expected one class name a line, class 0 first"
            )
    if not lines:
        raise DatasetError(f"{file}: empty. Expected one class name a line, class 0 first")
    return tuple(lines)


def _read_data_yaml(file: Path) -> tuple[str, ...]:
    """The `names` of a data.yaml, in the three forms that annotation tools write.

    They are a list in brackets, a list of dashes and a mapping from numbers. It is no YAML reader: whatever
    else stands there is refused, for a half-understood list would shift every class.
    """
    lines = _text(file).splitlines()
    start = next((n for n, line in enumerate(lines) if re.match(r"names\s*:", line)), None)
    if start is None:
        raise _unclear(file, "it has no names")
    rest = _uncommented(lines[start].partition(":")[2])
    if rest:
        items = _inline_items(file, [rest, *(_uncommented(line) for line in lines[start + 1 :])])
    else:
        items = _block_items(lines[start + 1 :])
    names: list[str] = []
    for item in items:
        match = _ITEM.match(item)
        if match is None:
            raise _unclear(file, f'its names hold "{item.strip()}"')
        if match["key"] is not None and int(match["key"]) != len(names):
            raise _unclear(file, f"its names go from {len(names) - 1} to {match['key']}")
        single = match["single"]
        names.append(
            single.replace("''", "'") if single is not None else match["double"] or match["plain"] or ""
        )
    if not names or not all(names):
        raise _unclear(file, "its names are empty")
    return tuple(names)


def _uncommented(line: str) -> str:
    quote = ""
    for at, letter in enumerate(line):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        elif letter == "#" and (at == 0 or line[at - 1].isspace()):
            return line[:at].strip()
    return line.strip()


def _inline_items(file: Path, lines: Iterable[str]) -> list[str]:
    """The items of `[a, b]` or `{0: a, 1: b}`, which may go over several lines."""
    text = ""
    for line in lines:
        text += " " + line
        if line.endswith(("]", "}")):
            break
    text = text.strip()
    if len(text) < 2 or text[0] + text[-1] not in ("[]", "{}"):
        raise _unclear(file, f'its names begin with "{text[:20]}"')
    body = text[1:-1].rstrip().removesuffix(",")
    items = _INLINE.findall(body)
    if ",".join(items) != body:
        raise _unclear(
            file, f'its names hold a quote or a comma that cannot be placed: "{body.strip()[:60]}"'
        )
    return items


def _block_items(lines: Iterable[str]) -> list[str]:
    """The items of `- a` lines, or of indented `0: a` lines, up to the next key."""
    items = []
    for line in lines:
        body = _uncommented(line)
        if not body:
            continue
        if body.startswith("- "):
            items.append(body[2:])
        elif line[0].isspace():
            items.append(body)
        else:
            break
    return items


def _unclear(file: Path, what: str) -> DatasetError:
    return DatasetError(
        f"{file}: {what}. Expected names as a list or as numbers from 0 with names; "
        f"write them to {file.with_name('classes.txt')} instead, one a line"
    )
