"""What every head is owed by a conversion: the same family, task and detections, or a refusal with its reason."""

from __future__ import annotations

import numpy as np
import pytest

from contracts.graph_edits import write
from lineside.core.errors import UnsupportedModelError
from lineside.engine import run_once
from lineside.models.conversion.convert import Wishes, convert
from lineside.models.conversion.proof import Original, decoded, found
from lineside.models.file import ModelFile
from lineside.models.reading import read_model
from lineside.postprocess.candidates import Selection
from lineside.testing.graphs import CATALOGUE

KNOWN = [name for name, entry in CATALOGUE.items() if entry.family]
WITH_NMS = [name for name in KNOWN if name.startswith("nms_")]
CONFIDENCE = 0.02


def _rows(candidates):
    rows = np.column_stack([candidates.xyxy, candidates.confidence, candidates.class_id])
    return rows[np.lexsort(rows.T)]


def _converted(reading, tmp_path, **wishes):
    """The conversion, and the new file as it is read from disk."""
    conversion = convert(Original(reading, None, run_once), Wishes(**wishes), run_once)
    path = tmp_path / "new.onnx"
    path.write_bytes(conversion.data)
    return conversion, path


@pytest.mark.parametrize("graph", KNOWN)
def test_a_known_graph_keeps_its_family_task_and_detections(graph, read, tmp_path):
    old = read(graph).reading
    conversion, path = _converted(old, tmp_path)
    new = read_model(ModelFile.read(path), run=run_once)
    assert new.family == old.family == conversion.card.family
    assert new.match.spec.task == old.match.spec.task
    assert (new.names, new.conventions, new.subject.picture) == (
        old.names,
        old.conventions,
        old.subject.picture,
    )
    want = Selection(CONFIDENCE)
    expected, got = (_rows(decoded(r, r.answer, want)) for r in (old, new))
    np.testing.assert_allclose(got, expected, atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("graph", WITH_NMS)
def test_a_graph_with_nms_inside_finds_the_same_without_it_or_is_refused(graph, read, tmp_path):
    old = read(graph).reading
    if graph.endswith("_empty") or graph.startswith("nms_indices"):
        with pytest.raises(UnsupportedModelError, match=r"finds nothing on|in a form that lineside reads"):
            _converted(old, tmp_path, remove_nms=True)
        return
    conversion, path = _converted(old, tmp_path, remove_nms=True)
    new = read_model(ModelFile.read(path), run=run_once)
    inside = conversion.inside
    expected = _rows(decoded(old, old.answer, Selection(inside.confidence)))
    got = _rows(found(new, new.answer, inside))
    assert len(expected) > 20
    np.testing.assert_allclose(got, expected, atol=0.05)


@pytest.mark.parametrize("graph", [name for name in KNOWN if "dynamic" in name and "int8" not in name])
def test_open_axes_can_be_fixed_under_every_head(graph, read, tmp_path):
    old = read(graph).reading
    conversion, path = _converted(old, tmp_path, size=True, batch=True)
    new = read_model(ModelFile.read(path), run=run_once)
    assert not new.subject.picture.dynamic_size
    assert not new.subject.picture.dynamic_batch
    assert "dynamic_shape_gpu" not in {hint.code for hint in conversion.card.hints}
    assert new.family == old.family


def test_what_is_converted_has_nothing_left_to_convert(tmp_path):
    path = write(CATALOGUE["anchor_free_dynamic_int8"].build(), tmp_path / "model.onnx")
    for _ in range(2):
        conversion, path = _converted(read_model(ModelFile.read(path), run=run_once), tmp_path)
    assert not conversion.is_changed
