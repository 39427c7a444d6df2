from __future__ import annotations

import pytest

from lineside.core.errors import DatasetError
from lineside.evaluation.class_names import find_class_names


def _yaml(tmp_path, text):
    (tmp_path / "data.yaml").write_text(text, encoding="utf-8")
    return find_class_names([tmp_path], tmp_path.parent)[0]


@pytest.mark.parametrize(
    "text",
    [
        "names: [scratch, rolled-in scale, 'it''s']",
        'train: images\nnames: ["scratch", "rolled-in scale", "it\'s"]  # three\nnc: 3',
        "names: [\n  scratch,  # long\n  rolled-in scale,\n  it's,\n]\nnc: 3".replace("it's", '"it\'s"'),
        "nc: 3\nnames:\n- scratch\n- rolled-in scale\n- it's\npath: x",
        "names:\n  - scratch\n\n  # a remark\n  - 'rolled-in scale'\n  - \"it's\"\n",
        "names:\n  0: scratch\n  1: rolled-in scale # long\n  2: it's\nnc: 3".replace(" it's", ' "it\'s"'),
        "names: {0: scratch, 1: rolled-in scale, 2: 'it''s'}",
    ],
)
def test_the_forms_of_annotation_tools_are_read(tmp_path, text):
    assert _yaml(tmp_path, text) == ("scratch", "rolled-in scale", "it's")


@pytest.mark.parametrize(
    "text",
    [
        "nc: 3",
        "names:",
        "names: []",
        "names: [a, b",
        "names: [a, 'b]",
        "names: [driver's, b]",
        "names: [a, , b]",
        "names: &anchor [a, b]",
        "names: *anchor",
        "names: some/file.txt",
        "names:\n  0: a\n  2: b",
        "names:\n  1: a\n  2: b",
        "names:\n  a: 0\n  b: 1",
        "names:\n  - - a",
        "names: [[a], b]",
        "names: ['', b]",
        'names: ["a\\tb"]',
    ],
)
def test_what_is_not_surely_understood_is_refused(tmp_path, text):
    with pytest.raises(DatasetError, match=r"data\.yaml: .*classes\.txt"):
        _yaml(tmp_path, text)


def test_classes_txt_goes_first(tmp_path):
    (tmp_path / "classes.txt").write_text("\ufeffdent\r\n 划痕 \r\n\r\n", encoding="utf-8")
    (tmp_path / "data.yaml").write_text("names: [other]", encoding="utf-8")
    assert find_class_names([tmp_path], tmp_path.parent) == (("dent", "划痕"), "classes.txt")


@pytest.mark.parametrize(("text", "told"), [("", "empty"), ("a\n\nb", "2: an empty line")])
def test_a_broken_classes_txt_is_refused(tmp_path, text, told):
    (tmp_path / "classes.txt").write_text(text)
    with pytest.raises(DatasetError, match=told):
        find_class_names([tmp_path], tmp_path.parent)


def test_nothing_there_is_no_names(tmp_path):
    assert find_class_names([tmp_path], tmp_path / "gone") == (None, "")
