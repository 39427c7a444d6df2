"""Cameras of the drawn plant that fall ill when a test says so."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from enum import StrEnum

import cv2
import numpy as np

from lineside.capture.camera import open_camera
from lineside.core.errors import ImageError, SourceError


class Ill(StrEnum):
    """What is wrong with a camera."""

    UNPLUGGED = "unplugged"
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
    """

    ill: Ill | None = None
    heals: threading.Event = field(default_factory=threading.Event)

    def falls_ill(self, ill):
        self.heals.clear()
        self.ill = ill

    def recovers(self):
        self.ill = None
        self.heals.set()

    def open(self, settings):
        self.refuse(settings.id)
        return SpoilableCamera(open_camera(settings), settings.id, self)

    def refuse(self, name):
        if self.ill is Ill.UNPLUGGED:
            raise SourceError(f"camera {name}: the cable is out")


class SpoilableCamera:
    """A real camera whose pictures pass through its knob."""

    def __init__(self, camera, name, knob):
        self._camera, self._name, self._knob = camera, name, knob
        self._last = None
        self.period_s = camera.period_s
        self.expect = camera.expect
        self.statistics = camera.statistics
        self.close = camera.close

    def trigger(self):
        self._knob.refuse(self._name)
        self._camera.trigger()

    def read(self, timeout_s):
        self._knob.refuse(self._name)
        if self._knob.ill is Ill.SILENT:
            self._knob.heals.wait(timeout_s)
            return None
        frame = self._camera.read(timeout_s)
        if frame is None:
            return None
        ill = self._knob.ill
        if ill is Ill.INCOMPLETE:
            raise ImageError(f"camera {self._name}: 3 of 640 packets of the picture are missing")
        if ill is Ill.FROZEN and self._last is not None:
            return replace(frame, image=self._last)
        self._last = frame.image
        return replace(frame, image=_SPOILS[ill](frame.image)) if ill in _SPOILS else frame
