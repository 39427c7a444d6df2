"""Average precision, by the COCO arithmetic of faster-coco-eval.

Nothing is computed here that the library computes: this is its border, with arrays on our side and
annotation dictionaries on its side.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.core.errors import NotInstalledError
from lineside.evaluation.coco_annotations import as_annotations, xywh_of
from lineside.postprocess import rotated

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lineside.evaluation.coco_annotations import Measure
    from lineside.evaluation.examine import Examined

MATCH_IOU = 0.5
_EVERY_AREA = [[0, 1e10]]
_KINDS = {"boxes": "bbox", "masks": "segm", "keypoints": "keypoints", "oriented": "bbox"}
_PERSON = 17  # keypoints of the body that COCO has measured constants for


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
        measure: What was compared: `boxes`, `masks`, `keypoints` (by their OKS in place of an IoU) or `oriented`.
    """

    ap50_95: NDArray[np.float64]
    ap50: NDArray[np.float64]
    ap75: NDArray[np.float64]
    recall: NDArray[np.float64]
    precision: NDArray[np.float64]
    truths: NDArray[np.int64]
    ignored: int
    matches: Matches
    measure: Measure = "boxes"


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


def measure(
    examined: Sequence[Examined], class_count: int, max_detections: int, by: Measure = "boxes"
) -> CocoMetrics:
    """The average precision of the detections.

    Args:
        examined: The pictures, with truth and detections.
        class_count: Number of classes K.
        max_detections: Detections that count per picture and class. COCO's own figures stop at 100, which
            would silently cut a picture with more parts than that.
        by: What is compared; truth and detections hold it.

    Raises:
        NotInstalledError: faster-coco-eval is not installed.
    """
    images, truths, found = as_annotations(examined, by)
    categories = [{"id": k + 1, "name": str(k)} for k in range(class_count)]
    truth, detections = (_indexed(images, categories, side) for side in (truths, found))
    full = _run(truth, detections, max_detections, by)
    at_half = _run(truth, detections, max_detections, by, MATCH_IOU)
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
        measure=by,
    )


def unmeasured(truths: NDArray[np.int64]) -> CocoMetrics:
    """No average precision, of a model that answers for whole pictures: NaN for each class.

    Args:
        truths: Pictures of each class, int64 (K,).
    """
    nothing = np.full(len(truths), np.nan)
    none = Matches(np.zeros(0, np.intp), np.zeros(0), np.zeros(0, np.bool_))
    recall = np.linspace(0, 1, 101)
    precision = np.full((len(truths), len(recall)), np.nan)
    return CocoMetrics(nothing, nothing, nothing, recall, precision, truths, 0, none)


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
    return np.asarray(mask.iou(xywh_of(found), xywh_of(true), [int(region)] * len(true)))


def oriented_overlaps(
    found: NDArray[np.floating[Any]], true: NDArray[np.floating[Any]], *, region: bool
) -> NDArray[np.float64]:
    """The same of oriented boxes xywhr, float (N, 5) and (M, 5)."""
    iou = rotated.overlaps(found, true)
    if not region:
        return iou
    own, other = (boxes[:, 2].astype(np.float64) * boxes[:, 3] for boxes in (found, true))
    common: NDArray[np.float64] = iou / (1 + iou) * (own[:, None] + other)
    common[own > 0] /= own[own > 0, None]
    return common


def compressed(outlines: Sequence[dict[str, Any]]) -> tuple[Any, ...]:
    """Masks in COCO's uncompressed run lengths as compressed ones, a tenth of the memory."""
    mask = library().mask
    return tuple(mask.frPyObjects(list(outlines), *outlines[0]["size"])) if outlines else ()


def _indexed(images: list[Any], categories: list[Any], annotations: list[Any]) -> Any:
    coco = library().COCO()
    coco.dataset = {"images": images, "categories": categories, "annotations": annotations}
    coco.createIndex()
    return coco


def _oriented(base: Any) -> Any:
    """The library's evaluation with the overlaps of oriented boxes; all other arithmetic is its own."""

    class Oriented(base):  # type: ignore[misc] # the library is untyped
        def computeIoU(self, image: int, category: int) -> Any:  # noqa: N802 # the library's name
            true, found = (
                side.get_instances([image], [category], True)[0][0]  # noqa: FBT003 # the library's signature
                for side in (self.gt_dataset, self.dt_dataset)
            )
            if not true or not found:
                return []
            order = np.argsort([-one["score"] for one in found], kind="mergesort")[: self.params.maxDets[-1]]
            boxes = np.array([found[i]["xywhr"] for i in order])
            regions = np.array([bool(one["iscrowd"]) for one in true])
            true_boxes = np.array([one["xywhr"] for one in true])
            overlap = oriented_overlaps(boxes, true_boxes, region=False)
            overlap[:, regions] = oriented_overlaps(boxes, true_boxes[regions], region=True)
            return overlap

    return Oriented


def _run(truth: Any, detections: Any, max_detections: int, by: Measure, iou: float | None = None) -> Any:
    kind = library().COCOeval_faster
    run = (_oriented(kind) if by == "oriented" else kind)(truth, detections, _KINDS[by])
    if by == "keypoints":
        # The library would leave out classes without truth, and knows the body of COCO's persons only.
        run.params.catIds = sorted(truth.getCatIds())
        points = next((len(a["keypoints"]) // 3 for a in truth.anns.values()), _PERSON)
        if points != _PERSON:
            run.params.kpt_oks_sigmas = np.full(points, 1 / points)
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
