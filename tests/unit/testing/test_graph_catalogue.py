import numpy as np
import onnx
import pytest

from lineside.testing.graphs import CATALOGUE, GraphSpec, anchor_free

RUNNABLE = [name for name, entry in CATALOGUE.items() if entry.runs]


@pytest.fixture(params=CATALOGUE)
def entry(request):
    return CATALOGUE[request.param]


def test_every_graph_is_valid_onnx(entry):
    onnx.checker.check_model(entry.build(), full_check=True)


def test_every_graph_is_the_same_bytes_each_time(entry):
    first, second = (entry.build().SerializeToString(deterministic=True) for _ in range(2))
    assert first == second


def test_every_graph_says_what_must_be_said_of_it(entry):
    assert (entry.refusal is None) == bool(entry.family)
    assert (entry.refusal is None) == (entry.classes > 0)


def test_every_graph_is_small(entry):
    assert len(entry.build().SerializeToString()) < 200_000


@pytest.mark.parametrize("name", RUNNABLE)
def test_outputs_have_the_declared_shapes(name, open_session, answer):
    model = CATALOGUE[name].build()
    outputs = answer(model)
    for declared, got in zip(open_session(model).get_outputs(), outputs, strict=True):
        assert len(declared.shape) == got.ndim
        assert all(isinstance(d, str) or d == n for d, n in zip(declared.shape, got.shape, strict=True))


NOTHING_SEEN = {"nms_inside_empty", "nms_outputs_empty", "nms_rows_empty", "constant_scores"}


@pytest.mark.parametrize("name", [n for n in RUNNABLE if n not in NOTHING_SEEN])
def test_the_answer_depends_on_the_picture(name, answer):
    model = CATALOGUE[name].build()
    scale = 255.0 if name.startswith("yolox") else 1.0
    noisy, blank = answer(model, scale=scale), answer(model, scale=0.0)
    assert any(not np.array_equal(a, b) for a, b in zip(noisy, blank, strict=True))


def test_an_operator_of_a_foreign_domain_does_not_run(open_session):
    with pytest.raises(Exception, match="DeformableSample"):
        open_session(CATALOGUE["unknown_operator"].build())


def test_another_seed_is_another_network():
    first, second = (anchor_free(GraphSpec(seed=seed)).SerializeToString() for seed in (0, 1))
    assert first != second
