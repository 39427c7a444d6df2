"""One model as a callable: picture in, detections out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Self, overload

import numpy as np

from lineside.core.errors import ModelOutputError, SettingsError
from lineside.core.placement import placements
from lineside.detector.batches import Batches
from lineside.detector.decoding import Decoder
from lineside.detector.opening import Where, open_model
from lineside.detector.thresholds import Thresholds, is_count
from lineside.detector.workspaces import Workspaces
from lineside.models.probe import probe_picture
from lineside.preprocess.letterbox import as_bgr

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lineside.core.detections import Detections
    from lineside.core.placement import Placement
    from lineside.detector.opening import OpenModel
    from lineside.detector.workspaces import Workspace
    from lineside.engine.truth import Truth
    from lineside.models.card import ModelCard
    from lineside.models.facts import ModelFacts


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds that one picture spent in each stage."""

    preprocess_s: float
    run_s: float
    postprocess_s: float


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
        self._decode = Decoder(self.card)
        self._spaces = Workspaces(self.card, self._session)
        # A method of its own here would be a cycle, and keep the session in memory when the detector is let go.
        alone = partial(_answer_alone, self._spaces)
        self._batches = Batches(self.card, self._session, alone, self.truth.precision)
        self._warm_up()

    def _warm_up(self) -> None:
        """Run the test picture, so that no part pays for the first run, and a dead model never starts."""
        with self._spaces.taken() as space:
            space.slot.fill(probe_picture(self.card.input.size))
            start = perf_counter()
            outputs = space.binding.run()
            if self.truth.probe is None:  # elsewhere the ladder has run it before
                self.truth = replace(self.truth, warm_up_s=perf_counter() - start)
            self._decode.refuse_dead(outputs)
            self._shapes = None if self.card.nms_inside else [output.shape for output in outputs]

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
        with self._spaces.taken() as space:
            letterbox = space.slot.fill(picture)
            filled = clock()
            outputs = self._answer(space)
            ran = clock()
            self._refuse_another_shape(outputs)
            detections = self._decode(outputs, letterbox, settings)
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
        with self._batches.taken(len(pictures)) as batch, self._spaces.used(batch):
            letterboxes = [slot.fill(one) for slot, one in zip(batch.slots, pictures, strict=True)]
            filled = clock()
            answers = batch.run()
            ran = clock()
            detections = [
                self._decode(outputs, letterbox, one)
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
        with self._spaces.taken() as space:
            space.slot.fill(picture)
            return [output.copy() for output in self._answer(space)]

    def cancel(self) -> None:
        """End the runs that are under way, from another thread: each raises `RunCancelledError` where its runtime can be ended.

        ONNX Runtime ends a run before its next node, so one long node runs to its end. Calls that have not come to their run
        yet, or are past it, go on. The detector can be used again.
        """
        self._spaces.cancel()

    def _answer(self, space: Workspace) -> Sequence[NDArray[Any]]:
        """What the model answers to the picture in the workspace's slot. The arrays are the workspace's."""
        return space.binding.run()

    def _refuse_another_shape(self, outputs: Sequence[NDArray[Any]]) -> None:
        """Refuse an answer of another shape than the first one: what is missing in it would be taken for nothing found.

        Sessions see to that as well; this holds for those that others bring, too.

        Raises:
            ModelOutputError: It is one.
        """
        if self._shapes is None:  # a file with NMS inside answers in any number of rows
            return
        shapes = [output.shape for output in outputs]
        if shapes != self._shapes:
            raise ModelOutputError(
                f"{self.card.file}: expected outputs of shape {self._shapes}, as of the first run; got {shapes}"
            )

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


def _answer_alone(spaces: Workspaces, picture: NDArray[np.uint8]) -> Sequence[NDArray[Any]]:
    """What the model answers to a picture of its own size; for the proof of batches."""
    space = spaces.new()
    space.slot.fill(picture)
    return space.binding.run()
