"""What every family owes: its graphs are recognised, with and without their names, and decoded exactly."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from carded import read_carded
from contracts.graph_edits import cast_at_output, identity_at_output, nameless, write
from contracts.head_rows import ROWS
from lineside.core import plugins
from lineside.core.errors import ConventionError, DeadModelError, ModelError
from lineside.engine import run_once
from lineside.models.card import ModelCard
from lineside.models.facts import ModelFacts
from lineside.models.reading import head_of
from lineside.models.recognise import PACKAGE, family, family_named, recognise
from lineside.models.spec import Conventions
from lineside.postprocess.candidates import Selection
from lineside.testing.graphs import CATALOGUE

FAMILIES = plugins.names(PACKAGE)
KNOWN = [name for name, entry in CATALOGUE.items() if entry.family]
REFUSED = [name for name, entry in CATALOGUE.items() if entry.refusal]
# What only a run shows: the values of a dead export.
DEAD_BY_VALUES = ["nan_scores", "infinite_boxes", "two_scores", "constant_scores", "scores_above_one"]
CONFIDENCE = 0.02
TASKS = {"_seg": "segment", "_pose": "pose", "_obb": "obb", "classifier": "classify"}


def _decoded(reading, confidence=CONFIDENCE):
    card = reading.card
    found = family(card.family).decode(reading.answer, card.head, Selection(confidence))
    rows = np.column_stack([found.xyxy, found.confidence, found.class_id])
    return rows[np.lexsort(rows.T)]


def _nearest(table, rows):
    """Of each row the nearest one of a table, with a class, a score and pixels weighed as they may differ."""
    apart = [1, 1, 1, 1, 500, 1000]
    return np.array([table[(np.abs(table - row) * apart).max(axis=1).argmin()] for row in rows]).reshape(
        -1, 6
    )


def _facts_of(card):
    """What a card says of the head, without what the file's names give."""
    own = dataclasses.asdict(card)
    own["input"].pop("name")
    for constant in own["input"]["constants"]:
        constant.pop("name")
    return {
        key: own[key] for key in ("family", "task", "input", "conventions", "head", "nms_inside", "nms_free")
    }


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_of_the_folder_has_a_row_and_graphs(name):
    assert ROWS[name].graphs(name), f"{name}: add its graphs to the catalogue, and a row to head_rows.py"


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_has_what_the_protocol_asks(name):
    module = family(name)
    assert module.TITLE
    assert isinstance(module.CONVENTIONS, Conventions)
    assert isinstance(module.NMS_FREE, bool)
    assert all(callable(getattr(module, part)) for part in ("match", "scores", "decode"))


def test_every_name_and_alias_means_one_family():
    aliases = [(alias, name) for name in FAMILIES for alias in family(name).ALIASES]
    assert len({alias for alias, _ in aliases}) == len(aliases)
    assert not {alias for alias, _ in aliases} & set(FAMILIES)
    for alias, name in (*aliases, *zip(FAMILIES, FAMILIES, strict=True)):
        assert family_named(alias) == family_named(f" {alias.upper()} ") == name


