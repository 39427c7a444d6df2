"""Every command, option and extra that a page names exists, and is spelt as the page spells it."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import pytest
import typer

from lineside.cli.app import COMMANDS, build

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("README*.md"), ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
ENDS = {"|", "||", "&&", ";", ">", ">>", "2>", "<", "&", "…"}


@pytest.fixture(scope="module")
def tree():
    return typer.main.get_command(build())


def commands_of(page):
    """Each command line of a page: those of its blocks, and those in its sentences."""
    text = re.sub(r"\\\n\s*", " ", page.read_text("utf-8"))
    fenced = re.findall(r"^```(?:sh|bash|console)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    lines = [line.split(" #")[0] for line in "\n".join(fenced).splitlines()]
    for part in (part for line in lines for part in re.split(r"\s(?:&&|\|\|?|;)\s", line)):
        # What a shell would substitute may itself be a command, and a variable may stand before one.
        found = re.search(r"(?:^|[$(]|\s)(lineside\s.*)", part)
        if found and "pip install" not in part:
            yield found.group(1)
    plain = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    for code in re.findall(r"`([^`]+)`", plain):
        words = " ".join(code.split())
        if words.startswith("lineside "):
            yield words


def words_of(line):
    words = []
    for word in shlex.split(line.rstrip(")"))[1:]:
        if word in ENDS:
            break
        words.append(word)
    return words


def faults_of(tree, line):
    """What is wrong with the names in a command line; values are not looked at."""
    command, words = tree, words_of(line)
    while words and hasattr(command, "commands") and not words[0].startswith("-"):
        if words[0].isupper():  # COMMAND, which stands for any
            return
        if words[0].rstrip(",") not in command.commands:
            yield f'"{line}": no command {words[0]}'
            return
        command = command.commands[words.pop(0).rstrip(",")]
    known = {name for each in command.params for name in (*each.opts, *each.secondary_opts)} | {"--help"}
    for word in words:
        option = word.split("=")[0]
        if re.match(r"--?[a-z]", option) and option not in known:
            yield f'"{line}": {" ".join(command.name.split())} has no option {option}'


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_commands_of_a_page_exist_with_their_options(tree, page):
    assert [fault for line in commands_of(page) for fault in faults_of(tree, line)] == []


def test_the_pages_hold_commands_and_a_wrong_one_is_found(tree):
    assert sum(1 for page in PAGES for _ in commands_of(page)) > 100
    assert [*faults_of(tree, "lineside detekt x")] == ['"lineside detekt x": no command detekt']
    assert len([*faults_of(tree, "lineside plant map s7 --jsn | less --no")]) == 1
    assert [*faults_of(tree, "lineside detect best.onnx p/ --csv --nms=diou | head -1")] == []


def test_every_command_is_on_the_page_of_the_command_line():
    page = (ROOT / "docs/cli.md").read_text("utf-8")
    assert [name for name in COMMANDS if not re.search(rf"`(lineside )?{name}[ `]", page)] == []


def test_the_table_of_the_readme_has_every_extra_and_pages_name_no_other():
    known = set(
        tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    )
    table = re.findall(r"^\| (`lineside\[.*?) \|", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)
    assert set(re.findall(r"lineside\[([\w-]+)\]", " ".join(table))) == known - {"dev"}
    for page in PAGES:
        named = re.findall(r"lineside\[([\w,-]+)\]", page.read_text("utf-8"))
        assert {extra for each in named for extra in each.split(",")} <= known, page


def test_every_page_can_be_reached_from_the_readme():
    readme = (ROOT / "README.md").read_text("utf-8")
    pages = {page.relative_to(ROOT).as_posix() for page in PAGES if page.parent != ROOT}
    assert {page for page in pages - {"docs/index.md"} if f"({page}" not in readme} == set()
