"""A quick look at a network between two steps: the figures that count come from `lineside eval`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
import torch

from lineside.capture.plant.defects import DEFECTS
from lineside.capture.plant.plant import Plant
from lineside.capture.plant.settings import CAMERAS, PlantSettings
from plant_model.lights import light_for
from plant_model.network import cells, corners
from plant_model.precision import quickest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lineside.core.truth import FrameTruth
    from plant_model.network import PlantNet

_FIRST_SEED = 500
_SIDE = 640
_LEAST_SCORE = 0.01
_NMS_IOU = 0.6
_OVERKILL = 0.02


class Found(NamedTuple):
    """What a network found in a picture: float32 (K, 4) in pixels, float32 (K,) descending, int64 (K,)."""

    xyxy: NDArray[np.float32]
    score: NDArray[np.float32]
    class_id: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of a validation.

    Attributes:
        ap50: Mean average precision at an IoU of 0.5, interpolated at every recall.
        recall: Share of the defects that count found at all, at an IoU of 0.5.
        escapes: Share of the bad pictures without a detection at the threshold that leaves 2 % overkill.
        threshold: That threshold.
    """

    ap50: float
    recall: float
    escapes: float
    threshold: float


def validation_frames(count: int, plants: int) -> list[tuple[NDArray[np.uint8], FrameTruth]]:
    """Frames of the seeds kept for validation, uint8 BGR (640, 640, 3) each, and their truth.

    Args:
        count: How many.
        plants: Of so many plants, at most 100, as many of each.
    """
    share = -(-count // plants)
    frames = []
    for i, seed in enumerate(range(_FIRST_SEED, _FIRST_SEED + plants)):
        plant = Plant(PlantSettings(("disc", "cap")[i % 2], seed, defect_rate=0.5), light_for(i // 2, seed))
        frames += [plant.render(n * 37, n % len(CAMERAS)) for n in range(share)]
    return frames[:count]


def find(network: PlantNet, image: NDArray[np.uint8]) -> Found:
    """What a network finds in one frame, uint8 BGR (640, 640, 3)."""
    points, strides = cells(*image.shape[:2])
    picture = torch.from_numpy(np.ascontiguousarray(image[..., ::-1])).permute(2, 0, 1)[None]
    with torch.no_grad(), quickest():
        raw, logits = network(picture.float() / 255)
    low, high = corners(raw.float(), points)
    boxes = (torch.cat([low, high], 1) * strides)[0].T.numpy()
    score, class_id = (v.numpy() for v in logits.float()[0].sigmoid().max(0))
    rows = np.flatnonzero(score > _LEAST_SCORE)
    boxes, score, class_id = boxes[rows], score[rows], class_id[rows]
    sizes = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], 1)
    kept = cv2.dnn.NMSBoxesBatched(sizes.tolist(), score.tolist(), class_id.tolist(), _LEAST_SCORE, _NMS_IOU)
    order = np.array(kept, np.int64).reshape(-1)
    order = order[np.argsort(-score[order], kind="stable")]
    return Found(boxes[order], score[order], class_id[order])


def validate(network: PlantNet, frames: list[tuple[NDArray[np.uint8], FrameTruth]]) -> Figures:
    """The figures of a network in evaluation mode."""
    found = [find(network, image) for image, _ in frames]
    truths = [truth for _, truth in frames]
    curves = [_average_precision(found, truths, c) for c in range(len(DEFECTS))]
    known = [c for c in curves if c is not None]
    bad = np.array([counting(t).any() for t in truths])
    good = np.array([len(t.xyxy) == 0 for t in truths])
    top = np.array([f.score[0] if len(f.score) else 0.0 for f in found])
    threshold = float(np.quantile(top[good], 1 - _OVERKILL, method="higher")) if good.any() else 0.0
    return Figures(
        float(np.mean([ap for ap, _ in known])) if known else 0.0,
        float(np.mean([recall for _, recall in known])) if known else 0.0,
        float((top[bad] <= threshold).mean()) if bad.any() else 0.0,
        threshold,
    )


def counting(truth: FrameTruth) -> NDArray[np.bool_]:
    """Which defects are large enough to count."""
    sides = truth.xyxy[:, 2:] - truth.xyxy[:, :2]
    return np.asarray(sides.max(1, initial=0) >= truth.limit_px)


def _average_precision(
    found: list[Found], truths: list[FrameTruth], class_id: int
) -> tuple[float, float] | None:
    """Average precision and recall of one class, or `None` where the frames show none of it."""
    hits: list[tuple[float, bool]] = []
    wanted = 0
    for picture, truth in zip(found, truths, strict=True):
        mine = truth.class_id == class_id
        boxes, counts = truth.xyxy[mine], counting(truth)[mine]
        wanted += int(counts.sum())
        hits += _hits(picture, class_id, boxes, counts)
    if not wanted:
        return None
    flags = np.array([hit for _, hit in sorted(hits, key=lambda pair: -pair[0])], bool)
    right = np.cumsum(flags)
    precision = right / np.arange(1, len(flags) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(envelope[flags].sum() / wanted), float(flags.sum() / wanted)


def _hits(
    picture: Found, class_id: int, boxes: NDArray[np.float32], counts: NDArray[np.bool_]
) -> list[tuple[float, bool]]:
    """Score and rightness of the detections of one class, without those at defects that do not count."""
    free = np.ones(len(boxes), bool)
    hits = []
    for box, score in zip(
        picture.xyxy[picture.class_id == class_id], picture.score[picture.class_id == class_id], strict=True
    ):
        overlap = _overlap(box, boxes) * free
        best = int(overlap.argmax()) if len(boxes) else -1
        right = best >= 0 and overlap[best] >= 0.5
        if right:
            free[best] = False
            if not counts[best]:
                continue
        hits.append((float(score), bool(right)))
    return hits


def _overlap(box: NDArray[np.float32], boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    sides = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    common = sides.clip(0).prod(1)
    areas = (box[2:] - box[:2]).prod() + (boxes[:, 2:] - boxes[:, :2]).prod(1)
    return np.asarray(common / np.maximum(areas - common, 1e-9), np.float32)
