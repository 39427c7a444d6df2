from __future__ import annotations

from lineside.engine.aside import aside
from work_aside import crashes_after_all_began, crashes_at_b, fine, hangs_at_a, prints, raises_at_c


def run(work, *, limit_s=30.0):
    return dict(
        aside(work, ["a", "b", "c"], limit_s=limit_s, failed=lambda item, why: f"{item} failed: {why}")
    )


def test_every_item_has_its_answer():
    assert run(fine) == {"a": "A", "b": "B", "c": "C"}


def test_an_item_that_takes_the_process_down_is_named_and_the_others_are_done():
    answers = run(crashes_at_b)
    assert answers["b"].startswith("b failed: the process that tried it was ended by SIGABRT")
    assert (answers["a"], answers["c"]) == ("A", "C")


def test_an_item_that_never_answers_is_given_up_and_the_others_are_done():
    answers = run(hangs_at_a, limit_s=3.0)
    assert answers == {"a": "a failed: no answer within 3 s", "b": "B", "c": "C"}


def test_an_exception_is_the_items_reason():
    assert run(raises_at_c)["c"] == "c failed: KeyError: 'no such thing'"


def test_an_item_is_blamed_by_what_the_process_did_last():
    answers = run(crashes_after_all_began)
    assert answers["b"].startswith("b failed")
    assert (answers["a"], answers["c"]) == ("A", "C")


def test_what_libraries_print_is_no_part_of_the_output(capfd):
    assert run(prints)["a"] == "A"
    assert capfd.readouterr() == ("", "")


def test_leaving_early_ends_the_process():
    answers = aside(hangs_at_a, ["x", "a"], limit_s=3600.0, failed=lambda item, why: why)
    assert next(answers) == ("x", "X")
    answers.close()
