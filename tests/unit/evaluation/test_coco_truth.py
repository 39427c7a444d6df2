from __future__ import annotations

import json

import numpy as np
import pytest

from lineside.core.errors import DatasetError
from lineside.core.geometry import Size
from lineside.evaluation.coco_truth import read_coco
from lineside.evaluation.dataset import open_dataset

CATEGORIES = {7: "dent", 3: "scratch"}
BOX = [4, 6, 10, 20]


def test_classes_are_numbered_by_ascending_category_id(coco):
    dataset = open_dataset(coco({1: [(7, BOX)], 2: [(3, BOX)]}, CATEGORIES))
    assert dataset.kind == "coco"
    assert dataset.names == ("scratch", "dent")
    assert [p.truth.class_index.tolist() for p in dataset.pictures] == [[1], [0]]


def test_boxes_become_corners_in_pixels(coco):
    (picture,) = open_dataset(coco({1: [(3, [1.5, 2.25, 10, 20])]}, CATEGORIES)).pictures
    truth = picture.truth_for(Size(height=48, width=64))
    assert truth.xyxy.tolist() == [[1.5, 2.25, 11.5, 22.25]]
    assert truth.xyxy.dtype == np.float64


def test_a_picture_without_annotations_has_no_truth(coco):
    (picture,) = open_dataset(coco({1: []}, CATEGORIES)).pictures
    assert len(picture.truth) == 0


@pytest.mark.parametrize("key", ["iscrowd", "ignore"])
def test_crowds_and_ignored_boxes_are_ignored_regions(coco, key):
    (picture,) = open_dataset(coco({1: [(3, BOX, {key: 1}), (3, BOX, {key: 0})]}, CATEGORIES)).pictures
    assert picture.truth.ignored.tolist() == [True, False]


@pytest.mark.parametrize(
    ("file", "images"),
    [
        ("set/truth.json", "set"),
        ("set/truth.json", "set/images"),
        ("truth/day.json", "images/day"),
    ],
)
def test_pictures_are_found_beside_the_file(coco, tmp_path, file, images):
    dataset = open_dataset(coco({1: [(3, BOX)]}, CATEGORIES, file=file, images=images))
    assert dataset.pictures[0].path == tmp_path / images / "1.png"


def test_pictures_are_found_beside_a_file_of_the_current_folder(coco, tmp_path, monkeypatch):
    path = coco({1: [(3, BOX)]}, CATEGORIES, file="truth/day.json", images="images/day")
    monkeypatch.chdir(path.parent)
    dataset = open_dataset(path.relative_to(tmp_path / "truth"))
    assert dataset.pictures[0].path.is_file()


def test_a_named_folder_of_pictures_goes_before_the_others(coco, tmp_path):
    path = coco({1: [(3, BOX)]}, CATEGORIES, images="elsewhere")
    dataset = open_dataset(path, images=tmp_path / "elsewhere")
    assert dataset.pictures[0].path == tmp_path / "elsewhere" / "1.png"


def test_a_missing_picture_is_named_with_the_folders_that_were_tried(coco, tmp_path):
    path = coco({1: [(3, BOX)], 2: []}, CATEGORIES)
    (tmp_path / "set" / "2.png").unlink()
    with pytest.raises(DatasetError, match=r"lacks 2\.png.*images lacks 1\.png.*--images"):
        open_dataset(path)


@pytest.mark.parametrize("name", ["../1.png", "/1.png", "a/../../1.png", "..\\1.png", "C:\\1.png", "a\0.png"])
def test_a_picture_outside_the_folder_is_refused(coco, name):
    def rename(document):
        document["images"][0]["file_name"] = name

    with pytest.raises(DatasetError, match="leaves the folder"):
        open_dataset(coco({1: []}, CATEGORIES, images=None, edit=rename))


def _drop(*keys):
    def edit(document):
        for key in keys[:-1]:
            document = document[key]
        del document[keys[-1]]

    return edit


def _set(value, *keys):
    def edit(document):
        for key in keys[:-1]:
            document = document[key]
        document[keys[-1]] = value

    return edit


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (_drop("annotations"), "annotations: Field required"),
        (_drop("images", 0, "width"), r"images\[0\]\.width: Field required"),
        (_set([], "images"), "images: List should have at least 1"),
        (_set([1, 2, 3], "annotations", 0, "bbox"), r"annotations\[0\]\.bbox"),
        (_set([1, 2, float("nan"), 4], "annotations", 0, "bbox"), r"annotations\[0\]\.bbox\[2\]"),
        (_set([4, 6, 0, 20], "annotations", 0, "bbox"), r"annotations\[0\] \(id 1\).*no area"),
        (_set([64, 6, 4, 20], "annotations", 0, "bbox"), "outside its picture 1.png of 64x48"),
        (_set(9, "annotations", 0, "image_id"), "image_id 9 is not among the images"),
        (_set(9, "annotations", 0, "category_id"), "category_id 9 is not among the categories"),
        (_set(1, "images", 1, "id"), r"images\[\]\.id: 1 stands 2 times"),
        (_set("1.png", "images", 1, "file_name"), r"file_name: '1\.png' stands 2 times"),
        (_set(3, "categories", 0, "id"), r"categories\[\]\.id: 3 stands 2 times"),
    ],
)
def test_a_malformed_file_is_refused_with_the_place(coco, edit, told):
    with pytest.raises(DatasetError, match=told):
        open_dataset(coco({1: [(3, BOX)], 2: []}, CATEGORIES, images=None, edit=edit))


def test_a_box_without_area_may_be_ignored(coco):
    (picture,) = open_dataset(coco({1: [(3, [4, 6, 0, 20], {"ignore": 1})]}, CATEGORIES)).pictures
    assert picture.truth.ignored.tolist() == [True]


@pytest.mark.parametrize("text", ["", "{", "[]", '"text"', "\x00"])
def test_a_file_that_is_no_coco_json_is_refused(tmp_path, text):
    path = tmp_path / "truth.json"
    path.write_text(text)
    with pytest.raises(DatasetError, match="Expected a COCO detection file"):
        read_coco(path)


def test_a_picture_of_another_size_is_refused(coco):
    (picture,) = open_dataset(coco({1: [(3, BOX)]}, CATEGORIES)).pictures
    with pytest.raises(DatasetError, match=r"1\.png: the data set says 64x48, the picture is 48x64"):
        picture.truth_for(Size(height=64, width=48))


def test_small_boxes_are_ignored_by_their_longer_side(coco):
    (picture,) = open_dataset(coco({1: [(3, [0, 0, 4, 9]), (3, [0, 0, 10, 1])]}, CATEGORIES)).pictures
    assert picture.truth.ignoring_under(10).ignored.tolist() == [True, False]
    assert picture.truth.ignoring_under(0).ignored.tolist() == [False, False]


def test_what_is_no_data_set_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="no such data set"):
        open_dataset(tmp_path / "gone.json")
    (tmp_path / "data.yaml").write_text("names: [a]")
    with pytest.raises(DatasetError, match=r'got a file "\.yaml"'):
        open_dataset(tmp_path / "data.yaml")


def test_ids_may_be_numbers_in_text(coco):
    dataset = open_dataset(coco({1: [(3, BOX)]}, CATEGORIES, edit=_set("1", "annotations", 0, "image_id")))
    assert len(dataset.pictures[0].truth) == 1
    assert json.loads(dataset.path.read_text())["annotations"][0]["image_id"] == "1"
