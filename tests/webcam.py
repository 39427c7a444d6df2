"""A webcam without a device: what OpenCV's capture is to the USB kind."""

from __future__ import annotations

import time

import cv2
import numpy as np


class Webcam:
    """What `cv2.VideoCapture` is for a webcam: it takes some values, keeps others, and gives pictures until unplugged."""

    def __init__(self, pictures=1000, stubborn=(), opens=True, pause_s=0.0):
        self.values = {
            cv2.CAP_PROP_FRAME_WIDTH: 640.0,
            cv2.CAP_PROP_FRAME_HEIGHT: 480.0,
            cv2.CAP_PROP_FPS: 30.0,
        }
        self.order, self.released = [], False
        self._left, self._stubborn, self._opens = pictures, stubborn, opens
        self._pause_s = pause_s

    def __call__(self, device):
        self.device = device
        return self

    def isOpened(self):  # noqa: N802 # OpenCV's name
        return self._opens

    def set(self, number, value):
        self.order.append(number)
        if number not in self._stubborn:
            self.values[number] = value
        return True

    def get(self, number):
        return self.values.get(number, 0.0)

    def read(self):
        time.sleep(self._pause_s)
        self._left -= 1
        if self._left < 0:
            return False, None
        shape = (int(self.values[cv2.CAP_PROP_FRAME_HEIGHT]), int(self.values[cv2.CAP_PROP_FRAME_WIDTH]), 3)
        return True, np.full(shape, 7, np.uint8)

    def release(self):
        self.released = True
