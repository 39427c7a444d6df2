"""Text lines over TCP, for controls that speak no field bus: lineside listens, or connects."""

from __future__ import annotations

import select
import socket
import threading
from contextlib import suppress
from dataclasses import replace
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from lineside.core.backoff import Backoff
from lineside.core.documents import parsed
from lineside.core.errors import OutputError
from lineside.outputs.plant.conversation import Conversation
from lineside.outputs.plant.lines import (
    LINE_BYTES,
    MESSAGES,
    Message,
    parse,
    result_line,
    status_line,
    trigger_line,
)
from lineside.outputs.plant.link import PlantTrigger, TriggerRefused
from lineside.outputs.plant.maps import MapRow
from lineside.outputs.plant.serving import cannot_listen
from lineside.outputs.plant.settings import LinkSettings
from lineside.outputs.plant.signals import Control, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lineside.outputs.plant.link import LineState, PlantAnswer, PlantEvent

_TICK_S = 0.02


class Settings(LinkSettings):
    """Who listens, and where."""

    role: Literal["server", "client"] = "server"
    """`server`: lineside listens, and one control connects. `client`: the control listens."""
    host: str = Field(default="127.0.0.1", min_length=1)
    """Address to listen at, or the control's."""
    port: int = Field(default=5020, ge=0, le=65535)
    """TCP port; 0 takes a free one, for the server only."""
    timeout_s: float = Field(default=1.0, ge=0.02, le=30)
    """Seconds that one write, or the way to the control, may take."""
    silence_s: float = Field(default=0.0, ge=0, le=3600)
    """Seconds without a line after which the control counts as lost; 0 for never. A control that asks STATUS is not silent."""


def make(settings: Mapping[str, Any]) -> TcpLink:
    """The link that a table describes, not yet started.

    Raises:
        SettingsError: A setting is not accepted.
    """
    return TcpLink(parsed(Settings, settings, "plant tcp"))


def describe(settings: Mapping[str, Any]) -> list[MapRow]:
    """Where each signal is.

    Raises:
        SettingsError: A setting is not accepted.
    """
    parsed(Settings, settings, "plant tcp")
    return [
        MapRow(writer, form, form.partition(" ")[0], "line", meaning) for writer, form, meaning in MESSAGES
    ]


