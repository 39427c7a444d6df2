"""One model as a callable: picture in, detections out."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from time import perf_counter
from typing import TYPE_CHECKING, Any, Self, overload

import numpy as np

from lineside.core.classification import Classification
from lineside.core.detections import Detections
from lineside.core.errors import SettingsError
from lineside.core.placement import placements
from lineside.detector.batches import Batches
from lineside.detector.opening import Where, open_model
from lineside.detector.thresholds import Thresholds, is_count
from lineside.models.checks import refuse_dead_answer
from lineside.models.probe import probe_picture
from lineside.models.recognise import family
from lineside.preprocess.letterbox import Slot, as_bgr

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from lineside.core.geometry import Letterbox
    from lineside.core.placement import Placement
    from lineside.detector.batches import Batch
    from lineside.detector.opening import OpenModel
    from lineside.engine.session import Binding
    from lineside.engine.truth import Truth
    from lineside.models.card import ModelCard
    from lineside.models.facts import ModelFacts
    from lineside.models.head import Details
    from lineside.postprocess.candidates import Candidates


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds that one picture spent in each stage."""

    preprocess_s: float
    run_s: float
    postprocess_s: float


@dataclass(slots=True, eq=False)
class Workspace:
    """The buffers of one run."""

    slot: Slot
    binding: Binding

    def cancel(self) -> None:
        """End the run under way."""
        self.binding.cancel()


