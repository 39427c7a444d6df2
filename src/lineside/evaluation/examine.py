"""A detector runs over a data set, and its answers are kept beside the truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from lineside.capture.pictures import read_picture
from lineside.core.errors import DatasetError, ModelOutputError
from lineside.core.geometry import Size
from lineside.evaluation.coco_metrics import compressed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from lineside.core.detections import Detections
    from lineside.evaluation.classes import ClassMatch
    from lineside.evaluation.settings import EvaluationSettings
    from lineside.evaluation.truth import Dataset, Truth


class Card(Protocol):
    """What the evaluation tells about the model that it judged."""

    def to_dict(self) -> dict[str, Any]:
        """The facts about the model, as a value that `json.dumps` takes."""
        ...


class Judged(Protocol):
    """What the evaluation needs of a detector: `lineside.Detector` is one, a replay of known boxes another."""

    @property
    def names(self) -> tuple[str, ...]:
        """The class names, by class id."""
        ...

    @property
    def card(self) -> Card:
        """The facts about the model."""
        ...

    def __call__(
        self,
        image: NDArray[np.uint8],
        *,
        confidence: float,
        iou: float,
        max_detections: int,
        multi_label: bool,
        nms: str | None = ...,
    ) -> Detections:
        """What is found in one BGR picture, uint8 (H, W, 3), best first."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """The detections of one picture in the classes of the data set, best first.

    Attributes:
        xyxy: float32 (N, 4), pixels of the picture.
        confidence: float32 (N,), 0 to 1, descending.
        class_index: intp (N,), an index into the data set's names; of a classifier also their number, for a
            class that the data set does not have.
        truncated: True when a cap cut detections off.
        outlines: The mask of each, as compressed run lengths, where masks are judged; else `None`.
        keypoints: float32 (N, K, 3), where keypoints are judged; else `None`.
        xywhr: float32 (N, 5), where oriented boxes are judged; else `None`.
    """

    xyxy: NDArray[np.float32]
    confidence: NDArray[np.float32]
    class_index: NDArray[np.intp]
    truncated: bool = False
    outlines: tuple[Any, ...] | None = None
    keypoints: NDArray[np.float32] | None = None
    xywhr: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.xyxy)


@dataclass(frozen=True, slots=True, eq=False)
class Examined:
    """One picture: what is in it and what was found.

    Attributes:
        path: The picture's file.
        name: Its name within the data set.
        size: Its size as it was read.
        truth: The true boxes in pixels; too small ones are ignored already.
        found: The detections.
    """

    path: Path
    name: str
    size: Size
    truth: Truth
    found: Found


def examine(
    detector: Judged,
    dataset: Dataset,
    match: ClassMatch,
    settings: EvaluationSettings,
    on_picture: Callable[[], None] = lambda: None,
) -> Iterator[Examined]:
    """Each picture of the data set in its order, read and examined when it is asked for.

    Args:
        detector: What is judged.
        dataset: The pictures and their truth.
        match: The data set's classes in the model.
        settings: What to ask the detector for.
        on_picture: Called after each picture.

    Raises:
        DatasetError: A picture has another size than the data set says.
        ImageError: A picture cannot be read or judged; the evaluation would be silently better without it.
        LinesideError: Whatever else the detector refuses.
    """
    index = match.index_of_model_id(len(detector.names))
    classifies = dataset.kind == "folders"
    chosen = {} if settings.nms is None else {"nms": settings.nms}  # a replay of known boxes knows no NMS
    for picture in dataset.pictures:
        image = read_picture(picture.path, scale_16bit=settings.scale_16bit)
        size = Size(height=image.shape[0], width=image.shape[1])
        truth = picture.truth_for(size).ignoring_under(settings.min_size_px)
        detections = detector(
            image,
            # The fifth best class counts, however weak it is.
            confidence=0.0 if classifies else settings.confidence,
            iou=settings.iou,
            max_detections=len(index) if classifies else settings.max_detections,
            multi_label=settings.multi_label,
            **chosen,
        )
        found = (
            _in_classes_of(index, len(match.names), detections)
            if classifies
            else _of(index, truth, detections)
        )
        yield Examined(picture.path, picture.name, size, truth, found)
        on_picture()


def _in_classes_of(index: NDArray[np.intp], others: int, classes: Detections) -> Found:
    """A classifier's answer, with all that it has; what the data set does not have is of the class `others`."""
    own = index[classes.class_id]
    own[own < 0] = others
    return Found(classes.xyxy, classes.confidence, own, classes.truncated)


def _of(index: NDArray[np.intp], truth: Truth, detections: Detections) -> Found:
    """The detections of the data set's classes, with what the truth needs to be compared with.

    Raises:
        ModelOutputError: They lack it.
    """
    class_index = index[detections.class_id]
    labelled = class_index >= 0
    masks, keypoints, xywhr = detections.masks, detections.keypoints, detections.xywhr
    for needed, given, what in (
        (truth.outlines, masks, "masks"),
        (truth.keypoints, keypoints, "keypoints"),
        (truth.corners, xywhr, "oriented boxes"),
    ):
        if needed is not None and given is None and len(detections):
            raise ModelOutputError(f"the data set is judged by {what}, and the model answers none")
    if truth.keypoints is not None and keypoints is not None and len(truth) and len(detections):
        _expect_as_many(truth.keypoints.shape[1], keypoints.shape[1])
    return Found(
        xyxy=detections.xyxy[labelled],
        confidence=detections.confidence[labelled],
        class_index=class_index[labelled],
        truncated=detections.truncated,
        outlines=None if masks is None or truth.outlines is None else compressed(masks[labelled].rle()),
        keypoints=None if keypoints is None or truth.keypoints is None else keypoints[labelled],
        xywhr=None if xywhr is None or truth.corners is None else xywhr[labelled],
    )


def _expect_as_many(labelled: int, answered: int) -> None:
    """Refuse keypoints that cannot be compared.

    Raises:
        DatasetError: The data set labels another number of them than the model answers.
    """
    if labelled != answered:
        raise DatasetError(
            f"the data set labels {labelled} keypoints of an object, the model answers {answered}. "
            "Expected the keypoints that the model was trained on"
        )
