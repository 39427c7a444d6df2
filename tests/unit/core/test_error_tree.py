"""The tree of errors as drawn, as written and as documented are one tree."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from lineside.core import errors
from lineside.core.errors import LinesideError, Recovery, near

DOCS = Path(__file__).parents[3] / "docs" / "errors.md"
LINE = re.compile(
    r"^(?P<indent>[│├└─ ]*)(?P<name>\w+)(?: \((?P<also>\w+)\))? {2,}(?P<code>\S+) {2,}(?P<does>.+)$"
)


def tree(root=LinesideError):
    """Every class of the tree below `root`, in the order of the file."""
    for child in root.__subclasses__():
        if child.__module__ == errors.__name__:
            yield child
            yield from tree(child)


def drawn():
    """Name, parent, other base, code and recovery of each drawn line."""
    parents = {}
    for text in inspect.getdoc(errors).split("```")[1].splitlines()[2:]:
        line = LINE.match(text)
        assert line, f"a line that cannot be read: {text!r}"
        depth = len(line["indent"]) // 4
        parents[depth] = line["name"]
        yield line["name"], parents.get(depth - 1, "LinesideError"), line["also"], line["code"], line["does"]


def written():
    """The same of each class."""
    for error in tree():
        parent, *others = error.__bases__
        also = others[0].__name__ if others else None
        yield error.__name__, parent.__name__, also, error.code, str(error.recovery)


def test_the_drawn_tree_is_the_tree():
    assert sorted(drawn(), key=str) == sorted(written(), key=str)


def test_every_error_is_drawn_in_its_place():
    assert [row[0] for row in drawn()] == [row[0] for row in written()]


def test_codes_are_distinct_dotted_and_in_the_errors_own_class():
    codes = [error.code for error in tree()]
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"[a-z]+\.[a-z_]+", code) for code in codes)
    assert all("code" in vars(error) for error in tree()), "an inherited code would stand for two errors"


def test_the_page_of_errors_has_one_section_a_code_in_the_order_of_the_tree():
    assert re.findall(r"^### `(\S+)`$", DOCS.read_text("utf-8"), re.MULTILINE) == [e.code for e in tree()]


def test_every_section_names_its_class_and_says_what_the_line_does():
    text = DOCS.read_text("utf-8")
    sections = dict(re.findall(r"^\((\S+)\)=\n### `\1`\n(.+?)(?=^\(|\Z)", text, re.MULTILINE | re.DOTALL))
    for error in tree():
        section = sections[error.code]
        assert f"`{error.__name__}`" in section
        assert f"**The line:** {error.recovery}" in section.replace("\n", " ")
        assert "**When:**" in section
        assert "**What to do:**" in section


def test_an_argument_error_is_also_pythons_own():
    with pytest.raises(ValueError, match="out of range"):
        raise errors.SettingsError("out of range")
    with pytest.raises(TypeError, match="no picture"):
        raise errors.ImageFormatError("no picture")


def test_a_recovery_reads_as_its_words():
    assert f"{Recovery.RESTART_SESSION}" == "restart the session"


@pytest.mark.parametrize(
    ("asked", "known", "answer"),
    [
        ("scrach", ["dent", "scratch", "stain"], '; did you mean "scratch"?'),
        ("SCRATCH", ["dent", "Scratch"], '; did you mean "Scratch"?'),
        ("qqq", ["dent", "stain"], "; known: dent, stain"),
        ("anything", [], ""),
        ("7", range(3), "; known: 0, 1, 2"),
    ],
)
def test_near_names_help(asked, known, answer):
    assert near(asked, known) == answer


def test_a_long_list_of_names_is_cut_and_counted():
    text = near("zzz", [f"n{i}" for i in range(20)])
    assert text.endswith("n11, … (20 in all)")
    assert "n12" not in text
