"""`lineside track` as its user runs it, on a drawn belt whose truth is known."""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from itertools import pairwise

import cv2
import numpy as np
import pytest

SIDE, PITCH, SPEED, PARTS, FPS = 30, 70, 12, 6, 20
COLOURS = ((40, 40, 200), (200, 45, 30))
LINE = "160,320,160,0"
ZONE = "100,0 220,0 220,320 100,320"


def draw_belt(frame):
    """A frame of a belt with red and blue parts in turns."""
    rng = np.random.default_rng(frame)
    picture = np.full((320, 320, 3), 225.0)
    for part in range(PARTS):
        left, top = SPEED * frame - PITCH * part - 35, 85 if part % 2 else 165
        picture[top : top + SIDE, max(left, 0) : max(left + SIDE, 0)] = COLOURS[part % 2]
    return np.clip(picture + rng.normal(0, 3, picture.shape), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def belt(tmp_path_factory):
    """A video of six parts that go through the picture from left to right."""
    path = tmp_path_factory.mktemp("belt") / "belt.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), FPS, (320, 320))
    for frame in range(64):
        writer.write(draw_belt(frame))
    writer.release()
    return path


def test_each_part_of_a_video_is_counted_once_and_drawn(cli, plant, belt, tmp_path):
    arguments = ["--line", LINE, "--zone", ZONE, "--save", "drawn", "--json", "-o", "counts.json"]
    done = cli("track", plant.model, belt, *arguments)
    counts = json.loads((tmp_path / "counts.json").read_text())
    each = {"red spot": 3, "blue spot": 3}
    assert (counts["frames"], counts["failed"], counts["fps"]) == (64, 0, FPS)
    assert counts["objects"] == each
    assert counts["lines"] == [{"line": [160, 320, 160, 0], "in": each, "out": {}}]
    (zone,) = counts["zones"]
    assert (zone["entered"], zone["left"], zone["present"]) == (each, each, {})
    assert zone["mean_dwell_s"] == pytest.approx(120 / SPEED / FPS, abs=1.5 / FPS)
    assert [(t["track_id"], t["name"]) for t in counts["tracks"]] == [
        (k + 1, ("red spot", "blue spot")[k % 2]) for k in range(PARTS)
    ]
    assert "6 objects" in done.stderr
    assert not done.stdout
    video = cv2.VideoCapture(str(tmp_path / "drawn" / "belt.mp4"))
    assert video.get(cv2.CAP_PROP_FRAME_COUNT) == 64
    plain, drawn = cv2.VideoCapture(str(belt)), [video.read()[1] for _ in range(31)][30]
    before = [plain.read()[1] for _ in range(31)][30]
    trail = np.abs(drawn.astype(int) - before)[95:105, 20:120].max(axis=2)
    assert (trail > 40).mean() > 0.2


def test_the_table_has_the_counts_of_the_stream_the_line_and_the_zone(cli, plant, belt):
    text = cli("track", plant.model, belt, "--line", LINE, "--zone", ZONE, "--classes", "red spot").stdout
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in text.splitlines() if "│" in line]
    assert ["the stream", "red spot", "3", "", "", "", ""] in rows
    assert [f"line {LINE}", "red spot", "", "3", "0", "", ""] in rows
    assert any(
        row[0].startswith("zone 100,0") and row[1:6] == ["red spot", "", "3", "3", "0"] for row in rows
    )
    assert "blue" not in text
    assert "64 pictures, 3 objects" in text


def test_ids_survive_a_frame_that_cannot_be_read_and_the_frame_is_told(cli, plant, tmp_path):
    folder = tmp_path / "frames"
    folder.mkdir()
    for frame in range(20):
        whole = cv2.imencode(".png", draw_belt(frame))[1].tobytes()
        (folder / f"{frame:02d}.png").write_bytes(whole[: len(whole) // (2 if frame in (9, 13) else 1)])
    done = cli("track", plant.model, folder, "--csv", "--save", "drawn", code=2)
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [row["sequence"] for row in rows if row["status"] == "image.file"] == ["9", "13"]
    assert "09.png" in done.stderr
    of_id = defaultdict(list)
    for row in rows:
        if row["track_id"]:
            of_id[row["track_id"]].append((int(row["sequence"]), row["name"], float(row["x1"])))
    assert set(of_id) == {"1", "2", "3"}
    for seen in of_id.values():
        assert len({name for _, name, _ in seen}) == 1
        whole = [(sequence, left) for sequence, _, left in seen if left > 5]
        steps = {round((b[1] - a[1]) / (b[0] - a[0])) for a, b in pairwise(whole)}
        assert steps == {SPEED}
    assert len(list((tmp_path / "drawn").iterdir())) == 18


def test_a_fast_belt_says_that_it_needs_its_motion(cli, plant, tmp_path):
    folder = tmp_path / "frames"
    folder.mkdir()
    for number, frame in enumerate(range(2, 36, 3)):
        cv2.imwrite(str(folder / f"{number:02d}.png"), draw_belt(frame))
    blind = cli("track", plant.model, folder, "--line", LINE)
    assert "--motion" in blind.stdout
    counts = json.loads(
        cli("track", plant.model, folder, "--line", LINE, "--motion", "36,0", "--json").stdout
    )
    crossed = sum(SPEED * 35 - PITCH * part - 20 > 162 for part in range(PARTS))
    assert sum(counts["lines"][0]["in"].values()) == crossed


BAD_CALLS = {
    "a line of three numbers": (["VIDEO", "--line", "1,2,3"], "--line: expected 4 numbers"),
    "a line that is a word": (["VIDEO", "--line", "a,b,c,d"], "160,240,160,0"),
    "a zone of two corners": (["VIDEO", "--zone", "0,0 9,9"], "three corners"),
    "a zone with half a corner": (["VIDEO", "--zone", "0,0 9 9,0"], "--zone: expected 2 numbers"),
    "a line outside the picture": (["VIDEO", "--line", "500,0,500,320"], "320x320"),
    "a point that no box has": (["VIDEO", "--line", LINE, "--point", "centr"], "centre"),
    "a motion of one number": (["VIDEO", "--motion", "12"], "--motion"),
    "no frame to confirm": (["VIDEO", "--confirm", "0"], "confirm_frames"),
    "two forms at once": (["VIDEO", "--json", "--csv"], "one of"),
    "an output without a form": (["VIDEO", "-o", "x"], "--csv"),
    "several streams": (["synthetic:disc"], "expected one stream"),
    "pictures of different parts": (["synthetic:disc?camera=top&count=3&size=320x320"], "another part"),
    "an unknown class": (["VIDEO", "--classes", "red"], "red spot"),
}


@pytest.mark.parametrize("case", BAD_CALLS)
def test_a_call_that_cannot_be_followed_is_refused_with_a_way_out(cli, plant, belt, case):
    arguments, hint = BAD_CALLS[case]
    done = cli("track", plant.model, *[belt if a == "VIDEO" else a for a in arguments], code=2)
    assert hint in done.stderr
    assert not done.stdout


def test_without_its_extra_track_says_what_to_install(cli, plant, belt, tmp_path):
    # A process looks into its own folder first.
    (tmp_path / "scipy.py").write_text('raise ModuleNotFoundError("not installed", name="scipy")')
    assert "pip install 'lineside[track]'" in cli("track", plant.model, belt, code=2).stderr