class TcpLink:
    """One control at a time; a newer connection takes the place of the older one, which may be half dead.

    Args:
        settings: Where, and the limits.
        clock: Monotonic seconds.

    Attributes:
        port: Where it listens, once it does.
    """

    def __init__(self, settings: Settings, *, clock: Callable[[], float] = monotonic) -> None:
        self.port = settings.port
        self._settings = settings
        self._clock = clock
        self._talk = Conversation(settings, self._publish, known=Control(), clock=clock)
        self._control = Control()
        self._sending = threading.Lock()
        self._socket: socket.socket | None = None
        self._listener: socket.socket | None = None
        self._newer: socket.socket | None = None
        self._said = ""
        self._is_garbage = False
        self._shown: Status | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._heard: Callable[[PlantEvent], None] | None = None

    def start(self, heard: Callable[[PlantEvent], None]) -> None:
        """It listens, or reaches for the control.

        Raises:
            OutputError: The port is taken, or the address is none of this machine.
        """
        self._heard = heard
        self._talk.start(self._tell_both)
        at = (self._settings.host, self._settings.port)
        if self._settings.role == "server":
            try:
                self._listener = socket.create_server(at)
            except OSError as fault:
                raise cannot_listen("tcp", *at, fault) from fault
            self._listener.settimeout(_TICK_S)
            self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._run, name=f"plant tcp {self.port}", daemon=True)
        self._thread.start()

    def tell(self, state: LineState) -> None:
        """The control is sent the state now, or when it connects."""
        with suppress(OutputError):  # it is told when it is back
            self._talk.tell(state)

    def answer(self, answer: PlantAnswer) -> None:
        """The answer is sent, or waits for those before it to be acknowledged.

        Raises:
            OutputError: No control is connected. It is sent when one connects.
        """
        self._talk.answer(answer)

    def close(self) -> None:
        """The control reads that nothing is ready, and its connection is closed."""
        if self._stop.is_set():
            return
        self._stop.set()
        if self._thread is not None:
            self._thread.join(2 * self._settings.timeout_s + 1)
        with suppress(OutputError):  # nobody is there
            self._talk.close()
        self._drop()
        for left in (self._listener, self._newer):
            if left is not None:
                left.close()

    def _run(self) -> None:
        failures, is_known_lost = 0, False
        backoff = Backoff()
        while not self._stop.wait(backoff.pause_s(failures)):
            try:
                connection = self._connected()
                if connection is None:
                    continue
                self._attend(connection, is_back=is_known_lost)
                is_known_lost, failures = False, 0
                self._converse(connection)
            except (OutputError, OSError) as fault:
                self._drop()
                if self._stop.is_set():
                    return
                failures = failures + 1 if self._listener is None else 0
                if not is_known_lost:
                    self._talk.note("plc.lost", f"tcp: the control is gone: {fault}")
                is_known_lost = True

    def _connected(self) -> socket.socket | None:
        if self._listener is None:
            at = (self._settings.host, self._settings.port)
            return socket.create_connection(at, timeout=self._settings.timeout_s)
        newer, self._newer = self._newer, None
        with suppress(TimeoutError):
            return newer or self._listener.accept()[0]
        return None

    def _attend(self, connection: socket.socket, *, is_back: bool) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(self._settings.timeout_s)
        with self._sending:
            self._socket, self._said, self._shown = connection, "", None
        self._talk.back("tcp: the control is connected again", is_news=is_back)
        self._talk.tick()

    def _converse(self, connection: socket.socket) -> None:
        """Until the connection ends, which raises."""
        rest = b""
        last_s = self._clock()
        while not self._stop.is_set():
            data = self._received(connection)
            self._talk.tick()
            if data is None:
                if 0 < self._settings.silence_s < self._clock() - last_s:
                    raise OutputError(f"it has sent nothing for {self._settings.silence_s:g} s")
                continue
            last_s = self._clock()
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                self._understand(line.rstrip(b"\r"))
            if len(rest) >= LINE_BYTES:
                self._garbage(f"expected lines of at most {LINE_BYTES} bytes")
                raise OutputError("its line had no end")

    def _received(self, connection: socket.socket) -> bytes | None:
        """What has come; `None` where nothing has within a tick."""
        sockets = [connection] if self._listener is None else [connection, self._listener]
        ready = select.select(sockets, [], [], _TICK_S)[0]
        if self._listener in ready and self._listener is not None:
            self._newer = self._listener.accept()[0]
            raise OutputError("a newer connection took its place")
        if not ready:
            return None
        data = connection.recv(4096)
        if not data:
            raise OutputError("it has closed the connection")
        return data

    def _understand(self, line: bytes) -> None:
        message = parse(line) if len(line) < LINE_BYTES else f"expected lines of at most {LINE_BYTES} bytes"
        if isinstance(message, str):
            self._garbage(message)
            return
        if message.word == "STATUS":
            self._send(status_line(self._talk.status))
        elif message.word == "ACK":
            self._acknowledged(message)
        else:
            self._signalled(message)
            self._is_garbage = False

    def _signalled(self, message: Message) -> None:
        """A message is a signal that goes up and down again."""
        product = self._control.product if message.product is None else message.product
        quiet = replace(self._control, product=product, serial=message.serial, trigger_id=message.number or 0)
        self._control = quiet
        up = replace(quiet, trigger=message.word == "TRIGGER", reset=message.word == "RESET")
        self._talk.hear(up)
        self._talk.hear(quiet)

    def _acknowledged(self, message: Message) -> None:
        shown = self._shown
        if shown is None or message.number not in {None, shown.sequence}:
            self._garbage(
                f"no results {'' if message.number is None else message.number} wait to be acknowledged"
            )
            return
        self._talk.hear(replace(self._control, acknowledge=True))
        self._talk.hear(self._control)

    def _garbage(self, sentence: str) -> None:
        if not self._is_garbage:  # one note for a control that babbles, not one for each line
            self._is_garbage = True
            self._talk.note("plc.garbage", f"tcp: {sentence}; the line is not acted upon")
        self._send(f"ERROR {sentence}")

    def _tell_both(self, event: PlantEvent) -> None:
        """The control reads what became of its trigger before any result of it."""
        if isinstance(event, PlantTrigger | TriggerRefused):
            with suppress(OutputError):  # the connection's own thread finds that out, and tells
                self._send(trigger_line(event))
        if self._heard is not None:
            self._heard(event)

    def _publish(self, status: Status) -> None:
        before, self._shown = self._shown, status if status.results_valid else None
        try:
            if before is not None and (self._shown is None or before.sequence != status.sequence):
                self._send(f"GONE {before.sequence}")
            if self._shown is not None and (before is None or before.sequence != status.sequence):
                self._send(result_line(status))
            said = status_line(status)
            if said != self._said:
                self._send(said)
                self._said = said
        except OutputError:
            self._shown = before
            raise

    def _send(self, line: str) -> None:
        with self._sending:
            if self._socket is None:
                raise OutputError("tcp: no control is connected")
            try:
                self._socket.sendall(line.encode("ascii", "replace")[: LINE_BYTES - 1] + b"\n")
            except OSError as fault:
                raise OutputError(f"tcp: the control takes no line: {fault}") from fault

    def _drop(self) -> None:
        with self._sending:
            connection, self._socket = self._socket, None
        if connection is not None:
            with suppress(OSError):  # it is gone already
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
