"""Every test graph by name, with what must be said of it: for tests that are parametrised over all of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from lineside.core.errors import (
    AmbiguousHeadError,
    DeadModelError,
    LinesideError,
    UnknownHeadError,
    UnsupportedModelError,
)
from lineside.core.geometry import Size
from lineside.testing.graphs import faulty, quantised, strangers, tasks, transformers
from lineside.testing.graphs.anchor_based import yolov5
from lineside.testing.graphs.anchor_free import anchor_free
from lineside.testing.graphs.anchor_masks import yolov5_segmentation
from lineside.testing.graphs.corner_grids import ppyoloe, rtmdet, yolonas
from lineside.testing.graphs.distances import nanodet, picodet
from lineside.testing.graphs.end_to_end import end_to_end, nms_inside
from lineside.testing.graphs.end_to_end_tasks import end_to_end_task
from lineside.testing.graphs.nms_layers import nms_indices, nms_outputs, nms_rows
from lineside.testing.graphs.objectness import yolov6, yolox
from lineside.testing.graphs.raw_anchors import raw_anchors
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
        by_hand: Families that the graph does not contradict: each of them may be set by hand.
    """

    build: Callable[[], onnx.ModelProto]
    family: str = ""
    classes: int = 0
    refusal: type[LinesideError] | None = None
    runs: bool = True
    by_hand: tuple[str, ...] = ()


_RAW = ("raw_yolov3", "raw_yolov4", "raw_yolov5", "raw_yolov7")
_BARE = GraphSpec(metadata=False)
_ONE = GraphSpec(classes=1)
_COCO = GraphSpec(classes=80)
_HALF = GraphSpec(precision="fp16")
_HALF_INSIDE = GraphSpec(precision="fp16_float_io")
_BATCH = GraphSpec(dynamic_batch=True)
_DYNAMIC = GraphSpec(dynamic_batch=True, dynamic_size=True)
_FOUR_LEVELS = GraphSpec(size=Size(height=128, width=192), strides=(8, 16, 32, 64))
_TWO_LEVELS = GraphSpec(strides=(16, 32))
# What is told the size of a picture cannot say without its name whether the height comes first.
_SQUARE = GraphSpec(size=Size(height=160, width=160))
_SQUARE_TWO_LEVELS = GraphSpec(size=Size(height=160, width=160), strides=(16, 32))


def _known(
    family: str,
    build: Callable[..., onnx.ModelProto],
    spec: GraphSpec = GraphSpec(),  # noqa: B008 -- frozen
    *,
    by_hand: tuple[str, ...] = (),
) -> Entry:
    return Entry(partial(build, spec), family, spec.classes, by_hand=by_hand)


