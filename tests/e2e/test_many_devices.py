"""`lineside detect` on several devices at once."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from lineside.engine.hardware import usable_cores

pytestmark = pytest.mark.skipif(usable_cores() < 2, reason="two shares of the CPU need two cores")


def records(done):
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return [{k: v for k, v in line.items() if k not in {"device", "demoted"}} for line in lines]


def test_two_shares_of_the_cpu_answer_as_one_device_in_the_same_order(cli, plant):
    asked = ("detect", plant.model, plant.folder / "parts", "--jsonl", "--confidence", "0.3")
    one, two = cli(*asked, "--devices", "cpu"), cli(*asked, "--devices", "cpu:0,cpu:1")
    assert records(one) == records(two)
    assert [len(record["detections"]) for record in records(two)] == list(plant.spots)


def test_the_slices_of_a_picture_are_spread_and_merged_as_on_one_device(cli, plant, tmp_path):
    whole = np.hstack([cv2.imread(str(path)) for path in plant.pictures])
    cv2.imwrite(str(tmp_path / "large.png"), whole)
    asked = ("detect", plant.model, tmp_path / "large.png", "--jsonl", "--slices", "320")
    one, two = cli(*asked, "--devices", "cpu"), cli(*asked, "--devices", "cpu:0,cpu:1")
    assert records(one) == records(two)
    assert records(two)[0]["detections"]


def test_a_picture_that_cannot_be_read_is_told_and_the_others_go_on(cli, plant, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"no picture")
    sources = (plant.pictures[0], tmp_path / "bad.png", plant.pictures[2])
    done = cli("detect", plant.model, *sources, "--jsonl", "--devices", "cpu:0,cpu:1", code=2)
    assert ["error" in record for record in records(done)] == [False, True, False]
    assert "[image.file]" in done.stderr


def test_a_device_that_does_not_start_is_told_and_the_others_do_the_work(cli, plant):
    asked = ("detect", plant.model, plant.pictures[0], "--jsonl", "--all-devices")
    done = cli(*asked, "--devices", "cuda:0,cpu")
    assert "warning: cuda:0 does not start: " in done.stderr
    assert "[device.not_started]" in done.stderr
    assert len(records(done)[0]["detections"]) == plant.spots[0]
    refused = cli(*asked, "--devices", "cuda:0,cpu", "--demotion", "require", code=3)
    assert "it is required. cuda:0: " in refused.stderr


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--all-devices"], "name the devices with --devices"),
        (["--devices", "cpu:0,cpu:1", "--threads", "1"], "--threads: shares of the CPU have theirs"),
        (["--devices", "cpu,cpu:0", "--all-devices"], "takes the CPU as a whole"),
        (["--devices", "gpu:0,cpu:0", "--all-devices"], 'unknown provider "gpu"'),
    ],
)
def test_what_contradicts_itself_is_refused(cli, plant, options, sentence):
    done = cli("detect", plant.model, plant.pictures[0], *options, code=2)
    assert sentence in done.stderr
