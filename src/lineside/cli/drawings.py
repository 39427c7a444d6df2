"""What `--save` asks for: annotated pictures, or one annotated video a video."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import ExitStack
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from lineside.capture.sources import FrameSource
    from lineside.core.frame import Frame
    from lineside.outputs.folder import OutputFolder
    from lineside.outputs.video import VideoWriter

_FPS = 25.0  # of a video that does not tell its own


def open_folder(save: Path | None, sources: Sequence[FrameSource]) -> OutputFolder | None:
    """The folder to save to, in which no input is overwritten; `None` where none is asked for.

    Raises:
        OutputError: It cannot be made.
    """
    if save is None:
        return None
    from lineside.outputs.folder import OutputFolder

    inputs = [path for source in sources for path in getattr(source, "paths", (source.name,))]
    return OutputFolder(save, inputs=inputs)


def frame_name(frame: Frame) -> str:
    """A frame's name in the results: its stream, with the part's number where the stream shows many parts."""
    return frame.stream if frame.part is None else f"{frame.stream}-{frame.part:06d}"


class Drawings:
    """The annotated frames of one source.

    Args:
        stack: Closes the video.
        folder: Where to; `None` writes nothing.
        source: Whose frames they are.
    """

    def __init__(self, stack: ExitStack, folder: OutputFolder | None, source: FrameSource) -> None:
        self._stack = stack
        self._folder = folder
        self._is_video = hasattr(source, "fps")
        self._fps: float | None = getattr(source, "fps", None)
        self._writer: VideoWriter | None = None

    def write(self, frame: Frame, drawn: Callable[[], NDArray[np.uint8]]) -> None:
        """Write one frame; `drawn` draws it, and is called only where a folder is asked for."""
        if self._folder is None:
            return
        from lineside.core.geometry import Size

        picture = drawn()
        if not self._is_video:
            self._folder.write_picture(frame_name(frame), picture)
            return
        if self._writer is None:
            size = Size(*picture.shape[:2])
            writer = self._folder.open_video(frame.stream, fps=self._fps or _FPS, size=size)
            self._writer = self._stack.enter_context(writer)
        self._writer.write(picture)
