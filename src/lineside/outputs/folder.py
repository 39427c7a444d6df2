"""A folder of annotated pictures and videos, in which no file takes another's place."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from lineside.core.errors import OutputError
from lineside.outputs.files import make_folder, replacing
from lineside.outputs.video import VideoWriter

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray

    from lineside.core.geometry import Size

_JPEG_SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".jfif"})
_JPEG_QUALITY = 95


class OutputFolder:
    """Writes pictures and videos under the names of their sources.

    JPEG sources become `NAME.jpg`, all other pictures `NAME.png`, videos `NAME.mp4`. A name that this run has
    given already becomes `NAME-2`, `NAME-3` and so on, and so does one that would overwrite an input. Files
    of an earlier run are replaced.

    Args:
        folder: Made when it is missing, with its parents.
        inputs: Paths of the run's inputs, which are never overwritten.

    Raises:
        OutputError: The folder cannot be made or is not writable.
    """

    def __init__(self, folder: Path, *, inputs: Iterable[str] = ()) -> None:
        self.folder = folder
        make_folder(folder)
        home = folder.resolve()
        resolved = (Path(name).resolve() for name in inputs)
        # Folded, because on many file systems A.JPG and a.jpg are one file.
        self._taken = {path.name.casefold() for path in resolved if path.parent == home}

    def write_picture(self, source: str, image: NDArray[np.uint8]) -> Path:
        """The path of the file that now holds the picture.

        Args:
            source: The picture's stream: its name is made from the last part.
            image: uint8 BGR (H, W, 3).

        Raises:
            OutputError: The picture cannot be encoded or written.
        """
        is_jpeg = PurePath(source).suffix.lower() in _JPEG_SUFFIXES
        path = self._claim(source, ".jpg" if is_jpeg else ".png")
        data = _encoded(image, path)
        with replacing(path) as temporary:
            temporary.write_bytes(data)
        return path

    def open_video(self, source: str, *, fps: float, size: Size) -> VideoWriter:
        """A writer for the video's annotated frames. The file appears when it is closed.

        Args:
            source: The video's stream: the name is made from its last part.
            fps: Frames per second.
            size: Size of every frame.

        Raises:
            OutputError: The file cannot be opened for writing.
            SettingsError: The rate or the size is out of its range.
        """
        return VideoWriter(self._claim(source, ".mp4"), fps=fps, size=size)

    def _claim(self, source: str, suffix: str) -> Path:
        stem = PurePath(source).stem or "picture"
        name, number = f"{stem}{suffix}", 1
        while name.casefold() in self._taken:
            number += 1
            name = f"{stem}-{number}{suffix}"
        self._taken.add(name.casefold())
        return self.folder / name


def _encoded(image: NDArray[np.uint8], path: Path) -> bytes:
    import cv2

    options = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY] if path.suffix == ".jpg" else []
    try:
        is_encoded, data = cv2.imencode(path.suffix, image, options)
    except cv2.error as fault:
        raise OutputError(f"{path}: the picture cannot be encoded: {fault.err}") from fault
    if not is_encoded:
        raise OutputError(f"{path}: the picture cannot be encoded; it is {image.dtype} {image.shape}")
    return data.tobytes()
