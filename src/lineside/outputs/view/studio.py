"""The thread that draws what somebody looks at, and nothing else."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from lineside.core.errors import LinesideError
from lineside.core.geometry import Size
from lineside.core.inspection import View
from lineside.core.verdict import Reason
from lineside.outputs.keeping import Keep, encode
from lineside.outputs.view.drawing import drawn
from lineside.outputs.view.mosaic import cells, mosaic

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    import numpy as np
    from numpy.typing import NDArray

    from lineside.core.inspection import Inspection
    from lineside.outputs.view.scene import Moment, Scene
    from lineside.outputs.view.settings import ViewSettings

ALL = ""
"""In place of a view's name: all of them in one picture."""

_TICK_S = 0.5  # an age that is burnt in is never behind by more
_STOPPING_S = 5.0


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of a view, drawn and encoded.

    Attributes:
        name: The view's name, or `ALL`.
        data: JPEG.
        size: Of the picture.
        at_s: When it was drawn, in monotonic seconds.
    """

    name: str
    data: bytes
    size: Size
    at_s: float


def _now() -> str:
    return f"{datetime.now().astimezone():%H:%M:%S}"


class Studio:
    """Draws a view whenever there is another part of it, and now and then for its age, while somebody wants it.

    No part waits for it: one that comes while it draws is drawn next, or never where a newer one came.

    Args:
        scene: What there is to see.
        settings: How large and how often.
        wanted: The views that somebody looks at now.
        publish: Takes each picture, in the studio's thread.
        is_steady: The picture of all views keeps the size of the first that shows one; there is none before.
        clock: Monotonic seconds.
        wall: The time of day, as text.
    """

    def __init__(
        self,
        scene: Scene,
        settings: ViewSettings,
        *,
        wanted: Callable[[], Collection[str]],
        publish: Callable[[Picture], None],
        is_steady: bool = False,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], str] = _now,
    ) -> None:
        self._scene = scene
        self._period_s = 1.0 / settings.fps
        self._largest = Size(height=settings.width_px, width=settings.width_px)
        self._canvas = Size(height=settings.width_px * 9 // 32 * 2, width=settings.width_px // 2 * 2)
        self._keep = Keep(quality=settings.quality)
        self._wanted = wanted
        self._publish = publish
        self._is_steady = is_steady
        self._steady: Size | None = None
        self._clock = clock
        self._wall = wall
        self._turn = threading.Condition()
        self._is_closed = False
        self._shown: dict[str, tuple[object, float]] = {}
        self._thread = threading.Thread(target=self._work, name="view", daemon=True)
        self._thread.start()

    def show(self, inspection: Inspection) -> None:
        """This part is the newest. It never waits for a picture."""
        self._scene.take(inspection)
        self.wake()

    def wake(self) -> None:
        """Look what is wanted."""
        with self._turn:
            self._turn.notify_all()

    def close(self) -> None:
        """What is wanted is drawn as it stands, and nothing after; may be called twice."""
        with self._turn:
            self._is_closed = True
            self._turn.notify_all()
        self._thread.join(_STOPPING_S)

    def _work(self) -> None:
        while True:
            begun_s = self._clock()
            with self._turn:
                is_last = self._is_closed
            self._round()
            if is_last:
                return
            with self._turn:
                self._turn.wait_for(
                    lambda: self._is_closed, max(self._period_s - (self._clock() - begun_s), 0)
                )
                if not self._is_closed:
                    self._turn.wait_for(lambda: self._is_closed or self._has_news(), _TICK_S / 2)

    def _has_news(self) -> bool:
        return any(self._is_due(name) for name in self._wanted())

    def _names(self, name: str) -> tuple[str, ...]:
        return self._scene.watched.views if name == ALL else (name,)

    def _mark(self, moments: Collection[Moment]) -> object:
        return tuple((moment.change, moment.is_old, moment.away) for moment in moments)

    def _is_due(self, name: str) -> bool:
        mark, drawn_s = self._shown.get(name, (None, 0.0))
        if mark is None or self._clock() - drawn_s >= _TICK_S:
            return True
        return mark != self._mark([self._scene.moment(one) for one in self._names(name)])

    def _round(self) -> None:
        for name in sorted(self._wanted()):
            if self._is_due(name):
                self._draw(name)

    def _draw(self, name: str) -> None:
        moments = [self._scene.moment(one) for one in self._names(name)]
        self._shown[name] = (self._mark(moments), self._clock())
        image = self._pictured(moments[0], self._largest) if name != ALL else self._all(moments)
        if image is not None:
            data = encode(name or "all", image, self._keep).data
            self._publish(Picture(name, data, Size(*image.shape[:2]), self._clock()))

    def _all(self, moments: list[Moment]) -> NDArray[np.uint8] | None:
        is_first = self._is_steady and self._steady is None
        if is_first and not any(one.sight and one.sight.view.frame for one in moments):
            return None
        within = self._steady or self._canvas
        if len(moments) == 1:
            image = self._pictured(moments[0], within if self._steady else self._largest)
        else:
            _, cell = cells(len(moments), within)
            image = mosaic([self._pictured(one, cell) for one in moments], within)
        if not self._is_steady:
            return image
        if self._steady is None:
            self._steady = Size(*(side // 2 * 2 for side in image.shape[:2]))
        return mosaic([image], self._steady)

    def _pictured(self, moment: Moment, within: Size) -> NDArray[np.uint8]:
        sight = moment.sight
        try:
            outlines = self._scene.watched.outlines(sight.view, sight.product) if sight is not None else ()
            return drawn(moment, outlines, within=within, clock=self._wall())
        except (
            Exception
        ) as fault:  # the drawing's border, said in its place: a view that is not drawn would stay as it was
            if sight is None:
                raise
            detail = str(fault) if isinstance(fault, LinesideError) else f"{type(fault).__name__}: {fault}"
            view = View(moment.name, reason=Reason.INTERNAL_FAULT, detail=detail)
            told = replace(moment, sight=replace(sight, view=view), is_old=False)
            return drawn(told, (), within=within, clock=self._wall())
