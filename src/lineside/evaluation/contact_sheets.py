"""The worst pictures on one sheet: what escaped, and what was rejected without need."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.capture.pictures import read_picture
from lineside.core.errors import OutputError
from lineside.evaluation.evaluation import DEFAULT_CONFIDENCE
from lineside.evaluation.fonts import labels_for

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle
    from numpy.typing import NDArray

    from lineside.evaluation.evaluation import Evaluation
    from lineside.evaluation.examine import Examined
    from lineside.evaluation.rates import PictureScore

_TILES, _COLUMNS = 12, 4
_TILE_IN = 3.1
_TILE_PX = 420  # the longer side of a picture on the sheet
_LABEL_PX = 16  # room for a label above its box
_CORNER = (4, 4)  # pixels of a tile
_TRUE, _FOUND = "#ffb000", "#ff3b30"


def draw_sheets(evaluation: Evaluation, folder: Path) -> dict[str, str]:
    """The sheets, written to the folder: their file names, with what each shows.

    At the suggested threshold (without one, at the detector's default): up to twelve escapes with the lowest
    scores and their true boxes, and up to twelve overkills with the highest scores and their detections.
    Without any, there is no sheet.

    Args:
        evaluation: What is shown.
        folder: An existing folder.

    Raises:
        OutputError: A file cannot be written.
    """
    rates = evaluation.suggestion.rates
    threshold = rates.threshold if rates else max(DEFAULT_CONFIDENCE, evaluation.curve.lowest)
    escapes, overkills = _worst(evaluation, threshold)
    sheets = {}
    for name, shows, worst in (
        ("escapes.png", "Escapes: bad pictures judged good", escapes),
        ("overkills.png", "Overkills: good pictures judged bad", overkills),
    ):
        file = folder / name
        try:
            # A sheet of an earlier report would belong to other figures.
            file.unlink(missing_ok=True)
            if worst:
                _sheet(evaluation, worst, threshold, shows).savefig(
                    file, dpi=110, facecolor="white", metadata={"Software": "lineside"}
                )
                sheets[name] = shows
        except OSError as fault:
            raise OutputError(f"{file}: the sheet cannot be written: {fault.strerror}") from fault
    return sheets


def _worst(
    evaluation: Evaluation, threshold: float
) -> tuple[list[tuple[Examined, PictureScore]], list[tuple[Examined, PictureScore]]]:
    both = list(zip(evaluation.examined, evaluation.scores, strict=True))
    escapes = [b for b in both if b[1].quality == "bad" and _score(b[1]) < threshold]
    overkills = [b for b in both if b[1].quality == "good" and _score(b[1]) >= threshold]
    escapes.sort(key=lambda b: _score(b[1]))
    overkills.sort(key=lambda b: -_score(b[1]))
    return escapes[:_TILES], overkills[:_TILES]


def _score(score: PictureScore) -> float:
    return -1.0 if score.score is None else score.score


def _sheet(
    evaluation: Evaluation, worst: Sequence[tuple[Examined, PictureScore]], threshold: float, title: str
) -> Figure:
    from matplotlib.figure import Figure

    columns = min(_COLUMNS, len(worst))
    rows = -(-len(worst) // columns)
    tallest = max(one.size.height / one.size.width for one, _ in worst)
    width = max(_TILE_IN, 6.2 / columns)
    height = width * min(tallest, 1.4) + 0.45
    figure = Figure(figsize=(width * columns, height * rows + 0.5), layout="constrained")
    figure.suptitle(f"{title} at threshold {threshold:g}", x=0.01, ha="left", fontsize=12, fontweight="bold")
    names = labels_for([one.name for one, _ in worst], longest=34)
    for place, (one, score) in enumerate(worst):
        axes = figure.add_subplot(rows, columns, place + 1)
        axes.set_axis_off()
        told = "nothing found" if score.score is None else f"highest score {score.score:.3f}"
        axes.set_title(f"{names.texts[place]}\n{told}", fontsize=7.5, fontfamily=names.family, loc="left")
        image, scale = _small(one, evaluation.settings.scale_16bit)
        axes.imshow(image, interpolation="nearest")
        _draw_boxes(axes, evaluation, one, threshold, scale)
    return figure


def _small(one: Examined, scale_16bit: float | None) -> tuple[NDArray[np.uint8], float]:
    """The picture as RGB, at most `_TILE_PX` long, and its scale."""
    import cv2

    image = read_picture(one.path, scale_16bit=scale_16bit)[:, :, ::-1]
    scale = min(1.0, _TILE_PX / max(image.shape[:2]))
    if scale < 1:
        size = (max(round(image.shape[1] * scale), 1), max(round(image.shape[0] * scale), 1))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]  # uint8 stays uint8
    return image, scale


def _best_class(evaluation: Evaluation, one: Examined) -> str:
    """What a classifier takes the picture for."""
    names = labels_for([*evaluation.names, evaluation.confusion.rest]).texts
    return names[one.found.class_index[0]] if len(one.found) else ""


def _draw_boxes(axes: Axes, evaluation: Evaluation, one: Examined, threshold: float, scale: float) -> None:
    if evaluation.top is not None:
        axes.text(*_CORNER, _best_class(evaluation, one), color=_FOUND, fontsize=7.5, va="top")
        return
    labels = labels_for(evaluation.names)
    true = evaluation.defects[one.truth.class_index] & ~one.truth.ignored
    found = evaluation.defects[one.found.class_index] & (one.found.confidence >= threshold)
    for boxes, classes, colour in (
        (one.truth.xyxy[true], one.truth.class_index[true], _TRUE),
        (one.found.xyxy[found], one.found.class_index[found], _FOUND),
    ):
        for box, k in zip((boxes * scale).tolist(), classes.tolist(), strict=True):
            axes.add_patch(_rectangle(box, colour))
            axes.text(
                box[0], box[1], labels.texts[k], fontsize=6.5, fontfamily=labels.family, color="black",
                va="bottom" if box[1] > _LABEL_PX else "top", bbox={"facecolor": colour, "edgecolor": "none", "pad": 0.8},
            )  # fmt: skip


def _rectangle(box: list[float], colour: str) -> Rectangle:
    from matplotlib.patches import Rectangle

    left, top, right, bottom = box
    return Rectangle(
        (left - 0.5, top - 0.5), right - left, bottom - top, fill=False, edgecolor=colour, lw=1.4
    )
