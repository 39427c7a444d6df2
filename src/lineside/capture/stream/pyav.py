"""A decoder over PyAV: options for each camera, damaged pictures told, hardware that decodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.core.errors import ImageError, NotInstalledError, SourceError
from lineside.core.geometry import Size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from lineside.capture.cameras.rtsp import Features

PROTOCOLS = "tcp,udp,rtp,srtp,rtsp,rtsps,tls,http,https,httpproxy"
"""What a stream may make FFmpeg open: the network, never a file of this machine."""


class PyAvDecoder:
    """A stream that PyAV has opened.

    Args:
        name: The camera, for messages.
        container: What PyAV opened. It is let go of here.
        remark: What is otherwise than asked.
        skips: Whether packets that cannot be decoded by themselves are passed over, as without a parser.
    """

    def __init__(self, name: str, container: Any, *, remark: str = "", skips: bool = False) -> None:
        import av

        self._name = name
        self._container = container
        self._skips = skips
        self._fault: type[Exception] = av.FFmpegError
        self._invalid: type[Exception] = av.InvalidDataError
        self.remark = remark
        stream = container.streams.video[0]
        # A thread more would be a frame of delay more.
        stream.codec_context.thread_count = 1
        stream.thread_type = "NONE"
        rate = stream.average_rate
        self.fps: float | None = float(rate) if rate and 0.1 <= rate <= 1000 else None
        self.size: Size | None = (
            Size(height=stream.height, width=stream.width) if stream.width and stream.height else None
        )
        self._frames = self._decoded(stream)

    def read(self) -> NDArray[np.uint8] | None:
        """The next picture, or `None` when none comes any more.

        Raises:
            ImageError: Packets of it were lost.
            SourceError: The stream is lost.
        """
        try:
            frame = next(self._frames, None)
            if frame is None:
                return None
            if frame.is_corrupt:
                raise ImageError(f"{self._name}: packets of this picture were lost")
            picture: NDArray[np.uint8] = np.ascontiguousarray(frame.to_ndarray(format="bgr24"))
        except self._fault as fault:
            # The fault's own text holds the address with its password.
            raise SourceError(f"{self._name}: the stream is lost: {_plain(fault)}") from None
        return picture

    def close(self) -> None:
        """The stream is let go of."""
        self._container.close()

    def _decoded(self, stream: Any) -> Iterator[Any]:
        for packet in self._container.demux(stream):
            try:
                yield from packet.decode()
            except self._invalid:
                if not self._skips:
                    raise


def open_network(
    name: str, url: str, features: Features, timeouts_s: tuple[float, float]
) -> PyAvDecoder | None:
    """A decoder of a network stream, or `None` where there is no video in it.

    Args:
        name: The camera, for messages.
        url: With user and password.
        features: Transport, hardware and delay.
        timeouts_s: For opening, and for a read.

    Raises:
        NotInstalledError: PyAV is not installed.
        SourceError: The stream cannot be opened.
    """
    try:
        import av
    except ModuleNotFoundError as missing:
        raise NotInstalledError(
            f'{name}: engine = "pyav" needs the package "av": pip install \'lineside[av]\''
        ) from missing

    options = {"rtsp_transport": features.transport, "protocol_whitelist": PROTOCOLS}
    if features.low_delay:
        options |= {"fflags": "nobuffer+noparse", "flags": "low_delay"}
    remark = ""
    try:
        container = _with_hardware(url, options, timeouts_s, features.hardware) if features.hardware else None
    except (av.FFmpegError, PermissionError, ValueError, NotImplementedError) as fault:
        container = None
        remark = f"{features.hardware} cannot decode here ({type(fault).__name__}); the CPU does"
    try:
        container = container or av.open(url, options=options, timeout=timeouts_s)
    except (av.FFmpegError, OSError, ValueError) as fault:
        # The fault's text may hold the address with its password; its kind says enough.
        raise SourceError(
            f"{name}: the stream cannot be opened: {type(fault).__name__}: {_plain(fault)}"
        ) from None
    if not container.streams.video:
        container.close()
        return None
    return PyAvDecoder(name, container, remark=remark, skips=features.low_delay)


def _with_hardware(url: str, options: dict[str, str], timeouts_s: tuple[float, float], hardware: str) -> Any:
    import av
    from av.codec.hwaccel import HWAccel

    # Its own way to the CPU would be silent.
    accelerator = HWAccel(device_type=hardware, allow_software_fallback=False)
    return av.open(url, options=options, timeout=timeouts_s, hwaccel=accelerator)


def _plain(fault: BaseException) -> str:
    return str(getattr(fault, "strerror", None) or "no more is known")
