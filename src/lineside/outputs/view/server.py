"""What the cameras see in a browser: a page, a stream a view, and nothing else."""

from __future__ import annotations

import errno
import os
import socket
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from lineside.core.errors import OutputError
from lineside.outputs.view.answer import Answer, head, said
from lineside.outputs.view.place import Address
from lineside.outputs.view.request import is_loopback, read_request, refusal_of
from lineside.outputs.view.rooms import Rooms, Stream
from lineside.outputs.view.studio import Studio
from lineside.outputs.view.watching import Newest

if TYPE_CHECKING:
    from collections.abc import Callable

    from lineside.core.inspection import Inspection
    from lineside.outputs.view.scene import Scene
    from lineside.outputs.view.settings import ViewSettings

_REQUEST_S = 5.0
_STUCK_S = 5.0
_BRIEF = 16  # connections beside those of viewers: each is a page, a picture or the state
_BUFFER_BYTES = 256 * 1024  # what the system may keep for a viewer: pictures in there grow old
_STOPPING_S = 2.0
_LOOK_S = 1.0
_BOUNDARY = b"lineside-picture"


class ServerView:
    """Serves the newest pictures to browsers. Nobody can change anything here, and no request names a file.

    Who watches has a thread; it takes the newest picture when it has sent the one before, so that nothing queues. One whose
    connection takes no picture for some seconds is dropped.

    Args:
        address: Where it listens.
        scene: What there is to see.
        settings: How large, how often and for how many.
        note: Takes a code and a sentence.
        clock: Monotonic seconds.
        stuck_s: A viewer that takes no picture for so long is dropped.

    Attributes:
        place: Where browsers find it.

    Raises:
        OutputError: The address cannot be had.
    """

    def __init__(
        self,
        address: Address,
        scene: Scene,
        settings: ViewSettings,
        *,
        note: Callable[[str, str], None],
        clock: Callable[[], float] = time.monotonic,
        stuck_s: float = _STUCK_S,
    ) -> None:
        self._listener = listening(address)
        port = self._listener.getsockname()[1]
        self._address = Address(address.host, port)
        self.place = f"http://{f'[{address.host}]' if ':' in address.host else address.host}:{port}/"
        self._settings = settings
        self._stuck_s = stuck_s
        self._lock = threading.Lock()
        self._open: dict[socket.socket, threading.Thread] = {}
        self._is_closed = False
        self._newest = Newest()
        self._studio = Studio(
            scene, settings, wanted=self._newest.wanted, publish=self._newest.publish, clock=clock
        )
        self._newest.call(self._studio.wake)
        self._rooms = Rooms(scene, self._newest, settings.viewers)
        self._thread = threading.Thread(target=self._accept, name="view-server", daemon=True)
        self._thread.start()
        if not is_loopback(address.host):
            note("view.public", f"the view at {self.place} can be seen by everybody who reaches this machine")

    def show(self, inspection: Inspection) -> None:
        """This part is the newest."""
        self._studio.show(inspection)

    def close(self) -> None:
        """Every viewer is let go; may be called twice."""
        with self._lock:
            self._is_closed = True
        with suppress(OSError):  # not every system can shut a socket down that only listens
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._newest.close()
        self._studio.close()
        self._thread.join(_STOPPING_S)
        until_s = time.monotonic() + _STOPPING_S
        with self._lock:
            left = list(self._open.items())
        for connection, thread in left:
            thread.join(max(until_s - time.monotonic(), 0.0) / 2)
            with suppress(OSError):  # it ended meanwhile
                connection.shutdown(socket.SHUT_RDWR)
        for _, thread in left:
            thread.join(max(until_s - time.monotonic(), 0.0))

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            except OSError:
                if self._is_closed or self._listener.fileno() < 0:
                    return
                time.sleep(0.05)  # the process is out of files: what is asked for now can wait
                continue
            thread = threading.Thread(target=self._serve, args=(connection,), name="viewer", daemon=True)
            with self._lock:
                is_full = len(self._open) >= self._settings.viewers + _BRIEF or self._is_closed
                if not is_full:
                    self._open[connection] = thread
            if is_full:
                connection.close()
            else:
                thread.start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            asked = read_request(connection, _REQUEST_S)
            if asked is None:
                return
            connection.settimeout(self._stuck_s)
            refusal = (
                asked if isinstance(asked, Answer) else refusal_of(asked, self._address, self._settings.hosts)
            )
            if refusal is not None or isinstance(asked, Answer):
                _send(connection, refusal or said(400, "no request"), has_body=True)
                return
            found = self._rooms.find(asked.path)
            if isinstance(found, Answer):
                _send(connection, found, has_body=asked.method == "GET")
            else:
                with found as stream:
                    self._stream(connection, stream, has_body=asked.method == "GET")
        except TimeoutError:
            self._rooms.drop()
        except OSError:  # the browser went away
            return
        finally:
            connection.close()
            with self._lock:
                self._open.pop(connection, None)

    def _stream(self, connection: socket.socket, stream: Stream, *, has_body: bool) -> None:
        """Send the newest picture again and again, each whole, with the boundary behind it: browsers show a part when it has ended."""
        kind = f"multipart/x-mixed-replace; boundary={_BOUNDARY.decode('ascii')}"
        connection.sendall(head(200, {"Content-Type": kind}))
        if not has_body:
            return
        connection.sendall(b"--" + _BOUNDARY + b"\r\n")
        while True:
            picture = stream.next(_LOOK_S)
            if picture is not None:
                about = f"Content-Type: image/jpeg\r\nContent-Length: {len(picture.data)}\r\n\r\n"
                connection.sendall(
                    b"".join((about.encode("ascii"), picture.data, b"\r\n--", _BOUNDARY, b"\r\n"))
                )
            elif self._is_closed:
                return


def _send(connection: socket.socket, answer: Answer, *, has_body: bool) -> None:
    connection.sendall(answer.head() + (answer.body if has_body else b""))


def listening(address: Address) -> socket.socket:
    """A socket that listens at an address.

    Raises:
        OutputError: The address cannot be had.
    """
    where = f"view: port {address.port} of {address.host} cannot be had"
    try:
        family, kind, number, _, place = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, number)
    except OSError as fault:
        raise OutputError(f"{where}: {fault.strerror or fault}. Name an address of this machine") from fault
    try:
        if os.name == "posix":  # elsewhere it would share the port with another program
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
        listener.bind(place)
        listener.listen(_BRIEF)
        listener.settimeout(_LOOK_S)
    except OSError as fault:
        listener.close()
        why = "another program has it" if fault.errno == errno.EADDRINUSE else fault.strerror or str(fault)
        raise OutputError(f"{where}: {why}. Name another, or 0 for one that is free") from fault
    return listener
