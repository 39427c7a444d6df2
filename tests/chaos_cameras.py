"""Cameras of the drawn plant that fall ill when a test says so."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from enum import StrEnum

import cv2
import numpy as np

from lineside.capture.camera import TriggerMode, open_camera
from lineside.core.errors import ImageError, SourceError


class Ill(StrEnum):
    """What is wrong with a camera."""

    UNPLUGGED = "unplugged"
    PULLED = "pulled"
    """It is triggered, and then unplugged."""
    SILENT = "silent"
    FROZEN = "frozen"
    BLACK = "black"
    BLURRED = "blurred"
    INCOMPLETE = "incomplete"
    SIZE = "size"
    FORMAT = "format"


_SPOILS = {
    Ill.BLACK: np.zeros_like,
    Ill.BLURRED: lambda image: cv2.GaussianBlur(image, (0, 0), 2.5),
    Ill.SIZE: lambda image: np.ascontiguousarray(image[::2, ::2]),
    Ill.FORMAT: lambda image: image.astype(np.uint16) * 257,
}


@dataclass
class Knob:
    """One camera's illness, which holds over all its openings.

    Attributes:
        ill: It; `None` where the camera is well.
        heals: Is set when a silent camera may speak again.
        camera: What is open now; a wired one is triggered here.
        shown: The number of each picture that it gave, as it is drawn; `None` where that must cost the part: it was ill, or it is
            the first one after it was opened anew, which counts from 0 again, or the plant has drawn it before.
    """

    ill: Ill | None = None
    heals: threading.Event = field(default_factory=threading.Event)
    camera: object = None
    shown: list = field(default_factory=list)

    def falls_ill(self, ill):
        self.heals.clear()
        self.ill = ill

    def recovers(self):
        self.ill = None
        self.heals.set()

    def open(self, settings):
        self.refuse(settings.id, Ill.UNPLUGGED, Ill.PULLED)
        if settings.trigger is TriggerMode.HARDWARE:  # the wire ends in the test
            settings = replace(settings, trigger=TriggerMode.SOFTWARE)
        self.camera = open_camera(settings)
        return SpoilableCamera(self.camera, settings.id, self)

    def refuse(self, name, *ills):
        if self.ill in ills:
            raise SourceError(f"camera {name}: the cable is out")


class SpoilableCamera:
    """A real camera whose pictures pass through its knob."""

    def __init__(self, camera, name, knob):
        self._camera, self._name, self._knob = camera, name, knob
        self._last, self._is_anew = None, bool(knob.shown)
        self.expect = camera.expect
        self.period_s = camera.period_s
        self.statistics = camera.statistics
        self.close = camera.close

    def trigger(self):
        self._knob.refuse(self._name, Ill.UNPLUGGED)
        self._camera.trigger()

    def read(self, timeout_s):
        self._knob.refuse(self._name, Ill.UNPLUGGED, Ill.PULLED)
        if self._knob.ill is Ill.SILENT:
            self._knob.heals.wait(timeout_s)
            return None
        frame = self._camera.read(timeout_s)
        if frame is None:
            return None
        self._knob.refuse(self._name, Ill.PULLED)
        ill = self._knob.ill
        if ill is Ill.INCOMPLETE:
            raise ImageError(f"camera {self._name}: 3 of 640 packets of the picture are missing")
        is_frozen = ill is Ill.FROZEN and self._last is not None
        number, shown = frame.device_frame, self._knob.shown
        is_sound = not is_frozen and ill not in _SPOILS and not self._is_anew and number not in shown
        shown.append(number if is_sound else None)
        self._is_anew = False
        if is_frozen:
            return replace(frame, image=self._last)
        self._last = frame.image
        return replace(frame, image=_SPOILS[ill](frame.image)) if ill in _SPOILS else frame
