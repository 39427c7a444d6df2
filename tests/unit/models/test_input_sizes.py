"""Sizes that are set by hand, of files that leave theirs open: against the graph's own stride."""

from __future__ import annotations

import onnx
import pytest

from contracts.graph_edits import nameless, write
from lineside import Detector
from lineside.core.errors import SettingsError
from lineside.core.geometry import Size
from lineside.engine import run_once
from lineside.models.card import ModelCard
from lineside.models.facts import ModelFacts
from lineside.models.file import ModelFile
from lineside.models.graph import Graph
from lineside.models.reading import read_model
from lineside.models.stride import graph_stride
from lineside.testing.graphs import GraphSpec, anchor_free, yolov5, yolox

RUNS = pytest.mark.parametrize("run", [run_once, None], ids=["run", "static"])
BARE = GraphSpec(dynamic_size=True, dynamic_batch=True, metadata=False)


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """A file of open size that says nothing about its stride."""
    return write(nameless(anchor_free(BARE)), tmp_path_factory.mktemp("bare") / "model.onnx")


@RUNS
@pytest.mark.parametrize(
    ("size", "nearest"),
    [
        (Size(100, 64), "the nearest: 64x96 or 64x128"),
        (Size(96, 100), "the nearest: 96x96 or 128x96"),
        (Size(641, 641), "the nearest: 640x640 or 672x672"),
        (Size(20, 64), "the nearest: 64x32"),
    ],
)
def test_a_size_between_is_refused_with_its_neighbours(size, nearest, run, bare):
    with pytest.raises(SettingsError) as refusal:
        ModelCard.read(bare, facts=ModelFacts(size=size), run=run)
    assert f"model.onnx: size {size}: both sides must be multiples of the stride, 32" in str(refusal.value)
    assert nearest in str(refusal.value)


@pytest.mark.parametrize("family", ["yolov8", "yolov5"])
def test_a_family_by_hand_does_not_hide_it(family, bare):
    """The head of a wrong size contradicts every family; the size is what to change."""
    facts = ModelFacts(size=Size(100, 100), family=family)
    with pytest.raises(SettingsError, match="multiples of the stride, 32"):
        ModelCard.read(bare, facts=facts, run=run_once)


@RUNS
@pytest.mark.parametrize("size", [Size(64, 64), Size(96, 160), Size(352, 96)])
def test_every_multiple_of_the_stride_is_taken(size, run, bare):
    card = ModelCard.read(bare, facts=ModelFacts(size=size), run=run)
    assert (card.input.size, card.head.size, card.family) == (size, size, "yolov8")


def test_a_detector_takes_the_size(bare, tmp_path):
    facts = ModelFacts(size=Size(96, 160))
    detector = Detector(bare, facts=facts, cache=tmp_path)
    assert detector.card.input.size == Size(96, 160)
    with pytest.raises(SettingsError, match=r"size 100x100.* 96x96 or 128x128"):
        Detector(bare, facts=ModelFacts(size=Size(100, 100)), cache=tmp_path)


def test_the_metadata_size_is_held_to_the_stride_too(tmp_path):
    model = anchor_free(GraphSpec(dynamic_size=True, dynamic_batch=True))
    entries = {p.key: p for p in model.metadata_props}
    entries["imgsz"].value = "[100, 160]"
    model.metadata_props.remove(entries["stride"])
    with pytest.raises(SettingsError, match=r"size 160x100: .* 160x96 or 160x128"):
        ModelCard.read(write(model, tmp_path / "model.onnx"), run=run_once)


@pytest.mark.parametrize(
    ("build", "spec", "stride"),
    [
        (anchor_free, GraphSpec(dynamic_size=True, dynamic_batch=True), 32),
        (anchor_free, GraphSpec(), 32),
        (anchor_free, GraphSpec(strides=(8, 16)), 16),
        (anchor_free, GraphSpec(size=Size(128, 192), strides=(8, 16, 32, 64)), 64),
        (yolov5, GraphSpec(), 32),
        (yolox, GraphSpec(), 32),
    ],
)
def test_the_stride_is_read_from_the_graph(build, spec, stride, tmp_path):
    file = ModelFile.read(write(build(spec), tmp_path / "model.onnx"))
    subject = read_model(file, run=run_once).subject
    assert graph_stride(subject.graph, subject.picture) == stride


def test_a_graph_without_convolutions_has_no_stride(tmp_path):
    path = write(anchor_free(BARE), tmp_path / "model.onnx")
    subject = read_model(ModelFile.read(path), facts=ModelFacts(size=Size(64, 64))).subject
    empty = onnx.ModelProto()
    empty.CopyFrom(subject.model)
    del empty.graph.node[:]
    assert graph_stride(Graph(empty), subject.picture) is None