def _refused(
    refusal: type[LinesideError],
    build: Callable[..., onnx.ModelProto],
    spec: GraphSpec = GraphSpec(),  # noqa: B008 -- frozen
    *,
    runs: bool = True,
    by_hand: tuple[str, ...] = (),
) -> Entry:
    return Entry(partial(build, spec), refusal=refusal, runs=runs, by_hand=by_hand)


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
    "yolox_decoded": _known("yolox", partial(yolox, decoded=True)),
    "yolox_decoded_one_class": _known("yolox", partial(yolox, decoded=True), _ONE),
    "yolox_decoded_dynamic_batch": _known("yolox", partial(yolox, decoded=True), _BATCH),
    "yolov6": _known("yolov6", yolov6),
    "yolov6_one_class": _known("yolov6", yolov6, _ONE),
    "yolov6_80_classes": _known("yolov6", yolov6, _COCO),
    "yolov6_fp16": _known("yolov6", yolov6, _HALF),
    "yolov6_filled": _known("yolov6", partial(yolov6, objectness="filled")),
    "yolonas": _known("yolonas", yolonas),
    "yolonas_one_class": _known("yolonas", yolonas, _ONE),
    "yolonas_80_classes": _known("yolonas", yolonas, _COCO),
    "yolonas_dynamic_batch": _known("yolonas", yolonas, _BATCH),
    "ppyoloe": _known("ppyoloe", ppyoloe),
    "ppyoloe_one_class": _known("ppyoloe", ppyoloe, _ONE),
    "ppyoloe_dynamic_batch": _known("ppyoloe", ppyoloe, _BATCH),
    "ppyoloe_joined": _known("ppyoloe", partial(ppyoloe, joined=True)),
    "ppyoloe_joined_80_classes": _known("ppyoloe", partial(ppyoloe, joined=True), _COCO),
    "rtmdet": _known("rtmdet", rtmdet),
    "rtmdet_one_class": _known("rtmdet", rtmdet, _ONE),
    "rtmdet_rows_first": _known("rtmdet", partial(rtmdet, rows_first=True)),
    "picodet": _known("picodet", picodet, _FOUR_LEVELS),
    "picodet_uneven": _known("picodet", picodet),
    "picodet_one_class": _known("picodet", picodet, _ONE),
    "picodet_32_classes": _known("picodet", picodet, GraphSpec(classes=32)),
    "picodet_decoded": _known("picodet", partial(picodet, decoded=True)),
    "nanodet": _known("nanodet", partial(nanodet, plus=False)),
    "nanodet_pairs": _known("nanodet", partial(nanodet, plus=False, pairs=True)),
    "nanodet_plus": _known("nanodet", nanodet),
    "nanodet_plus_80_classes": _known("nanodet", nanodet, _COCO),
    "nanodet_plus_pairs": _known("nanodet", partial(nanodet, pairs=True)),
    "end_to_end_26": _known("yolov10", end_to_end),
    "end_to_end_26_bare": _known("yolov10", end_to_end, _BARE),
    "end_to_end_26_one_class": _known("yolov10", end_to_end, _ONE),
    "end_to_end_26_fp16": _known("yolov10", end_to_end, _HALF),
    "end_to_end_v10": _known("yolov10", partial(end_to_end, generation="v10")),
    "end_to_end_v10_dynamic_batch": _known("yolov10", partial(end_to_end, generation="v10"), _BATCH),
    "nms_inside": _known("yolov10", nms_inside),
    "nms_inside_one_class": _known("yolov10", partial(nms_inside, confidence=0.05), _ONE),
    "nms_inside_empty": _known("yolov10", partial(nms_inside, confidence=0.999)),
    "nms_outputs": _known("nms_outputs", nms_outputs),
    "nms_outputs_one_class": _known("nms_outputs", nms_outputs, _ONE),
    "nms_outputs_float_labels": _known("nms_outputs", partial(nms_outputs, float_labels=True)),
    "nms_outputs_empty": _known("nms_outputs", partial(nms_outputs, confidence=0.999)),
    "nms_rows": _known("nms_rows", nms_rows),
    "nms_rows_one_class": _known("nms_rows", nms_rows, _ONE),
    "nms_rows_empty": _known("nms_rows", partial(nms_rows, confidence=0.999)),
    "nms_indices": _known("nms_indices", nms_indices, _SQUARE),
    "nms_indices_two_levels": _known("nms_indices", partial(nms_indices, batched=True), _SQUARE_TWO_LEVELS),
    "nms_indices_without_size": _known("nms_indices", partial(nms_indices, size_input=False)),
    "nms_indices_empty": _known("nms_indices", partial(nms_indices, confidence=0.999), _SQUARE),
    "yolov5_raw": _known("raw_yolov5", partial(yolov5, raw=True), by_hand=_RAW),
    "yolov5_raw_bare": _known("raw_yolov5", partial(yolov5, raw=True), _BARE, by_hand=_RAW),
    "yolov5_raw_one_class": _known("raw_yolov5", raw_anchors, _ONE, by_hand=_RAW),
    "yolov5_raw_80_classes": _known("raw_yolov5", raw_anchors, _COCO, by_hand=_RAW),
    "yolov5_raw_fp16": _known("raw_yolov5", partial(yolov5, raw=True), _HALF, by_hand=_RAW),
    "yolov5_raw_channels": _known("raw_yolov5", partial(raw_anchors, form="av h w"), by_hand=_RAW),
    "yolov5_raw_sigmoid": _known("raw_yolov5", partial(raw_anchors, done="all"), by_hand=("raw_yolov7",)),
    "yolov5_raw_four_levels": _known("raw_yolov5", raw_anchors, _FOUR_LEVELS, by_hand=("raw_yolov7",)),
    "yolov5_raw_two_levels": _known("raw_yolov5", raw_anchors, _TWO_LEVELS, by_hand=_RAW[:2]),
    "yolov7_tiny_raw": _known("raw_yolov5", partial(raw_anchors, generation="v7-tiny"), by_hand=_RAW),
    "yolov7_raw": _known("raw_yolov7", partial(raw_anchors, generation="v7"), by_hand=_RAW),
    "yolov7_raw_channels": _known(
        "raw_yolov7",
        partial(raw_anchors, generation="v7", form="av h w", done="all"),
        by_hand=("raw_yolov5",),
    ),
    "yolov3_raw": _known(
        "raw_yolov3",
        partial(raw_anchors, generation="v3", form="av h w", coarse_first=True),
        _BARE,
        by_hand=_RAW,
    ),
    "yolov3_raw_keras": _known(
        "raw_yolov3",
        partial(raw_anchors, generation="v3", form="h w av", coarse_first=True, channels_last=True),
        by_hand=_RAW,
    ),
    "yolov3_raw_centres": _known(
        "raw_yolov3",
        partial(raw_anchors, generation="v3", form="a v h w", done="centres"),
        by_hand=("raw_yolov4",),
    ),
    "yolov4_raw": _known(
        "raw_yolov4", partial(raw_anchors, generation="v4", form="av h w"), _BARE, by_hand=_RAW
    ),
    "yolov4_raw_scores": _known(
        "raw_yolov4",
        partial(raw_anchors, generation="v4", form="h w a v", done="scores", channels_last=True),
        by_hand=_RAW,
    ),
    "raw_of_two_levels": _refused(
        AmbiguousHeadError,
        partial(raw_anchors, generation="v4-tiny", form="av h w"),
        _TWO_LEVELS,
        by_hand=("raw_yolov3", "raw_yolov4", "raw_yolov5"),
    ),
    "raw_of_yolov3_in_torch": _refused(
        AmbiguousHeadError, partial(raw_anchors, generation="v3"), by_hand=_RAW
    ),
    "raw_with_mish_in_torch": _refused(
        AmbiguousHeadError, partial(raw_anchors, generation="v4"), by_hand=_RAW
    ),
    "raw_of_no_family": _refused(
        AmbiguousHeadError, partial(raw_anchors, generation="plain", form="av h w"), by_hand=_RAW
    ),
    "objectness_computed": _refused(AmbiguousHeadError, partial(yolov6, objectness="computed")),
    "objectness_of_no_family": _refused(AmbiguousHeadError, partial(yolov6, objectness="sigmoid")),
    "segmentation": _known("yolov8_seg", tasks.segmentation),
    "segmentation_bare": _known("yolov8_seg", tasks.segmentation, _BARE),
    "segmentation_80_classes": _known("yolov8_seg", tasks.segmentation, _COCO),
    "segmentation_fp16": _known("yolov8_seg", tasks.segmentation, _HALF),
    "segmentation_dynamic_batch": _known("yolov8_seg", tasks.segmentation, _BATCH),
    "segmentation_prototypes_first": _known("yolov8_seg", partial(tasks.segmentation, prototypes_first=True)),
    "segmentation_v5": _known("yolov5_seg", yolov5_segmentation),
    "segmentation_v5_bare": _known("yolov5_seg", yolov5_segmentation, _BARE),
    "segmentation_26": _known("yolo26_seg", partial(end_to_end_task, task="segment")),
    "segmentation_26_bare": _known("yolo26_seg", partial(end_to_end_task, task="segment"), _BARE),
    "pose": _known("yolov8_pose", tasks.pose),
    "pose_bare": _known("yolov8_pose", tasks.pose, _BARE),
    "pose_one_class": _known("yolov8_pose", tasks.pose, _ONE),
    "pose_fp16": _known("yolov8_pose", tasks.pose, _HALF),
    "pose_two_points": _known("yolov8_pose", partial(tasks.pose, keypoints=2)),
    "pose_three_points_of_two": _known("yolov8_pose", partial(tasks.pose, keypoints=3, visibility=False)),
    "pose_26": _known("yolo26_pose", partial(end_to_end_task, task="pose")),
    "pose_26_three_points_of_two": _known(
        "yolo26_pose", partial(end_to_end_task, task="pose", keypoints=3, visibility=False), _BARE
    ),
    "oriented_boxes": _known("yolov8_obb", tasks.oriented_boxes),
    "oriented_boxes_bare": _known("yolov8_obb", tasks.oriented_boxes, _BARE),
    "oriented_boxes_one_class": _known("yolov8_obb", tasks.oriented_boxes, _ONE),
    "oriented_boxes_dynamic_batch": _known("yolov8_obb", tasks.oriented_boxes, _BATCH),
    "oriented_boxes_26": _known("yolo26_obb", partial(end_to_end_task, task="obb")),
    "oriented_boxes_26_bare": _known("yolo26_obb", partial(end_to_end_task, task="obb"), _BARE),
    "classification": _known("classifier", tasks.classification),
    "classification_bare": _known("classifier", tasks.classification, _BARE),
    "classification_two_classes": _known("classifier", tasks.classification, GraphSpec(classes=2)),
    "classification_dynamic_batch": _known("classifier", tasks.classification, _BATCH),
    "classification_fp16": _known("classifier", tasks.classification, _HALF),
    "classification_logits": _known("classifier", partial(tasks.classification, ending="logits")),
    "classification_logits_mean": _known(
        "classifier", partial(tasks.classification, ending="logits", pool="mean"), _BARE
    ),
    "classification_sigmoid": _known("classifier", partial(tasks.classification, ending="sigmoid")),
    "detr": _known("rtdetr", transformers.detr),
    "detr_bare": _known("rtdetr", transformers.detr, _BARE),
    "detr_two_classes": _known("rtdetr", transformers.detr, GraphSpec(classes=2)),
    "detr_80_classes": _known("rtdetr", transformers.detr, _COCO),
    "detr_fp16": _known("rtdetr", transformers.detr, _HALF),
    "detr_dynamic_batch": _known("rtdetr", transformers.detr, _BATCH),
    "detr_apart": _known("rtdetr", transformers.detr_apart),
    "detr_apart_four_classes": _known("rtdetr", transformers.detr_apart, GraphSpec(classes=4)),
    "detr_apart_with_sigmoid": _known("rtdetr", partial(transformers.detr_apart, with_sigmoid=True)),
    "detr_sized": _known("rtdetr", transformers.detr_sized),
    "detr_sized_one_class": _known("rtdetr", transformers.detr_sized, _ONE),
    "detr_sized_dynamic_batch": _known("rtdetr", transformers.detr_sized, _BATCH),
    "detr_sized_lines_first": _known("rtdetr", partial(transformers.detr_sized, size_input="height width")),
    "detr_rows": _known("rtdetr", transformers.detr_rows),
    "detr_rows_80_classes": _known("rtdetr", transformers.detr_rows, _COCO),
    "rfdetr": _known("rfdetr", transformers.rfdetr),
    "rfdetr_91_classes": _known("rfdetr", transformers.rfdetr, GraphSpec(classes=91)),
    "rfdetr_normalised": _known("rfdetr", partial(transformers.rfdetr, normalised=True)),
    "rfdetr_chosen": _known("rfdetr", partial(transformers.detr_sized, patches=True)),
    "detr_first": _refused(UnknownHeadError, transformers.detr_first),
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
