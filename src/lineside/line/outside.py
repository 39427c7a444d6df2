"""What a line takes from the world around it, as arguments: embedders and tests may bring their own."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lineside.capture.camera import open_camera
from lineside.dispatch.engine import Engine

if TYPE_CHECKING:
    from collections.abc import Callable

    from lineside.capture.camera import Camera, CameraSettings


@dataclass(frozen=True, slots=True)
class Outside:
    """Where cameras, engines and the time of day come from.

    Attributes:
        camera: Opens a camera.
        engine: Opens a model on all devices; takes what an `Engine` takes.
        wall_clock: Seconds since 1970, for records. No part waits for it, and no duration is measured with it.
    """

    camera: Callable[[CameraSettings], Camera] = open_camera
    engine: Callable[..., Engine] = Engine
    wall_clock: Callable[[], float] = time.time