class Detector:
    """A YOLO model that answers what it sees in a picture. Safe from several threads.

    Opening reads and recognises the file, builds the input conversion into its graph, proves that against the
    exported graph, warms the session up and refuses dead exports. The preparation is kept on disk, by hash.

    Args:
        path: An .onnx file, or `shipped:NAME` for one that comes with lineside. A `.toml` of the same name
            beside the file may hold facts set by hand.
        devices: Where to run, best first: `"cpu"`, `"cuda:0,openvino,cpu"`, or a sequence of such texts or placements. The
            first that truly works is taken. `None`: what `lineside tune` found for this model on this machine, else the CPU.
        demotion: What happens where the first does not: `prefer` starts on the next that does, warns, and says so in
            `truth`; `require` refuses to start.
        threads: Threads of one run on the CPU. `None` takes every usable core: the lowest latency for one stream. With 1,
            as many callers as there are cores run side by side: the highest throughput for several streams.
        facts: Facts set by hand; they go before those of the file beside the model.
        cache: Folder of prepared models. `None`: `LINESIDE_CACHE`, else the user's cache folder.
        progress: Is told what takes long, such as the building of an engine.

    Attributes:
        card: The model's card.
        names: Its class names.
        truth: The report on its session: which device was asked for, which it got and why, and how that was proven.
        batch: Pictures of a run where a call is given several: what `lineside tune` found best, else 1.

    Raises:
        ModelError: The file is bad, unknown, ambiguous or dead; the subclass says which.
        SettingsError: An argument is out of range.
        MissingRuntimeError: No onnxruntime wheel is installed.
        DeviceError: No device of the list works, or not the first, which is required.

    Example:
        >>> detector = Detector("best.onnx")                                # doctest: +SKIP
        >>> detections = detector(cv2.imread("part.png"), confidence=0.4)   # doctest: +SKIP
    """

    def __init__(  # what, where and how, all by keyword
        self,
        path: str | Path,
        *,
        devices: str | Placement | Sequence[str | Placement] | None = None,
        demotion: str = "prefer",
        threads: int | None = None,
        facts: ModelFacts | None = None,
        cache: str | Path | None = None,
        progress: Callable[[str], None] | None = None,
    ) -> None:
        _check_arguments(path, threads, facts, cache)
        where = Where(None if devices is None else placements(devices), demotion, threads, progress)
        self._take(open_model(path, where, facts=facts, cache=None if cache is None else Path(cache)))

    @classmethod
    def of(cls, opened: OpenModel) -> Self:
        """The detector of a model that was opened already.

        Raises:
            DeadModelError: It answers the test picture as no working model does.
            DeviceError: The run failed.
        """
        detector = object.__new__(cls)
        detector._take(opened)  # its own class
        return detector

    def _take(self, opened: OpenModel) -> None:
        self.card: ModelCard = opened.card
        self.names: tuple[str, ...] = opened.card.names
        self.truth: Truth = opened.truth
        self.batch: int = opened.batch
        self._session = opened.session
        self._family = family(opened.card.family)
        self._details: Callable[..., Details] | None = getattr(self._family, "details", None)
        self._free: deque[Workspace] = deque()
        self._in_use: set[Workspace | Batch] = set()
        self._lock = Lock()  # of what is in use
        self._batches = Batches(self.card, self._session, self._answer_alone, self.truth.precision)
        self._warm_up()

    def _warm_up(self) -> None:
        """Run the test picture, so that no part pays for the first run, and a dead model never starts."""
        space = self._workspace()
        space.slot.fill(probe_picture(self.card.input.size))
        start = perf_counter()
        outputs = space.binding.run()
        if self.truth.probe is None:  # elsewhere the ladder has run it before
            self.truth = replace(self.truth, warm_up_s=perf_counter() - start)
        card = self.card
        refuse_dead_answer(self._family, outputs, card.head, nms_inside=card.nms_inside, file=card.file)
        self._free.append(space)

    @property
    def from_cache(self) -> bool:
        """Whether the prepared model was on disk already."""
        return self.truth.from_cache

    @overload
    def __call__(
        self,
        image: NDArray[Any],
        *,
        confidence: float | None = ...,
        iou: float = ...,
        classes: Sequence[int | str] | None = ...,
        max_detections: int | None = ...,
        nms: str | None = ...,
        class_aware: bool | None = ...,
        multi_label: bool = ...,
    ) -> Detections: ...

    @overload
    def __call__(
        self,
        image: Sequence[NDArray[Any]],
        *,
        confidence: float | None = ...,
        iou: float = ...,
        classes: Sequence[int | str] | None = ...,
        max_detections: int | None = ...,
        nms: str | None = ...,
        class_aware: bool | None = ...,
        multi_label: bool = ...,
    ) -> list[Detections]: ...

    def __call__(  # noqa: PLR0913 # the thresholds of a call, all by keyword
        self,
        image: NDArray[Any] | Sequence[NDArray[Any]],
        *,
        confidence: float | None = None,
        iou: float = 0.45,
        classes: Sequence[int | str] | None = None,
        max_detections: int | None = None,
        nms: str | None = None,
        class_aware: bool | None = None,
        multi_label: bool = False,
    ) -> Detections | list[Detections]:
        """What the model sees, best first.

        Args:
            image: A picture, uint8 BGR (H, W, 3); grey (H, W) is repeated and alpha dropped. Or a list of them.
            confidence: Only objects with a score above it, 0 to 1. `None`: 0.25, and every class of a classifier.
            iou: NMS threshold: two boxes whose overlap is above it are one object's. 0 to 1.
            classes: Only these, by id or name; `None` for all.
            max_detections: At most so many; `Detections.truncated` says when there were more. `None`: 300 objects, or
                a classifier's 5 best classes.
            nms: The kind of NMS: `iou`, `soft`, `diou`, `wbf`, `none`, or `probiou` for oriented boxes; `None`: the
                family's habit. Settings follow the name: `soft?sigma=0.3`. A head that needs no NMS never gets one.
            class_aware: Whether only boxes of one class suppress each other; `None`: the family's habit.
            multi_label: A box may have several classes, as COCO evaluation counts them.

        Returns:
            One `Detections`, or a list of them for a list, in its order.

        Raises:
            ImageFormatError: The array is no picture.
            SettingsError: A threshold is out of range, a class or NMS kind unknown, or the kind has no meaning for the
                model's boxes.
            ModelOutputError: The model answered NaN or scores that are none. Nothing of it is used.
            DeviceError: The run failed.
        """
        settings = self.thresholds(
            confidence=confidence,
            iou=iou,
            classes=classes,
            max_detections=max_detections,
            nms=nms,
            class_aware=class_aware,
            multi_label=multi_label,
        )
        if isinstance(image, np.ndarray) or not isinstance(image, Iterable):
            return self.timed(image, settings)[0]
        images, size = list(image), self.batch
        batches = (images[start : start + size] for start in range(0, len(images), size))
        return [found for some in batches for found in self.timed_batch(some, settings)[0]]

    def thresholds(
        self,
        *,
        confidence: float | None = None,
        iou: float = 0.45,
        classes: Sequence[int | str] | None = None,
        max_detections: int | None = None,
        nms: str | None = None,
        class_aware: bool | None = None,
        multi_label: bool = False,
    ) -> Thresholds:
        """The settings of a call, checked; a stream checks them once and calls `timed`.

        Raises:
            SettingsError: A value is out of range, a class or NMS kind unknown.
        """
        return Thresholds.checked(
            self.card,
            confidence=confidence,
            iou=iou,
            classes=classes,
            max_detections=max_detections,
            nms=nms,
            class_aware=class_aware,
            multi_label=multi_label,
        )

    def timed(
        self, image: NDArray[Any], settings: Thresholds, *, clock: Callable[[], float] = perf_counter
    ) -> tuple[Detections, Timings]:
        """What the model sees in one picture, and how long each stage took.

        Args:
            image: As for a call.
            settings: From `thresholds`.
            clock: Monotonic seconds.
        """
        start = clock()
        picture = as_bgr(image)
        space = self._claim()
        try:
            letterbox = space.slot.fill(picture)
            filled = clock()
            outputs = self._answer(space)
            ran = clock()
            detections = self._decoded(outputs, letterbox, settings)
        finally:
            self._give_back(space)
        return detections, Timings(filled - start, ran - filled, clock() - ran)

    def timed_batch(
        self,
        images: Sequence[NDArray[Any]],
        settings: Thresholds | Sequence[Thresholds],
        *,
        clock: Callable[[], float] = perf_counter,
    ) -> tuple[list[Detections], Timings]:
        """What the model sees in several pictures that go through it in one run, and how long each stage took in all.

        The first batch of a size is proven: each picture is answered as alone. On a CPU batches gain little or nothing.

        Args:
            images: At least one, of any sizes, each as for a call.
            settings: From `thresholds`, for all pictures or one for each.
            clock: Monotonic seconds.

        Raises:
            UnsupportedModelError: The model takes one picture at a time.
            ModelOutputError: It answers a picture otherwise in a batch than alone.
            LinesideError: As for a call. No picture of the batch has an answer then.
        """
        each = [settings] * len(images) if isinstance(settings, Thresholds) else settings
        if len(images) == 1:
            found, timings = self.timed(images[0], each[0], clock=clock)
            return [found], timings
        start = clock()
        pictures = [as_bgr(image) for image in images]
        with self._batches.taken(len(pictures)) as batch, self._using(batch):
            letterboxes = [slot.fill(one) for slot, one in zip(batch.slots, pictures, strict=True)]
            filled = clock()
            answers = batch.run()
            ran = clock()
            detections = [
                self._decoded(outputs, letterbox, one)
                for outputs, letterbox, one in zip(answers, letterboxes, each, strict=True)
            ]
        return detections, Timings(filled - start, ran - filled, clock() - ran)

    def outputs(self, image: NDArray[Any]) -> list[NDArray[Any]]:
        """What the model itself answers to a picture, in order: copies of its raw outputs, before any decoding.

        Args:
            image: As for a call.

        Raises:
            ImageFormatError: The array is no picture.
            DeviceError: The run failed.
        """
        picture = as_bgr(image)
        space = self._claim()
        try:
            space.slot.fill(picture)
            return [output.copy() for output in self._answer(space)]
        finally:
            self._give_back(space)

    def cancel(self) -> None:
        """End the runs that are under way, from another thread: each raises `RunCancelledError` where its runtime can be ended.

        ONNX Runtime ends a run before its next node, so one long node runs to its end. Calls that have not come to their run
        yet, or are past it, go on. The detector can be used again.
        """
        with self._lock:
            for space in self._in_use:
                space.cancel()

    def _claim(self) -> Workspace:
        """Buffers that nobody else uses until they are given back."""
        try:
            space = self._free.pop()
        except IndexError:
            space = self._workspace()
        with self._lock:
            self._in_use.add(space)
        return space

    def _give_back(self, space: Workspace) -> None:
        with self._lock:
            self._in_use.discard(space)
        self._free.append(space)

    @contextmanager
    def _using(self, batch: Batch) -> Iterator[None]:
        """Let `cancel` find a batch."""
        with self._lock:
            self._in_use.add(batch)
        try:
            yield
        finally:
            with self._lock:
                self._in_use.discard(batch)

    def _decoded(
        self, outputs: Sequence[NDArray[Any]], letterbox: Letterbox, settings: Thresholds
    ) -> Detections:
        """One picture's detections, of the outputs for it."""
        found = self._family.decode(outputs, self.card.head, settings.selection)
        left = settings.nms(found, settings.suppression)
        return self._of_the_frame(left, outputs, letterbox)

    def _of_the_frame(
        self, left: Candidates, outputs: Sequence[NDArray[Any]], letterbox: Letterbox
    ) -> Detections:
        """The objects that NMS left, with all that the head says of them, in the frame's pixels."""
        if self.card.task == "classify":
            return Classification.of(
                left.class_id, left.confidence, self.names, letterbox.frame, truncated=left.truncated
            )
        details = None
        if self._details is not None:  # before the boxes leave the model's pixels
            details = self._details(outputs, self.card.head, left, letterbox)
        letterbox.to_frame(left.xyxy)
        if left.xywhr is not None:
            letterbox.to_frame_oriented(left.xywhr)
        # The decoder has refused what is not finite or names no class.
        return Detections.proven(
            xyxy=left.xyxy,
            confidence=left.confidence,
            class_id=left.class_id,
            names=self.names,
            size=letterbox.frame,
            truncated=left.truncated,
            masks=None if details is None else details.masks,
            keypoints=None if details is None else details.keypoints,
            xywhr=left.xywhr,
        )

    def _answer_alone(self, picture: NDArray[np.uint8]) -> Sequence[NDArray[Any]]:
        """What the model answers to a picture of its own size; for the proof of batches."""
        space = self._workspace()
        space.slot.fill(picture)
        return space.binding.run()

    def _answer(self, space: Workspace) -> Sequence[NDArray[Any]]:
        """What the model answers to the picture in the workspace's slot. The arrays are the workspace's."""
        return space.binding.run()

    def _workspace(self) -> Workspace:
        """New buffers; there are as many as ever ran side by side, and they are used again."""
        spec = self.card.input
        slot = Slot(spec.size, self.card.conventions)
        fixed = not self.card.nms_inside
        return Workspace(slot, self._session.bind(spec.feeds(slot.planes), fixed_shapes=fixed))

    def __repr__(self) -> str:
        card = self.card
        return f"Detector({card.file}: {card.family}, {len(card.names)} classes, {card.input.size}, on {self.truth.got})"


def _check_arguments(path: object, threads: object, facts: object, cache: object) -> None:
    """Refuse what cannot be opened before anything is read.

    Raises:
        SettingsError: An argument is of another type, or out of range.
    """
    from lineside.models.facts import ModelFacts

    if not isinstance(path, str | os.PathLike):
        raise SettingsError(f"path: expected the path of an .onnx file; got {path!r}")
    if threads is not None and not is_count(threads):
        raise SettingsError(f"threads: expected a whole number of at least 1, or None; got {threads!r}")
    if facts is not None and not isinstance(facts, ModelFacts):
        raise SettingsError(f"facts: expected ModelFacts or None; got {facts!r}")
    if cache is not None and not isinstance(cache, str | os.PathLike):
        raise SettingsError(f"cache: expected the path of a folder, or None; got {cache!r}")
