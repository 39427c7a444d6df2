"""Lines to be watched, and browsers that watch them over real sockets."""

from __future__ import annotations

import json
import socket
import time
from contextlib import closing, contextmanager

import cv2
import numpy as np

from lineside.core.detections import Detections
from lineside.core.frame import Frame
from lineside.core.geometry import Size
from lineside.core.inspection import Inspection, View
from lineside.core.verdict import Reason, Verdict
from lineside.outputs.view.scene import Watched
from lineside.outputs.view.settings import ViewSettings

SIZE = Size(height=240, width=320)
NAMES = ("scratch", "dent")
BLUE = (200, 40, 20)


def detections(size=SIZE, confidence=0.9):
    box = np.array([[60, 60, 160, 160]], np.float32)
    return Detections(box, np.array([confidence], np.float32), np.zeros(1, np.int32), NAMES, size)


def view(name="top", part=0, size=SIZE, *, colour=BLUE, grey=False):
    """A view with a picture of one colour, in which a scratch was seen."""
    image = np.full(size, 90, np.uint8) if grey else np.full((*size, 3), colour, np.uint8)
    return View(name, frame=Frame(image, name, part, part=part), detections=detections(size))


def lost(name="top", detail="the cable is out"):
    return View(name, reason=Reason.NO_FRAME, detail=detail)


def part(number=0, *views, verdict=Verdict.FAIL, at_s=None, reason=None):
    """An answered part; it was in place now, unless said."""
    at_s = time.monotonic() if at_s is None else at_s
    views = views or (view(part=number),)
    return Inspection(
        number, verdict, reason, "scratch 0.90 in top", tuple(views), at_s, at_s + 0.1, at_s + 1
    )


def watched(*views, away=None, outlines=lambda _view, _product: (), health=lambda: {"state": "ready"}):
    """A line that is watched; `away` maps a view to why its camera is lost, and may change."""
    away = {} if away is None else away
    return Watched("caps", views or ("top",), lambda name: away.get(name, ""), outlines, health)


def settings(**changes):
    return ViewSettings(to="0", **changes)


def until(holds, seconds=20):
    end_s = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < end_s, "waited too long"
        time.sleep(0.005)
    return found


def decoded(data):
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)


def middle(data):
    """The colour in the middle of a JPEG's lower right quarter, where nothing is drawn, as BGR."""
    image = decoded(data)
    height, width = image.shape[:2]
    return image[height * 3 // 4, width * 3 // 4].astype(int)


def port_of(server):
    return int(server.place.rstrip("/").rpartition(":")[2])


@contextmanager
def connection(server, request, host=None, **how):
    """A connection over which a request was sent."""
    port = port_of(server)
    with closing(socket.socket()) as one:
        for option, value in how.items():
            one.setsockopt(socket.SOL_SOCKET, getattr(socket, option), value)
        one.settimeout(20)
        one.connect(("127.0.0.1", port))
        if isinstance(request, str):
            request = f"GET {request} HTTP/1.1\r\nHost: {host or f'127.0.0.1:{port}'}\r\n\r\n".encode()
        one.sendall(request)
        yield one


def get(server, request, **how):
    """The status, the headers and the body of an answer."""
    with connection(server, request, **how) as one:
        data = b""
        while more := one.recv(65536):
            data += more
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    return int(first.split()[1]), dict(line.split(": ", 1) for line in lines), body


def state(server):
    return json.loads(get(server, "/state.json")[2])


class Browser:
    """Reads a multipart stream as a browser does: by its boundary and the length of each part."""

    def __init__(self, one):
        self._file = one.makefile("rb")
        assert self._file.readline().startswith(b"HTTP/1.1 200")
        headers = self._headers()
        self.boundary = headers["content-type"].partition("boundary=")[2]
        assert self._file.readline() == f"--{self.boundary}\r\n".encode()

    def _headers(self):
        found = {}
        while (line := self._file.readline().rstrip(b"\r\n")) != b"":
            name, _, value = line.decode().partition(": ")
            found[name.lower()] = value
        return found

    def picture(self):
        """The next picture; `None` where the stream has ended."""
        headers = self._headers()
        if not headers:
            return None
        assert headers["content-type"] == "image/jpeg"
        data = self._file.read(int(headers["content-length"]))
        assert self._file.read(2) == b"\r\n"
        assert self._file.readline() == f"--{self.boundary}\r\n".encode()
        return data

    def until(self, holds, pictures=200):
        """The first picture that is as it should be."""
        for _ in range(pictures):
            if holds(data := self.picture()):
                return data
        raise AssertionError("no such picture came")
