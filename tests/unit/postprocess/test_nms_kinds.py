"""Every kind of NMS: what holds for all of them, and each against the plain algorithm of its paper."""

from __future__ import annotations

import math
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crowds import (
    candidates,
    clear_threshold,
    crowd,
    diou_of,
    iou_of,
    pairwise,
    probiou_of,
    rotated_iou_of,
    settle,
)
from lineside.core import plugins
from lineside.core.errors import NotInstalledError, SettingsError, UnknownNameError
from lineside.postprocess.candidates import Candidates, best_first
from lineside.postprocess.nms import KINDS, open_nms

PAIRS = [
    (name, boxes)
    for name in plugins.own(KINDS)
    for boxes in ("upright", "oriented")
    if boxes in plugins.load(KINDS, name).BOXES
]
EVERY = pytest.mark.parametrize(("kind", "boxes"), PAIRS)
CHOOSING = {"iou", "diou", "probiou", "none"}  # these leave candidates as they are
MEASURES = {
    ("iou", "upright"): iou_of,
    ("diou", "upright"): diou_of,
    ("iou", "oriented"): rotated_iou_of,
    ("probiou", "oriented"): probiou_of,
}
CROWD = {"seed": st.integers(0, 2**32), "count": st.integers(0, 60), "classes": st.sampled_from([1, 3])}


def left_of(found, kind, *, iou=0.45, class_aware=True, limit=10_000, confidence=0.1):
    return settle(found, kind=kind, iou=iou, class_aware=class_aware, limit=limit, confidence=confidence)


def assert_same(one, other):
    for field in fields(Candidates):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if isinstance(a, np.ndarray):
            np.testing.assert_array_equal(a, b)
            assert a.dtype == b.dtype
        else:
            assert a == b


def boxes_of(found):
    return found.xyxy if found.xywhr is None else found.xywhr


def copy_of(found):
    return found.take(np.arange(len(found.confidence)), truncated=found.truncated)


def test_the_kinds_are_the_files():
    assert plugins.own(KINDS) == ("diou", "iou", "none", "probiou", "soft", "wbf")


@EVERY
@settings(max_examples=25)
@given(**CROWD, class_aware=st.booleans())
def test_what_is_left_is_sorted_sure_enough_and_says_where_it_came_from(
    kind, boxes, seed, count, classes, class_aware
):
    found = crowd(seed, count, classes, oriented=boxes == "oriented")
    before = copy_of(found)
    left = left_of(found, kind, class_aware=class_aware)
    assert_same(found, before)
    assert len(left.confidence) <= count
    assert (np.diff(left.confidence) <= 0).all()
    assert (left.confidence > 0.1).all()
    assert len(set(left.rows.tolist())) == len(left.rows)
    np.testing.assert_array_equal(left.class_id, found.class_id[left.rows])
    assert (left.confidence <= found.confidence[left.rows]).all()
    assert (left.xywhr is None) == (boxes == "upright")
    if kind in CHOOSING:
        assert_same(left, found.take(left.rows, truncated=False))
    for name in ("xyxy", "confidence", "class_id"):
        assert not np.shares_memory(getattr(left, name), getattr(found, name))


@EVERY
@settings(max_examples=25)
@given(**CROWD, class_aware=st.booleans())
def test_the_order_of_the_heads_rows_means_nothing(kind, boxes, seed, count, classes, class_aware):
    found = crowd(seed, count, classes, oriented=boxes == "oriented")
    shuffled = np.random.default_rng(seed).permutation(count)
    mixed = found.take(shuffled, truncated=False)
    again = mixed.take(best_first(mixed.confidence, count)[0], truncated=False)
    assert_same(left_of(found, kind, class_aware=class_aware), left_of(again, kind, class_aware=class_aware))


@EVERY
@settings(max_examples=25)
@given(**CROWD)
def test_class_by_class_is_class_aware(kind, boxes, seed, count, classes):
    found = crowd(seed, count, classes, oriented=boxes == "oriented")
    together = left_of(found, kind)
    for label in range(classes):
        alone = left_of(found.take(np.flatnonzero(found.class_id == label), truncated=False), kind)
        assert_same(together.take(np.flatnonzero(together.class_id == label), truncated=False), alone)


