"""Write the mean of both cycles' weights as ONNX: `python -m plant_model.blend --out DIR`.

A network that is refined gains on what it is refined on, and loses some of its sureness elsewhere, as in a light that it never saw.
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
"""Of the second cycle in the shipped weights: that of 0.5, 0.6, 0.7, 0.8 and 1 with the fewest escapes in validation."""


def blend(first: Path, second: Path, target: Path, share: float) -> None:
    """Write a model with the weighted mean of two models' weights.

    Args:
        first: What `export` wrote of the first cycle.
        second: The same of the second.
        target: The file to write.
        share: Of the second, 0 to 1.
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
    parser.add_argument("--out", type=Path, required=True, help="folder with both cycles'; gets plant.onnx")
    parser.add_argument("--share", type=float, default=SHARE, help="of the second cycle, 0 to 1")
    options = parser.parse_args()
    target = options.out / "plant.onnx"
    first, second = (options.out / cycle / "plant.onnx" for cycle in ("first", "second"))
    blend(first, second, target, options.share)
    print(target, target.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
