"""Profiles put into the text of a file that somebody wrote: their own tables change, and nothing else."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

from lineside.core.errors import OutputError, SettingsError
from lineside.dispatch.simulation.profiles import ProfileFile, read_profiles

if TYPE_CHECKING:
    from pathlib import Path

    from lineside.dispatch.simulation.handover import Handover
    from lineside.dispatch.simulation.profiles import DeviceProfile

_MARK = "\ufeff"


def check_profiles(path: Path, new: ProfileFile) -> None:
    """Say before a measurement whether what comes of it can be kept in a file.

    Args:
        path: The file, which need not exist.
        new: Profiles of the names, and a hand-over where one will be there.

    Raises:
        SettingsError: As `write_profiles`.
        OutputError: Its folder does not exist.
    """
    if not path.parent.is_dir():
        raise OutputError(f"{path}: the profiles cannot be written: there is no folder {path.parent}")
    _text_with(path, new)


def write_profiles(path: Path, new: ProfileFile) -> None:
    """Put profiles into a file; those of the same names, and the hand-over, are replaced. All other text stays as it is, comments too.

    Raises:
        SettingsError: The file holds something else, or a table in a form that cannot be replaced alone.
        OutputError: It cannot be written.
    """
    data = _text_with(path, new).encode()
    path = path.resolve()  # a link stays one
    beside = path.with_name(path.name + ".part")
    try:
        beside.write_bytes(data)
        beside.replace(path)
    except OSError as fault:
        raise OutputError(f"{path}: the profiles cannot be written: {fault.strerror}") from fault


def _text_with(path: Path, new: ProfileFile) -> str:
    tables: dict[tuple[str, ...], str]
    tables = {("profiles", name): _as_toml(profile) for name, profile in new.profiles.items()}
    if new.handover is not None:
        tables["handover",] = _handover_as_toml(new.handover)
    if not path.exists():
        return "\n".join(tables.values())
    read_profiles(path)
    given = path.read_bytes().decode()  # with the ends of lines that it has
    text, mark = given.removeprefix(_MARK), _MARK if given.startswith(_MARK) else ""
    expected = tomllib.loads(text)
    for keys, table in tables.items():
        before = expected if len(keys) == 1 else expected.setdefault(keys[0], {})
        before[keys[-1]] = _at(tomllib.loads(table), keys)
        text = _replaced(text, keys, table)
        if not _says(text, expected):
            name = ".".join(keys)
            raise SettingsError(
                f"{path}: {name} cannot be replaced without touching the rest; write it as a table [{name}] of its own, or "
                "name another file"
            )
    return mark + text


def _says(text: str, expected: dict[str, Any]) -> bool:
    try:
        return tomllib.loads(text) == expected
    except tomllib.TOMLDecodeError:
        return False


def _at(document: dict[str, Any], keys: tuple[str, ...]) -> Any:
    for key in keys:
        document = document[key]
    return document


def _replaced(text: str, keys: tuple[str, ...], table: str) -> str:
    """The text with a table in place of the one of these keys and its own tables, or at the end."""
    end = "\r\n" if "\r\n" in text else "\n"
    new = [line + end for line in table.splitlines()]
    kept: list[str] = []
    here: list[str] | None = None  # the lines of the old table, while in it
    is_put = False
    for line in text.splitlines(keepends=True):
        header = _header(line)
        if header is not None:
            kept += _after(here)
            here = [] if header[: len(keys)] == keys else None
            if here is not None and not is_put:
                kept += new
                is_put = True
        (kept if here is None else here).append(line)
    kept += _after(here)
    if is_put:
        return "".join(kept)
    if kept and not kept[-1].endswith("\n"):
        kept[-1] += end
    return "".join([*kept, *([end] if kept and kept[-1].strip() else []), *new])


def _after(lines: list[str] | None) -> list[str]:
    """The comments and empty lines at the end of a table, which belong to the next one."""
    at = len(lines or ())
    while lines and at and (not lines[at - 1].strip() or lines[at - 1].lstrip().startswith("#")):
        at -= 1
    return (lines or [])[at:]


def _header(line: str) -> tuple[str, ...] | None:
    """The keys of a line that begins a table, else `None`."""
    if not line.lstrip().startswith("["):
        return None
    try:
        document = tomllib.loads(line)
    except tomllib.TOMLDecodeError:
        return None  # of a list over several lines
    keys: list[str] = []
    while isinstance(document, dict) and document:
        key, document = next(iter(document.items()))
        keys.append(key)
    return tuple(keys)


def _as_toml(profile: DeviceProfile) -> str:
    times = ", ".join(f"{b} = {s * 1e3:.4g}" for b, s in enumerate(profile.times.seconds) if b)
    return f'[profiles."{profile.name}"]\nmilliseconds = {{ {times} }}\nsource = "{_plain(profile.source)}"\n'


def _handover_as_toml(handover: Handover) -> str:
    lines = ["[handover]"]
    for key, value in handover.as_microseconds().items():
        if isinstance(value, dict):
            spread = ", ".join(f'"{share}" = {microseconds}' for share, microseconds in value.items())
            lines.append(f"{key} = {{ {spread} }}")
        else:
            lines.append(f"{key} = {value}")
    return "\n".join([*lines, f'source = "{_plain(handover.source)}"', ""])


def _plain(text: str) -> str:
    return text.replace("\\", "/").replace('"', "'")
