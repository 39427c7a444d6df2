from __future__ import annotations

import json

import cv2
import numpy as np

from genicam_rigs import fake_gige_with_ptp


def test_what_is_attached_is_listed_by_kind(cli):
    done = cli("cameras", "--json")
    document = json.loads(done.stdout)
    kinds = {each["kind"]: each for each in document["kinds"]}
    assert {"folder", "video", "rtsp", "usb", "synthetic"} <= set(kinds)
    assert kinds["rtsp"]["can_look"] is False
    assert kinds["usb"]["can_look"] is True
    assert isinstance(document["host"], list)


def test_the_list_is_a_table_for_people(cli):
    done = cli("cameras")
    assert "KINDS" in done.stdout
    assert "synthetic" in done.stdout


def test_a_camera_is_opened_and_its_picture_saved(cli, tmp_path):
    path = tmp_path / "seen.png"
    done = cli(
        "cameras",
        *("--show", "synthetic:cap?size=160x120&variants=1", "--fps", "10", "--frames", "5", "--json"),
        *("--save", str(path)),
    )
    report = json.loads(done.stdout)
    assert (report["width"], report["height"], report["format"], report["pictures"]) == (160, 120, "bgr8", 5)
    assert 4 < report["fps"] < 16
    assert cv2.imread(str(path)).shape == (120, 160, 3)


def test_features_are_passed_on_and_each_picture_triggered(cli, tmp_path):
    for level in range(3):
        cv2.imwrite(str(tmp_path / f"{level}.png"), np.full((20, 30, 3), level, np.uint8))
    done = cli(
        "cameras",
        *("--show", f"folder:{tmp_path}", "--feature", "play=loop", "--trigger", "software", "--frames", "4"),
    )
    assert "30x20" in done.stdout


def test_it_says_what_a_cameras_clock_follows_and_what_is_otherwise_than_asked(cli, tmp_path):
    sets = (
        "Width=64",
        "Height=48",
        "PtpEnable=true",
        "PtpOffsetFromMaster=-250",
        "TestPtpStatus=3",
        "chunks=true",
    )
    features = [word for each in sets for word in ("--feature", each)]
    with fake_gige_with_ptp(tmp_path) as fake:
        ask = ("cameras", "--show", f"gige:{fake.address}", "--frames", "3", *features)
        report = json.loads(cli(*ask, "--json").stdout)
        shown = cli(*ask).stdout
    assert (report["clock"], report["clock_offset_s"]) == ("ptp slave", -250e-9)
    assert "this camera writes no ChunkTimestamp" in report["remark"]
    assert "ptp slave, -0.25 µs off" in shown
    assert "otherwise than asked" in shown


def test_a_password_is_not_shown(cli):
    done = cli(
        "cameras", "--show", "rtsp://op:s3cret@127.0.0.1:1/belt", "--feature", "open_timeout_s=1", code=2
    )
    assert "nothing answers" in done.stderr
    assert "s3cret" not in done.stderr + done.stdout


def test_a_feature_without_a_camera_is_refused(cli):
    assert "--show" in cli("cameras", "--feature", "x=1", code=2).stderr
    refused = cli("cameras", "--show", "video:nowhere.mp4", "--feature", "x", code=2)
    assert "NAME=VALUE" in refused.stderr


def test_a_picture_of_no_known_format_is_not_written(cli, tmp_path):
    done = cli(
        "cameras",
        *("--show", "synthetic:cap?size=160x120&variants=1", "--frames", "1"),
        *("--save", str(tmp_path / "x.docx")),
        code=4,
    )
    assert ".png" in done.stderr
    assert list(tmp_path.iterdir()) == []
