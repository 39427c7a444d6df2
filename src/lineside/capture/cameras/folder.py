"""A folder as a live camera: pictures are taken as they arrive, or played at a rate. `folder:incoming/`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from lineside.capture.camera import TriggerMode
from lineside.core.documents import Table, parsed
from lineside.core.errors import SettingsError, SourceError

if TYPE_CHECKING:
    from lineside.capture.camera import Camera, CameraSettings

SCHEMES = ("folder",)


class Features(Table):
    """How the folder is read."""

    play: Literal["watch", "once", "loop"] = Field(
        "watch",
        description="Take each picture when it arrives; or play those that are there, once or for ever, at `fps` or by trigger.",
    )
    after: Literal["keep", "move", "delete"] = Field(
        "keep", description="What becomes of a file that was read, when the folder is watched."
    )
    move_to: str | None = Field(None, min_length=1, description='The folder that `after = "move"` moves to.')
    existing: bool | None = Field(
        None,
        description="Whether pictures that are there at the start are taken; unless set, where they are moved or deleted afterwards.",
    )
    settle_s: float = Field(
        0.2,
        ge=0,
        le=60,
        description="A file is whole when it has not changed for so long and its structure is complete.",
    )
    patience_s: float = Field(
        10.0,
        gt=0,
        le=3600,
        description="A file that is not whole so long after its last change is told as damaged.",
    )
    poll_s: float = Field(0.05, gt=0, le=60, description="The folder is looked at so often.")
    scale_16bit: float | None = Field(None, gt=0, description="The 16-bit value that becomes 255.")


def open_camera(settings: CameraSettings) -> Camera:
    """A camera that gives the pictures of a folder.

    Raises:
        SettingsError: A feature is not accepted, or a watched folder shall be triggered by lineside.
        SourceError: There is no such folder, or nothing to play in it.
    """
    from pathlib import Path

    features = parsed(Features, settings.features, f"camera {settings.id}: features")
    if (features.after == "move") != (features.move_to is not None):
        raise SettingsError(
            f'camera {settings.id}: features: expected after = "move" and move_to together; '
            f"got {features.after} and {features.move_to}"
        )
    folder = Path(settings.address.partition(":")[2])
    if not folder.is_dir():
        raise SourceError(f'camera {settings.id}: expected a folder at "{folder}"; there is none')
    if features.play == "watch":
        if settings.is_triggered:
            raise SettingsError(
                f"camera {settings.id}: a watched folder takes pictures as they come; expected trigger "
                f'{TriggerMode.FREE} or {TriggerMode.HARDWARE}, or play = "once" or "loop"; got {settings.trigger}'
            )
        from lineside.capture.files.incoming import WatchedFolder

        return WatchedFolder(settings, folder, features)
    from lineside.capture.files.playing import Player, pictures_of

    return Player(settings, pictures_of(settings, folder, features.scale_16bit), loop=features.play == "loop")
