"""Every test graph by name, with what must be said of it: for tests that are parametrised over all of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from lineside.core.errors import (
    AmbiguousHeadError,
    DeadModelError,
    LinesideError,
    TaskNotBuiltError,
    UnknownHeadError,
    UnsupportedModelError,
)
from lineside.core.geometry import Size
from lineside.testing.graphs import faulty, quantised, strangers, tasks
from lineside.testing.graphs.anchor_based import yolov5
from lineside.testing.graphs.anchor_free import anchor_free
from lineside.testing.graphs.end_to_end import end_to_end, nms_inside
from lineside.testing.graphs.objectness import yolov6, yolox
from lineside.testing.graphs.spec import GraphSpec
from lineside.testing.graphs.spots import CLASSES, colour_spots

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import onnx


@dataclass(frozen=True, slots=True)
class Entry:
    """One graph of the catalogue.

    Attributes:
        build: Makes the model; the same bytes every time.
        family: Name of the family that must recognise it; empty where it must be refused.
        classes: Number of classes that must be found; 0 where it must be refused.
        refusal: The error that it must be refused with, or `None`.
        runs: Whether ONNX Runtime can run it.
    """

    build: Callable[[], onnx.ModelProto]
    family: str = ""
    classes: int = 0
    refusal: type[LinesideError] | None = None
    runs: bool = True


_BARE = GraphSpec(metadata=False)
_ONE = GraphSpec(classes=1)
_COCO = GraphSpec(classes=80)
_HALF = GraphSpec(precision="fp16")
_HALF_INSIDE = GraphSpec(precision="fp16_float_io")
_BATCH = GraphSpec(dynamic_batch=True)
_DYNAMIC = GraphSpec(dynamic_batch=True, dynamic_size=True)
_FOUR_LEVELS = GraphSpec(size=Size(height=128, width=192), strides=(8, 16, 32, 64))


def _known(family: str, build: Callable[..., onnx.ModelProto], spec: GraphSpec = GraphSpec()) -> Entry:  # noqa: B008 -- frozen
    return Entry(partial(build, spec), family, spec.classes)


def _refused(
    refusal: type[LinesideError],
    build: Callable[..., onnx.ModelProto],
    spec: GraphSpec = GraphSpec(),  # noqa: B008 -- frozen
    *,
    runs: bool = True,
) -> Entry:
    return Entry(partial(build, spec), refusal=refusal, runs=runs)


CATALOGUE: Mapping[str, Entry] = {
    "anchor_free": _known("yolov8", anchor_free),
    "anchor_free_bare": _known("yolov8", anchor_free, _BARE),
    "anchor_free_one_class": _known("yolov8", anchor_free, _ONE),
    "anchor_free_80_classes": _known("yolov8", anchor_free, _COCO),
    "anchor_free_fp16": _known("yolov8", anchor_free, _HALF),
    "anchor_free_fp16_float_io": _known("yolov8", anchor_free, _HALF_INSIDE),
    "anchor_free_dynamic_batch": _known("yolov8", anchor_free, _BATCH),
    "anchor_free_dynamic": _known("yolov8", anchor_free, _DYNAMIC),
    "anchor_free_four_levels": _known("yolov8", anchor_free, _FOUR_LEVELS),
    "anchor_free_transposed": _known("yolov8", partial(anchor_free, transposed=True)),
    "anchor_free_transposed_bare": _known("yolov8", partial(anchor_free, transposed=True), _BARE),
    "anchor_free_joined": _known("yolov8", partial(anchor_free, joined=True)),
    "anchor_free_without_dfl": _known("yolov8", partial(anchor_free, dfl=False)),
    "anchor_free_static_int8": _known("yolov8", quantised.static_int8),
    "anchor_free_dynamic_int8": _known("yolov8", quantised.dynamic_int8),
    "colour_spots": Entry(colour_spots, "yolov8", len(CLASSES)),
    "yolov5": _known("yolov5", yolov5),
    "yolov5_bare": _known("yolov5", yolov5, _BARE),
    "yolov5_one_class": _known("yolov5", yolov5, _ONE),
    "yolov5_dynamic_batch": _known("yolov5", yolov5, _BATCH),
    "yolox": _known("yolox", yolox),
    "yolox_80_classes": _known("yolox", yolox, _COCO),
    "yolox_one_class": _known("yolox", yolox, _ONE),
    "yolox_without_focus": _known("yolox", partial(yolox, focus=False)),
    "yolox_dynamic_batch": _known("yolox", yolox, _BATCH),
    "end_to_end_26": _known("yolov10", end_to_end),
    "end_to_end_26_bare": _known("yolov10", end_to_end, _BARE),
    "end_to_end_26_one_class": _known("yolov10", end_to_end, _ONE),
    "end_to_end_26_fp16": _known("yolov10", end_to_end, _HALF),
    "end_to_end_v10": _known("yolov10", partial(end_to_end, generation="v10")),
    "end_to_end_v10_dynamic_batch": _known("yolov10", partial(end_to_end, generation="v10"), _BATCH),
    "nms_inside": _known("yolov10", nms_inside),
    "nms_inside_one_class": _known("yolov10", partial(nms_inside, confidence=0.05), _ONE),
    "nms_inside_empty": _known("yolov10", partial(nms_inside, confidence=0.999)),
    "yolov5_raw": _refused(UnknownHeadError, partial(yolov5, raw=True)),
    "yolov6": _refused(AmbiguousHeadError, yolov6),
    "yolox_decoded": _refused(AmbiguousHeadError, partial(yolox, decoded=True)),
    "segmentation": _refused(TaskNotBuiltError, tasks.segmentation),
    "segmentation_bare": _refused(TaskNotBuiltError, tasks.segmentation, _BARE),
    "pose": _refused(TaskNotBuiltError, tasks.pose),
    "pose_bare": _refused(TaskNotBuiltError, tasks.pose, _BARE),
    "oriented_boxes": _refused(TaskNotBuiltError, tasks.oriented_boxes),
    "oriented_boxes_bare": _refused(TaskNotBuiltError, tasks.oriented_boxes, _BARE),
    "classification": _refused(TaskNotBuiltError, tasks.classification),
    "classification_bare": _refused(TaskNotBuiltError, tasks.classification, _BARE),
    "detr": _refused(UnknownHeadError, strangers.detr),
    "detr_two_classes": _refused(UnknownHeadError, strangers.detr, GraphSpec(classes=2)),
    "picodet": _refused(UnknownHeadError, strangers.picodet, _FOUR_LEVELS),
    "super_resolution": _refused(UnknownHeadError, strangers.super_resolution),
    "class_map": _refused(UnknownHeadError, strangers.class_map),
    "two_pictures": _refused(UnsupportedModelError, strangers.two_pictures),
    "rank_three": _refused(UnsupportedModelError, strangers.rank_three),
    "unknown_operator": _refused(UnsupportedModelError, strangers.unknown_operator, runs=False),
    "dead_static_int8": _refused(DeadModelError, quantised.dead_static_int8),
    "nan_scores": _refused(DeadModelError, faulty.poisoned),
    "infinite_boxes": _refused(DeadModelError, partial(faulty.poisoned, value=float("inf"), where="boxes")),
    "two_scores": _refused(DeadModelError, faulty.two_scores),
    "constant_scores": _refused(DeadModelError, partial(faulty.two_scores, high=0.1)),
    "scores_above_one": _refused(DeadModelError, faulty.scores_above_one),
}
"""All graphs that are small enough to be built in every test; `planted` is not among them."""
