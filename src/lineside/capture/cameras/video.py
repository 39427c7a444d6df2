"""A video file as a live camera: at its own rate, at another, or as fast as it is read. `video:belt.mp4`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from lineside.core.documents import Table, parsed

if TYPE_CHECKING:
    from lineside.capture.camera import Camera, CameraSettings

SCHEMES = ("video",)


class Features(Table):
    """How the file is played."""

    play: Literal["once", "loop"] = Field("once", description="End after the last frame, or begin again.")
    rate: Literal["own", "fastest"] = Field(
        "own",
        description="The file's own rate, unless `fps` is set; or each frame as soon as it is asked for.",
    )


def open_camera(settings: CameraSettings) -> Camera:
    """A camera that gives the frames of a video, or one for each trigger.

    Raises:
        SettingsError: A feature is not accepted.
        SourceError: There is no such file, or it cannot be opened as a video.
        ImageTooLargeError: Its frames have more pixels than the limit.
    """
    from lineside.capture.files.playing import Player
    from lineside.capture.kinds.video import VideoFile
    from lineside.capture.pictures import Reading

    features = parsed(Features, settings.features, f"camera {settings.id}: features")
    video = VideoFile(settings.address.partition(":")[2], Reading(limit_px=settings.limit_px))
    own = None if features.rate == "fastest" else video.fps
    return Player(settings, video, fps=settings.fps or own, loop=features.play == "loop")
