"""Small ONNX graphs of every YOLO head, built without a trainer, for tests and benchmarks.

Their backbones are tiny and their weights random (or set by hand), but their heads are the arithmetic that the
exporters write, node by node, so that what recognises them recognises real files. Every builder takes a
`GraphSpec` and returns a model that passes `onnx.checker`; `CATALOGUE` names them all, with what must be said
of each. `planted` is a network of a real detector's cost with a known answer; `colour_spots` is a detector that
works.
"""

from lineside.testing.graphs.anchor_based import yolov5
from lineside.testing.graphs.anchor_free import anchor_free
from lineside.testing.graphs.catalogue import CATALOGUE, Entry
from lineside.testing.graphs.end_to_end import end_to_end, nms_inside
from lineside.testing.graphs.faulty import poisoned, save_external, scores_above_one, two_scores
from lineside.testing.graphs.objectness import yolov6, yolox
from lineside.testing.graphs.planted import PlantedGraph, planted
from lineside.testing.graphs.quantised import (
    dead_static_int8,
    dynamic_int8,
    quantise_dynamic,
    quantise_static,
    static_int8,
)
from lineside.testing.graphs.spec import GraphSpec
from lineside.testing.graphs.spot_pictures import SpotPicture, draw_spots
from lineside.testing.graphs.spots import CLASSES as SPOT_CLASSES
from lineside.testing.graphs.spots import colour_spots
from lineside.testing.graphs.strangers import (
    class_map,
    detr,
    picodet,
    rank_three,
    super_resolution,
    two_pictures,
    unknown_operator,
)
from lineside.testing.graphs.tasks import classification, oriented_boxes, pose, segmentation

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
    "draw_spots",
    "dynamic_int8",
    "end_to_end",
    "nms_inside",
    "oriented_boxes",
    "picodet",
    "planted",
    "poisoned",
    "pose",
    "quantise_dynamic",
    "quantise_static",
    "rank_three",
    "save_external",
    "scores_above_one",
    "segmentation",
    "static_int8",
    "super_resolution",
    "two_pictures",
    "two_scores",
    "unknown_operator",
    "yolov5",
    "yolov6",
    "yolox",
]
