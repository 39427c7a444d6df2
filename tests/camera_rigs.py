"""For each kind of camera something that it works on. A rig is a context; it skips where its device cannot be here."""

from __future__ import annotations

from contextlib import contextmanager
from importlib import import_module

import cv2
import numpy as np

import genicam_rigs
from lineside.testing.camera_checks import Rig
from video_peers import mjpeg_server
from webcam import Webcam


def kind(name):
    return import_module(f"lineside.capture.cameras.{name}")


@contextmanager
def synthetic(_folder):
    yield Rig(
        kind("synthetic"),
        "synthetic:cap?size=160x120&variants=1",
        fps=50,
        absent="synthetic:cup",
        changes={"Gain": 6.0},
    )


@contextmanager
def gige(_folder):
    with genicam_rigs.fake_gige() as fake:
        small = {"Width": 64, "Height": 48}
        yield Rig(
            kind("gige"),
            f"gige:{fake.address}",
            features=small,
            absent="gige:no-such-serial",
            changes={"ExposureTimeAbs": 400.0},
        )


@contextmanager
def pylon(_folder):
    genicam_rigs.require_pylon()
    small = {"Width": 64, "Height": 48}
    yield Rig(
        kind("pylon"),
        "pylon:0815-0000",
        features=small,
        fps=50,
        absent="pylon:0815",
        changes={"ExposureTime": 400.0},
    )


@contextmanager
def gentl(_folder):
    producer = genicam_rigs.require_gentl()
    yield Rig(
        kind("gentl"),
        f"gentl:{producer}#1",
        fps=50,
        absent=f"gentl:{producer}#7",
        takes_triggers=False,
        changes={"AcquisitionFrameRate": 40.0},
    )


@contextmanager
def folder(folder):
    for level in range(4):
        cv2.imwrite(str(folder / f"{level}.png"), np.full((24, 32, 3), level, np.uint8))
    yield Rig(
        kind("folder"), f"folder:{folder}", {"play": "loop"}, fps=50, absent=f"folder:{folder / 'nowhere'}"
    )


@contextmanager
def video(folder):
    path = folder / "belt.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 25, (64, 48))
    for level in range(20):
        writer.write(np.full((48, 64, 3), level * 12, np.uint8))
    writer.release()
    yield Rig(kind("video"), f"video:{path}", {"play": "loop"}, absent=f"video:{folder / 'nowhere.mp4'}")


@contextmanager
def rtsp(_folder):
    with mjpeg_server(fps=50) as port:
        yield Rig(
            kind("rtsp"),
            f"http://127.0.0.1:{port}/live",
            {"open_timeout_s": 2},
            absent="rtsp://127.0.0.1:1/belt",
            takes_triggers=False,
        )


@contextmanager
def usb(folder):
    (folder / "video0").touch()

    class Kind:
        """The kind over a capture that is written in its tests: no such device exists here."""

        SCHEMES = kind("usb").SCHEMES
        Features = kind("usb").Features

        @staticmethod
        def open_camera(settings):
            return kind("usb").open_camera(settings, Webcam(pause_s=0.01), folder)

    yield Rig(Kind, "usb:0", absent="usb:7", takes_triggers=False)


RIGS = {
    "folder": folder,
    "gentl": gentl,
    "gige": gige,
    "pylon": pylon,
    "rtsp": rtsp,
    "synthetic": synthetic,
    "usb": usb,
    "video": video,
}
"""By the name of the kind. A new kind adds itself here, and the whole suite runs over it."""
