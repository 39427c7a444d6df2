"""What can be asked for: the pages, the streams, the snapshots and the state. Names are looked up among the views, and nowhere else."""

from __future__ import annotations

import json
import threading
import time
import urllib.parse
from typing import TYPE_CHECKING, Self

from lineside.core.errors import LinesideError
from lineside.outputs.view import pages
from lineside.outputs.view.answer import Answer, said
from lineside.outputs.view.studio import ALL

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from lineside.outputs.view.scene import Scene
    from lineside.outputs.view.studio import Picture
    from lineside.outputs.view.watching import Newest

_SNAPSHOT_S = 5.0
_STATE_S = 0.5  # so often the state is looked up at most, however many ask


class Stream:
    """The pictures of a view for one viewer. In a `with` block it takes a viewer's place.

    Args:
        name: The view's name, or `ALL`.
        newest: Where its pictures are.
        rooms: Who counts the viewers.
    """

    def __init__(self, name: str, newest: Newest, rooms: Rooms) -> None:
        self._name = name
        self._newest = newest
        self._rooms = rooms
        self._number = newest.number(name)

    def next(self, timeout_s: float) -> Picture | None:
        """A newer picture than the last one; `None` where none came in time."""
        found = self._newest.next(self._name, self._number, timeout_s)
        if found is None:
            return None
        self._number, picture = found
        return picture

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._rooms.leave()


class Rooms:
    """Finds what a path asks for.

    Args:
        scene: What there is to see.
        newest: Where pictures are.
        viewers: So many streams at a time.

    Attributes:
        dropped: Viewers that took nothing for too long.
    """

    def __init__(self, scene: Scene, newest: Newest, viewers: int) -> None:
        self.dropped = 0
        self._scene = scene
        self._newest = newest
        self._most = viewers
        self._lock = threading.Lock()
        self._watching = 0
        self._state: tuple[float, Answer] | None = None

    def drop(self) -> None:
        """A viewer took nothing for too long."""
        with self._lock:
            self.dropped += 1

    def leave(self) -> None:
        """A viewer's place is free."""
        with self._lock:
            self._watching -= 1

    def find(self, path: str) -> Answer | Stream:
        """The answer to a path, or the stream that it asks for, which has its place already."""
        watched = self._scene.watched
        rooms: dict[str, Callable[[], Answer | Stream]] = {
            "/": lambda: _html(pages.page(watched.name, watched.views, None)),
            "/view.css": lambda: Answer(200, "text/css; charset=utf-8", pages.STYLE.encode()),
            "/view.js": lambda: Answer(200, "text/javascript; charset=utf-8", pages.SCRIPT.encode()),
            "/state.json": self._told,
            "/snapshot.jpg": lambda: self._snapshot(ALL),
            "/stream.mjpg": lambda: self._stream(ALL),
        }
        return rooms[path]() if path in rooms else self._of_view(path)

    def _of_view(self, path: str) -> Answer | Stream:
        _, kind, *rest = path.split("/")
        text = urllib.parse.unquote(rest[0]) if len(rest) == 1 else ""
        views = self._scene.watched.views
        for room, suffix in (("camera", ""), ("snapshot", ".jpg"), ("stream", ".mjpg")):
            name = text.removesuffix(suffix)
            if kind == room and text.endswith(suffix) and name in views:
                break
        else:
            known = ", ".join(urllib.parse.quote(one, safe="") for one in views)
            return said(
                404,
                f"expected /, /state.json, or /camera/NAME, /snapshot/NAME.jpg, /stream/NAME.mjpg of {known}",
            )
        if kind == "camera":
            return _html(pages.page(self._scene.watched.name, views, name))
        return self._snapshot(name) if kind == "snapshot" else self._stream(name)

    def _stream(self, name: str) -> Answer | Stream:
        with self._lock:
            if self._watching >= self._most:
                return said(
                    503, f"{self._most} viewers watch already; view.viewers allows no more", Retry_After="5"
                )
            self._watching += 1
        return Stream(name, self._newest, self)

    def _snapshot(self, name: str) -> Answer:
        """A picture that is drawn after it was asked for."""
        found = self._newest.next(name, self._newest.number(name), _SNAPSHOT_S)
        if found is None:
            return said(503, "no picture was drawn in time", Retry_After="1")
        return Answer(200, "image/jpeg", found[1].data)

    def _told(self) -> Answer:
        with self._lock:
            now_s = time.monotonic()
            if self._state is not None and now_s - self._state[0] < _STATE_S:
                return self._state[1]
            try:
                health = dict(self._scene.watched.health())
            except LinesideError as fault:
                return said(503, f"the line's health cannot be told: {fault}", Retry_After="1")
            view = {
                "views": [self._scene.moment(name).to_dict() for name in self._scene.watched.views],
                "viewers": self._watching,
                "dropped": self.dropped,
            }
            body = json.dumps({**health, "view": view}).encode()
            answer = Answer(200, "application/json", body)
            self._state = (now_s, answer)
            return answer


def _html(text: str) -> Answer:
    return Answer(200, "text/html; charset=utf-8", text.encode())
