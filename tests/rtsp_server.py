"""A real RTSP server, run by the system's Python, which has GStreamer: `rtsp_server.py PORT SIZE FPS MODE [FILE]`.

MODE `live` encodes pictures whose left half says when they were made: 48 bars, a bit of the monotonic clock in µs each.
MODE `unsliced` does the same with one slice a picture; `live` has several where the machine has several cores.
MODE `file` sends an H.264 file that was encoded beforehand, so that it costs the server next to nothing.
The server prints one line when it listens: its port.
"""

from __future__ import annotations

import itertools
import sys
import time

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402 # versions are named first

BITS = 48
DELIMITER = b"\x00\x00\x00\x01\x09"


def picture(width, height, now_us):
    """A grey I420 picture with the time in bars: black is 0, white is 1."""
    bar = width // BITS
    row = bytearray([96]) * width
    for bit in range(BITS):
        if now_us >> bit & 1:
            row[bit * bar : (bit + 1) * bar] = bytes([235]) * bar
        else:
            row[bit * bar : (bit + 1) * bar] = bytes([16]) * bar
    return bytes(row) * height + bytes([128]) * (width * height // 2)


class Pushed(GstRtspServer.RTSPMediaFactory):
    """Sends what `next_data` gives, so many times a second."""

    def __init__(self, pipeline, fps, next_data, queue=""):
        super().__init__()
        self._queue = queue
        self._pipeline, self._fps, self._next_data = pipeline, fps, next_data
        self.set_shared(True)

    def do_create_element(self, _url):
        return Gst.parse_launch(
            f"appsrc name=source is-live=true format=time do-timestamp=true {self._queue} {self._pipeline} ! "
            "rtph264pay name=pay0 pt=96 config-interval=1"
        )

    def do_configure(self, media):
        source = media.get_element().get_child_by_name("source")

        began_s, sent = time.monotonic(), 0

        def push():
            nonlocal sent
            # By the clock, not by the timer: one that comes late shall not slow the camera down.
            while sent <= (time.monotonic() - began_s) * self._fps:
                sent += 1
                data = Gst.Buffer.new_wrapped(self._next_data())
                if source.emit("push-buffer", data) != Gst.FlowReturn.OK:
                    return False
            return True

        GLib.timeout_add(max(250 // self._fps, 1), push)


def live(width, height, fps, threads):
    """Pictures that are drawn and encoded as they are sent."""
    pipeline = (
        f"caps=video/x-raw,format=I420,width={width},height={height},framerate={fps}/1 ! x264enc tune=zerolatency "
        f"speed-preset=ultrafast bitrate=4000 threads={threads} key-int-max={fps}"
    )
    # An encoder that is too slow drops pictures, as a camera's does; a queue would make them old.
    queue = "max-buffers=1 leaky-type=downstream"
    return Pushed(pipeline, fps, lambda: picture(width, height, time.monotonic_ns() // 1000), queue)


def recorded(path, fps):
    """Pictures of a file, each behind its delimiter, over and over."""
    with open(path, "rb") as file:  # noqa: PTH123 # the system's Python may be old
        units = [DELIMITER + unit for unit in file.read().split(DELIMITER) if unit]
    pipeline = f"caps=video/x-h264,stream-format=byte-stream,alignment=au,framerate={fps}/1 ! h264parse"
    endless = itertools.cycle(units)
    return Pushed(pipeline, fps, lambda: next(endless))


def main():
    port, size, fps, mode, *rest = sys.argv[1:]
    width, height = map(int, size.split("x"))
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(port)
    factory = (
        recorded(rest[0], int(fps))
        if mode == "file"
        else live(width, height, int(fps), int(mode == "unsliced"))
    )
    if mode == "live" and rest:
        user, password = rest
        auth = GstRtspServer.RTSPAuth()
        token = GstRtspServer.RTSPToken()
        token.set_string(GstRtspServer.RTSP_TOKEN_MEDIA_FACTORY_ROLE, "user")
        basic = GstRtspServer.RTSPAuth.make_basic(user, password)
        auth.add_basic(basic, token)
        server.set_auth(auth)
        permissions = GstRtspServer.RTSPPermissions()
        permissions.add_permission_for_role("user", GstRtspServer.RTSP_PERM_MEDIA_FACTORY_ACCESS, True)
        permissions.add_permission_for_role("user", GstRtspServer.RTSP_PERM_MEDIA_FACTORY_CONSTRUCT, True)
        factory.set_permissions(permissions)
    server.get_mount_points().add_factory("/belt", factory)
    if not server.attach(None):
        sys.exit(f"port {port} cannot be had")
    sys.stdout.write(f"{server.get_bound_port()}\n")
    sys.stdout.flush()
    GLib.MainLoop().run()


main()
