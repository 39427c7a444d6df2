"""The plot of a quantised model's report: what each group of layers does when it alone is in int8."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.evaluation.plots import library

if TYPE_CHECKING:
    from pathlib import Path

    from lineside.evaluation.quantising.outcome import Outcome

_KEPT, _TURNED = "#e69f00", "#0072b2"  # Okabe and Ito's orange and blue


def draw_sensitivity(outcome: Outcome, path: Path) -> None:
    """Write the plot as a PNG file.

    Args:
        outcome: A model in int8, with its sensitivity.
        path: The file.

    Raises:
        NotInstalledError: matplotlib is not installed.
        OSError: The file cannot be written.
    """
    library()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    assert outcome.sensitivity is not None
    measured = [
        one for one in (*outcome.sensitivity.head, *outcome.sensitivity.body) if one.damage is not None
    ]
    kept = {one.group.name for one in outcome.in_float}
    figure = Figure(figsize=(9, 1.2 + 0.24 * len(measured)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    names = [one.group.name for one in measured]
    colours = [_KEPT if name in kept else _TURNED for name in names]
    axes.barh(range(len(names)), [one.damage or 0.0 for one in measured], color=colours)
    axes.set_yticks(range(len(names)), names, fontsize=7)
    axes.invert_yaxis()
    axes.axvline(outcome.settings.tolerance, color="#222222", linewidth=0.8, linestyle="--")
    axes.set_xlabel("change of the answers with this group alone in int8; orange: left in float")
    axes.set_title(f"{outcome.before.file}: which layers suffer", loc="left", fontsize=10)
    figure.savefig(path, dpi=150)
