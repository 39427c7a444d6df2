from __future__ import annotations

import numpy as np
import onnx
import pytest

from lineside.core.geometry import Size
from lineside.detector.detector import Detector
from lineside.testing.graphs import GraphSpec, anchor_free, colour_spots, draw_spots, planted

MODEL = Size(height=160, width=192)
SPOTS = Size(height=192, width=256)


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    """One folder of prepared models for all detectors whose cache is not what is tested."""
    return tmp_path_factory.mktemp("prepared")


@pytest.fixture(scope="session")
def write(tmp_path_factory):
    """Writes a model into a folder of its own, under a name."""

    def to_file(model, name="best"):
        path = tmp_path_factory.mktemp("model") / f"{name}.onnx"
        path.write_bytes(model.SerializeToString(deterministic=True))
        return path

    return to_file


@pytest.fixture(scope="session")
def plants():
    """A network of a real detector's form whose answer is known: 60 candidates around 6 objects, 5 classes."""
    return planted(60, 6, size=MODEL, classes=5)


@pytest.fixture(scope="session")
def planted_file(plants, write):
    return write(plants.model, "planted")


@pytest.fixture(scope="session")
def detector(planted_file, cache):
    return Detector(planted_file, threads=1, cache=cache)


@pytest.fixture(scope="session")
def spots(write, cache):
    """A detector whose answer comes from the picture."""
    return Detector(write(colour_spots(SPOTS), "spots"), threads=1, cache=cache)


@pytest.fixture(scope="session")
def spot_pictures():
    """Twelve pictures with 0 to 3 spots, all of different sizes."""
    rng = np.random.default_rng(11)
    return [
        draw_spots(rng, Size(height=180 + 3 * i, width=200 + 5 * i), i % 4, side_px=(24, 36))
        for i in range(12)
    ]


@pytest.fixture(scope="session")
def small(write):
    """The file of a small anchor-free network; its answer is noise, and differs from picture to picture."""
    return write(anchor_free(GraphSpec()), "small")


@pytest.fixture
def picture():
    return np.random.default_rng(3).integers(0, 256, (*MODEL, 3), dtype=np.uint8)


@pytest.fixture(scope="session")
def nan_for_black():
    """Changes a model so that a wholly black picture is answered with NaN: the picture times mean / mean."""

    def change(model):
        changed = onnx.ModelProto()
        changed.CopyFrom(model)
        graph = changed.graph
        name = graph.input[0].name
        for node in graph.node:
            for i, read in enumerate(node.input):
                if read == name:
                    node.input[i] = "guarded"
        make = onnx.helper.make_node
        for node in (
            make("Mul", [name, "one"], ["guarded"]),
            make("Div", ["mean", "mean"], ["one"]),
            make("ReduceMean", [name], ["mean"], keepdims=0),
        ):
            graph.node.insert(0, node)
        return changed

    return change
