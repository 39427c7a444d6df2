"""Which files of a watched folder are due: a value, driven without a disk."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lineside.capture.files.incoming import Arrivals


def test_a_file_is_due_when_it_has_not_changed_for_a_while():
    arrivals = Arrivals(0.2)
    arrivals.look([("a.png", (1, 10))], 0.0)
    assert arrivals.due(0.1) == []
    arrivals.look([("a.png", (2, 20))], 0.1)
    assert arrivals.due(0.25) == []
    assert arrivals.due(0.31) == ["a.png"]
    assert arrivals.seen("a.png").noticed_s == 0.0


def test_the_oldest_is_due_first():
    arrivals = Arrivals(0)
    arrivals.look([("b.png", (1, 1)), ("a.png", (2, 1)), ("c.png", (1, 1))], 0.0)
    assert arrivals.due(0.0) == ["b.png", "c.png", "a.png"]


def test_a_name_is_due_again_with_another_content_and_only_then():
    arrivals = Arrivals(0)
    arrivals.look([("latest.jpg", (1, 5))], 0.0)
    arrivals.done("latest.jpg")
    arrivals.look([("latest.jpg", (1, 5))], 1.0)
    assert arrivals.due(1.0) == []
    arrivals.look([("latest.jpg", (2, 5))], 2.0)
    assert arrivals.due(2.0) == ["latest.jpg"]
    assert arrivals.seen("latest.jpg").noticed_s == 2.0


def test_what_is_there_at_the_start_can_be_passed_over():
    arrivals = Arrivals(0)
    arrivals.look([("old.png", (1, 1))], 0.0)
    arrivals.all_done()
    arrivals.look([("old.png", (1, 1)), ("new.png", (2, 1))], 1.0)
    assert arrivals.due(1.0) == ["new.png"]


FOLDERS = st.lists(
    st.dictionaries(st.sampled_from("abc"), st.tuples(st.integers(0, 3), st.integers(0, 3))), max_size=30
)


@given(FOLDERS)
def test_each_state_of_a_file_is_taken_at_most_once_while_it_stands(folders):
    arrivals, taken, before = Arrivals(0), [], {}
    for now_s, folder in enumerate(folders):
        arrivals.look(folder.items(), float(now_s))
        for name in arrivals.due(float(now_s)):
            assert before.get(name) != folder[name]
            arrivals.done(name)
            taken.append((name, folder[name]))
        assert arrivals.due(float(now_s)) == []
        before = folder
    assert len(taken) == sum(
        state != earlier.get(name)
        for earlier, now in zip([{}, *folders], folders, strict=False)
        for name, state in now.items()
    )
