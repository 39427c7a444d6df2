"""Where nodes run: shares, copies and the largest group elsewhere; and the counts are those of the profiler."""

from __future__ import annotations

import numpy as np
import pytest

from lineside.core.geometry import Size
from lineside.engine.ort_session import cpu_session, optimise
from lineside.engine.placing import Placing
from lineside.engine.session import PlacedNode
from lineside.models.wiring import Wire, wiring
from lineside.testing.graphs import GraphSpec, anchor_free, colour_spots, planted
from profiled import nodes_by_provider

GPU, CPU = "GpuExecutionProvider", "CPUExecutionProvider"

# x -> a -> b -> c -> d -> y, and b -> e -> y: the middle and the side path on the CPU.
WIRES = (
    Wire("a", "Conv", ("x",), ("ta",)),
    Wire("b", "TopK", ("ta",), ("tb", "ti")),
    Wire("c", "Gather", ("tb", "ti"), ("tc",)),
    Wire("d", "Conv", ("tc",), ("td",)),
    Wire("e", "NonZero", ("td",), ("y",)),
)


def nodes(*on_cpu):
    return [PlacedNode(w.name, w.operator, CPU if w.name in on_cpu else GPU) for w in WIRES]


def test_a_graph_that_runs_where_it_was_asked_to_is_never_looked_at():
    placing = Placing.of(nodes(), GPU, lambda: pytest.fail("the graph was read"))
    assert (placing.share, placing.copies, placing.elsewhere) == (1, 0, None)
    assert placing.nodes == {GPU: 5}


def test_a_group_elsewhere_is_named_with_its_copies():
    placing = Placing.of(nodes("b", "c"), GPU, lambda: WIRES)
    assert placing.share == pytest.approx(3 / 5)
    assert placing.copies == 2  # ta to the CPU, tc back
    assert placing.elsewhere.nodes == 2
    assert placing.elsewhere.runs_on == CPU
    assert dict(placing.elsewhere.operators) == {"TopK": 1, "Gather": 1}
    assert placing.elsewhere.names == ("b", "c")
    assert "2 connected nodes on CPUExecutionProvider: TopK (1), Gather (1); by name b, c" in str(
        placing.elsewhere
    )


def test_of_several_groups_the_largest_is_told():
    placing = Placing.of(nodes("b", "c", "e"), GPU, lambda: WIRES)
    assert placing.elsewhere.names == ("b", "c")
    assert placing.nodes == {GPU: 2, CPU: 3}


def test_a_tensor_that_two_nodes_read_is_carried_once():
    wires = (*WIRES, Wire("f", "Relu", ("ta",), ("tf",)))
    placed = [*nodes("b", "c"), PlacedNode("f", "Relu", CPU)]
    assert Placing.of(placed, GPU, lambda: wires).copies == 2


def test_nodes_that_the_runtime_renamed_stand_alone():
    placed = [PlacedNode("fused", "FusedConv", CPU), PlacedNode("", "Reshape", CPU), *nodes()]
    elsewhere = Placing.of(placed, GPU, lambda: WIRES).elsewhere
    assert elsewhere.nodes == 1


def test_copies_that_the_runtime_made_itself_are_counted():
    placed = [*nodes("b"), PlacedNode("m1", "MemcpyToHost", GPU), PlacedNode("m2", "MemcpyFromHost", GPU)]
    assert Placing.of(placed, GPU, lambda: WIRES).copies == 2


def test_a_runtime_without_records_tells_nothing():
    assert Placing.of([], GPU, lambda: WIRES) is None


def test_the_wiring_is_the_graphs(graphs):
    data = graphs.model(
        [graphs.node("Add", ["x", "x"], ["t"], name="one"), graphs.node("Relu", ["t"], ["y"])]
    )
    assert wiring(data) == (Wire("one", "Add", ("x", "x"), ("t",)), Wire("", "Relu", ("t",), ("y",)))


GRAPHS = {
    "anchor-free": lambda: anchor_free(GraphSpec()),
    "anchor-free of another size": lambda: anchor_free(GraphSpec(seed=3)),
    "planted": lambda: planted(60, 6, size=Size(160, 192), classes=5).model,
    "spots": lambda: colour_spots(Size(192, 256)),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_the_counts_of_a_session_are_the_profilers(name, tmp_path):
    assert_as_profiled(GRAPHS[name]().SerializeToString(), tmp_path)


def assert_as_profiled(model, folder):
    optimised = optimise(model)
    session = cpu_session(optimised, threads=1, optimised=True)
    placing = Placing.of(session.placed_nodes(), CPU, lambda: ())
    inputs = session._session.get_inputs()
    types = {"tensor(float)": np.float32, "tensor(uint8)": np.uint8}
    feeds = {
        i.name: np.ones([d if isinstance(d, int) else 1 for d in i.shape], types[i.type]) for i in inputs
    }
    assert placing.nodes == nodes_by_provider(optimised, feeds, folder)
    assert placing.share == 1