@pytest.mark.parametrize(("kind", "boxes"), [p for p in PAIRS if p[0] in CHOOSING])
@settings(max_examples=25)
@given(**CROWD, class_aware=st.booleans())
def test_what_stays_stays_when_asked_again(kind, boxes, seed, count, classes, class_aware):
    left = left_of(crowd(seed, count, classes, oriented=boxes == "oriented"), kind, class_aware=class_aware)
    assert_same(left_of(left, kind, class_aware=class_aware), left)


@EVERY
@pytest.mark.parametrize("limit", [1, 2, 15, 128, 400])
def test_the_limit_keeps_the_best_and_truncated_says_exactly_when(kind, boxes, limit):
    found = crowd(3, 400, 3, oriented=boxes == "oriented")
    everything = left_of(found, kind)
    count = len(everything.confidence)
    assert not everything.truncated
    left = left_of(found, kind, limit=limit)
    assert_same(left, everything.take(np.arange(min(limit, count)), truncated=count > limit))
    assert left_of(found, kind, limit=count).truncated is False
    assert left_of(found, kind, limit=count - 1).truncated is True
    assert left_of(replace(found, truncated=True), kind).truncated is True


@EVERY
@pytest.mark.parametrize("count", [0, 1])
def test_nothing_and_one_object_stay_as_they_are(kind, boxes, count):
    found = crowd(1, count, 1, oriented=boxes == "oriented")
    assert_same(left_of(found, kind), found)


FLAT = {
    "upright": [[0, 0, 0, 0], [5, 5, 5, 5], [5, 5, 5, 9], [9, 9, 4, 4], [0, 0, 3e38, 3e38], [40, 40, 50, 50]],
    "oriented": [
        [0, 0, 0, 0, 0],
        [5, 5, 0, 9, 1],
        [5, 5, 9, 0, 1],
        [7, 7, 1e30, 1e30, 1],
        [45, 45, 10, 10, 1],
    ],
}


@EVERY
def test_boxes_without_an_area_and_of_absurd_size_cost_no_other_its_place(kind, boxes):
    found = candidates(FLAT[boxes], oriented=boxes == "oriented")
    assert left_of(found, kind).rows.tolist() == list(range(len(FLAT[boxes])))


def plain(overlap, found, iou, class_aware):
    """The textbook: the surest box stays, what overlaps it too much goes, and so on with the next that is left."""
    kept = []
    for i in range(len(overlap)):
        same = [j for j in kept if not class_aware or found.class_id[i] == found.class_id[j]]
        if not any(overlap[j, i] > iou for j in same):
            kept.append(i)
    return kept


def plain_fast(overlap, found, iou, class_aware):
    """Bolya et al., section 4: a box goes when any surer one overlaps it, one that has gone too."""
    label = found.class_id
    return [
        i
        for i in range(len(label))
        if not any(overlap[j, i] > iou for j in range(i) if label[j] == label[i] or not class_aware)
    ]


@pytest.mark.parametrize("case", MEASURES, ids=" ".join)
@settings(max_examples=30)
@given(**CROWD, wanted=st.sampled_from([0.1, 0.45, 0.7]), class_aware=st.booleans())
def test_the_kinds_are_the_plain_algorithm(case, seed, count, classes, wanted, class_aware):
    kind, boxes = case
    found = crowd(seed, count, classes, oriented=boxes == "oriented")
    overlap = pairwise(boxes_of(found), MEASURES[case])
    iou = clear_threshold(overlap, wanted)
    left = left_of(found, kind, iou=iou, class_aware=class_aware)
    rule = plain_fast if kind == "probiou" else plain
    assert left.rows.tolist() == rule(overlap, found, iou, class_aware)


@pytest.mark.parametrize("case", MEASURES, ids=" ".join)
@pytest.mark.parametrize("count", [128, 129, 270])
def test_the_kinds_are_the_plain_algorithm_across_the_borders_of_their_blocks(case, count):
    kind, boxes = case
    found = crowd(7, count, 2, oriented=boxes == "oriented")
    overlap = pairwise(boxes_of(found), MEASURES[case])
    iou = clear_threshold(overlap, 0.3)
    rule = plain_fast if kind == "probiou" else plain
    assert left_of(found, kind, iou=iou).rows.tolist() == rule(overlap, found, iou, class_aware=True)


