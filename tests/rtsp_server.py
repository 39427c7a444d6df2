"""A real RTSP server, run by the system's Python, which has GStreamer: `rtsp_server.py PORT SIZE FPS MODE [FILE]`.

MODE `live` encodes pictures whose left half says when they were made: 48 bars, a bit of the monotonic clock in µs each.
MODE `file` sends an H.264 file that was encoded beforehand, paced by its own times, so that it costs the server next to nothing.
The server prints one line when it listens: its port.
"""

from __future__ import annotations

import sys
import time

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402 # versions are named first

BITS = 48


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


class Live(GstRtspServer.RTSPMediaFactory):
    """Draws a picture for each that the encoder wants, in real time."""

    def __init__(self, width, height, fps):
        super().__init__()
        self._size, self._fps = (width, height), fps
        self.set_shared(True)

    def do_create_element(self, _url):
        width, height = self._size
        return Gst.parse_launch(
            f"appsrc name=source is-live=true format=time do-timestamp=true caps=video/x-raw,format=I420,"
            f"width={width},height={height},framerate={self._fps}/1 ! x264enc tune=zerolatency speed-preset=ultrafast "
            f"bitrate=4000 threads=1 key-int-max={self._fps} ! rtph264pay name=pay0 pt=96 config-interval=1"
        )

    def do_configure(self, media):
        source = media.get_element().get_child_by_name("source")

        def push():
            data = picture(*self._size, time.monotonic_ns() // 1000)
            return source.emit("push-buffer", Gst.Buffer.new_wrapped(data)) == Gst.FlowReturn.OK

        GLib.timeout_add(round(1000 / self._fps), push)


def main():
    port, size, fps, mode, *rest = sys.argv[1:]
    width, height = map(int, size.split("x"))
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(port)
    if mode == "live":
        factory = Live(width, height, int(fps))
    else:
        factory = GstRtspServer.RTSPMediaFactory()
        factory.set_launch(
            f"multifilesrc location={rest[0]} loop=true ! h264parse ! video/x-h264,framerate={fps}/1 ! "
            "identity sync=true ! rtph264pay name=pay0 pt=96 config-interval=1"
        )
        factory.set_shared(True)
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
