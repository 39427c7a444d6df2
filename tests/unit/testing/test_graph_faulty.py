import numpy as np
import onnx
import onnxruntime
import pytest

from lineside.core.errors import SettingsError
from lineside.testing.graphs import (
    GraphSpec,
    anchor_free,
    poisoned,
    save_external,
    scores_above_one,
    two_scores,
)


def test_a_poisoned_score_is_not_a_number_at_the_last_level_only(answer):
    out = answer(poisoned())[0][0]
    assert np.isnan(out[4, -20:]).all()
    assert np.isfinite(out[:, :-20]).all()
    assert np.isfinite(out[5:]).all()


def test_poisoned_boxes_are_infinite(answer):
    out = answer(poisoned(value=float("inf"), where="boxes"))[0][0]
    assert np.isinf(out[:4, -20:]).any()
    assert np.isfinite(out[:, :-20]).all()
    assert np.isfinite(out[4:]).all()


def test_one_class_can_be_poisoned_too(answer):
    assert np.isnan(answer(poisoned(GraphSpec(classes=4)))[0][0, 4]).any()


def test_two_scores_are_the_two_that_were_asked_for(answer):
    scores = answer(two_scores(low=0.2, high=0.7))[0][0, 4:]
    np.testing.assert_allclose(np.unique(scores), [0.2, 0.7], rtol=1e-6)


def test_equal_scores_give_a_constant(answer):
    assert len(np.unique(answer(two_scores(low=0.3, high=0.3))[0][0, 4:])) == 1


@pytest.mark.parametrize(("step", "top"), [(1.66, 1.66), (0.6, 1.2)])
def test_scores_above_one_are_multiples_of_the_step(step, top, answer):
    scores = answer(scores_above_one(step=step))[0][0, 4:]
    assert scores.max() == pytest.approx(top)
    np.testing.assert_allclose(scores / step, np.round(scores / step), atol=1e-6)


def test_scores_above_one_need_full_precision():
    with pytest.raises(SettingsError, match="fp32"):
        scores_above_one(GraphSpec(precision="fp16"))


def test_external_weights_are_read_from_beside_the_model(tmp_path, answer, open_session):
    model = anchor_free()
    weights = save_external(model, tmp_path / "best.onnx")
    assert weights == tmp_path / "weights.bin"
    assert (tmp_path / "best.onnx").stat().st_size < len(model.SerializeToString()) / 2
    loaded = onnx.load(tmp_path / "best.onnx")
    np.testing.assert_array_equal(answer(loaded)[0], answer(model)[0])
    onnxruntime.InferenceSession(tmp_path / "best.onnx", providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("claim", ["missing.bin", "../weights.bin"])
def test_external_weights_can_be_claimed_to_lie_elsewhere(tmp_path, claim):
    save_external(anchor_free(), tmp_path / "best.onnx", claim=claim)
    model = onnx.load(tmp_path / "best.onnx", load_external_data=False)
    claimed = {e.value for t in model.graph.initializer for e in t.external_data if e.key == "location"}
    assert claimed == {claim}
    assert (tmp_path / "weights.bin").exists()
