from __future__ import annotations

import io

from rich.console import Console

from lineside.evaluation.dataset import open_dataset
from lineside.evaluation.evaluation import evaluate
from lineside.evaluation.settings import EvaluationSettings
from lineside.evaluation.tables import print_tables

A, A_XYXY = [10, 10, 20, 20], [10, 10, 30, 30]


def _shown(coco, replay, truths, answers, names=("scratch", "dent"), **settings):
    dataset = open_dataset(coco(truths, {k + 1: name for k, name in enumerate(names)}))
    out = io.StringIO()
    evaluation = evaluate(replay(names, answers), dataset, EvaluationSettings(**settings))
    print_tables(evaluation, Console(file=out, width=100))
    return out.getvalue()


def test_the_tables_show_the_figures_and_the_suggestion(coco, replay):
    text = _shown(coco, replay, {1: [(1, A)], 2: []}, {1: [(0, 0.75, A_XYXY)], 2: [(1, 0.25, A_XYXY)]})
    assert "mAP50-95" in text
    assert "1.0000" in text
    assert "Suggested threshold: 0.5" in text
    assert "0.00 % (0/1)" in text
    assert "All rests on 1 bad and 1 good pictures." in text
    assert "false alarms" in text


def test_overkill_without_good_pictures_is_not_available(coco, replay):
    text = _shown(coco, replay, {1: [(1, A)]}, {1: [(0, 0.75, A_XYXY)]})
    assert "not available" in text


def test_a_limit_that_is_missed_is_not_called_suggested(coco, replay):
    text = _shown(coco, replay, {1: [(1, A)], 2: []}, {})
    assert "nearest, misses the limit" in text
    assert "No threshold keeps the escape rate at 1 % or less" in text


def test_names_are_printed_as_they_are(coco, replay):
    text = _shown(
        coco, replay, {1: [(1, A)], 2: []}, {}, names=("[red]dent[/]", "b"), defects=("[red]dent[/]",)
    )
    assert "[red]dent[/]" in text
