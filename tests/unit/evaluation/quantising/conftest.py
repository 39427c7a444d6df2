from __future__ import annotations

import cv2
import numpy as np
import pytest

from lineside.core.geometry import Size
from lineside.evaluation.pictures import Pictures
from lineside.evaluation.quantising.quantise import Quantiser
from lineside.evaluation.quantising.settings import QuantiseSettings
from lineside.testing.graphs import colour_spots, draw_spots


@pytest.fixture(scope="session")
def spots(tmp_path_factory):
    """A folder with a detector that needs no training, `spots.onnx`, and pictures for it in `parts`."""
    folder = tmp_path_factory.mktemp("spots")
    (folder / "spots.onnx").write_bytes(colour_spots(dynamic_batch=True).SerializeToString())
    (folder / "parts").mkdir()
    rng = np.random.default_rng(3)
    for number in range(36):
        picture = draw_spots(rng, Size(height=320, width=320), 3).image
        assert cv2.imwrite(str(folder / "parts" / f"{number}.png"), picture)
    return folder


@pytest.fixture
def quantiser(spots, tmp_path):
    """Makes a quantiser of a model on pictures, by default those of `spots`."""

    def make(model=None, pictures=None, **fields):
        settings = QuantiseSettings(**{"pictures": 16, **fields.pop("settings", {})})
        taken = Pictures.of_source(str(pictures or spots / "parts"), settings.pictures)
        return Quantiser(model or spots / "spots.onnx", taken, settings, cache=tmp_path / "cache", **fields)

    return make
