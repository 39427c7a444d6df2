"""A classifier on the command line."""

from __future__ import annotations

import csv
import io
import json

import cv2
import pytest

from lineside.testing.graphs import GraphSpec, classification


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    path = tmp_path_factory.mktemp("classifier") / "kinds.onnx"
    spec = GraphSpec(classes=7, names=("a", "b", "c", "d", "e", "f", "g"))
    path.write_bytes(classification(spec, ending="logits").SerializeToString())
    return path


def test_inspect_says_that_it_answers_for_the_whole_picture(cli, classifier):
    text = cli("inspect", classifier, "--mean", "0.5,0.5,0.5").stdout
    assert "classify" in text
    assert "7 classes of the whole picture, logits" in text
    assert "less 0.5, 0.5, 0.5" in text


def test_detect_names_the_five_best_classes(cli, classifier, plant):
    text = cli("detect", classifier, plant.pictures[0]).stdout
    assert text.count("the whole picture") == 5
    assert "truncated" not in text
    (line,) = cli("detect", classifier, plant.pictures[0], "--jsonl").stdout.splitlines()
    answer = json.loads(line)
    scores = [c["confidence"] for c in answer["classes"]]
    assert (len(scores), scores) == (5, sorted(scores, reverse=True))
    assert answer["detections"] == []


def test_limits_hold_for_classes_too(cli, classifier, plant):
    done = cli("detect", classifier, plant.pictures[0], "--csv", "--max-detections", 7, "--classes", "a,b,c")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert {row["name"] for row in rows} == {"a", "b", "c"}
    assert {row["truncated"] for row in rows} == {"false"}


def test_the_answer_is_drawn(cli, classifier, plant, tmp_path):
    cli("detect", classifier, plant.pictures[0], "--save", "drawn")
    before, after = cv2.imread(str(plant.pictures[0])), cv2.imread(str(tmp_path / "drawn" / "part-0.png"))
    assert (before != after).any()


def test_numbers_that_are_none_are_refused(cli, classifier, plant):
    done = cli("detect", classifier, plant.pictures[0], "--deviation", "0.2,0.2", code=2)
    assert "deviation: expected three numbers" in done.stderr
