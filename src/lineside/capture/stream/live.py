"""A camera that sends all the time: a thread decodes, and the reader takes the newest picture or each one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from threading import Event, Thread, current_thread
from typing import TYPE_CHECKING, Protocol

from lineside.capture.camera import CameraStatistics
from lineside.capture.mailbox import Mailbox
from lineside.capture.stream.backlog import Backlog
from lineside.core.errors import ImageError, ImageTooLargeError, LinesideError, SettingsError, SourceError
from lineside.core.frame import Frame
from lineside.core.geometry import Size

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from lineside.capture.camera import CameraSettings

ROOM = 16
"""Decoded pictures that wait where every one counts."""

CLOSING_S = 1.0
"""Closing waits so long for the decoder to come back; after that it is let go of when it does."""


class Decoder(Protocol):
    """Something that gives one decoded picture after the other. One thread uses it, from its making to its close.

    Attributes:
        size: Size of the pictures by the stream's header; `None` where it does not say.
        fps: Pictures a second by the header; `None` where it does not say, or says nonsense.
        remark: What it does otherwise than asked, for people; empty where it does as asked.
    """

    size: Size | None
    fps: float | None
    remark: str

    def read(self) -> NDArray[np.uint8] | None:
        """The next picture, owned by the caller; `None` when the stream has ended. It waits for it.

        Raises:
            ImageError: A picture came damaged; the next ones may be whole.
            SourceError: The stream is lost.
        """

    def close(self) -> None:
        """The stream is let go of."""


@dataclass(frozen=True, slots=True)
class _Arrival:
    image: NDArray[np.uint8]
    at_s: float
    number: int


class LiveCamera:
    """A camera over a decoder. It is opened here, and waits for that as long as the decoder does.

    Args:
        settings: The camera's.
        open_decoder: Opens the stream.
        is_sending: Whether it sends while it is being opened: what piled up until then is old, and is dropped and counted.

    Raises:
        SettingsError: The trigger is one that such a camera does not have.
        SourceError: The stream cannot be opened.
        ImageTooLargeError: Its pictures have more pixels than the limit.
    """

    def __init__(
        self, settings: CameraSettings, open_decoder: Callable[[], Decoder], *, is_sending: bool = False
    ) -> None:
        if settings.is_triggered:
            raise SettingsError(
                f"camera {settings.id}: this camera sends by itself, and a picture may be older than its trigger; expected "
                f"trigger free, got {settings.trigger}"
            )
        self._settings = settings
        self._mailbox: Mailbox[_Arrival | ImageError] = Mailbox(settings.delivery, ROOM)
        self._is_closed = Event()
        self._statistics = CameraStatistics()
        self._old = 0
        began_s = settings.clock()
        decoder = open_decoder()
        opened_s = settings.clock() - began_s if is_sending else None
        self.remark = decoder.remark
        self.period_s = None if decoder.fps is None else 1 / decoder.fps
        try:
            self._refuse_large(decoder.size)
        except ImageError:
            decoder.close()
            raise
        self._thread = Thread(
            target=self._decode,
            args=(decoder, None if opened_s is None else Backlog(decoder.fps, opened_s)),
            name=f"camera {settings.id}: decoder",
            daemon=True,
        )
        self._thread.start()

    def trigger(self) -> None:
        """Never.

        Raises:
            SourceError: Always: it sends by itself.
        """
        raise SourceError(f"camera {self._settings.id}: it cannot be triggered, it sends by itself")

    def read(self, timeout_s: float) -> Frame | None:
        """The newest picture or the next one, by the settings' `delivery`.

        Raises:
            SourceError: The stream is lost or has ended.
            ImageError: A picture came damaged.
        """
        arrival = self._mailbox.take(timeout_s)
        if arrival is None:
            return None
        done = self._statistics
        if isinstance(arrival, ImageError):
            self._statistics = replace(done, incomplete=done.incomplete + 1)
            raise arrival
        self._statistics = replace(done, frames=done.frames + 1)
        return Frame(
            arrival.image,
            self._settings.id,
            done.frames,
            captured_s=arrival.at_s,
            wall_s=self._settings.wall_at(arrival.at_s),
            device_frame=arrival.number,
        )

    def statistics(self) -> CameraStatistics:
        """What it has done."""
        return replace(self._statistics, dropped=self._mailbox.dropped + self._old)

    def close(self) -> None:
        """Nothing is decoded any more. The stream is let go of by its own thread, which a library may hold up."""
        self._is_closed.set()
        self._mailbox.close(SourceError(f"camera {self._settings.id}: it is closed"), at_once=True)
        if self._thread is not current_thread():
            self._thread.join(CLOSING_S)

    def _decode(self, decoder: Decoder, backlog: Backlog | None) -> None:
        # Whatever ends this thread, the reader must hear that nothing comes any more.
        fault: LinesideError = SourceError(f"camera {self._settings.id}: its decoder failed")
        number, clock = 0, self._settings.clock
        try:
            while not self._is_closed.is_set():
                began_s = clock()
                try:
                    image = decoder.read()
                    if image is None:
                        fault = SourceError(
                            f"camera {self._settings.id}: {self._settings.shown}: the stream has ended"
                        )
                        return
                    self._refuse_large(Size(*image.shape[:2]))
                    at_s = clock()
                    if backlog is not None and backlog.holds(at_s - began_s):
                        self._old += 1
                        continue
                except ImageTooLargeError:
                    raise
                except ImageError as damaged:
                    self._mailbox.put(damaged)
                else:
                    self._mailbox.put(_Arrival(image, at_s, number))
                number += 1
        except LinesideError as error:
            fault = SourceError(str(error))
        finally:
            self._mailbox.close(fault)
            decoder.close()

    def _refuse_large(self, size: Size | None) -> None:
        if size is not None and size.height * size.width > self._settings.limit_px:
            raise ImageTooLargeError(
                f"camera {self._settings.id}: expected pictures of at most {self._settings.limit_px} pixels, they are "
                f"{size}. Raise limit_px if that is right."
            )
