"""What the cameras see as a video file, at the pace at which it happened."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING

from lineside.core.errors import OutputError
from lineside.outputs.files import cannot_write, make_folder
from lineside.outputs.view.mp4 import JpegMovie
from lineside.outputs.view.studio import ALL, Studio

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lineside.core.inspection import Inspection
    from lineside.outputs.view.scene import Scene
    from lineside.outputs.view.settings import ViewSettings
    from lineside.outputs.view.studio import Picture

_LEAST_FREE_BYTES = 200_000_000
_LOOK_EVERY = 50  # pictures


class FilmView:
    """Writes all views beside each other into one video, from the first picture on.

    A file that is there already stays, and the next free name is taken: a line that is started again takes nothing away.

    Args:
        path: Where, a name that ends in `.mp4`.
        scene: What there is to see.
        settings: How large and how often.
        note: Takes a code and a sentence.
        free_bytes: What is left on the disk of a folder.
        clock: Monotonic seconds.

    Attributes:
        place: Where it is written.

    Raises:
        OutputError: The folder cannot be made or is not writable.
    """

    def __init__(
        self,
        path: Path,
        scene: Scene,
        settings: ViewSettings,
        *,
        note: Callable[[str, str], None],
        free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        make_folder(path.parent)
        self._path = _free_name(path)
        try:  # a place that cannot be written is told now, and not with the first picture
            self._path.touch(exist_ok=False)
            self._path.unlink()
        except OSError as fault:
            raise cannot_write(self._path, fault) from fault
        self.place = str(self._path)
        self._note = note
        self._free_bytes = free_bytes
        self._clock = clock
        self._movie: JpegMovie | None = None
        self._last: Picture | None = None
        self._is_over = False
        self._studio = Studio(
            scene, settings, wanted=self._wanted, publish=self._take, is_steady=True, clock=clock
        )

    def show(self, inspection: Inspection) -> None:
        """This part is the newest."""
        self._studio.show(inspection)

    def close(self) -> None:
        """The video is whole; may be called twice."""
        self._studio.close()
        self._end()

    def _wanted(self) -> tuple[str, ...]:
        return () if self._is_over else (ALL,)

    def _take(self, picture: Picture) -> None:
        """Write the picture before, which was shown until now."""
        if self._is_over:
            return
        try:
            if self._movie is None:
                self._movie = JpegMovie(self._path, picture.size)
            if self._last is not None:
                self._movie.write(self._last.data, picture.at_s - self._last.at_s)
        except OutputError as fault:
            self._stop("view.unwritten", f"the video of the view ends here: {fault}")
            return
        self._last = picture
        if self._movie.frames % _LOOK_EVERY == 0:
            self._look()

    def _look(self) -> None:
        """End the video before the disk is full, or where the disk is gone."""
        try:
            is_full = self._free_bytes(self._path.parent) < _LEAST_FREE_BYTES
        except OSError as fault:
            self._stop("view.unwritten", f"the video of the view ends here: {self._path}: {fault.strerror}")
            return
        if is_full:
            self._stop(
                "view.full",
                f"the video of the view ends here, because less than {_LEAST_FREE_BYTES // 1_000_000} MB are free: {self._path}",
            )

    def _stop(self, code: str, sentence: str) -> None:
        self._note(code, sentence)
        self._end()

    def _end(self) -> None:
        if self._is_over:
            return
        self._is_over = True
        movie, last = self._movie, self._last
        if movie is None or last is None:
            return
        try:
            movie.write(last.data, max(self._clock() - last.at_s, 0.001))
        except OutputError as fault:
            self._note("view.unwritten", f"the last picture of the view's video is missing: {fault}")
        try:
            movie.close()
        except OutputError as fault:
            self._note("view.unwritten", f"the view's video can be read, and has no table: {fault}")


def _free_name(path: Path) -> Path:
    """The path, or the same with a number where that is taken."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return free
