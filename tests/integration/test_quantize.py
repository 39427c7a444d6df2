"""Trained models keep their accuracy in int8: our own on parts that it never saw, others' on other people's pictures."""

from __future__ import annotations

import json

import cv2
import onnx
import pytest

from lineside import Detector
from lineside.capture.plant.plant import Plant
from lineside.capture.plant.settings import PlantSettings
from lineside.engine.providers.cpu import speed_hints
from lineside.evaluation.dataset import open_dataset
from lineside.evaluation.evaluation import evaluate
from lineside.evaluation.pictures import Pictures
from lineside.evaluation.quantising.quantise import Quantiser
from lineside.evaluation.quantising.settings import QuantiseSettings
from lineside.models.decode_tail import DecodeTail
from lineside.models.graph import Graph

POINT = 0.01
UNBOUNDED_S = 3000  # what is found must not depend on what else the machine is doing

pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(scope="module")
def belt(tmp_path_factory):
    """A COCO file of parts whose seeds and light the model was not trained on."""
    folder = tmp_path_factory.mktemp("belt")
    images, annotations, names = [], [], []
    for product in ("disc", "cap"):
        plant = Plant(PlantSettings(product, seed=41, lighting="evening", defect_rate=0.6))
        for part in range(14):
            image, truth = plant.render(part, part % 2)
            names = list(truth.names)
            number = len(images)
            cv2.imwrite(str(folder / f"{number}.png"), image)
            height, width = image.shape[:2]
            images.append({"id": number, "file_name": f"{number}.png", "width": width, "height": height})
            for box, class_id in zip(truth.xyxy.tolist(), truth.class_id.tolist(), strict=True):
                x, y, right, bottom = box
                if max(right - x, bottom - y) >= truth.limit_px:
                    annotations.append(
                        {
                            "id": len(annotations) + 1,
                            "image_id": number,
                            "category_id": class_id,
                            "bbox": [x, y, right - x, bottom - y],
                        }
                    )
    document = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": k, "name": name} for k, name in enumerate(names)],
    }
    (folder / "truth.json").write_text(json.dumps(document))
    return folder / "truth.json"


def test_our_own_model_loses_at_most_a_point_on_parts_that_neither_trained_nor_calibrated_it(belt, tmp_path):
    pictures = Pictures.of_source("synthetic:disc?seed=7&defects=0.5", 24)
    settings = QuantiseSettings(pictures=24, max_drop=0.2, search_s=UNBOUNDED_S)
    outcome = Quantiser("shipped:plant", pictures, settings, cache=tmp_path / "cache").run()
    path = tmp_path / "plant-int8.onnx"
    path.write_bytes(outcome.data)
    small = Detector(path, cache=tmp_path / "cache")
    big = Detector("shipped:plant", cache=tmp_path / "cache")
    assert (small.card.family, small.names) == (big.card.family, big.names)
    assert small.card.precision == "int8 (static)"
    assert not set(small.card.warnings) - set(speed_hints(small.card.precision))
    truth = open_dataset(belt, model_names=big.names)
    before, after = evaluate(big, truth), evaluate(small, truth)
    assert before.map50 > 0.7
    assert after.map50 >= before.map50 - POINT


def test_yolox_nano_loses_at_most_a_point_of_map_on_coco_pictures(zoo, tmp_path):
    truth = open_dataset(zoo / "truth" / "coco79.json", images=zoo / "images" / "coco79")
    pictures = Pictures.of_files("coco79", [one.path for one in truth.pictures])
    quantiser = Quantiser(
        zoo / "models" / "yolox_nano_coco.onnx",
        pictures,
        QuantiseSettings(search_s=UNBOUNDED_S),
        truth=truth,
        cache=tmp_path / "cache",
    )
    outcome = quantiser.run()
    assert outcome.judgement.drop <= POINT
    assert outcome.after.precision == "int8 (static)"
    assert 0 < len(outcome.in_float) < 20
    model = onnx.load_model_from_string(outcome.data)
    tail = DecodeTail.of(Graph(model))
    assert len(tail.last) == 9
