"""Average precision, by the COCO arithmetic of faster-coco-eval.

Nothing is computed here that the library computes: this is its border, with arrays on our side and
annotation dictionaries on its side.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.core.errors import NotInstalledError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lineside.evaluation.examine import Examined

MATCH_IOU = 0.5
_EVERY_AREA = [[0, 1e10]]


@dataclass(frozen=True, slots=True, eq=False)
class CocoMetrics:
    """Average precision of each class, and what it is drawn from.

    Attributes:
        ap50_95: Mean over the IoU thresholds 0.50, 0.55, … 0.95, float64 (K,); NaN without truth.
        ap50: At IoU 0.50, float64 (K,); NaN without truth.
        ap75: At IoU 0.75, float64 (K,); NaN without truth.
        recall: The 101 recall values of `precision`, float64 (101,).
        precision: Best precision at that recall or above, at IoU 0.50, float64 (K, 101); NaN without truth.
        truths: Number of true boxes of each class that are not ignored, int64 (K,).
        ignored: Number of ignored regions.
        matches: Which detections are right.
    """

    ap50_95: NDArray[np.float64]
    ap50: NDArray[np.float64]
    ap75: NDArray[np.float64]
    recall: NDArray[np.float64]
    precision: NDArray[np.float64]
    truths: NDArray[np.int64]
    ignored: int
    matches: Matches


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """Every detection that counts, over all pictures: right or wrong at IoU 0.50.

    Detections that fell to an ignored region are left out: they are neither.

    Attributes:
        class_index: intp (N,).
        confidence: float64 (N,).
        right: bool (N,): matched with a true box of its class that no better detection had taken.
    """

    class_index: NDArray[np.intp]
    confidence: NDArray[np.float64]
    right: NDArray[np.bool_]


def library() -> Any:
    """The package faster_coco_eval.

    Raises:
        NotInstalledError: It is not installed.
    """
    try:
        import faster_coco_eval
    except ModuleNotFoundError as missing:
        if missing.name != "faster_coco_eval":
            raise
        raise NotInstalledError(
            "the evaluation needs the package faster-coco-eval: pip install 'lineside[eval]'"
        ) from missing
    return faster_coco_eval


def measure(examined: Sequence[Examined], class_count: int, max_detections: int) -> CocoMetrics:
    """The average precision of the detections.

    Args:
        examined: The pictures, with truth and detections.
        class_count: Number of classes K.
        max_detections: Detections that count per picture and class. COCO's own figures stop at 100, which
            would silently cut a picture with more parts than that.

    Raises:
        NotInstalledError: faster-coco-eval is not installed.
    """
    truth, detections = _as_coco(examined, class_count)
    full = _run(truth, detections, max_detections, None)
    at_half = _run(truth, detections, max_detections, MATCH_IOU)
    # (IoU thresholds, recalls, classes, areas, caps); -1 marks a class without truth.
    precision = np.where(full.eval["precision"] < 0, np.nan, full.eval["precision"])[:, :, :, 0, 0]
    ap = precision.mean(axis=1)
    ignored = np.concatenate([e.truth.ignored for e in examined])
    classes = np.concatenate([e.truth.class_index for e in examined])
    return CocoMetrics(
        ap50_95=ap.mean(axis=0),
        ap50=ap[0],
        ap75=ap[5],
        recall=np.asarray(full.params.recThrs, np.float64),
        precision=precision[0].T,
        truths=np.bincount(classes[~ignored], minlength=class_count),
        ignored=int(ignored.sum()),
        matches=_matches(examined, ignored, at_half.eval["matched"]),
    )


def overlaps(found: NDArray[np.floating[Any]], true: NDArray[np.floating[Any]], *, region: bool) -> Any:
    """The overlap of each found with each true box, float64 (N, M).

    Args:
        found: Boxes xyxy, float (N, 4).
        true: Boxes xyxy, float (M, 4).
        region: False: intersection over union. True: intersection over the found box, COCO's measure for
            ignored regions.
    """
    if not len(found) or not len(true):
        return np.zeros((len(found), len(true)))
    mask = library().mask
    return np.asarray(mask.iou(_xywh(found), _xywh(true), [int(region)] * len(true)))


def _xywh(xyxy: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    boxes = xyxy.astype(np.float64)
    boxes[:, 2:] -= boxes[:, :2]
    return boxes


def _as_coco(examined: Sequence[Examined], class_count: int) -> tuple[Any, Any]:
    """Truth and detections as the library's objects: images, classes and boxes numbered from 1."""
    truths: list[dict[str, Any]] = []
    found: list[dict[str, Any]] = []
    for image_id, one in enumerate(examined, start=1):
        truth = zip(
            _xywh(one.truth.xyxy).tolist(),
            one.truth.class_index.tolist(),
            one.truth.ignored.tolist(),
            strict=True,
        )
        for box, k, ignored in truth:
            truths.append(_annotation(len(truths), image_id, k, box) | {"iscrowd": int(ignored)})
        detections = zip(
            _xywh(one.found.xyxy).tolist(),
            one.found.class_index.tolist(),
            one.found.confidence.tolist(),
            strict=True,
        )
        for box, k, score in detections:
            found.append(_annotation(len(found), image_id, k, box) | {"iscrowd": 0, "score": score})
    images = [
        {"id": i, "width": one.size.width, "height": one.size.height}
        for i, one in enumerate(examined, start=1)
    ]
    categories = [{"id": k + 1, "name": str(k)} for k in range(class_count)]
    return _indexed(images, categories, truths), _indexed(images, categories, found)


def _annotation(index: int, image_id: int, class_index: int, xywh: list[float]) -> dict[str, Any]:
    return {
        "id": index + 1,
        "image_id": image_id,
        "category_id": class_index + 1,
        "bbox": xywh,
        "area": xywh[2] * xywh[3],
    }


def _indexed(images: list[Any], categories: list[Any], annotations: list[Any]) -> Any:
    coco = library().COCO()
    coco.dataset = {"images": images, "categories": categories, "annotations": annotations}
    coco.createIndex()
    return coco


def _run(truth: Any, detections: Any, max_detections: int, iou: float | None) -> Any:
    run = library().COCOeval_faster(truth, detections, "bbox")
    run.params.maxDets = [max_detections]
    run.params.areaRng, run.params.areaRngLbl = _EVERY_AREA, ["all"]
    if iou is not None:
        run.params.iouThrs = np.array([iou])
    run.evaluate()
    run.accumulate()
    return run


def _matches(examined: Sequence[Examined], ignored: NDArray[np.bool_], matched: dict[str, float]) -> Matches:
    """The library's pairs ("detection_truth", both from 1) as one row per detection."""
    class_index = np.concatenate([e.found.class_index for e in examined])
    right = np.zeros(len(class_index), np.bool_)
    neither = np.zeros(len(class_index), np.bool_)
    for pair in matched:
        detection, truth = (int(number) - 1 for number in pair.split("_"))
        (neither if ignored[truth] else right)[detection] = True
    confidence = np.concatenate([e.found.confidence for e in examined]).astype(np.float64)
    return Matches(class_index[~neither], confidence[~neither], right[~neither])