def plain_soft(found, sigma, confidence, class_aware):
    """Bodla et al., figure 2: the surest of what is left is taken, all others lose by their overlap with it."""
    left = {i: float(score) for i, score in enumerate(found.confidence)}
    taken = []
    while left:
        best = max(left, key=left.get)
        taken.append((best, left.pop(best)))
        for i in left:
            if not class_aware or found.class_id[i] == found.class_id[best]:
                overlap = iou_of(found.xyxy[i].tolist(), found.xyxy[best].tolist())
                left[i] *= math.exp(-(overlap**2) / sigma)
        left = {i: score for i, score in left.items() if score > confidence}
    return taken


@settings(max_examples=40)
@given(**CROWD, sigma=st.sampled_from([0.1, 0.5, 1.0]), class_aware=st.booleans())
def test_soft_is_the_plain_algorithm(seed, count, classes, sigma, class_aware):
    found = crowd(seed, count, classes)
    expected = plain_soft(found, sigma, 0.1, class_aware)
    left = left_of(found, f"soft?sigma={sigma}", class_aware=class_aware)
    # Rounding may exchange two of equal confidence, or drop one that is at the threshold.
    assert len(left.rows) == pytest.approx(len(expected), abs=sum(abs(s - 0.1) < 1e-5 for _, s in expected))
    scores = dict(zip(left.rows.tolist(), left.confidence.tolist(), strict=True))
    for row, score in expected:
        assert scores.get(row, 0.1) == pytest.approx(score, abs=2e-6)


def test_soft_lowers_what_overlaps_and_leaves_the_rest():
    found = candidates(
        [[0, 0, 10, 10], [0, 0, 10, 10], [0, 5, 10, 15], [50, 50, 60, 60]],
        scores=np.array([0.9, 0.8, 0.7, 0.3], np.float32),
    )
    left = left_of(found, "soft", confidence=0.25)
    assert left.rows.tolist() == [0, 2, 3]
    third = 0.7 * math.exp(-((1 / 3) ** 2) / 0.5)
    np.testing.assert_allclose(left.confidence, [0.9, third, 0.3], rtol=1e-6)
    assert left_of(found, "soft", confidence=0.05).rows.tolist() == [0, 2, 3, 1]


def plain_fusion(found, iou, class_aware):
    """Solovyev et al., section 3: clusters by their fused boxes, weighted means, mean confidences."""
    clusters = []
    for i in range(len(found.confidence)):
        box = found.xyxy[i].astype(np.float64)
        best, best_overlap = None, iou
        for cluster in clusters:
            if class_aware and found.class_id[cluster["members"][0]] != found.class_id[i]:
                continue
            overlap = iou_of(cluster["box"], box)
            if overlap > best_overlap:
                best, best_overlap = cluster, overlap
        if best is None:
            best = {"members": []}
            clusters.append(best)
        best["members"].append(i)
        scores = found.confidence[best["members"]].astype(np.float64)
        best["box"] = np.average(found.xyxy[best["members"]].astype(np.float64), axis=0, weights=scores)
        best["score"] = scores.mean()
    return sorted(clusters, key=lambda c: -c["score"])


@settings(max_examples=40)
@given(**CROWD, class_aware=st.booleans())
def test_fusion_is_the_plain_algorithm(seed, count, classes, class_aware):
    found = crowd(seed, count, classes)
    iou = clear_threshold(pairwise(found.xyxy, iou_of), 0.45) if count else 0.45
    expected = plain_fusion(found, iou, class_aware)
    left = left_of(found, "wbf", iou=iou, class_aware=class_aware)
    assert left.rows.tolist() == [c["members"][0] for c in expected]
    np.testing.assert_allclose(left.xyxy, np.reshape([c["box"] for c in expected], (-1, 4)), atol=1e-4)
    np.testing.assert_allclose(left.confidence, [c["score"] for c in expected], atol=1e-6)


