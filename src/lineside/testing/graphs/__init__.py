"""Small ONNX graphs of every YOLO head, built without a trainer, for tests and benchmarks.

Their backbones are tiny and their weights random (or set by hand), but their heads are the arithmetic that the
exporters write, node by node, so that what recognises them recognises real files. Every builder takes a
`GraphSpec` and returns a model that passes `onnx.checker`; `CATALOGUE` names them all, with what must be said
of each. `planted` is a network of a real detector's cost with a known answer; `colour_spots` is a detector that
works.
"""

from lineside.testing.graphs.anchor_based import yolov5
from lineside.testing.graphs.anchor_free import anchor_free
from lineside.testing.graphs.anchor_masks import yolov5_segmentation
from lineside.testing.graphs.catalogue import CATALOGUE, Entry
from lineside.testing.graphs.corner_grids import ppyoloe, rtmdet, yolonas
from lineside.testing.graphs.distances import nanodet, picodet
from lineside.testing.graphs.end_to_end import end_to_end, nms_inside
from lineside.testing.graphs.end_to_end_tasks import end_to_end_task
from lineside.testing.graphs.faulty import poisoned, save_external, scores_above_one, two_scores
from lineside.testing.graphs.nms_layers import nms_indices, nms_outputs, nms_rows, tensorrt_nms
from lineside.testing.graphs.objectness import yolov6, yolox
from lineside.testing.graphs.planted import PlantedGraph, planted
from lineside.testing.graphs.quantised import (
    dead_static_int8,
    dynamic_int8,
    quantise_dynamic,
    quantise_static,
    static_int8,
)
from lineside.testing.graphs.raw_anchors import raw_anchors
from lineside.testing.graphs.spec import GraphSpec
from lineside.testing.graphs.spot_pictures import SpotPicture, draw_spots
from lineside.testing.graphs.spots import CLASSES as SPOT_CLASSES
from lineside.testing.graphs.spots import colour_spots
from lineside.testing.graphs.strangers import (
    class_map,
    rank_three,
    super_resolution,
    two_pictures,
    unknown_operator,
)
from lineside.testing.graphs.tasks import classification, oriented_boxes, pose, segmentation
from lineside.testing.graphs.transformers import detr, detr_apart, detr_first, detr_rows, detr_sized, rfdetr

__all__ = [
    "CATALOGUE",
    "SPOT_CLASSES",
    "Entry",
    "GraphSpec",
    "PlantedGraph",
    "SpotPicture",
    "anchor_free",
    "class_map",
    "classification",
    "colour_spots",
    "dead_static_int8",
    "detr",
    "detr_apart",
    "detr_first",
    "detr_rows",
    "detr_sized",
    "draw_spots",
    "dynamic_int8",
    "end_to_end",
    "end_to_end_task",
    "nanodet",
    "nms_indices",
    "nms_inside",
    "nms_outputs",
    "nms_rows",
    "oriented_boxes",
    "picodet",
    "planted",
    "poisoned",
    "pose",
    "ppyoloe",
    "quantise_dynamic",
    "quantise_static",
    "rank_three",
    "raw_anchors",
    "rfdetr",
    "rtmdet",
    "save_external",
    "scores_above_one",
    "segmentation",
    "static_int8",
    "super_resolution",
    "tensorrt_nms",
    "two_pictures",
    "two_scores",
    "unknown_operator",
    "yolonas",
    "yolov5",
    "yolov5_segmentation",
    "yolov6",
    "yolox",
]
