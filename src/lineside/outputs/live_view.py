"""What the cameras see now, for people: the latest picture of each view with its boxes and verdict, in a folder."""

from __future__ import annotations

import threading
import time
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from lineside.core.errors import OutputError
from lineside.core.verdict import Verdict
from lineside.outputs.files import make_folder, replacing
from lineside.outputs.keeping import Keep, drawn, encode, file_word

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from lineside.core.inspection import Inspection, View

_COLOURS = {Verdict.PASS: (91, 158, 46), Verdict.FAIL: (59, 59, 204), Verdict.UNKNOWN: (20, 165, 217)}
_NO_PICTURE = (240, 320, 3)
_STOPPING_S = 5.0
_KEEP = Keep(quality=80)
_PAGE = """<!doctype html><meta charset="utf-8"><title>lineside</title>
<style>body{{margin:0;background:#222;display:flex;flex-wrap:wrap;gap:4px}}img{{max-width:49vw;max-height:98vh}}</style>
{pictures}
<script>setInterval(() => {{ for (const picture of document.images)
  picture.src = picture.dataset.src + "?" + Date.now(); }}, 200);</script>
"""


class LiveView:
    """A thread that draws the newest part and writes `VIEW.jpg` for each view, and once `index.html`, which shows them all.

    A file is replaced whole. Parts that come while it draws are skipped, all but the newest.

    Args:
        folder: Where; made when it is missing.
        note: Takes a code and a sentence: the first picture that cannot be written, and the first that can again.
        period_s: Parts are drawn no faster than this.

    Attributes:
        skipped: Parts that were not drawn, because a newer one came.

    Raises:
        OutputError: The folder cannot be made or is not writable.
    """

    def __init__(self, folder: Path, *, note: Callable[[str, str], None], period_s: float = 0.1) -> None:
        make_folder(folder)
        self.skipped = 0
        self._folder = folder
        self._note = note
        self._period_s = period_s
        self._turn = threading.Condition()
        self._newest: Inspection | None = None
        self._is_closed = False
        self._is_failing = False
        self._names: tuple[str, ...] = ()
        self._thread = threading.Thread(target=self._work, name="view", daemon=True)
        self._thread.start()

    def show(self, inspection: Inspection) -> None:
        """This part is the newest. It never waits."""
        with self._turn:
            self.skipped += self._newest is not None
            self._newest = inspection
            self._turn.notify()

    def close(self) -> None:
        """The newest part is drawn, and no other; may be called twice."""
        with self._turn:
            self._is_closed = True
            self._turn.notify()
        self._thread.join(_STOPPING_S)

    def _work(self) -> None:
        while True:
            with self._turn:
                self._turn.wait_for(lambda: self._newest is not None or self._is_closed)
                inspection, self._newest = self._newest, None
            if inspection is None:
                return
            begun_s = time.monotonic()
            self._write(inspection)
            with self._turn:
                left_s = self._period_s - (time.monotonic() - begun_s)
                self._turn.wait_for(lambda: self._is_closed, max(left_s, 0.0))

    def _write(self, inspection: Inspection) -> None:
        try:
            names = tuple(f"{file_word(view.camera)}.jpg" for view in inspection.views)
            for name, view in zip(names, inspection.views, strict=True):
                data = encode(view.camera, _shown(view, inspection), _KEEP).data
                with replacing(self._folder / name) as temporary:
                    temporary.write_bytes(data)
            if names != self._names:
                self._write_page(names)
        except OutputError as fault:
            if not self._is_failing:
                self._note("view.unwritten", f"the live view is not written: {fault}")
            self._is_failing = True
        else:
            if self._is_failing:
                self._note("view.written", "the live view is written again")
            self._is_failing = False

    def _write_page(self, names: tuple[str, ...]) -> None:
        pictures = "\n".join(
            f'<img src="{escape(n)}" data-src="{escape(n)}" alt="{escape(n)}">' for n in names
        )
        with replacing(self._folder / "index.html") as temporary:
            temporary.write_text(_PAGE.format(pictures=pictures), encoding="utf-8")
        self._names = names


def _shown(view: View, inspection: Inspection) -> NDArray[np.uint8]:
    """The view's picture with its boxes, under a bar with the part's verdict; a dark one where there is none."""
    import cv2

    if view.frame is None:
        image = np.full(_NO_PICTURE, 40, np.uint8)
    elif view.detections is not None:
        image = drawn(view)
    else:
        image = view.frame.image
        if image.ndim == 2:
            image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)  # type: ignore[assignment] # OpenCV's types know no dtype
    scale = max(image.shape[1] / 640, 0.5)
    bar = np.full((round(28 * scale), image.shape[1], 3), _COLOURS[inspection.verdict], np.uint8)
    why = view.reason or inspection.reason
    text = f"{inspection.part} {inspection.verdict}" + ("" if why is None else f" {why}")
    place, white = (round(6 * scale), round(20 * scale)), (255, 255, 255)
    cv2.putText(bar, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.6 * scale, white, max(round(scale), 1))
    return np.vstack([bar, image])
