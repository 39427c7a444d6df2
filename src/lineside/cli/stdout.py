"""Standard output that can fail: on a full disk that is told in a sentence, as of any other file."""

from __future__ import annotations

import io
import os
import sys

from lineside.core.errors import OutputError


class _Stdout(io.TextIOWrapper):
    """Standard output whose lack of space is an `OutputError`; a reader that went away stays a `BrokenPipeError`."""

    def write(self, text: str, /) -> int:
        try:
            return super().write(text)
        except OSError as fault:
            raise _told(fault) from fault

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as fault:
            raise _told(fault) from fault


def _told(fault: OSError) -> OSError | OutputError:
    from lineside.outputs.files import cannot_write

    return fault if isinstance(fault, BrokenPipeError) else cannot_write("standard output", fault)


def guard_stdout() -> None:
    """Let what is wrong with standard output leave as every error does, and a character that it does not know as its number."""
    given = sys.stdout
    if type(given) is not io.TextIOWrapper:  # of somebody who calls us, or closed
        return
    line_buffering, write_through = given.line_buffering, given.write_through
    encoding, errors = given.encoding, "backslashreplace" if given.errors == "strict" else given.errors
    sys.stdout = _Stdout(
        given.detach(),
        encoding=encoding,
        errors=errors,
        line_buffering=line_buffering,
        write_through=write_through,
    )


def forget_stdout() -> None:
    """Let nothing more be written there, not at the interpreter's end either."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
