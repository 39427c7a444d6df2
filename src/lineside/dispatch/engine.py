"""Many devices as one object: pictures in, futures of detections out."""

from __future__ import annotations

import asyncio
import itertools
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Self

from lineside.core.delivery import Delivery
from lineside.core.errors import SettingsError
from lineside.dispatch import forking
from lineside.dispatch.askings import Askings
from lineside.dispatch.reception import Reception
from lineside.dispatch.routing import DEFAULT
from lineside.dispatch.starting import PICTURE, Fittings, read_offer, staff, trial_picture
from lineside.dispatch.swapping import Swapper
from lineside.dispatch.works import Works

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from concurrent.futures import Future
    from pathlib import Path

    from numpy.typing import NDArray

    from lineside.core.buffers import FrameBuffers
    from lineside.core.detections import Detections
    from lineside.core.frame import Frame
    from lineside.core.placement import Placement
    from lineside.core.verdict import Reason
    from lineside.dispatch.look import LookFuture
    from lineside.dispatch.promises import LateResult
    from lineside.dispatch.recycling import Recycling
    from lineside.dispatch.settings import Settings
    from lineside.dispatch.standing import Note, Standing
    from lineside.dispatch.starting import Crew, Offer
    from lineside.dispatch.statistics import Statistics
    from lineside.dispatch.swapping import Proof
    from lineside.models.card import ModelCard
    from lineside.models.facts import ModelFacts

_SWITCH_S = 0.0002
_CLOSE_S = 5.0
_ROLE = "model"


