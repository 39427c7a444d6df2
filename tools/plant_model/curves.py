"""The curves of a run as one picture."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def draw_curves(folder: Path) -> None:
    """Write `curves.png` from `train.csv` and `validation.csv` in a folder."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    training, validation = _read(folder / "train.csv"), _read(folder / "validation.csv")
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
    for key in ("score", "box"):
        left.plot(training["step"], training[key], linewidth=0.8, label=f"{key} loss")
    left.set(xlabel="step", yscale="log", title="training")
    for key in ("ap50", "recall", "escapes"):
        right.plot(validation["step"], validation[key], marker=".", label=key)
    right.set(xlabel="step", ylim=(0, 1), title="validation (quick look)")
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(folder / "curves.png", dpi=120)
    plt.close(figure)


def _read(path: Path) -> dict[str, list[float]]:
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {key: [float(row[key]) for row in rows] for key in rows[0] if key != "weights"}
