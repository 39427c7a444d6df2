"""Write the mean of two cycles' weights as ONNX: `python -m plant_model.blend BEFORE AFTER --out FILE`.

A network that is trained on gains on what it is trained on, and loses some of its sureness elsewhere, as in a light that it never saw.
Weights on the straight line between the two keep both (Wortsman et al. 2022, *Robust fine-tuning of zero-shot models*).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import onnx
from onnx import numpy_helper

from lineside.capture.plant.defects import DEFECTS
from plant_model.export import describe
from plant_model.run import exported, trained_name

SHARE = 0.7
"""Of the later one, in both means of the recipe: chosen in validation, see the README's tables."""


def blend(first: Path, second: Path, target: Path, share: float) -> None:
    """Write a model with the weighted mean of two models' weights.

    Args:
        first: The model before, as `export` or this wrote it.
        second: The same of the later one.
        target: The file to write.
        share: Of the later one, 0 to 1.
    """
    old, first_recipe = exported(first)
    new, second_recipe = exported(second)
    model = onnx.load(second)
    for entry in model.graph.initializer:
        if name := trained_name(entry):
            mean = old[name].lerp(new[name], share)
            entry.CopyFrom(numpy_helper.from_array(mean.numpy(), entry.name))
    facts = {"first": first_recipe, "second": second_recipe, "share": share}
    describe(model, list(DEFECTS), facts)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, target)


def main() -> None:
    """Read the command line and blend."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("before", type=Path, help="exported model that a cycle began with")
    parser.add_argument("after", type=Path, help="exported model that came of it")
    parser.add_argument("--out", type=Path, required=True, help="the model to write")
    parser.add_argument("--share", type=float, default=SHARE, help="of the later one, 0 to 1")
    options = parser.parse_args()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    blend(options.before, options.after, options.out, options.share)
    print(options.out, options.out.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