class Engine:
    """A YOLO model on many devices. Each picture goes where it is expected to be done first, and none is lost when one dies.

    Every device has a worker of its own. What cannot be answered by its deadline is an `UnansweredError`, never an empty
    result. Safe from several threads.

    Args:
        model: An .onnx file, or `shipped:NAME`.
        devices: The devices, as for a `Detector`, but all of them run. Entries of one card are one device, on which the first that
            works runs; each `cpu:N` is an equal share of the cores.
        isolation: `thread` or `process` for all workers; `auto` gives the CPU threads and all else processes.
        demotion: What happens where a device cannot start: `prefer` starts with the others, says so in `health()` and to
            `note`, and tries again; `require` refuses to start.
        routing: The policy by which a picture finds its device.
        buffers: How many pictures sources may hold in `buffers` at once, beside those that are with the workers.
        picture_shape: Of the largest picture that lies there; a larger one costs a copy, or a way through a pipe that takes milliseconds.
        recycling: When a worker that is a process is replaced although nothing is wrong with it; `None`: when it has grown by 1 GiB.
        facts: Facts set by hand; they go before those of the file beside the model.
        cache: Folder of prepared models. `None`: `LINESIDE_CACHE`, else the user's cache folder.
        deadline_s: Seconds from a picture to its answer, for those that come without a deadline of their own; `None` for whenever
            it is there. Where no device can do one picture in so short a time, nothing starts.
        settings: The scheduler's thresholds.
        clock: Monotonic seconds; deadlines are on its axis.
        note: Takes a code and a sentence when a device is lost or back; `None` logs them. Like callbacks of futures it is called by
            whichever thread brings the news, and must not wait for a picture.
        late_result: Takes what came of a picture after its answer: its name, the result, the device.

    Attributes:
        card: The model's card.
        buffers: Where sources may write their pictures, so that nobody has to copy them for a worker that is a process.

    Raises:
        ModelError: The model is bad, or fits on no device.
        SettingsError: A setting is out of range, a device stands in the list twice, or no run of one picture kept the deadline,
            also when it was tried again.
        DeviceError: No device can start, or one cannot and all are required.

    Example:
        >>> with Engine("best.onnx", "cuda:0,cuda:1") as engine:                  # doctest: +SKIP
        ...     future = engine.submit(picture, deadline_s=time.monotonic() + 0.02)
        ...     detections = future.result()
    """

    def __init__(  # noqa: PLR0913 # what, where and how, all by keyword
        self,
        model: str | Path,
        devices: str | Placement | Sequence[str | Placement] = "cpu:0,cpu:1",
        *,
        isolation: str = "auto",
        demotion: str = "prefer",
        routing: str = DEFAULT,
        deadline_s: float | None = None,
        buffers: int = 0,
        picture_shape: tuple[int, ...] = PICTURE,
        recycling: Recycling | None = None,
        facts: ModelFacts | None = None,
        cache: str | Path | None = None,
        settings: Settings | None = None,
        clock: Callable[[], float] = time.monotonic,
        note: Note | None = None,
        late_result: LateResult | None = None,
    ) -> None:
        fittings = Fittings(routing, settings, demotion, clock, note, late_result, deadline_s=deadline_s)
        crew = staff(
            devices,
            isolation=isolation,
            cache=cache,
            clock=clock,
            buffers=buffers,
            picture_shape=picture_shape,
            recycling=recycling,
        )
        try:
            self._take(crew, read_offer(model, facts, name=_ROLE), fittings)
        except BaseException:
            if crew.slots is not None:  # their file would stay open until they are collected
                crew.slots.close()
            raise

    @classmethod
    def of(cls, crew: Crew, offer: Offer, fittings: Fittings | None = None) -> Self:
        """An engine over workers of one's own, such as scripted ones.

        Args:
            crew: The workers.
            offer: The model.
            fittings: How the engine works.

        Raises:
            LinesideError: As for an engine.
        """
        engine = object.__new__(cls)
        engine._take(crew, offer, fittings or Fittings())  # its own class
        return engine

    def _take(self, crew: Crew, offer: Offer, fittings: Fittings) -> None:
        self._offer = offer
        self._models = itertools.count(2)
        self._swapping = threading.Lock()
        # A pure-Python thread beside it would else hold each hand-over up by 5 ms, of which a picture has three.
        sys.setswitchinterval(min(sys.getswitchinterval(), _SWITCH_S))
        self._works = works = Works(crew, fittings)
        self._closing = works.closing
        self.buffers: FrameBuffers = works.buffers
        self._desk, self._roster, self._promises = works.desk, works.roster, works.promises
        askings = Askings(offer.card)
        self._reception = Reception(
            self._desk,
            self._promises,
            askings,
            role=_ROLE,
            clock=fittings.clock,
            within_s=fittings.deadline_s,
        )
        self._swapper = Swapper(self._desk, self._roster, askings, _ROLE)
        works.start(offer)
        forking.tell(self)

    def left_behind(self) -> None:
        """Refuse everything but a close in a child of `os.fork`, which has none of the threads."""
        gone: Any = forking.LeftBehind()
        self._works = self._desk = self._roster = self._promises = self._reception = self._swapper = gone
        self._swapping = threading.Lock()

    @property
    def card(self) -> ModelCard:
        """The card of the model that new pictures are for."""
        card = self._offer.card
        assert card is not None
        return card

    def submit(
        self,
        image: NDArray[Any] | Frame,
        *,
        deadline_s: float | None = None,
        stream: str | None = None,
        delivery: str = Delivery.EVERY_PART,
        name: object = None,
        **asked: Any,
    ) -> LookFuture:
        """The future of what the model sees in a picture.

        Args:
            image: A picture as for a `Detector`, or a `Frame`. It must stay as it is until the future is done.
            deadline_s: When the answer is due, in seconds of the clock, infinite for whenever it is there; `None` for as long after
                now as the engine's own `deadline_s` says.
            stream: Answers to pictures of one stream leave in the order in which these came. `None`: the frame's stream, and of a
                bare picture none.
            delivery: `every_part`, or `latest` for a live view, of which only the newest waits.
            name: What refusals and `late_result` call the picture; `None` for its stream, and a frame's number.
            asked: Thresholds, as for a call of a `Detector`.

        Returns:
            A future of `Detections`. It holds an `UnansweredError` where nothing is known by the deadline: too late, too much,
            no device, or a picture that breaks runs. It also tells the `device` that answered and the `seconds` of its stages. Its callbacks are called by a worker or by whoever calls the engine,
            one answer after the other: they should be short, as the next answers wait, past their deadlines too, and never wait for another picture. Cancelling it saves no work.

        Raises:
            ImageFormatError: It is no picture.
            SettingsError: A setting is unknown or out of range.
        """
        return self._reception.take(
            image, asked, deadline_s=deadline_s, stream=stream, delivery=delivery, name=name
        )

    async def submit_async(self, image: NDArray[Any] | Frame, **how: Any) -> Detections:
        """What the model sees in a picture, awaited; as `submit`.

        Raises:
            UnansweredError: Nothing is known of it by its deadline.
            LinesideError: As `submit`.
        """
        return await asyncio.wrap_future(self.submit(image, **how))

    def submit_each(
        self, images: Iterable[NDArray[Any] | Frame], **asked: Any
    ) -> Iterator[Future[Detections]]:
        """Futures of pictures without a deadline, in their order, each done when it comes; a few are under way behind it.

        At most two batches a device wait, so that a folder of pictures is never all in memory.

        Args:
            images: Pictures; they are taken as room comes.
            asked: Thresholds, as for `submit`.

        Raises:
            LinesideError: As `submit`.
        """
        return self._reception.take_each(images, asked)

    def infer_many(self, images: Iterable[NDArray[Any] | Frame], **asked: Any) -> list[Detections]:
        """What the model sees in each of many pictures, in their order.

        Args:
            images: Pictures.
            asked: Thresholds, as for `submit`.

        Raises:
            UnansweredError: A picture has no answer, because every device failed with it.
            LinesideError: As `submit`.
        """
        return [future.result() for future in self.submit_each(images, **asked)]

    def statistics(self) -> Statistics:
        """What became of the pictures up to now, and what the devices did."""
        return self._desk.ask(lambda scheduler: scheduler.statistics())

    def health(self) -> Standing:
        """How the devices stand."""
        return self._works.standing(_ROLE)

    def absence(self) -> Reason | None:
        """Why no picture can be looked at now: `stopping` where the engine is closed; `None` where a device is in service."""
        return self._works.absence(_ROLE)

    def backlog_ms(self) -> float | None:
        """Milliseconds until a picture that came now would be done; `None` where no device is in service."""
        return self._works.backlog_ms(_ROLE)

    def swap(self, model: str | Path, *, facts: ModelFacts | None = None, proof: Proof | None = None) -> None:
        """Put another model in place of the one that runs, between two pictures.

        It is loaded beside the old one on every device in service, and must answer there. Pictures that came before the switch
        are for the old model, those after it for the new one; nobody waits. The old one is closed when its last picture is through.

        Args:
            model: An .onnx file, or `shipped:NAME`.
            facts: Facts set by hand.
            proof: Is called with the old and the new model, each a function from a picture to `Detections`, before the
                switch. It raises a `LinesideError` where the new one is not good enough.

        Raises:
            ModelError: The new model is bad, dead, or fits on no device. The old one runs on, as with every refusal.
            SettingsError: Settings of calls that are in use do not fit it, as a class that it does not have; or no device can do one
                picture with it within the engine's `deadline_s`.
            DeviceMemoryError: A card has no memory for it beside the old one, as far as its maker's library tells.
            DeviceUnavailableError: No device is in service, or the engine is closed.
            LinesideError: A device could not load it, it did not answer, or the proof refused it.
        """
        if proof is not None and not callable(proof):
            raise SettingsError(f"proof: expected a function of two models, or None; got {proof!r}")
        with self._swapping:
            self._works.refuse_closed(model)
            new = read_offer(model, facts, name=f"{_ROLE}@{next(self._models)}")
            self._swap(new, proof)

    def _swap(self, new: Offer, proof: Proof | None) -> None:
        def proven() -> None:
            before, after = self._reception.look(_ROLE), self._reception.look(new.model.name)
            after(trial_picture(new))
            self._works.prove_deadline(new)
            if proof is not None:
                proof(before, after)

        self._works.admit(new)
        self._swapper.swap(self._offer, new, proven)
        self._offer = new
        self._works.tell_tight(_ROLE)

    def drain(self, timeout_s: float | None = None) -> bool:
        """Take no picture any more, and wait for the last one; whether it is through in so many seconds.

        A callback waits for nothing here, as answers wait for the end of the callback.
        """
        return self._works.drain(timeout_s)

    def close(self, timeout_s: float = _CLOSE_S) -> None:
        """Wait for what is under way, and end the workers. What is not done by then is answered as unanswered.

        It may be called again, also after it was interrupted, and from another thread; who comes second waits for the first. From a callback, or from
        the handler of a signal that interrupted the engine, it returns at once, and a thread of its own closes. Nothing else may be asked of an
        engine in a handler, as it may wait for ever for what it interrupted; best it only sets an event that the program waits for.

        Args:
            timeout_s: How long what is under way may take.
        """
        self._closing.close(timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
