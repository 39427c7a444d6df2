"""`lineside health`: learning what is usual, and refusing what is not."""

from __future__ import annotations

import json

import cv2
import pytest

from lineside.capture.plant.plant import Plant
from lineside.capture.plant.settings import PlantSettings


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("health")
    plant = Plant(PlantSettings(seed=9))
    for kind, numbers in (("good", range(24)), ("today", range(24, 27))):
        (folder / kind).mkdir()
        for number in numbers:
            cv2.imwrite(str(folder / kind / f"{number:03}.png"), plant.render(number)[0])
    blurred = cv2.GaussianBlur(cv2.imread(str(folder / "today" / "024.png")), (0, 0), 2)
    cv2.imwrite(str(folder / "today" / "030.png"), blurred)
    (folder / "today" / "031.png").write_bytes((folder / "today" / "030.png").read_bytes())
    return folder


def test_what_was_learned_is_what_is_judged_by(pictures, cli):
    baseline = pictures / "top.json"
    cli("health", pictures / "good", "--learn", baseline)
    seen = cli(
        "health", pictures / "today", "--baseline", baseline, "--json", "--save", pictures / "bad", code=1
    )
    document = json.loads(seen.stdout)
    assert document["pictures"] == 5
    assert [row["ailment"] for row in document["refused"]] == ["defocused", "frozen"]
    assert len(list((pictures / "bad").iterdir())) == 2


def test_bad_pictures_teach_nothing(pictures, cli):
    refused = cli("health", pictures / "today", "--learn", pictures / "no.json", code=2)
    assert "expected good pictures only; 1 of 5 were refused" in refused.stderr
    assert not (pictures / "no.json").exists()
