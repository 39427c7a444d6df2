"""What a camera sends, seen by opening it."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lineside.core.errors import SourceEndedError, SourceError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from lineside.capture.camera import Camera, CameraSettings
    from lineside.core.frame import Frame


@dataclass(frozen=True, slots=True)
class _Taken:
    """When a picture was taken and when it arrived, in monotonic seconds; the picture itself is let go of."""

    captured_s: float | None
    at_s: float


def look(
    address: str,
    features: Mapping[str, Any],
    *,
    fps: float | None,
    count: int,
    timeout_s: float,
    trigger: str,
    save: Path | None,
) -> dict[str, Any]:
    """What the camera of an address sends, as a document.

    Args:
        address: The camera.
        features: What it is opened with.
        fps: The rate to ask for.
        count: Pictures to take.
        timeout_s: How long to wait for each.
        trigger: `free` or `software`.
        save: Where the last picture goes.

    Raises:
        LinesideError: The camera cannot be opened, sends nothing, or the picture cannot be written.
    """
    from rich.console import Console

    from lineside.capture.camera import CameraSettings, Remarking, TriggerMode, open_camera

    settings = CameraSettings(
        "camera", address, trigger=TriggerMode(trigger), fps=fps, features=features, timeout_s=timeout_s
    )
    with Console(stderr=True).status(f"opening {settings.shown}") as status:
        began_s = time.monotonic()
        camera = open_camera(settings)
        try:
            opened_s = time.monotonic()
            status.update(f"taking {count} pictures")
            taken, last = _taken(camera, settings, count, timeout_s)
            done = camera.statistics()
        finally:
            camera.close()
    if save is not None:
        _write(last, save)
    return {
        "address": settings.shown,
        "open_s": round(opened_s - began_s, 3),
        "first_picture_s": round(taken[0].at_s - opened_s, 3),
        **_pictures(taken, last),
        "dropped": done.dropped,
        "incomplete": done.incomplete,
        "missed": done.missed,
        "clock": done.clock,
        "clock_offset_s": done.clock_offset_s,
        "remark": camera.remark if isinstance(camera, Remarking) else "",
        "saved": None if save is None else str(save),
    }


def _taken(
    camera: Camera, settings: CameraSettings, count: int, timeout_s: float
) -> tuple[Sequence[_Taken], Frame]:
    taken: list[_Taken] = []
    last: Frame | None = None
    while len(taken) < count:
        if settings.is_triggered:
            camera.trigger()
        try:
            frame = camera.read(timeout_s)
        except SourceEndedError:
            if last is None:
                raise
            break
        if frame is None:
            raise SourceError(
                f"{settings.shown}: expected a picture in {timeout_s:g} s; none came after {len(taken)}. "
                "Does it wait for a trigger?"
            )
        last = frame
        taken.append(_Taken(frame.captured_s, time.monotonic()))
    assert last is not None
    return taken, last


def _pictures(taken: Sequence[_Taken], last: Frame) -> dict[str, Any]:
    spent_s = taken[-1].at_s - taken[0].at_s
    ages_ms = [1000 * (each.at_s - each.captured_s) for each in taken if each.captured_s is not None]
    return {
        "pictures": len(taken),
        "width": last.image.shape[1],
        "height": last.image.shape[0],
        "format": "mono8" if last.image.ndim == 2 else "bgr8",
        "mean": round(float(last.image.mean()), 1),
        "fps": round((len(taken) - 1) / spent_s, 2) if spent_s > 0 else None,
        "age_ms": round(statistics.median(ages_ms), 2) if ages_ms else None,
        "has_device_clock": last.device_s is not None,
    }


def _write(frame: Frame, path: Path) -> None:
    import cv2

    from lineside.core.errors import OutputError
    from lineside.outputs.files import cannot_write, replacing

    suffix = path.suffix.lower() or ".png"
    try:
        is_encoded, data = cv2.imencode(suffix, frame.image)
    except cv2.error as fault:
        raise OutputError(f"{path}: expected a suffix such as .png or .jpg; got {path.suffix}") from fault
    if not is_encoded:
        raise OutputError(f"{path}: OpenCV cannot encode the picture as {suffix}")
    with replacing(path) as temporary:
        try:
            temporary.write_bytes(data.tobytes())
        except OSError as fault:
            raise cannot_write(path, fault) from fault
