"""What a browser is answered."""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# Nothing is loaded from elsewhere, nobody frames the page, nobody embeds its pictures, nothing is kept.
_ALWAYS = {
    "Cache-Control": "no-store",
    "Connection": "close",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer.

    Attributes:
        status: By HTTP.
        kind: What the body is.
        body: It.
        headers: More headers.
    """

    status: int
    kind: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    def head(self) -> bytes:
        """What goes before the body."""
        return head(
            self.status,
            {"Content-Type": self.kind, "Content-Length": str(len(self.body)), **self.headers},
        )


def head(status: int, headers: Mapping[str, str]) -> bytes:
    """The first lines of an answer."""
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
    lines += [f"{name}: {value}" for name, value in (_ALWAYS | dict(headers)).items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def said(status: int, sentence: str, **headers: str) -> Answer:
    """A sentence as an answer; a header's name is written with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, "text/plain; charset=utf-8", f"{sentence}\n".encode(), named)
