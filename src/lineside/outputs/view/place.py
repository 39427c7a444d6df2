"""Where a view goes: a folder, a video file or an address."""

from __future__ import annotations

import urllib.parse
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from lineside.core.errors import SettingsError

_EXPECTED = 'a folder, a file that ends in ".mp4", a port number, or http://HOST:PORT'
_OTHER_VIDEOS = frozenset({".avi", ".mkv", ".mov", ".m4v", ".webm", ".mpg", ".mpeg"})
LOOPBACK = "127.0.0.1"
"""Where a port alone is opened: nobody on another machine can reach it."""


@dataclass(frozen=True, slots=True)
class Folder:
    """Pictures and a page in a folder."""

    path: Path


@dataclass(frozen=True, slots=True)
class Film:
    """A video file."""

    path: Path


@dataclass(frozen=True, slots=True)
class Address:
    """A page for browsers.

    Attributes:
        host: The address of this machine that is listened at.
        port: The port; 0 for any that is free.
    """

    host: str
    port: int


Place: TypeAlias = Folder | Film | Address


def place_of(text: str, folder: Path | None = None) -> Place:
    """The place that a text names.

    Args:
        text: A folder, a file that ends in .mp4, a port number, or `http://HOST:PORT`. `./8080` is a folder.
        folder: What a path is relative to; `None` for the working folder.

    Raises:
        SettingsError: It names none.
    """
    text = text.strip()
    if text.isascii() and text.isdigit():
        return Address(LOOPBACK, _port(int(text), text))
    if "://" in text:
        return _address(text)
    if not text or "\x00" in text:
        raise SettingsError(f"view: expected {_EXPECTED}; got {text!r}")
    path = Path(text) if folder is None else folder / text
    if path.suffix.lower() in _OTHER_VIDEOS:
        raise SettingsError(f'view: expected {_EXPECTED}; videos are written as .mp4 only, got "{text}"')
    return Film(path) if path.suffix.lower() == ".mp4" else Folder(path)


def _address(text: str) -> Address:
    try:
        parts = urllib.parse.urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError as fault:
        raise SettingsError(f'view: expected {_EXPECTED}; got "{text}": {fault}') from fault
    if parts.scheme == "https":
        raise SettingsError(
            f'view: expected http://HOST:PORT, because lineside has no certificate of its own; got "{text}". '
            "Put a proxy with one in front of it"
        )
    is_plain = parts.path in {"", "/"} and not (parts.query or parts.fragment or "@" in parts.netloc)
    if parts.scheme != "http" or not is_plain or not host or port is None:
        raise SettingsError(f'view: expected {_EXPECTED}, nothing behind the port; got "{text}"')
    return Address(host, _port(port, text))


def _port(number: int, text: str) -> int:
    if number > 65535:
        raise SettingsError(f'view: expected a port from 0 to 65535; got "{text}"')
    return number
