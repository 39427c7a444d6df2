"""A model is quantised, judged, and given out only if it answers as before."""

from __future__ import annotations

import json
from dataclasses import replace

import cv2
import numpy as np
import onnx
import pytest

from lineside import Detector
from lineside.core.errors import DatasetError, OutputError, QuantisationError, SettingsError
from lineside.engine import run_once
from lineside.evaluation.dataset import open_dataset
from lineside.evaluation.judging import Judgement
from lineside.evaluation.quantising.calibration import ranges
from lineside.evaluation.quantising.outcome import document
from lineside.evaluation.quantising.report import write
from lineside.evaluation.quantising.trials import Subject
from lineside.models.facts import ModelFacts
from lineside.models.file import ModelFile
from lineside.models.reading import read_model
from lineside.testing.graphs import CATALOGUE, dead_static_int8, static_int8

OPENS = (
    "anchor_free",
    "anchor_free_dynamic",
    "yolov5",
    "yolox",
    "yolox_decoded",
    "segmentation",
    "pose",
    "oriented_boxes",
    "classification",
    "end_to_end_26",
    "nms_rows",
    "picodet",
    "detr",
    "rfdetr",
)


@pytest.fixture(scope="module")
def made(spots, tmp_path_factory):
    """The spots detector in int8 and in fp16."""
    from lineside.evaluation.pictures import Pictures
    from lineside.evaluation.quantising.quantise import Quantiser
    from lineside.evaluation.quantising.settings import QuantiseSettings

    cache = tmp_path_factory.mktemp("cache")
    return {
        precision: Quantiser(
            spots / "spots.onnx",
            Pictures.of_source(str(spots / "parts"), 16),
            QuantiseSettings(precision=precision, pictures=16),
            cache=cache,
        ).run()
        for precision in ("int8", "fp16")
    }


@pytest.mark.parametrize(("precision", "told"), [("int8", "int8 (static)"), ("fp16", "fp16")])
def test_the_file_is_what_it_says_and_finds_what_the_float_model_finds(
    made, spots, tmp_path, precision, told
):
    outcome = made[precision]
    target = tmp_path / "out.onnx"
    write(outcome, target, spots / "spots.onnx")
    small, big = (Detector(p, cache=tmp_path / "cache") for p in (target, spots / "spots.onnx"))
    assert small.card.precision == told
    assert (small.names, small.card.family) == (big.names, big.card.family)
    assert small.card.input.dynamic_batch
    assert small.card.size_bytes < big.card.size_bytes
    image = cv2.imread(str(spots / "parts" / "35.png"))
    assert len(small(image)) == len(big(image)) == 3
    assert outcome.judgement.agreement.agreement == 1


def test_the_file_says_how_it_was_made(made, spots):
    model = onnx.load_model_from_string(made["int8"].data)
    entries = {entry.key: entry.value for entry in model.metadata_props}
    original = onnx.load(spots / "spots.onnx")
    assert entries.items() >= {entry.key: entry.value for entry in original.metadata_props}.items()
    assert entries["lineside.quantised"] == "int8"
    assert entries["lineside.source_sha256"] == ModelFile.read(spots / "spots.onnx").sha256
    assert len(entries["lineside.pictures_sha256"]) == 64
    assert json.loads(entries["lineside.figures"])["agreement"]["lost"] == 0
    onnx.checker.check_model(model, full_check=True)


def test_the_same_pictures_give_the_same_file(made, quantiser):
    again = quantiser().run()
    assert again.data == made["int8"].data


def test_the_report_holds_the_figures_and_its_page_the_layers(made, spots, tmp_path):
    target = tmp_path / "out.onnx"
    written = write(made["int8"], target, spots / "spots.onnx")
    assert [path.name for path in written] == [
        "out.onnx",
        "out.report.json",
        "out.report.md",
        "out.report.png",
    ]
    told = json.loads((tmp_path / "out.report.json").read_text())
    assert told == json.loads(json.dumps(document(made["int8"])))
    assert {group["head"] for group in told["groups"]} == {True, False}
    assert "/Conv_1" in (tmp_path / "out.report.md").read_text()


def test_facts_beside_the_model_go_with_it(made, spots, tmp_path):
    source = tmp_path / "spots.onnx"
    source.write_bytes((spots / "spots.onnx").read_bytes())
    source.with_suffix(".toml").write_text("pad_value = 100\n")
    write(made["int8"], tmp_path / "out.onnx", source)
    assert (tmp_path / "out.toml").read_text() == "pad_value = 100\n"


def test_names_set_by_hand_are_written_into_the_file(quantiser, spots, tmp_path):
    bare = onnx.load(spots / "spots.onnx")
    del bare.metadata_props[:]
    path = tmp_path / "bare.onnx"
    onnx.save(bare, path)
    outcome = quantiser(path, facts=ModelFacts(names=("a", "b", "c"))).run()
    out = tmp_path / "out.onnx"
    out.write_bytes(outcome.data)
    assert Detector(out, cache=tmp_path / "cache").names == ("a", "b", "c")


