"""`lineside quantize` as its user runs it."""

from __future__ import annotations

import json
import shutil

import cv2
import numpy as np
import pytest

from lineside import Size
from lineside.testing.graphs import draw_spots


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """Pictures with spots, and a COCO file with the truth of them."""
    folder = tmp_path_factory.mktemp("parts")
    rng = np.random.default_rng(8)
    images, annotations = [], []
    for number in range(36):
        drawn = draw_spots(rng, Size(height=320, width=320), 3)
        cv2.imwrite(str(folder / f"{number}.png"), drawn.image)
        images.append({"id": number, "file_name": f"{number}.png", "width": 320, "height": 320})
        for box, class_id in zip(drawn.xyxy.tolist(), drawn.class_id.tolist(), strict=True):
            x, y, right, bottom = box
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": class_id,
                    "bbox": [x, y, right - x, bottom - y],
                }
            )
    names = ("red spot", "blue spot", "dark spot")
    document = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": k, "name": name} for k, name in enumerate(names)],
    }
    (folder / "truth.json").write_text(json.dumps(document))
    return folder


def test_it_writes_a_file_that_inspect_knows_and_detect_runs(cli, plant, parts, tmp_path):
    done = cli("quantize", plant.model, "--data", parts, "--pictures", 16)
    assert "written: spots-int8.onnx" in done.stdout
    assert "24 pictures" not in done.stderr
    card = json.loads(cli("inspect", "spots-int8.onnx", "--json").stdout)
    assert card["precision"] == "int8 (static)"
    assert card["names"] == ["red spot", "blue spot", "dark spot"]
    found = cli("detect", "spots-int8.onnx", *plant.pictures, "--jsonl").stdout.splitlines()
    assert [len(json.loads(line)["detections"]) for line in found] == list(plant.spots)
    assert {path.name for path in tmp_path.iterdir()} >= {"spots-int8.report.json", "spots-int8.report.md"}


def test_a_data_set_judges_by_its_truth(cli, plant, parts):
    done = cli(
        "quantize", plant.model, "--data", parts / "truth.json", "--pictures", 16, "-o", "out.onnx", "--json"
    )
    told = json.loads(done.stdout)
    assert told["judged_by"] == "truth"
    assert told["before"]["map50"] > 0.9
    assert told["after"]["map50"] > told["before"]["map50"] - 0.01
    assert told["drop"] <= told["allowed"] == 0.01
    assert told["written"][0] == "out.onnx"


def test_half_precision_is_written_and_told_to_be_meant_for_other_devices(cli, plant, parts):
    done = cli("quantize", plant.model, "--data", parts, "--precision", "fp16")
    assert "fp16 is meant for GPUs" in done.stdout
    assert json.loads(cli("inspect", "spots-fp16.onnx", "--json").stdout)["precision"] == "fp16"


def test_what_loses_too_much_is_not_written(cli, plant, parts, tmp_path):
    truth = json.loads((parts / "truth.json").read_text())
    lines = cli(
        "detect", plant.model, *(parts / one["file_name"] for one in truth["images"]), "--jsonl"
    ).stdout
    truth["annotations"] = []
    for number, line in enumerate(
        lines.splitlines()
    ):  # its own answers to the last digit: int8 moves every box
        for found in json.loads(line)["detections"]:
            left, top, right, bottom = found["xyxy"]
            truth["annotations"].append(
                {
                    "id": len(truth["annotations"]) + 1,
                    "image_id": number,
                    "category_id": found["class_id"],
                    "bbox": [left, top, right - left, bottom - top],
                }
            )
    (parts / "own.json").write_text(json.dumps(truth))
    limits = ("--max-drop", 0, "--tolerance", 1, "--pictures", 8)
    done = cli("quantize", plant.model, "--data", parts / "own.json", *limits, code=2)
    assert "nothing was written" in done.stderr
    assert "[model.quantise]" in done.stderr
    assert not list(tmp_path.glob("*.onnx"))


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        (("--data", "nowhere"), 2, "no such file or folder"),
        (("--data", "{parts}", "--precision", "int4"), 2, '--precision: unknown "int4"'),
        (("--data", "{parts}", "--method", "minmac"), 2, 'did you mean "minmax"?'),
        (("--data", "{parts}", "--pictures", "3"), 2, "--pictures: expected at least 8"),
        (("--data", "{parts}", "--max-drop", "2"), 2, "--max-drop: expected 0 to 1"),
        (("--data", "{empty}"), 2, "expected pictures or videos in the folder"),
        (("--data", "{grey}"), 2, "finds nothing above 0.25"),
        (("--data", "{parts}", "--truth", "gone.json"), 2, "no such data set"),
        (("--data", "{parts}", "-o", "out.bin"), 4, "expected the name of an .onnx file"),
        (("--data", "{parts}", "-o", "{model}"), 4, "this is the model itself"),
        (("--data", "{parts}", "-o", "{there}"), 4, "there is a file already"),
        (("--data", "{parts}", "-o", "{there}/below.onnx"), 4, "cannot be written"),
    ],
)
def test_bad_input_has_its_sentence_and_its_exit_code(cli, plant, parts, tmp_path, options, code, told):
    places = {name: tmp_path / name for name in ("empty", "grey")}
    for place in places.values():
        place.mkdir()
    for number in range(9):
        cv2.imwrite(str(places["grey"] / f"{number}.png"), np.full((32, 32, 3), 99, np.uint8))
    there = tmp_path / "there.onnx"
    there.write_bytes(b"kept")
    texts = {**places, "parts": parts, "model": plant.model, "there": there}
    done = cli("quantize", plant.model, *(str(o).format(**texts) for o in options), code=code)
    assert told in done.stderr
    assert there.read_bytes() == b"kept"


def test_an_older_file_is_replaced_only_when_asked(cli, plant, parts, tmp_path):
    (tmp_path / "spots-int8.onnx").write_bytes(b"old")
    cli("quantize", plant.model, "--data", parts, "--pictures", 8, "--overwrite", "--search-s", 0)
    assert (tmp_path / "spots-int8.onnx").stat().st_size > 1000


def test_a_quantised_file_is_not_quantised_again(cli, parts, tmp_path):
    from lineside.models import shipped

    shutil.copy(shipped.resolve("shipped:plant-int8"), tmp_path / "small.onnx")
    done = cli("quantize", "small.onnx", "--data", parts, code=2)
    assert "int8 (static) already" in done.stderr
