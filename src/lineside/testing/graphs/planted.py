"""A detector of real cost with a known answer: YOLOv8n's work, and candidates planted in its head."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lineside.core.errors import SettingsError
from lineside.core.geometry import Size
from lineside.testing.graphs import v8n
from lineside.testing.graphs.builder import GraphBuilder, Output
from lineside.testing.graphs.head import REG_MAX, anchor_points, boxes_xywh, expected_distance, grid
from lineside.testing.graphs.spec import GraphSpec, ultralytics_metadata

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray

# So small that it leaves no trace in a float32 logit, and far above the denormals that would cost extra.
_TRACE = 1e-9
_REACH = REG_MAX - 1
_MEAN_DISTANCE = _REACH / 2
_JITTER = 0.03


@dataclass(frozen=True, slots=True, eq=False)
class PlantedGraph:
    """A model and the candidates that it answers, whatever the picture.

    Attributes:
        model: The model, (1, 4 + classes, A).
        xyxy: Candidates, float32 (N, 4) in model pixels.
        confidence: float32 (N,), all different.
        class_id: int32 (N,).
        anchor: int32 (N,), the column of the output that holds each.
        object_id: int32 (N,), the object that each belongs to.
        objects_xyxy: The objects that the candidates gather around, float32 (M, 4).
    """

    model: onnx.ModelProto
    xyxy: NDArray[np.float32]
    confidence: NDArray[np.float32]
    class_id: NDArray[np.int32]
    anchor: NDArray[np.int32]
    object_id: NDArray[np.int32]
    objects_xyxy: NDArray[np.float32]


def planted(
    candidates: int = 50,
    objects: int = 8,
    *,
    size: Size = Size(height=640, width=640),  # noqa: B008 -- a named tuple is immutable
    classes: int = 80,
    seed: int = 0,
) -> PlantedGraph:
    """YOLOv8n with random weights, whose scores are the planted ones and below 1e-5 elsewhere.

    The network's own logits are scaled by 1e-9 and added to constants, so its whole cost is real, nothing
    of it can be folded away, and nothing of it shows. 3.2 million parameters and 8.7 GFLOPs at 640x640
    with 80 classes.

    Args:
        candidates: How many anchors answer a score of 0.3 or more.
        objects: How many boxes they gather around, each jittered by 3 % of its sides.
        size: Input size, multiples of 32.
        classes: Number of classes.
        seed: Seed of weights and candidates.

    Returns:
        The model and what it answers.

    Raises:
        SettingsError: There are not so many anchors inside the objects.
    """
    spec = GraphSpec(classes=classes, size=size, seed=seed)
    plants = _plant(spec, candidates, objects)
    b = GraphBuilder(spec)
    levels = v8n.features(b, b.picture())
    reach, logits = v8n.head(b, levels, gain=_TRACE)
    distance = b.add("Add", expected_distance(b, reach), b.floats(_distance_offsets(spec, plants)))
    scores = b.add("Sigmoid", b.add("Add", logits, b.floats(_logits(spec, plants))))
    out = b.add("Concat", boxes_xywh(b, distance, grid(b, levels)), scores, axis=1)
    output = Output(spec.output_name, out, (1, 4 + classes, spec.anchors))
    model = b.finish([output], ultralytics_metadata(spec, "YOLOv8n", "detect"))
    return PlantedGraph(model, *plants)


class _Plants(NamedTuple):
    """The fields of `PlantedGraph` behind its model."""

    xyxy: NDArray[np.float32]
    confidence: NDArray[np.float32]
    class_id: NDArray[np.int32]
    anchor: NDArray[np.int32]
    object_id: NDArray[np.int32]
    objects_xyxy: NDArray[np.float32]


def _plant(spec: GraphSpec, candidates: int, objects: int) -> _Plants:
    """What is planted: the objects, and the free anchors nearest to each."""
    if not 0 < objects <= candidates:
        raise SettingsError(f"planted: expected 1 to {candidates} objects, got {objects}")
    rng = np.random.default_rng([spec.seed, candidates, objects])
    truth = _objects(rng, spec.size, objects)
    labels = rng.integers(0, spec.classes, objects)
    points, strides = anchor_points(spec)
    centres = (points * strides).T
    free = np.ones(spec.anchors, bool)
    anchors, owners = [], []
    for i, wanted in enumerate(np.bincount(np.arange(candidates) % objects)):
        chosen = _nearest(truth[i], centres, strides, free)[:wanted]
        if len(chosen) < wanted:
            raise SettingsError(
                f"planted: object {i} has {len(chosen)} free anchors for {wanted} candidates at {spec.size}; "
                "ask for fewer candidates or a larger size"
            )
        free[chosen] = False
        anchors.append(chosen)
        owners.append(np.full(wanted, i))
    anchor, owner = np.concatenate(anchors), np.concatenate(owners)
    boxes = _jittered(rng, truth[owner], centres[anchor], strides[anchor])
    # Distinct by construction: so an order by confidence has one answer only.
    confidence = rng.permutation(np.linspace(0.3, 0.95, candidates))
    return _Plants(
        boxes,
        confidence.astype(np.float32),
        labels[owner].astype(np.int32),
        anchor.astype(np.int32),
        owner.astype(np.int32),
        truth.astype(np.float32),
    )


def _objects(rng: np.random.Generator, size: Size, count: int) -> NDArray[np.float64]:
    """Boxes (count, 4) inside the picture whose centres lie on a jittered lattice."""
    columns = int(np.ceil(np.sqrt(count * size.width / size.height)))
    rows = int(np.ceil(count / columns))
    cell = np.array([size.width / columns, size.height / rows])
    place = rng.permutation(rows * columns)[:count]
    centre = (np.stack([place % columns, place // columns], axis=1) + 0.5) * cell
    centre += rng.uniform(-0.1, 0.1, (count, 2)) * cell
    half = np.clip(rng.uniform(0.35, 0.5, (count, 2)) * cell, 20, 200)
    extent = np.array([size.width, size.height])
    return np.concatenate([np.maximum(centre - half, 0), np.minimum(centre + half, extent)], axis=1)


def _nearest(
    box: NDArray[np.float64],
    centres: NDArray[np.float32],
    strides: NDArray[np.float32],
    free: NDArray[np.bool_],
) -> NDArray[np.intp]:
    """Free anchors inside a box that can reach its sides, those nearest to its centre first."""
    low, high = centres - box[:2], box[2:] - centres
    reach = np.concatenate([low, high], axis=1)
    margin = 2 * _JITTER * (box[2:] - box[:2]).max()
    fits = free & (reach.min(axis=1) > margin) & (reach.max(axis=1) + margin < _REACH * strides)
    away = np.abs(low - high).max(axis=1) / (box[2:] - box[:2]).max()
    order: NDArray[np.intp] = np.argsort(away, kind="stable")
    return np.asarray(order[fits[order]])


def _jittered(
    rng: np.random.Generator,
    boxes: NDArray[np.float64],
    centres: NDArray[np.float32],
    strides: NDArray[np.float32],
) -> NDArray[np.float32]:
    sides = np.tile(boxes[:, 2:] - boxes[:, :2], 2)
    moved = boxes + rng.uniform(-_JITTER, _JITTER, boxes.shape) * sides
    reach = np.concatenate([centres - moved[:, :2], moved[:, 2:] - centres], axis=1)
    reach = np.clip(reach / strides[:, None], 0, _REACH) * strides[:, None]
    return np.concatenate([centres - reach[:, :2], centres + reach[:, 2:]], axis=1).astype(np.float32)


def _distance_offsets(spec: GraphSpec, plants: _Plants) -> NDArray[np.float32]:
    """What is added to the head's distances (1, 4, A), whose own value is the mean of an even distribution."""
    anchor = plants.anchor
    points, strides = anchor_points(spec)
    distance = np.random.default_rng(spec.seed).uniform(0.5, 3, (4, spec.anchors))
    cells = plants.xyxy.T / strides[anchor]
    distance[:2, anchor] = points[:, anchor] - cells[:2]
    distance[2:, anchor] = cells[2:] - points[:, anchor]
    return (distance - _MEAN_DISTANCE).astype(np.float32)[None]


def _logits(spec: GraphSpec, plants: _Plants) -> NDArray[np.float32]:
    """What is added to the class logits (1, classes, A): background below 1e-5, and the planted scores."""
    logits = np.random.default_rng(spec.seed).uniform(-16, -12, (1, spec.classes, spec.anchors))
    score = plants.confidence.astype(np.float64)
    logits[0, plants.class_id, plants.anchor] = np.log(score / (1 - score))
    return logits.astype(np.float32)
