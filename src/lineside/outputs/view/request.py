"""What a browser asks for: read within limits, and refused where it is none of ours."""

from __future__ import annotations

import ipaddress
import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lineside.outputs.view.answer import Answer, said

if TYPE_CHECKING:
    import socket
    from collections.abc import Collection, Mapping

    from lineside.outputs.view.place import Address

_LARGEST_BYTES = 8192
_LINE = re.compile(rb"([A-Z]{1,16}) (/[!-~]*) HTTP/1\.[01]")
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*?)[ \t]*")
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(:[0-9]{1,5})?")


@dataclass(frozen=True, slots=True)
class Request:
    """A request without a body.

    Attributes:
        method: `GET` or `HEAD`.
        path: As it was sent, without what stands behind a question mark.
        headers: By their names in small letters.
    """

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)


def read_request(connection: socket.socket, seconds: float) -> Request | Answer | None:
    """The request that comes over a connection, or the answer that refuses it; `None` where none came.

    Args:
        connection: The connection.
        seconds: How long all of it may take, however slowly it trickles in.
    """
    until_s = time.monotonic() + seconds
    data = b""
    while b"\r\n\r\n" not in data:
        if len(data) > _LARGEST_BYTES:
            return said(431, f"expected a request of at most {_LARGEST_BYTES} bytes")
        left_s = until_s - time.monotonic()
        if left_s <= 0:
            return said(408, f"expected a whole request within {seconds:g} s")
        connection.settimeout(left_s)
        try:
            more = connection.recv(4096)
        except TimeoutError:
            continue
        except OSError:  # it went away
            return None
        if not more:
            return None
        data += more
    return parsed(data.partition(b"\r\n\r\n")[0])


def parsed(head: bytes) -> Request | Answer:
    """The request that some bytes are, without the empty line behind it; or the answer that refuses it."""
    first, *rest = head.split(b"\r\n")
    line = _LINE.fullmatch(first)
    if line is None:
        return said(400, "expected a request of HTTP/1.1")
    method = line[1].decode("ascii")
    if method not in {"GET", "HEAD"}:
        return said(405, f"expected GET; got {method}. There is nothing to change here")
    headers: dict[str, str] = {}
    for one in rest:
        found = _HEADER.fullmatch(one)
        if found is None:
            return said(400, "expected headers of a name and a value each")
        name = found[1].decode("ascii").lower()
        if name == "host" and name in headers:
            return said(400, "expected one Host header; got two")
        headers[name] = found[2].decode("latin-1")
    return Request(method, line[2].decode("ascii").partition("?")[0], headers)


def refusal_of(request: Request, address: Address, hosts: Collection[str]) -> Answer | None:
    """Why a request is not for this server, or not from a page of it; `None` where it is.

    A foreign page can have a browser ask for anything, by a name of its own that it lets point to this machine (DNS rebinding)
    or by naming this machine in a picture. The first is known by the Host header, the second by Sec-Fetch-Site.
    """
    host = request.headers.get("host", "")
    if not _is_ours(host, address, hosts):
        names = ", ".join(["this machine's address", "localhost", *hosts])
        return said(421, f'expected a Host header with {names}; got "{host[:100]}". Name it in view.hosts')
    site, mode = request.headers.get("sec-fetch-site"), request.headers.get("sec-fetch-mode")
    if site == "cross-site" and mode != "navigate":
        return said(403, "another site's page asked for this; open it in a window of its own")
    return None


def _is_ours(host: str, address: Address, hosts: Collection[str]) -> bool:
    found = _HOST.fullmatch(host)
    if found is None:
        return False
    name = found[1].lower().rstrip(".")
    if name in {"localhost", address.host.lower(), *(one.lower() for one in hosts)}:
        return True
    try:
        number = ipaddress.ip_address(name.strip("[]"))
    except ValueError:  # another name
        return False
    return number.is_loopback or not is_loopback(address.host)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name
        return host.lower() == "localhost"