def test_a_place_that_cannot_be_written_is_told(made, spots, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        write(made["int8"], tmp_path / "file" / "out.onnx", spots / "spots.onnx")


def stretched(factor):
    """Ranges as one huge outlier leaves them: nearly every value falls on one step."""

    def broken(histograms, method, feeding):
        good = ranges(histograms, method, feeding)
        return {name: (low * factor, high * factor) for name, (low, high) in good.items()}

    return broken


def test_ranges_that_one_outlier_stretched_are_refused(quantiser):
    with pytest.raises(QuantisationError, match=r"nothing was written: .*--max-drop"):
        quantiser(choose_ranges=stretched(1000.0), settings={"tolerance": 1.0, "search_s": 0}).run()


def test_ranges_of_nothing_are_refused(quantiser):
    def nothing(histograms, method, feeding):
        return dict.fromkeys(ranges(histograms, method, feeding), (0.0, 0.001))

    with pytest.raises(QuantisationError, match="nothing was written"):
        quantiser(choose_ranges=nothing, settings={"tolerance": 1.0, "search_s": 0}).run()


@pytest.fixture
def grey(tmp_path):
    """Pictures that show nothing."""
    (tmp_path / "grey").mkdir()
    for number in range(12):
        cv2.imwrite(str(tmp_path / "grey" / f"{number}.png"), np.full((64, 64, 3), 90 + number, np.uint8))
    return tmp_path / "grey"


def test_pictures_in_which_the_float_model_finds_nothing_are_refused(quantiser, grey):
    with pytest.raises(QuantisationError, match=r"finds nothing above 0.25 in any of 12 .*--any-pictures"):
        quantiser(pictures=grey).run()


def test_even_then_nothing_is_given_out_that_nothing_proves(quantiser, grey):
    with pytest.raises(SettingsError, match=r"nothing would prove .*--truth"):
        quantiser(pictures=grey, settings={"any_pictures": True}).run()


def test_too_few_pictures_that_can_be_read_are_refused_with_their_number(quantiser, spots, tmp_path):
    (tmp_path / "few").mkdir()
    for number in range(9):
        data = (spots / "parts" / f"{number}.png").read_bytes()
        (tmp_path / "few" / f"{number}.png").write_bytes(data if number < 7 else data[:90])
    with pytest.raises(
        QuantisationError, match="7 pictures to calibrate on, 2 could not be read; expected at least 8"
    ):
        quantiser(pictures=tmp_path / "few").run()


@pytest.mark.parametrize("precision", ["int8", "fp16"])
def test_a_model_in_integers_is_refused(quantiser, tmp_path, precision):
    path = tmp_path / "small.onnx"
    path.write_bytes(static_int8().SerializeToString())
    with pytest.raises(QuantisationError, match=r"int8 \(static\) already, expected a model in float32"):
        quantiser(path, settings={"precision": precision}).run()


def test_a_form_that_answers_no_scores_is_dead_however_much_may_be_lost(quantiser, tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(CATALOGUE["anchor_free"].build().SerializeToString())
    subject = Subject.of(read_model(ModelFile.read(path), run=run_once))

    class Lenient:
        def dead(self, why):
            return Judgement(None, None, None, 1.0, why)

    judgement, card = quantiser()._judged(Lenient(), dead_static_int8().SerializeToString(), subject)
    assert "dead export" in judgement.dead
    assert card is None
    assert not judgement.passes


@pytest.mark.parametrize("name", OPENS)
def test_every_kind_of_head_is_quantised_and_recognised_as_before(name, tmp_path):
    from lineside.evaluation.quantising.calibration import Feeding, collect

    path = tmp_path / "model.onnx"
    path.write_bytes(CATALOGUE[name].build().SerializeToString())
    reading = read_model(ModelFile.read(path), run=run_once)
    subject, feeding = Subject.of(reading), Feeding(reading)
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (90, 120, 3), np.uint8) for _ in range(2)]
    found = collect(subject.data, subject.tensors, feeding, images)
    nodes = subject.before_tail - set(subject.tail.last)
    path.write_bytes(subject.int8(ranges(found, "minmax", feeding), nodes))
    model = onnx.load(path)
    quantised = {n.name for n in model.graph.node if n.op_type == "QuantizeLinear"}
    assert quantised
    again = read_model(ModelFile.read(path), run=run_once)
    assert (again.family, again.match.spec) == (reading.family, reading.match.spec)
    assert again.subject.picture == replace(reading.subject.picture)
    tail = {n.name: n for n in model.graph.node if n.name in subject.tail.nodes}
    makers = {o: n for n in model.graph.node for o in n.output}
    for node in tail.values():
        before = [makers[i] for i in node.input if i in makers]
        assert all(n.op_type != "DequantizeLinear" or n.input[0] in makers for n in before)
        assert not any(
            n.op_type == "QuantizeLinear" and o in n.input for n in makers.values() for o in node.output
        )


def test_a_data_set_without_any_object_proves_nothing(quantiser, spots, tmp_path):
    truth = {
        "images": [{"id": 1, "file_name": "0.png", "width": 320, "height": 320}],
        "annotations": [],
        "categories": [{"id": 0, "name": "red spot"}],
    }
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    empty = open_dataset(tmp_path / "truth.json", images=spots / "parts")
    with pytest.raises(DatasetError, match="no true object"):
        quantiser(truth=empty, settings={"search_s": 0}).run()


def test_a_refusal_says_when_there_was_no_time_to_look_for_fragile_layers(quantiser):
    with pytest.raises(QuantisationError, match="raise --search-s"):
        quantiser(choose_ranges=stretched(1000.0), settings={"search_s": 0}).run()
