"""The model in the wheel on parts of seeds and a light that it was never trained on."""

from __future__ import annotations

import numpy as np
import pytest

from lineside import Detector
from lineside.capture.plant.defects import DEFECTS
from lineside.capture.plant.plant import Plant
from lineside.capture.plant.settings import PlantSettings
from lineside.cli.demo import CONFIDENCE
from lineside.core.verdict import Verdict
from lineside.engine import run_once
from lineside.models import shipped
from lineside.models.card import ModelCard

PARTS = 24


@pytest.fixture(scope="module", params=shipped.names())
def detector(request, tmp_path_factory):
    return Detector(f"shipped:{request.param}", cache=tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def views():
    """One picture of each part by each camera, in a light that was held out, with their truth."""
    taken = []
    for product in ("disc", "cap"):
        plant = Plant(PlantSettings(product, seed=41, lighting="evening", defect_rate=0.5))
        taken += [plant.render(part, camera) for part in range(PARTS) for camera in (0, 1)]
    return taken


def test_both_variants_are_shipped_and_small():
    assert shipped.names() == ("plant", "plant-int8")
    assert shipped.resolve("shipped:plant").stat().st_size <= 4_000_000
    assert shipped.resolve("shipped:plant-int8").stat().st_size <= 2_000_000


@pytest.mark.parametrize("name", shipped.names())
def test_the_head_is_recognised_from_its_structure(name):
    card = ModelCard.read(f"shipped:{name}", run=run_once)
    assert (card.family, card.names) == ("yolov8", DEFECTS)
    assert (card.input.size.height, card.input.size.width) == (640, 640)
    assert not card.warnings


def test_it_tells_good_pictures_from_bad_ones(detector, views):
    found = [len(detector(image, confidence=CONFIDENCE)) > 0 for image, _ in views]
    good = [f for f, (_, truth) in zip(found, views, strict=True) if truth.verdict is Verdict.PASS]
    bad = [
        f
        for f, (_, truth) in zip(found, views, strict=True)
        if (truth.xyxy[:, 2:] - truth.xyxy[:, :2]).max(initial=0) >= truth.limit_px
    ]
    assert len(good) > 20
    assert len(bad) > 20
    assert np.mean(good) <= 0.05
    assert np.mean(bad) >= 0.95


def test_it_finds_what_was_drawn_where_it_was_drawn(detector, views):
    hits = total = 0
    for image, truth in views:
        found = detector(image, confidence=CONFIDENCE)
        for box, class_id in zip(truth.xyxy, truth.class_id, strict=True):
            if (box[2:] - box[:2]).max() < truth.limit_px:
                continue
            total += 1
            same = found[found.class_id == class_id]
            low, high = np.maximum(same.xyxy[:, :2], box[:2]), np.minimum(same.xyxy[:, 2:], box[2:])
            common = (high - low).clip(0).prod(axis=1)
            union = (same.xyxy[:, 2:] - same.xyxy[:, :2]).prod(axis=1) + (box[2:] - box[:2]).prod() - common
            hits += bool((common / union >= 0.5).any())
    assert total > 20
    assert hits / total >= 0.85
