"""The report folder: report.json, report.md and the pictures that they speak of."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from lineside.core.errors import OutputError
from lineside.evaluation.contact_sheets import draw_sheets
from lineside.evaluation.plots import draw_plots
from lineside.evaluation.record import to_dict
from lineside.evaluation.texts import (
    class_headings,
    class_rows,
    compared_by,
    counted,
    counted_things,
    percent,
    rates_rows,
    totals_rows,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from lineside.evaluation.evaluation import Evaluation


def prepare_folder(folder: Path) -> None:
    """Make the report folder, and show that it can be written to before any picture is judged.

    Args:
        folder: The folder; it may exist. A report in it is overwritten, other files are left alone.

    Raises:
        OutputError: It cannot be made or written to.
    """
    probe = folder / ".lineside-writable"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as fault:
        raise OutputError(
            f"{folder}: the report cannot be written here: {fault.strerror}. Give another folder with --report"
        ) from fault


def write_report(evaluation: Evaluation, folder: Path) -> dict[str, Any]:
    """Write the report, and return the document of its report.json.

    Args:
        evaluation: What is reported.
        folder: The report folder; made if it is missing.

    Raises:
        NotInstalledError: matplotlib is not installed.
        OutputError: A file cannot be written.
    """
    prepare_folder(folder)
    pictures = draw_plots(evaluation, folder) | draw_sheets(evaluation, folder)
    document = to_dict(evaluation)
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    _write(folder / "report.json", text + "\n")
    _write(folder / "report.md", "\n".join(_markdown(evaluation, pictures)) + "\n")
    return document


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as fault:
        raise OutputError(f"{file}: cannot be written: {fault.strerror}") from fault


def _markdown(evaluation: Evaluation, pictures: dict[str, str]) -> Iterator[str]:
    dataset = evaluation.dataset
    yield f"# {_cell(str(evaluation.model.get('file', 'A model')))} on {_cell(dataset.path.name)}"
    yield ""
    yield (
        f"{len(dataset.pictures)} pictures, {counted_things(evaluation)}. {_asked(evaluation)} "
        "`report.json` holds all figures."
    )
    yield ""
    yield from _table(("figure", "value"), totals_rows(evaluation))
    if evaluation.defects.any():
        yield from _escape_section(evaluation)
    yield from _class_section(evaluation)
    yield from _confusion_section(evaluation)
    for name, shows in pictures.items():
        yield from ("", f"## {shows}", "", f"![{shows}]({name})")
    if evaluation.notes:
        yield from ("", "## Notes", "", *(f"- {_cell(note)}" for note in evaluation.notes))


def _asked(evaluation: Evaluation) -> str:
    """What the detector was asked for, and what its answers were compared by."""
    if evaluation.top is not None:
        return "The model answers for each picture as a whole."
    settings = evaluation.settings
    return (
        f"The detector was asked with confidence {settings.confidence:g}, "
        f"IoU {settings.iou:g}, {settings.max_detections} boxes, "
        f"{'a box in every class that it reaches' if settings.multi_label else 'a box in its best class only'}"
        f"{'' if settings.nms is None else f', NMS {settings.nms}'}"
        f"{'' if settings.slices is None else f', in slices of {settings.slices}'}. "
        f"Truth and answers are compared by their {compared_by(evaluation)}."
    )


def _escape_section(evaluation: Evaluation) -> Iterator[str]:
    suggestion = evaluation.suggestion
    yield from ("", "## Escape and overkill", "")
    yield (
        "Escape rate: bad pictures judged good / bad pictures. Overkill rate: good pictures judged bad / good "
        "pictures. A picture is bad if it holds a true box of a defect class, and is judged bad if any detection "
        "of a defect class reaches the threshold, wherever it is. 'At most' is what the true rate does not exceed "
        "with 95 % confidence."
    )
    yield ""
    if suggestion.rates:
        yield f"**Suggested threshold: {suggestion.rates.threshold:g}**"
        yield ""
    yield " ".join(_cell(sentence) for sentence in (suggestion.rule, *suggestion.grounds))
    yield ""
    rows = [
        (
            f"{rates.threshold:g}",
            counted(rates.escape, rates.escaped, rates.bad),
            percent(rates.escape_bound),
            counted(rates.overkill, rates.overkilled, rates.good),
            percent(rates.overkill_bound),
            remark,
        )
        for rates, remark in rates_rows(evaluation)
    ]
    yield from _table(("threshold", "escape", "at most", "overkill", "at most", ""), rows)


def _class_section(evaluation: Evaluation) -> Iterator[str]:
    yield from ("", "## Classes", "")
    yield from _table(class_headings(evaluation), class_rows(evaluation))


def _confusion_section(evaluation: Evaluation) -> Iterator[str]:
    matrix = evaluation.confusion
    labels = [*evaluation.names, matrix.rest]
    yield from ("", "## Most frequent mistakes", "")
    yield f"{matrix.told[0].upper()}{matrix.told[1:]}."
    yield ""
    mistakes = matrix.counts.copy()
    for k in range(len(mistakes)):
        mistakes[k, k] = 0
    order = (-mistakes).ravel().argsort(kind="stable")[:10]
    places = [divmod(int(at), len(labels)) for at in order if mistakes.flat[at]]
    rows = [(labels[row], labels[column], str(mistakes[row, column])) for row, column in places]
    yield from _table(("true", "detected", "times"), rows)


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield "| " + " | ".join(headings) + " |"
    yield "|" + " --- |" * len(headings)
    for row in rows:
        yield "| " + " | ".join(_cell(value) for value in row) + " |"


def _cell(text: str) -> str:
    """Text with nothing in it that Markdown would read as its own."""
    for letter in "\\|*_`<[":
        text = text.replace(letter, "\\" + letter)
    return text
