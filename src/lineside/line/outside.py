"""What a line takes from the world around it, as arguments: embedders and tests may bring their own."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lineside.capture.camera import open_camera
from lineside.dispatch.engine import Engine
from lineside.outputs.switch import open_switch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from lineside.capture.camera import Camera, CameraSettings
    from lineside.outputs.switch import Switch


@dataclass(frozen=True, slots=True)
class Outside:
    """Where cameras, engines, digital outputs and the time of day come from.

    Attributes:
        camera: Opens a camera.
        engine: Opens a model on all devices; takes what an `Engine` takes.
        switch: Opens the digital output of a table.
        wall_clock: Seconds since 1970, for records. No part waits for it, and no duration is measured with it.
    """

    camera: Callable[[CameraSettings], Camera] = open_camera
    engine: Callable[..., Engine] = Engine
    switch: Callable[[Mapping[str, Any]], Switch] = open_switch
    wall_clock: Callable[[], float] = time.time
