"""The figures of a report as PNG files, drawn with matplotlib's objects: no window, no global state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.core.errors import NotInstalledError, OutputError
from lineside.evaluation.evaluation import mean_of
from lineside.evaluation.fonts import labels_for
from lineside.evaluation.texts import compared_by

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from lineside.evaluation.evaluation import Evaluation

_INK, _FAINT, _GRID = "#222222", "#8a8f98", "#e4e6ea"
_BLUE, _ORANGE, _RED, _GREEN = "#0072b2", "#e69f00", "#c8371b", "#00805a"
# Okabe and Ito's colours, which people with colour-weak sight can tell apart, and darker ones of them.
_SERIES = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#5b4a9b", "#7a7a00")
_NAMED_CURVES = len(_SERIES)
_NUMBERED_CELLS = 20
_DPI = 150


def library() -> Any:
    """The package matplotlib.

    Raises:
        NotInstalledError: It is not installed.
    """
    try:
        import matplotlib as mpl
    except ModuleNotFoundError as missing:
        if missing.name != "matplotlib":
            raise
        raise NotInstalledError(
            "the plots of the evaluation need the package matplotlib: pip install 'lineside[eval]'"
        ) from missing
    return mpl


def draw_plots(evaluation: Evaluation, folder: Path) -> dict[str, str]:
    """The plots, written to the folder: their file names, with what each shows.

    Args:
        evaluation: What is drawn.
        folder: An existing folder.

    Raises:
        NotInstalledError: matplotlib is not installed.
        OutputError: A file cannot be written.
    """
    library()
    plots: dict[str, tuple[str, Callable[[Evaluation], Figure]]] = {
        "escape_overkill.png": ("Escape and overkill over the threshold", _escape_overkill),
        "accuracy.png": ("Accuracy of each class", _accuracy),
        "average_precision.png": ("Average precision of each class", _average_precision),
        "precision_recall.png": ("Precision over recall", _precision_recall),
        "confusion.png": ("What is taken for what", _confusion),
    }
    # A plot of an earlier report would belong to other figures.
    stale: list[str] = []
    if evaluation.top is not None or not evaluation.coco.truths.any():
        stale += ["average_precision.png", "precision_recall.png"]
    if evaluation.top is None or not evaluation.coco.truths.any():
        stale.append("accuracy.png")
    if not evaluation.defects.any():
        stale.append("escape_overkill.png")
    drawn = {name: plot for name, plot in plots.items() if name not in stale}
    for name in stale:
        (folder / name).unlink(missing_ok=True)
    for name, (_, draw) in drawn.items():
        try:
            draw(evaluation).savefig(
                folder / name, dpi=_DPI, facecolor="white", metadata={"Software": "lineside"}
            )
        except OSError as fault:
            raise OutputError(f"{folder / name}: the plot cannot be written: {fault.strerror}") from fault
    return {name: shows for name, (shows, _) in drawn.items()}


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    for spine in axes.spines.values():
        spine.set_color(_FAINT)
    axes.tick_params(colors=_INK, labelsize=8.5, width=0.8)
    axes.set_axisbelow(True)
    return figure, axes


def _title(axes: Axes, title: str, under: str) -> None:
    axes.set_title(title, loc="left", fontsize=12, fontweight="bold", color=_INK, pad=22)
    axes.annotate(
        under,
        (0, 1),
        xycoords="axes fraction",
        xytext=(0, 7),
        textcoords="offset points",
        fontsize=8.5,
        color="#555a63",
        va="bottom",
    )


def _escape_overkill(evaluation: Evaluation) -> Figure:
    figure, axes = _figure(8, 4.6)
    curve, suggestion = evaluation.curve, evaluation.suggestion
    edges = np.concatenate([[curve.lowest], curve.thresholds])
    for counts, total, colour, name in (
        (curve.escaped, curve.bad, _RED, "escape: bad pictures judged good"),
        (curve.overkilled, curve.good, _BLUE, "overkill: good pictures judged bad"),
    ):
        if total:
            axes.stairs(
                100 * counts / total,
                edges,
                baseline=None,
                color=colour,
                lw=2,
                label=f"{name} ({total} pictures)",
            )
        else:
            axes.plot([], [], color=colour, lw=2, label=f"{name}: not available")
    limit = 100 * evaluation.settings.max_escape
    axes.axhline(limit, color=_RED, lw=1, ls=(0, (2, 2)), alpha=0.7, label=f"escape limit {limit:g} %")
    if suggestion.rates is not None:
        assert suggestion.equal_from is not None
        assert suggestion.equal_to is not None
        axes.axvspan(suggestion.equal_from, suggestion.equal_to, color=_GREEN, alpha=0.13, lw=0)
        word = "suggested" if suggestion.meets else "nearest to the limit"
        at = suggestion.rates.threshold
        axes.axvline(at, color=_GREEN, lw=1.6, label=f"{word}: {at:g} (band: the same rates)")
    axes.set(xlim=(0, 1), ylim=(-2, 102), xlabel="confidence threshold", ylabel="pictures, %")
    axes.grid(color=_GRID, lw=0.8)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2, fontsize=8.5, frameon=False)
    _title(
        axes,
        "Escape and overkill",
        "per picture, over the threshold that a detection of a defect class must reach",
    )
    return figure


def _average_precision(evaluation: Evaluation) -> Figure:
    coco = evaluation.coco
    known = np.flatnonzero(coco.truths)
    order = known[np.argsort(coco.ap50_95[known], kind="stable")]
    labels = labels_for(evaluation.names)
    figure, axes = _figure(8, 1.7 + 0.27 * max(len(order), 3))
    rows = np.arange(len(order))
    by = compared_by(evaluation)
    axes.barh(rows, coco.ap50[order], height=0.72, color="#b9d6ea", label=f"AP50 ({by} 0.50)")
    axes.barh(
        rows, coco.ap50_95[order], height=0.72, color=_BLUE, label=f"AP50-95 (mean of {by} 0.50 to 0.95)"
    )
    for row, k in zip(rows.tolist(), order.tolist(), strict=True):
        text = f"{coco.ap50_95[k]:.2f} · {coco.ap50[k]:.2f}"
        paper = {"facecolor": "white", "edgecolor": "none", "pad": 0.6}
        axes.text(coco.ap50[k] + 0.01, row, text, va="center", fontsize=7.5, color=_INK, bbox=paper)
    axes.set_yticks(
        rows, [f"{labels.texts[k]}  ({coco.truths[k]})" for k in order.tolist()], fontfamily=labels.family
    )
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set(
        xlim=(0, 1.12), xticks=np.linspace(0, 1, 6), ylim=(-0.6, len(order) - 0.4), xlabel="average precision"
    )
    axes.grid(axis="x", color=_GRID, lw=0.8)
    mean = evaluation.map50_95
    if mean is not None:
        axes.axvline(mean, color=_ORANGE, lw=1.5, zorder=0.9, label=f"mAP50-95 {mean:.3f}")
    figure.legend(loc="outside lower center", ncols=3, fontsize=8.5, frameon=False)
    _title(
        axes,
        "Average precision of each class",
        "in brackets the number of true boxes; beside the bar AP50-95 · AP50",
    )
    return figure


def _accuracy(evaluation: Evaluation) -> Figure:
    top = evaluation.top
    assert top is not None
    known = np.flatnonzero(top.pictures)
    five = top.among_five / np.maximum(top.pictures, 1)
    order = known[np.lexsort((five[known], top.recall[known]))]
    labels = labels_for(evaluation.names)
    figure, axes = _figure(8, 1.7 + 0.27 * max(len(order), 3))
    rows = np.arange(len(order))
    axes.barh(rows, five[order], height=0.72, color="#b9d6ea", label="among the five best")
    axes.barh(rows, top.recall[order], height=0.72, color=_BLUE, label="the best class")
    axes.set_yticks(
        rows, [f"{labels.texts[k]}  ({top.pictures[k]})" for k in order.tolist()], fontfamily=labels.family
    )
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set(xlim=(0, 1.02), ylim=(-0.6, len(order) - 0.4), xlabel="share of the class's pictures")
    axes.grid(axis="x", color=_GRID, lw=0.8)
    axes.axvline(top.top1, color=_ORANGE, lw=1.5, zorder=0.9, label=f"top-1 of all pictures {top.top1:.3f}")
    figure.legend(loc="outside lower center", ncols=3, fontsize=8.5, frameon=False)
    _title(axes, "Accuracy of each class", "in brackets the number of pictures")
    return figure


def _precision_recall(evaluation: Evaluation) -> Figure:
    coco = evaluation.coco
    known = np.flatnonzero(coco.truths)
    commonest = known[np.argsort(-coco.truths[known], kind="stable")][:_NAMED_CURVES]
    named = commonest[np.argsort(-coco.ap50[commonest], kind="stable")]
    labels = labels_for(evaluation.names)
    figure, axes = _figure(8, 5)
    for k in np.setdiff1d(known, named).tolist():
        axes.plot(coco.recall, coco.precision[k], color="#c9ccd2", lw=0.8, zorder=1)
    for colour, k in zip(_SERIES, named.tolist(), strict=False):
        label = f"{labels.texts[k]} {coco.ap50[k]:.3f}"
        axes.plot(coco.recall, coco.precision[k], color=colour, lw=1.6, label=label, zorder=2)
    mean = mean_of(coco.ap50)
    axes.plot(
        coco.recall,
        coco.precision[known].mean(axis=0),
        color=_INK,
        lw=2.6,
        label=f"mean {mean:.3f}",
        zorder=3,
    )
    axes.set(xlim=(0, 1.005), ylim=(0, 1.02), xlabel="recall", ylabel="precision")
    axes.grid(color=_GRID, lw=0.8)
    few = len(known) <= _NAMED_CURVES
    axes.legend(
        loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=8.5, frameon=False, prop={"family": labels.family, "size": 8.5},
        title="AP50" if few else f"AP50: the commonest\nof {len(known)} classes", title_fontsize=8.5, alignment="left",
    )  # fmt: skip
    _title(
        axes,
        "Precision over recall",
        f"at {compared_by(evaluation)} 0.50; best precision at that recall or above, as COCO defines it",
    )
    return figure


def _confusion(evaluation: Evaluation) -> Figure:
    matrix = evaluation.confusion
    counts = matrix.counts
    labels = labels_for([*evaluation.names, matrix.rest], longest=18)
    size = len(counts)
    numbered = size <= _NUMBERED_CELLS
    side = min(max(4.2, 1.6 + 0.52 * size), 15)
    figure, axes = _figure(side + 1.2, side)
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)
    picture = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    if numbered:
        _number_cells(axes, counts, shares)
    font: dict[str, Any] = {"fontsize": min(8.5, 40 * side / size), "fontfamily": labels.family}
    turned: dict[str, Any] = {"rotation": 90}
    if numbered:
        turned = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
    axes.set_xticks(range(size), labels.texts, **font, **turned)
    axes.set_yticks(range(size), labels.texts, **font)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    for edge in (axes.axhline, axes.axvline):
        edge(size - 1.5, color=_FAINT, lw=1)
    axes.set(xlabel="detected", ylabel="true")
    bar = figure.colorbar(picture, ax=axes, fraction=0.04, pad=0.02, label="share of the row")
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=8, length=0)
    _title(
        axes,
        "What is taken for what",
        f"counts {matrix.told}"
        + ("; last column: missed, last row: false alarms" if evaluation.top is None else ""),
    )
    return figure


def _number_cells(axes: Axes, counts: NDArray[np.int64], shares: NDArray[np.float64]) -> None:
    for row, column in zip(*np.nonzero(counts), strict=True):
        colour = "white" if shares[row, column] > 0.5 else _INK
        axes.text(column, row, str(counts[row, column]), ha="center", va="center", fontsize=8.5, color=colour)