@pytest.mark.parametrize("graph", KNOWN)
def test_a_known_graph_is_recognised(graph, read):
    entry, card = CATALOGUE[graph], read(graph).card
    assert (card.family, len(card.names), card.head.classes) == (entry.family, entry.classes, entry.classes)
    assert card.task in ROWS[entry.family].tasks
    assert 0.6 <= card.sureness <= 1
    assert len(card.evidence) >= 2
    assert bool(card.head.strides) == ROWS[entry.family].grid
    if card.head.strides:
        # A convolution of stride 2 rounds up, where the input is no multiple of the coarsest stride.
        cells = sum(
            -(-card.input.size.height // s) * -(-card.input.size.width // s) for s in card.head.strides
        )
        assert card.head.rows == cells * card.head.anchors
        assert card.head.rows == max(read(graph).answer[0].shape) or card.head.others


@pytest.mark.parametrize("graph", KNOWN)
def test_its_structure_alone_gives_the_same_card(graph, catalogue_file, read):
    run, static = read(graph).card, ModelCard.read(catalogue_file(graph))
    assert _facts_of(static) == _facts_of(run)
    assert static.names == run.names
    assert static.sureness <= run.sureness
    assert any("no probe run" in reason for reason in static.evidence)


@pytest.mark.parametrize("graph", KNOWN)
def test_no_name_in_the_file_matters(graph, read, tmp_path):
    named = read(graph)
    path = write(nameless(CATALOGUE[graph].build()), tmp_path / "other.onnx")
    # Metadata gave the size of a file that leaves it open.
    facts = ModelFacts(size=named.card.input.size) if named.card.input.dynamic_size else None
    bare = read_carded(path, facts=facts, run=run_once)
    assert _facts_of(bare.card) == _facts_of(named.card)
    assert bare.card.names_from == "numbered"
    assert np.array_equal(_decoded(bare), _decoded(named))


@pytest.mark.parametrize("graph", KNOWN)
@pytest.mark.parametrize("edit", [identity_at_output, cast_at_output])
def test_what_changes_nothing_at_the_output_changes_nothing(graph, edit, tmp_path, read):
    path = write(edit(CATALOGUE[graph].build()), tmp_path / "model.onnx")
    assert _facts_of(ModelCard.read(path, run=run_once)) == _facts_of(read(graph).card)


@pytest.mark.parametrize("graph", KNOWN)
@pytest.mark.parametrize("confidence", [CONFIDENCE, 0.25])
def test_decoding_agrees_with_the_reference(graph, confidence, read):
    entry = CATALOGUE[graph]
    reading = read(graph)
    card = reading.card
    expected = np.array(
        ROWS[entry.family].decode(
            list(reading.answer), entry.classes, card.input.size, card.head.strides, confidence
        )
    ).reshape(-1, 6)
    found = _decoded(reading, confidence)
    assert len(found) == len(expected)
    # Rounding may change the order of scores that are nearly the same: each is compared with its nearest.
    found, expected = (
        np.vstack([found, _nearest(found, expected)]),
        np.vstack([_nearest(expected, found), expected]),
    )
    if not graph.endswith("_empty") and confidence == CONFIDENCE:
        assert len(found)
    assert np.abs(found[:, :4] - expected[:, :4]).max(initial=0) < 0.05
    assert np.abs(found[:, 4] - expected[:, 4]).max(initial=0) < 1e-4
    assert np.array_equal(found[:, 5], expected[:, 5])


@pytest.mark.parametrize("name", FAMILIES)
def test_only_wanted_classes_are_decoded(name, read):
    reading = read(ROWS[name].graphs(name)[0])
    card = reading.card
    every = _decoded(reading)
    wanted = np.zeros(len(card.names), bool)
    wanted[1] = True
    found = family(name).decode(reading.answer, card.head, Selection(CONFIDENCE, wanted))
    assert len(found.class_id) == np.count_nonzero(every[:, 5] == 1) > 0
    assert set(found.class_id.tolist()) == {1}


@pytest.mark.parametrize("name", FAMILIES)
def test_candidates_come_best_first_and_a_cap_is_told(name, read):
    reading = read(ROWS[name].graphs(name)[0])
    found = family(name).decode(reading.answer, reading.card.head, Selection(0.0, limit=2))
    assert len(found.xyxy) == 2
    assert found.truncated
    assert (np.diff(found.confidence) <= 0).all()
    assert found.xyxy.dtype == np.float32
    assert found.xyxy.flags.owndata or found.xyxy.base is not None
    assert found.class_id.dtype == np.int32


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("channel", [0, 4])
def test_an_answer_that_is_not_finite_is_refused(name, value, channel, read):
    reading = read(ROWS[name].graphs(name)[0])
    spoilt = [output.copy() for output in reading.answer]
    first = spoilt[ROWS[name].floats][0]
    rows = np.atleast_2d(first.T if reading.card.head.channels_first else first)
    rows[min(3, len(rows) - 1), min(channel, rows.shape[1] - 1)] = value
    with pytest.raises(ModelError, match="not used"):
        family(name).decode(spoilt, reading.card.head, Selection(CONFIDENCE))


@pytest.mark.parametrize("graph", KNOWN)
def test_a_family_that_the_graph_contradicts_cannot_be_forced(graph, read):
    reading = read(graph).reading
    head = head_of(reading.subject, reading.answer)
    for name in set(FAMILIES) - {CATALOGUE[graph].family, *CATALOGUE[graph].by_hand}:
        with pytest.raises(ConventionError) as refusal:
            recognise(head, "best.onnx", by_hand=name, task_hint=None)
        assert f"set by hand as {name}" in str(refusal.value)
        assert f"Seen: {len(head.shapes)} output" in str(refusal.value)


@pytest.mark.parametrize("graph", KNOWN)
def test_its_own_family_can_be_set_by_hand(graph, catalogue_file):
    entry = CATALOGUE[graph]
    for name in (entry.family, *entry.by_hand):
        card = ModelCard.read(catalogue_file(graph), facts=ModelFacts(family=name), run=run_once)
        assert (card.family, card.sureness) == (name, 1.0)
        assert f"family set by hand: {name}" in card.evidence


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_set_by_hand_that_contradicts_the_file_is_refused_with_the_file(name, catalogue_file):
    other = next(
        g for g in KNOWN if name not in {CATALOGUE[g].family, *CATALOGUE[g].by_hand} and g != "colour_spots"
    )
    with pytest.raises(ConventionError, match=f"{other}.onnx: set by hand as {name}"):
        ModelCard.read(catalogue_file(other), facts=ModelFacts(family=name), run=run_once)


@pytest.mark.parametrize("graph", REFUSED)
def test_a_graph_that_is_no_known_head_is_refused_by_its_kind(graph, catalogue_file):
    with pytest.raises(ModelError) as refusal:
        ModelCard.read(catalogue_file(graph), run=run_once)
    assert type(refusal.value) is CATALOGUE[graph].refusal
    assert str(refusal.value).startswith(f"{graph}.onnx: ")


@pytest.mark.parametrize("graph", [g for g in REFUSED if g not in DEAD_BY_VALUES])
def test_it_is_refused_by_its_structure_alone_as_well(graph, catalogue_file):
    with pytest.raises(ModelError) as refusal:
        ModelCard.read(catalogue_file(graph))
    if CATALOGUE[graph].runs:
        assert type(refusal.value) is CATALOGUE[graph].refusal


@pytest.mark.parametrize("graph", [g for g in REFUSED if g not in DEAD_BY_VALUES and not g.endswith("_bare")])
def test_it_is_refused_without_its_names_as_well(graph, tmp_path):
    path = write(nameless(CATALOGUE[graph].build()), tmp_path / "other.onnx")
    with pytest.raises(CATALOGUE[graph].refusal):
        ModelCard.read(path, run=run_once)


@pytest.mark.parametrize(
    "graph", [g for g in REFUSED if not issubclass(CATALOGUE[g].refusal, DeadModelError)]
)
def test_a_refused_head_cannot_be_forced_into_a_family(graph, catalogue_file):
    by_hand = CATALOGUE[graph].by_hand
    for name in FAMILIES:
        if name not in by_hand:
            with pytest.raises(ModelError):
                ModelCard.read(catalogue_file(graph), facts=ModelFacts(family=name), run=run_once)
    for name in by_hand:  # of an ambiguous head: what was left to the user
        card = ModelCard.read(catalogue_file(graph), facts=ModelFacts(family=name), run=run_once)
        assert (card.family, card.sureness) == (name, 1.0)


@pytest.mark.parametrize(
    ("graph", "seen", "advice"),
    [
        ("raw_of_two_levels", "raw_yolov3 (75%: 2 outputs are undecoded levels", "; raw_yolov4 (75%: "),
        ("raw_of_yolov3_in_torch", "raw_yolov5 (75%: 3 outputs", "LeakyReLU layers, no pooling by 2"),
        ("raw_with_mish_in_torch", "raw_yolov7 (75%: 3 outputs", "Mish layers, no pooling by 2"),
        ("raw_of_no_family", "raw_yolov5 (75%: 3 outputs", "Set the right one with --family"),
        (
            "detr_first",
            '"logits" (1, 100, 4) = 4 Add, "pred_boxes" (1, 100, 4) = 4 Sigmoid',
            'one "no object"',
        ),
        ("super_resolution", '"output" (1, 3, 256, 320)', "--family"),
        ("objectness_computed", "4 Mul + 1 Sign + 3 Sigmoid", "YOLOX (decoded) or YOLOv6"),
        (
            "objectness_of_no_family",
            "4 Mul + 1 Sigmoid + 3 Sigmoid",
            "Export the head as its repository does",
        ),
        ("two_pictures", '"before" float32 (1, 3, 128, 160)', "one picture input, got 2"),
        ("rank_three", '"images" is float32 (3, 128, 160)', "(batch, 3, height, width)"),
        ("unknown_operator", "DeformableSample", "Export it again"),
        ("dead_static_int8", 'output "output0" comes straight from one DequantizeLinear', "left in float"),
        ("nan_scores", "NaN or infinite", "float32"),
        ("two_scores", "0.1 and 0.6", "Export it again"),
        ("constant_scores", "scores of a test picture are 0.1", "Export it again"),
        ("scores_above_one", "scores from", "Export it again"),
    ],
)
def test_a_refusal_says_what_was_seen_and_what_to_do(graph, seen, advice, catalogue_file):
    with pytest.raises(ModelError) as refusal:
        ModelCard.read(catalogue_file(graph), run=run_once)
    assert seen in str(refusal.value)
    assert advice in str(refusal.value)


@pytest.mark.parametrize("graph", KNOWN)
def test_a_card_survives_json(graph, read):
    card = read(graph).card
    assert ModelCard.from_dict(json.loads(json.dumps(card.to_dict()))) == card


@pytest.mark.parametrize("graph", [name for name in KNOWN if name.startswith("nms_")])
def test_an_empty_answer_of_a_head_with_nms_inside_is_legal(graph, read):
    reading = read(graph)
    assert reading.card.nms_inside
    assert reading.card.nms_free
    assert bool(len(_decoded(reading))) != graph.endswith("_empty")


@pytest.mark.parametrize("name", FAMILIES)
def test_the_manual_says_how_many_graphs_hold_a_family(name):
    page = (Path(__file__).parents[2] / "docs" / "models.md").read_text(encoding="utf-8")
    assert f"| {name} | {family_task(name)} | {len(ROWS[name].graphs(name))} | " in page


def family_task(name):
    return next((task for end, task in TASKS.items() if name.endswith(end)), "detect")
