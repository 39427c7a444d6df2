from __future__ import annotations

from pathlib import Path

import pytest

from lineside.core.errors import DatasetError, UnknownNameError
from lineside.evaluation.classes import choose_defects, match_classes
from lineside.evaluation.truth import Dataset


def _dataset(*names):
    return Dataset(Path("set.json"), "coco", names, "the categories of set.json", ())


def test_names_agree_in_any_order_and_case():
    match = match_classes(_dataset("Dent", "scratch "), ("scratch", "DENT"))
    assert match.by == "name"
    assert match.model_id == (1, 0)
    assert match.index_of_model_id(2).tolist() == [1, 0]


def test_classes_that_only_the_model_knows_are_left_out_and_named():
    match = match_classes(_dataset("b"), ("a", "b", "c"))
    assert match.not_judged == ("a", "c")
    assert match.index_of_model_id(3).tolist() == [-1, 0, -1]


@pytest.mark.parametrize(
    "placeholders", [("0", "1"), ("class 0", "class 1"), ("class0", "class1"), ("Class_0", "cls-1")]
)
def test_a_nameless_model_is_matched_by_order(placeholders):
    match = match_classes(_dataset("dent", "scratch"), placeholders)
    assert (match.by, match.model_id, match.names) == ("order", (0, 1), ("dent", "scratch"))


def test_a_nameless_data_set_takes_the_names_of_the_model():
    match = match_classes(_dataset("0", "1"), ("dent", "scratch"))
    assert (match.by, match.names) == ("order", ("dent", "scratch"))


def test_numbers_in_another_order_are_names():
    assert match_classes(_dataset("1", "0"), ("0", "1")).model_id == (0, 1)
    match = match_classes(_dataset("1", "0"), ("0", "1", "2"))
    assert (match.by, match.model_id) == ("name", (1, 0))


@pytest.mark.parametrize(
    ("names", "model_names", "told"),
    [
        (("scratches",), ("scratch",), '1 of 1 classes.*"scratches".*did you mean "scratch"'),
        (("a", "b"), ("a", "c"), '1 of 2 classes.*"b"'),
        (("a", "b", "c"), ("class 0", "class 1"), "3 classes in the categories of set.json, 2 in the model"),
        (("a", "A"), ("a", "b"), '"a" stands 2 times in the categories'),
        (("a",), ("a", "A"), '"a" stands 2 times in the model'),
    ],
)
def test_classes_that_cannot_be_matched_are_refused(names, model_names, told):
    with pytest.raises(DatasetError, match=told):
        match_classes(_dataset(*names), model_names)


def test_every_class_is_a_defect_unless_some_are_named():
    names = ("dent", "label", "hole, deep")
    assert choose_defects(names, []).tolist() == [True, True, True]
    assert choose_defects(names, ["Dent"]).tolist() == [True, False, False]
    assert choose_defects(names, ["dent, label"]).tolist() == [True, True, False]
    assert choose_defects(names, ["dent", "hole, deep"]).tolist() == [True, False, True]


def test_an_unknown_defect_is_refused_with_the_near_ones():
    with pytest.raises(UnknownNameError, match=r'no class "dents".*did you mean "dent"\?'):
        choose_defects(("dent", "label"), ["label,dents"])
