"""A control that speaks text lines over TCP."""

from __future__ import annotations

import select
import socket
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lineside.core.verdict import Reason, Verdict
from lineside.outputs.plant.codes import NO_REASON, REASON_CODES, VERDICT_CODES
from lineside.outputs.plant.signals import Control, Status

if TYPE_CHECKING:
    from collections.abc import Mapping

_WAIT_S = 5.0


class TextPlc:
    """A control that connects to a `tcp` link, or listens for one.

    Args:
        role: Of the link: `server` or `client`.
        settings: More settings of the link.
    """

    def __init__(self, role: str = "server", **settings: Any) -> None:
        self._role = role
        self._control, self._status = Control(), Status()
        self._socket: socket.socket | None = None
        self._listener: socket.socket | None = None
        self._port = 0
        self._rest = b""
        if role == "client":
            self._listen()
        self.settings: Mapping[str, Any] = {"kind": "tcp", "role": role, "port": self._port, **settings}

    def attach(self, link: Any) -> None:
        """It connects, where it is the one to do so."""
        if self._role == "server":
            self._port = link.port
            self._connect()

    def write(self, control: Control) -> None:
        """Signals that rise become messages."""
        before, self._control = self._control, control
        if control.reset and not before.reset:
            self._status = Status(heartbeat=self._status.heartbeat)
            self._send("RESET")
        if before.reset and not control.reset:
            self._send("STATUS")
        if control.acknowledge and not before.acknowledge:
            self._send(f"ACK {self._status.sequence}")
        if control.product != before.product:
            self._send(f"PRODUCT {control.product}")
        if control.trigger and not before.trigger:
            self._send(
                f"TRIGGER {control.trigger_id}" + (f" serial={control.serial}" if control.serial else "")
            )
        if not control.trigger:
            self._status = replace(self._status, trigger_acknowledged=False)

    def read(self) -> Status | None:
        """What the lines that came so far say."""
        self._accept()
        if self._socket is not None and select.select([self._socket], [], [], 0.001)[0]:
            data = b""
            with suppress(OSError):
                data = self._socket.recv(65536)
            if not data:
                self._hang_up()
            *lines, self._rest = (self._rest + data).split(b"\n")
            for line in lines:
                self._understand(line.decode("ascii"))
        if self._control.reset:
            return replace(self._status, ready=False, results_valid=False)
        return self._status

    def kill(self) -> None:
        """Its connection is gone, and its memory with it."""
        if self._listener is not None:  # first, or the link is back before this is over
            self._listener.close()
            self._listener = None
        self._hang_up()
        self._status, self._control = Status(), Control()

    def revive(self) -> None:
        """It connects or listens again."""
        if self._role == "server":
            self._connect()
        else:
            self._listen()

    def babble(self) -> None:
        """Bytes that are no line, and a line that means nothing."""
        self._send("\x01\x02 garbage")
        self._send("PASS everything")

    def close(self) -> None:
        """Its connection is closed."""
        self.kill()

    def _understand(self, line: str) -> None:
        word, *rest = line.split()
        named = dict(each.split("=", 1) for each in rest if "=" in each)
        if word in {"TAKEN", "REFUSED"}:
            self._status = replace(self._status, trigger_acknowledged=True)
        elif word == "GONE":
            self._status = Status(**_state(self._status))
        elif word == "STATUS":
            self._status = replace(
                self._status,
                ready=named["ready"] == "1",
                busy=named["busy"] == "1",
                fault=named["fault"] == "1",
                missed=int(named["missed"]),
                heartbeat=int(named["heartbeat"]),
            )
        elif word == "RESULT":
            self._status = replace(self._status, results_valid=True, **_results(named))

    def _send(self, line: str) -> None:
        if self._socket is not None:
            with suppress(OSError):  # a dead line says nothing
                self._socket.sendall(line.encode() + b"\r\n")

    def _connect(self) -> None:
        self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=_WAIT_S)
        self._greet()

    def _listen(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self._port))
        self._listener.settimeout(0)
        self._port = self._listener.getsockname()[1]

    def _accept(self) -> None:
        if self._socket is None and self._listener is not None:
            with suppress(BlockingIOError):
                self._socket = self._listener.accept()[0]
                self._socket.settimeout(_WAIT_S)
                self._greet()

    def _greet(self) -> None:
        self._rest = b""
        if self._control.reset:
            self._send("RESET")

    def _hang_up(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _state(status: Status) -> dict[str, Any]:
    names = ("ready", "busy", "fault", "trigger_acknowledged", "heartbeat", "missed")
    return {name: getattr(status, name) for name in names}


def _results(named: Mapping[str, str]) -> dict[str, Any]:
    return {
        "sequence": int(named["sequence"]),
        "inspection": int(named["inspection"]),
        "answered_id": int(named["id"]),
        "verdict": VERDICT_CODES[Verdict(named["verdict"])],
        "reason": NO_REASON if named["reason"] == "-" else REASON_CODES[Reason(named["reason"])],
        "count": int(named["count"]),
        "score": int(named["score"]),
        "answered_product": named["product"].removeprefix("-"),
        "answered_serial": named["serial"].removeprefix("-"),
    }
