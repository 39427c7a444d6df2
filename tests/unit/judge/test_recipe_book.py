from __future__ import annotations

import threading

import pytest

from lineside.core.errors import ModelError, SettingsError, UnknownRecipeError
from lineside.judge.recipe_book import RecipeBook

PLAIN = """\
schema = 1
code = {code}
[model]
path = "shipped:plant"
[[rule]]
kind = "forbid"
min_confidence = {confidence}
[[rule]]
kind = "forbid"
classes = ["dent"]
[end]
"""


class Clock:
    now_s = 0.0

    def __call__(self):
        return self.now_s


class Desk:
    """A folder of recipes, a book of it, and what the book told."""

    def __init__(self, folder, **more):
        self.folder, self.clock, self.notes = folder, Clock(), []
        self.write("a", 1)
        self.write("b", 2)
        self.book = RecipeBook(folder, clock=self.clock, note=lambda *n: self.notes.append(n), **more)

    def write(self, name, code, confidence=0.3):
        (self.folder / f"{name}.toml").write_text(PLAIN.format(code=code, confidence=confidence))

    def settle(self):
        """Look, wait until files have settled, and look again."""
        self.book.refresh()
        self.clock.now_s += 1.0
        return self.book.refresh()

    def confidence(self, code):
        return self.book.get(code).document.rule[0]["min_confidence"]


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


def test_each_code_has_its_recipe_and_an_unknown_one_has_none(desk):
    assert desk.book.get(1).name == "a"
    assert desk.book.get("2").name == "b"
    with pytest.raises(UnknownRecipeError, match='no recipe has the code "3"; known: 1, 2'):
        desk.book.get(3)


def test_a_changed_file_is_taken_when_it_has_settled_and_an_old_snapshot_stays_as_it_was(desk):
    before = desk.book.current
    desk.write("a", 1, 0.7)
    assert not desk.book.refresh()
    assert desk.confidence(1) == 0.3
    desk.clock.now_s += 0.4
    assert not desk.book.refresh()
    desk.clock.now_s += 0.2
    assert desk.book.refresh()
    assert desk.confidence(1) == 0.7
    assert before.get(1).document.rule[0]["min_confidence"] == 0.3
    assert [code for code, _ in desk.notes] == ["recipe.taken"]
    assert not desk.settle()


def test_a_file_that_is_still_being_written_is_not_taken(desk):
    for length in range(10):
        (desk.folder / "a.toml").write_text(PLAIN.format(code=1, confidence=0.7) + "#" * length)
        assert not desk.book.refresh()
        desk.clock.now_s += 0.4
    assert desk.confidence(1) == 0.3
    desk.clock.now_s += 0.6
    assert desk.book.refresh()


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.7, 0.9, 0.97])
def test_a_half_written_file_leaves_the_last_good_recipe_and_is_told_once(desk, share):
    whole = PLAIN.format(code=1, confidence=0.7)
    (desk.folder / "a.toml").write_text(whole[: int(len(whole) * share)])
    for _ in range(3):
        assert not desk.settle()
    assert desk.confidence(1) == 0.3
    assert [code for code, _ in desk.notes] == ["recipe.refused"]
    assert "The last good recipe of this file stays" in desk.notes[0][1]
    (desk.folder / "a.toml").write_text(whole)
    assert desk.settle()
    assert desk.confidence(1) == 0.7


def test_a_new_file_comes_in_and_a_removed_one_goes(desk):
    desk.write("c", 3)
    assert desk.settle()
    assert desk.book.get(3).name == "c"
    (desk.folder / "b.toml").unlink()
    assert not desk.book.refresh()
    assert desk.book.get(2).name == "b"
    assert desk.settle()
    with pytest.raises(UnknownRecipeError):
        desk.book.get(2)
    assert desk.notes[-1][0] == "recipe.removed"


def test_a_code_that_is_anothers_is_refused_and_both_old_recipes_stay(desk):
    desk.write("b", 1)
    assert not desk.settle()
    assert (desk.book.get(1).name, desk.book.get(2).name) == ("a", "b")
    assert desk.notes[0][0] == "recipe.refused"
    assert '"1" is that of' in desk.notes[0][1]


def test_two_files_may_change_their_codes_at_once(desk):
    desk.write("a", 2)
    desk.write("b", 1)
    assert desk.settle()
    assert (desk.book.get(1).name, desk.book.get(2).name) == ("b", "a")


def test_a_recipe_that_is_not_accepted_is_not_taken(tmp_path):
    def accept(recipe):
        if recipe.document.rule[0]["min_confidence"] > 0.5:
            raise ModelError("its model does not open")

    desk = Desk(tmp_path, accept=accept)
    desk.write("a", 1, 0.7)
    assert not desk.settle()
    assert desk.confidence(1) == 0.3
    assert "its model does not open" in desk.notes[0][1]
    desk.write("a", 1, 0.4)
    assert desk.settle()


def test_a_folder_that_goes_away_leaves_the_recipes(desk):
    desk.folder.rename(desk.folder.with_name("elsewhere"))
    assert not desk.settle()
    assert desk.book.get(1).name == "a"
    assert desk.notes[0][0] == "recipe.refused"


def test_at_the_start_every_fault_is_an_error(tmp_path):
    with pytest.raises(SettingsError, match="there is none"):
        RecipeBook(tmp_path)
    with pytest.raises(SettingsError, match="expected a folder of recipes"):
        RecipeBook(tmp_path / "nowhere")
    Desk(tmp_path).write("c", 2)
    with pytest.raises(SettingsError, match=r'c.toml: code: "2" is that of b.toml already'):
        RecipeBook(tmp_path)
    (tmp_path / "c.toml").write_text("schema = 1")
    with pytest.raises(SettingsError, match=r"c.toml: code: this key is missing"):
        RecipeBook(tmp_path)


def test_a_part_sees_one_state_of_all_recipes_while_files_change(desk):
    """Both files always change together: whoever takes a snapshot sees both old or both new."""
    mixed, is_over = [], threading.Event()

    def look():
        while not is_over.is_set():
            now = desk.book.current
            pair = {now.get(code).document.rule[0]["min_confidence"] for code in (1, 2)}
            if len(pair) > 1:
                mixed.append(pair)

    reader = threading.Thread(target=look)
    reader.start()
    for number in range(30):
        for name, code in (("a", 1), ("b", 2)):
            desk.write(name, code, 0.3 + number / 100)
        desk.settle()
    is_over.set()
    reader.join(10)
    assert not mixed
