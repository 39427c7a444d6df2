"""Servers that send video: GStreamer's for RTSP, in a process of its own, and a small one for HTTP."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import time
from contextlib import contextmanager
from functools import cache, partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import cv2
import numpy as np
import pytest

SCRIPT = Path(__file__).parent / "rtsp_server.py"
SYSTEM_PYTHON = "/usr/bin/python3"
PACKAGES = (
    "gir1.2-gst-rtsp-server-1.0 python3-gi gstreamer1.0-plugins-base gstreamer1.0-plugins-good "
    "gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly"
)
_PROBE = """
import gi
gi.require_version("Gst", "1.0"); gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gst, GstRtspServer
Gst.init(None)
missing = [name for name in ("x264enc", "rtph264pay", "h264parse") if Gst.ElementFactory.find(name) is None]
assert not missing, missing
"""


@cache
def _lack():
    try:
        done = subprocess.run(
            [SYSTEM_PYTHON, "-c", _PROBE], check=False, capture_output=True, text=True, timeout=60
        )
    except OSError as fault:
        return str(fault)
    return done.stderr.strip().splitlines()[-1] if done.returncode else ""


def require_rtsp():
    """Skips where GStreamer's server is not installed, or fails where the environment promises it."""
    if lack := _lack():
        if "rtsp" in os.environ.get("LINESIDE_EXPECT", "").split(","):
            pytest.fail(f"LINESIDE_EXPECT promises rtsp, but {lack}")
        pytest.skip(f"no RTSP server: {lack}; apt-get install {PACKAGES}")


class RtspServer:
    """A camera on the network that can be killed, frozen and started again at its old address."""

    def __init__(self, size="640x480", fps=25, mode="live", *rest):
        require_rtsp()
        self._arguments = [size, str(fps), mode, *map(str, rest)]
        self.port = 0
        self.start()

    @property
    def address(self):
        return f"rtsp://127.0.0.1:{self.port}/belt"

    def start(self):
        until_s = time.monotonic() + 60
        while True:
            self.process = subprocess.Popen(
                [SYSTEM_PYTHON, str(SCRIPT), str(self.port), *self._arguments],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            line = self.process.stdout.readline()
            if line.strip().isdecimal():
                self.port = int(line)
                return
            said = self.process.communicate()[1]
            assert time.monotonic() < until_s, said
            time.sleep(0.2)  # the port of one that was killed is not free yet

    def kill(self):
        self.process.kill()
        self.process.communicate()

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def cpu_s(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.kill()


def read_clock_us(image):
    """The time that `rtsp_server.py` drew into a picture, in µs of the monotonic clock."""
    height, width = image.shape[:2]
    bar = width // 48
    row = image[height // 2, :, 0] if image.ndim == 3 else image[height // 2]
    return sum(int(row[bit * bar + bar // 2] > 128) << bit for bit in range(48))


@contextmanager
def mjpeg_server(*, user=None, password=None, fps=25, shape=(48, 64, 3)):
    """An HTTP camera that sends JPEG pictures for ever; gives its port."""
    stopping = Event()
    jpeg = cv2.imencode(".jpg", np.full(shape, 90, np.uint8))[1].tobytes()
    door = base64.b64encode(f"{user}:{password}".encode()).decode()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            if user and self.headers.get("Authorization") != f"Basic {door}":
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="camera"')
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=part")
            self.send_header("Connection", "close")
            self.end_headers()
            try:
                while not stopping.wait(1 / fps):
                    self.wfile.write(
                        b"--part\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%b\r\n"
                        % (len(jpeg), jpeg)
                    )
            except OSError:
                pass  # the reader went away

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        stopping.set()
        server.shutdown()
        server.server_close()


@contextmanager
def file_server(folder):
    """The files of a folder over HTTP; gives the port."""

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    server.daemon_threads = True
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
