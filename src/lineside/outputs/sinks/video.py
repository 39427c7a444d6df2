"""`video`: the annotated pictures of each camera as a row of video files."""

from __future__ import annotations

import hashlib
import re
import shutil
from contextlib import ExitStack
from pathlib import Path  # pydantic reads it
from typing import TYPE_CHECKING, Any

from pydantic import Field

from lineside.core.documents import Table, parsed
from lineside.core.errors import OutputError
from lineside.core.geometry import Size
from lineside.outputs.files import cannot_write, replacing
from lineside.outputs.keeping import ANNOTATED, file_word
from lineside.outputs.sinks._choice import day, read
from lineside.outputs.video import VideoWriter

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from lineside.outputs.parcel import KeptPicture, Parcel

_PENDING = ".pending"


class Settings(Table):
    """The settings of a sink of this kind."""

    path: Path = Field(description="A folder; it holds CAMERA/DAY-NUMBER.mp4.")
    fps: float = Field(default=5.0, gt=0, le=120, description="Of the videos: parts shown in a second.")
    frames: int = Field(default=500, ge=1, le=100_000, description="A video is closed after so many parts.")
    max_files: int | None = Field(
        default=None, ge=1, description="So many of a camera's newest videos are kept."
    )


def make(settings: Mapping[str, Any]) -> VideoSink:
    """The sink that a table describes.

    Raises:
        SettingsError: A setting is not accepted.
    """
    return VideoSink(parsed(Settings, settings, "video"))


class VideoSink:
    """Shows each part once, in the order it came, with its boxes where there are any.

    A video is whole only when it is closed. Until then its pictures lie in a folder beside it as they came, so that a process
    that dies loses none; the next one goes on there.

    Args:
        settings: Where, and how long.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def emit(self, parcel: Parcel) -> None:
        """The part's pictures are safe, and in a video as soon as that is full.

        Raises:
            OutputError: They cannot be written.
        """
        for camera, picture in sorted(_shown(parcel).items()):
            self._add(self._settings.path / file_word(camera), parcel, picture)

    def close(self) -> None:
        """What is not yet full becomes a video all the same.

        Raises:
            OutputError: It cannot be written.
        """
        for pending in sorted(self._settings.path.glob(f"*/{_PENDING}")):
            self._finish(pending)

    def _add(self, folder: Path, parcel: Parcel, picture: KeptPicture) -> None:
        pending = folder / _PENDING
        data = read(picture)
        try:
            pending.mkdir(parents=True, exist_ok=True)
            there = sorted(pending.iterdir())
            name = f"-{day(parcel)}-{_mark(parcel)}{picture.path.suffix}"
            if any(file.name.endswith(name) for file in there):
                return
            if there and _day_of(there[0]) != day(parcel):
                self._finish(pending)
                pending.mkdir()
                there = []
            number = 0 if not there else int(there[-1].name.partition("-")[0]) + 1
        except OSError as fault:
            raise cannot_write(pending, fault) from fault
        with replacing(pending / f"{number:06d}{name}") as temporary:
            temporary.write_bytes(data)
        if len(there) + 1 >= self._settings.frames:
            self._finish(pending)

    def _finish(self, pending: Path) -> None:
        """The pictures are a video, and gone. A crash between the two shows them twice, never not at all."""
        files = sorted(file for file in pending.iterdir() if not file.name.startswith("."))
        with ExitStack() as stack:
            writer: VideoWriter | None = None
            for file in files:
                image = _image(file)
                size = Size(*image.shape[:2])
                if writer is None or writer.size != size:  # another size begins another video
                    stack.close()
                    path = _free_name(pending.parent, _day_of(file))
                    writer = stack.enter_context(VideoWriter(path, fps=self._settings.fps, size=size))
                writer.write(image)
        try:
            shutil.rmtree(pending)
        except OSError as fault:
            raise cannot_write(pending, fault) from fault
        self._keep_newest(pending.parent)

    def _keep_newest(self, folder: Path) -> None:
        if self._settings.max_files is None:
            return
        videos = sorted(folder.glob("*.mp4"), key=lambda path: (path.name[:10], len(path.name), path.name))
        for old in videos[: -self._settings.max_files]:
            old.unlink(missing_ok=True)


def _shown(parcel: Parcel) -> dict[str, KeptPicture]:
    """One picture a camera, the annotated one where there is one."""
    shown: dict[str, KeptPicture] = {}
    for picture in parcel.pictures:
        camera = picture.name.removesuffix(ANNOTATED)
        if camera not in shown or picture.name != camera:
            shown[camera] = picture
    return shown


def _image(file: Path) -> NDArray[np.uint8]:
    import cv2

    image = cv2.imread(str(file), cv2.IMREAD_COLOR)
    if image is None:
        raise OutputError(f"{file}: the picture cannot be read back. Remove it, and the video is made.")
    return image  # type: ignore[return-value] # OpenCV's types know no dtype


def _mark(parcel: Parcel) -> str:
    """The parcel in few letters, by which one that comes again is known."""
    return hashlib.sha256(parcel.key.encode("utf-8", "surrogatepass")).hexdigest()[:20]


def _day_of(file: Path) -> str:
    found = re.match(r"\d{6}-(\d{4}-\d\d-\d\d)-", file.name)
    return found.group(1) if found else "undated"


def _free_name(folder: Path, date: str) -> Path:
    numbers = [
        int(m.group(1)) for p in folder.glob(f"{date}-*.mp4") if (m := re.search(r"-(\d+)\.mp4$", p.name))
    ]
    return folder / f"{date}-{max(numbers, default=0) + 1:04d}.mp4"