def test_fusion_weighs_each_box_by_its_confidence():
    found = candidates([[0, 0, 10, 10], [2, 0, 12, 10]], scores=np.array([0.9, 0.3], np.float32))
    left = left_of(found, "wbf")
    np.testing.assert_allclose(left.xyxy, [[0.5, 0, 10.5, 10]], atol=1e-5)
    np.testing.assert_allclose(left.confidence, [0.6], atol=1e-6)


def test_neighbours_whose_centres_are_apart_stay_with_diou_where_iou_lets_one_go():
    found = candidates([[0, 0, 10, 10], [3, 0, 13, 10]])
    assert left_of(found, "iou", iou=0.52).rows.tolist() == [0]
    assert left_of(found, "diou", iou=0.52).rows.tolist() == [0, 1]


def test_oriented_boxes_are_compared_as_they_lie_not_by_their_upright_boxes():
    # Two thin boxes side by side at 45 degrees: the upright boxes around them are nearly one.
    thin = [[50, 50, 60, 4, math.pi / 4], [54, 46, 60, 4, math.pi / 4]]
    found = candidates(thin, oriented=True)
    assert iou_of(*found.xyxy) > 0.7
    assert left_of(found, "iou").rows.tolist() == [0, 1]
    assert left_of(found, "probiou").rows.tolist() == [0, 1]


def test_in_a_row_of_boxes_the_reference_of_oriented_ones_keeps_the_first_alone():
    found = candidates([[50 + 6 * i, 50, 20, 20, 0.3] for i in range(4)], oriented=True)
    assert left_of(found, "iou", iou=0.45).rows.tolist() == [0, 2]
    assert left_of(found, "probiou", iou=0.45).rows.tolist() == [0]


@pytest.mark.parametrize("kind", ["soft", "diou", "wbf"])
def test_a_kind_without_meaning_for_oriented_boxes_is_refused_with_those_that_have_one(kind):
    with pytest.raises(
        SettingsError, match=rf'"{kind}" is for upright .* oriented; choose one of iou, none, probiou'
    ):
        left_of(crowd(1, 5, 1, oriented=True), kind)


def test_the_kind_for_oriented_boxes_is_refused_for_upright_ones():
    with pytest.raises(
        SettingsError, match=r'"probiou" is for oriented .* choose one of diou, iou, none, soft, wbf'
    ):
        left_of(crowd(1, 5, 1), "probiou")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ioo", 'unknown kind "ioo"; did you mean "iou"'),
        ("IOU", 'mean "iou"'),
        ("", "known: diou, iou, none, probiou, soft, wbf"),
        ("__init__", "unknown kind"),
        ("soft?simga=0.3", 'no such setting "simga"; did you mean "sigma"'),
        ("iou?sigma=0.3", 'iou: no such setting "sigma"; it has none'),
    ],
)
def test_an_unknown_kind_or_setting_is_refused_with_the_known_ones(text, said):
    with pytest.raises(UnknownNameError, match=said):
        open_nms(text)


@pytest.mark.parametrize(
    "text",
    [
        "soft?",
        "soft?sigma",
        "soft?sigma=",
        "soft?=1",
        "soft?sigma=x",
        "soft?sigma=nan",
        "soft?sigma=inf",
        "soft?sigma=1&sigma=2",
        "soft?sigma=0",
        "soft?sigma=-1",
    ],
)
def test_a_setting_that_is_none_or_out_of_range_is_refused(text):
    with pytest.raises(SettingsError, match="nms: soft"):
        open_nms(text)


def test_a_kind_whose_package_is_missing_is_not_unknown(tmp_path, monkeypatch):
    info = tmp_path / "acme_nms-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-nms\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{KINDS}]\nacme = acme_nms\n")
    (tmp_path / "acme_nms.py").write_text("import no_such_package_here\n")
    monkeypatch.syspath_prepend(tmp_path)
    for cached in (plugins.names, plugins._entry_points):
        cached.cache_clear()
    try:
        with pytest.raises(NotInstalledError, match="no_such_package_here"):
            open_nms("acme")
    finally:
        monkeypatch.undo()
        for cached in (plugins.names, plugins._entry_points):
            cached.cache_clear()
