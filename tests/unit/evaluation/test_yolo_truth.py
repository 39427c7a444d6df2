from __future__ import annotations

import numpy as np
import pytest

from lineside.core.errors import DatasetError, SettingsError
from lineside.core.geometry import Size
from lineside.evaluation.dataset import open_dataset

SIZE = Size(height=48, width=64)
LINE = "1 0.5 0.5 0.25 0.5\n"
NAMES = ("scratch", "dent")


def test_fractions_become_pixels_of_the_picture_as_it_was_read(yolo):
    (picture,) = open_dataset(yolo({1: LINE}), model_names=NAMES).pictures
    truth = picture.truth_for(SIZE)
    np.testing.assert_allclose(truth.xyxy, [[24, 12, 40, 36]])
    assert truth.class_index.tolist() == [1]
    assert truth.ignored.tolist() == [False]


def test_a_picture_without_label_file_is_good_and_counted(yolo):
    dataset = open_dataset(yolo({1: LINE, 2: None, 3: ""}), model_names=NAMES)
    assert [len(p.truth) for p in dataset.pictures] == [1, 0, 0]
    assert dataset.unlabelled == 1


def test_pictures_come_in_the_order_of_their_names(yolo):
    dataset = open_dataset(yolo({3: "", 1: "", 2: ""}), model_names=NAMES)
    assert [p.name for p in dataset.pictures] == ["1.png", "2.png", "3.png"]


@pytest.mark.parametrize("given", ["", "images/val"])
def test_a_single_split_may_be_given_by_either_folder(yolo, given):
    dataset = open_dataset(yolo({1: LINE}, split="val") / given, model_names=NAMES)
    assert len(dataset.pictures[0].truth) == 1


def test_of_several_splits_one_must_be_given(yolo):
    yolo({1: LINE}, split="train")
    root = yolo({2: LINE}, split="val")
    with pytest.raises(DatasetError, match=r"several splits \(train, val\).*images/val"):
        open_dataset(root, model_names=NAMES)
    assert [p.name for p in open_dataset(root / "images" / "val", model_names=NAMES).pictures] == ["2.png"]


def test_splits_above_images_are_named(yolo, tmp_path):
    yolo({1: LINE}, folder="set/valid")
    with pytest.raises(DatasetError, match="Give one of its splits: valid"):
        open_dataset(tmp_path / "set", model_names=NAMES)
    assert len(open_dataset(tmp_path / "set" / "valid", model_names=NAMES).pictures) == 1


def test_a_folder_of_another_layout_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="expected images/ and labels/ in it"):
        open_dataset(tmp_path)
    (tmp_path / "images").mkdir()
    with pytest.raises(DatasetError, match="no pictures"):
        open_dataset(tmp_path)


def test_a_missing_folder_of_labels_is_refused(tmp_path, paint):
    paint(tmp_path / "images" / "1.png", 1)
    with pytest.raises(DatasetError, match="labels: no such folder"):
        open_dataset(tmp_path, model_names=NAMES)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("1 0.5 0.5 0.25", "five values, got 4"),
        ("1 0.5 0.5 0.25 0.5 0.9", "five values, got 6"),
        ("1 0.1 0.1 0.2 0.2 0.3 0.3", "polygon of segmentation"),
        ("1.0 0.5 0.5 0.25 0.5", "whole class number"),
        ("dent 0.5 0.5 0.25 0.5", "whole class number"),
        ("-1 0.5 0.5 0.25 0.5", "a class from 0 up"),
        ("1 nan 0.5 0.25 0.5", "fractions of the picture"),
        ("1 320 240 100 50", "fractions of the picture"),
        ("1 0.5 0.5 0 0.5", "an area"),
        ("2 0.5 0.5 0.25 0.5", r"class 2 is outside the 2 names from the model \(0 to 1\)"),
    ],
)
def test_a_malformed_line_is_refused_with_file_and_line(yolo, line, told):
    with pytest.raises(DatasetError, match=rf"labels/1\.txt:3: .*{told}"):
        open_dataset(yolo({1: LINE + "\n" + line}), model_names=NAMES)


def test_a_label_that_is_no_text_is_refused(yolo):
    root = yolo({1: LINE})
    (root / "labels" / "1.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DatasetError, match=r"1\.txt: cannot be read as text"):
        open_dataset(root, model_names=NAMES)


def test_a_box_may_pass_the_border_by_the_last_decimal_and_is_cut_there(yolo):
    (picture,) = open_dataset(yolo({1: "0 0.750001 0.5 0.500001 1.0"}), model_names=NAMES).pictures
    assert picture.truth_for(SIZE).xyxy[0, 2] == 64


def test_a_label_file_without_its_picture_is_refused(yolo):
    root = yolo({1: LINE, 2: LINE})
    (root / "images" / "2.png").unlink()
    with pytest.raises(DatasetError, match=r"2\.txt: a label file without its picture"):
        open_dataset(root, model_names=NAMES)


def test_pictures_that_would_share_a_label_file_are_refused(yolo, paint):
    root = yolo({1: LINE})
    paint(root / "images" / "1.bmp", 1)
    with pytest.raises(DatasetError, match=r"would share the label file 1\.txt"):
        open_dataset(root, model_names=NAMES)


def test_names_come_from_the_folder_before_the_model(yolo):
    assert open_dataset(yolo({1: LINE}, classes="a\nb\n"), model_names=NAMES).names == ("a", "b")
    dataset = open_dataset(yolo({1: LINE}, folder="other", yaml="names: [c, d]"), model_names=NAMES)
    assert (dataset.names, dataset.names_from) == (("c", "d"), "data.yaml")
    dataset = open_dataset(yolo({1: LINE}, folder="third"), model_names=NAMES)
    assert (dataset.names, dataset.names_from) == (NAMES, "the model")


def test_class_names_beside_the_labels_are_no_labels(yolo):
    root = yolo({1: LINE})
    (root / "labels" / "classes.txt").write_text("a\nb")
    assert open_dataset(root, model_names=NAMES).names == ("a", "b")


def test_a_yaml_above_speaks_for_its_splits(yolo, tmp_path):
    root = yolo({1: LINE}, folder="set/valid")
    (tmp_path / "set" / "data.yaml").write_text("names: ['a', 'b']")
    assert open_dataset(root, model_names=NAMES).names == ("a", "b")


def test_a_folder_of_pictures_cannot_be_set_for_yolo(yolo, tmp_path):
    with pytest.raises(SettingsError, match="Leave --images out"):
        open_dataset(yolo({1: LINE}), images=tmp_path, model_names=NAMES)
