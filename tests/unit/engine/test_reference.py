"""How far an answer is from the CPU's, by the model's own yardstick, and what is kept of it on disk."""

from __future__ import annotations

import math

import numpy as np
import pytest
from onnx import TensorProto

from lineside.engine.reference import Reference, differ


@pytest.fixture(scope="module")
def detector(graphs):
    """Scores and boxes of a picture, (1, 6, 64): four rows of pixels, two of scores."""
    rng = np.random.default_rng(0)
    weights = rng.normal(0, 0.02, (6, 3, 2, 2)).astype(np.float32)
    return graphs.model(
        [
            graphs.node("Cast", ["x"], ["f"], to=TensorProto.FLOAT),
            graphs.node("Conv", ["f", "w"], ["c"], strides=[2, 2]),
            graphs.node("Reshape", ["c", "shape"], ["r"]),
            graphs.node("Slice", ["r", "zero", "four", "one"], ["low"]),
            graphs.node("Slice", ["r", "four", "six", "one"], ["high"]),
            graphs.node("Mul", ["low", "hundred"], ["boxes"]),
            graphs.node("Sigmoid", ["high"], ["scores"]),
            graphs.node("Concat", ["boxes", "scores"], ["y"], axis=1),
        ],
        inputs=[graphs.value("x", [1, 3, 16, 16], TensorProto.UINT8)],
        outputs=[graphs.value("y", [1, 6, 64])],
        constants=[
            graphs.constant("w", weights),
            graphs.constant("shape", np.array([1, 6, 64])),
            *(
                graphs.constant(n, np.array([v]))
                for n, v in (("zero", 0), ("one", 1), ("four", 4), ("six", 6))
            ),
            graphs.constant("hundred", np.array(100, np.float32)),
        ],
    )


FEEDS = {"x": np.random.default_rng(1).integers(0, 256, (1, 3, 16, 16), dtype=np.uint8)}


@pytest.fixture(scope="module")
def reference(detector):
    return Reference.taken(detector, FEEDS, picture="x", precision="float32")


def test_the_same_numbers_do_not_deviate(reference):
    assert reference.deviation([output.copy() for output in reference.answer]) == 0


def test_the_answer_to_swapped_colours_is_the_yardstick(detector, reference):
    swapped = {"x": np.ascontiguousarray(FEEDS["x"][:, ::-1])}
    other = Reference.taken(detector, swapped, picture="x", precision="float32")
    assert reference.deviation(other.answer) == pytest.approx(1)


def test_a_rounding_of_the_last_bit_is_within_float32(reference):
    rounded = [output * np.float32(1 + 1e-6) for output in reference.answer]
    assert 0 < reference.deviation(rounded) < reference.tolerance("float32")


def test_other_scores_do_not_drown_in_the_pixels(reference):
    changed = [output.copy() for output in reference.answer]
    changed[0][:, 4:] = 0.5
    assert reference.deviation(changed) > 0.5


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_infinitely_far(reference, bad):
    changed = [output.copy() for output in reference.answer]
    changed[0][0, 5, 7] = bad
    assert reference.deviation(changed) == math.inf


def test_another_shape_or_number_of_outputs_is_infinitely_far(reference):
    assert reference.deviation([reference.answer[0][..., :-1]]) == math.inf
    assert reference.deviation([]) == math.inf


def test_coarser_precisions_explain_more_and_so_does_a_graph_of_integers(detector, reference):
    order = [reference.tolerance(p) for p in ("float32", "tf32", "float16", "bfloat16")]
    assert order == sorted(order)
    assert order[-1] < 1
    integers = Reference.taken(detector, FEEDS, picture="x", precision="int8")
    assert integers.tolerance("float32") > reference.tolerance("float32")


def test_a_word_that_is_no_precision_explains_nothing_more(reference):
    assert reference.tolerance("float128") == reference.tolerance("float32")


def rows(answer):
    """An answer of sorted rows, (1, N, 6), with its yardstick."""
    return Reference({}, (answer,), ((0.1, 10.0),), "float32", rows_move=True)


def test_rows_that_changed_places_are_the_same_rows():
    rng = np.random.default_rng(0)
    answer = rng.uniform(0, 300, (1, 40, 6)).astype(np.float32)
    shuffled = answer[:, rng.permutation(40)]
    assert rows(answer).deviation([shuffled]) == 0
    assert rows(answer).deviation([shuffled[:, :30] + 40]) > 1


def test_an_answer_without_rows_where_there_were_some_is_infinitely_far():
    answer = np.ones((1, 12, 6), np.float32)
    assert rows(answer).deviation([answer[:, :0]]) == math.inf
    assert rows(answer[:, :0]).deviation([answer[:, :0]]) == 0


def test_an_output_that_says_the_same_of_every_picture_is_measured_by_its_own_size():
    constant = Reference({}, (np.full((1, 9), 300, np.float32),), ((0.0, 0.0),), "float32", rows_move=False)
    assert constant.deviation([np.full((1, 9), 300.0001, np.float32)]) < 0.005
    assert constant.deviation([np.full((1, 9), 330, np.float32)]) > 1


def test_a_reference_comes_back_from_its_file(reference, tmp_path):
    path = tmp_path / "reference.npz"
    path.write_bytes(reference.to_bytes())
    again = Reference.read(path)
    assert again.deviation(reference.answer) == 0
    assert again.spans == reference.spans
    assert (again.precision, again.rows_move, again.size) == ("float32", False, 384)
    np.testing.assert_array_equal(again.feeds["x"], FEEDS["x"])


@pytest.mark.parametrize("content", [b"", b"no archive at all", b"PK\x03\x04 half an archive"])
def test_a_file_that_is_no_reference_is_refused(tmp_path, content):
    path = tmp_path / "reference.npz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"reference|pickle|magic|data"):
        Reference.read(path)


def test_two_answers_differ_by_their_largest_difference():
    one = [np.array([1.0, 2.0]), np.array([3], np.int64)]
    assert differ(one, one) == 0
    assert differ(one, [np.array([1.0, 2.5]), np.array([3], np.int64)]) == 0.5
    assert differ(one, [np.array([1.0]), np.array([3], np.int64)]) == math.inf
