"""Judge the exported models on parts that were never trained on: `python -m plant_model.evaluate --out DIR`.

Both the pictures and the figures come from the command line that users have: `lineside demo --export-dataset` draws
seeds that training never sees, in a light that it never sees, and `lineside eval` judges. Only the joining of the
seeds' data sets to one is done here.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import onnx

from plant_model.export import DESCRIPTION
from plant_model.lights import HELD_OUT

_OVERKILL = 0.02


def lineside(*words: str) -> str:
    """What a `lineside` command says on its standard output.

    Raises:
        subprocess.CalledProcessError: It failed; its message stands on the terminal.
    """
    command = [str(Path(sys.executable).with_name("lineside")), *words]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def held_out(folder: Path, seeds: range, pictures: int) -> Path:
    """The data set of several seeds as one COCO file.

    Args:
        folder: Where the pictures are; seeds that are there already are kept.
        seeds: Of the plants.
        pictures: Of each.

    Returns:
        The COCO file.
    """
    joined: dict[str, Any] = {"images": [], "annotations": [], "categories": []}
    for seed in seeds:
        part = folder / f"seed-{seed}"
        if not part.exists():
            options = {"--product": "mixed", "--seed": seed, "--lighting": HELD_OUT, "--pictures": pictures}
            lineside(
                "demo", "--export-dataset", str(part), *(str(w) for pair in options.items() for w in pair)
            )
        _join(joined, json.loads((part / "annotations.json").read_text(encoding="utf-8")), part.name)
    target = folder / "annotations.json"
    target.write_text(json.dumps(joined), encoding="utf-8")
    return target


def _join(joined: dict[str, Any], part: dict[str, Any], name: str) -> None:
    """Add a data set to another; its pictures lie in a folder with its name."""
    first_image, first_box = len(joined["images"]), len(joined["annotations"])
    joined["categories"] = part["categories"]
    joined["images"] += [
        image | {"id": image["id"] + first_image, "file_name": f"{name}/images/{image['file_name']}"}
        for image in part["images"]
    ]
    joined["annotations"] += [
        box | {"id": box["id"] + first_box, "image_id": box["image_id"] + first_image}
        for box in part["annotations"]
    ]


def judge(model: Path, truth: Path, report: Path) -> None:
    """Run `lineside eval` and keep its report and its figures."""
    words = ("eval", str(model), str(truth), "--images", str(truth.parent), "--report", str(report))
    report.mkdir(parents=True, exist_ok=True)
    (report / "figures.json").write_text(lineside(*words, "--json"), encoding="utf-8")


def inscribe(model: Path, report: Path, conditions: str) -> None:
    """Write what a model was found to be worth into its metadata, where `lineside inspect` shows the description.

    Args:
        model: The file; rewritten, its graph stays as it is.
        report: The folder with the figures of `judge`.
        conditions: What they were measured on.
    """
    figures = json.loads((report / "figures.json").read_text(encoding="utf-8"))
    rates, curve = figures["rates"], figures["rates"]["curve"]
    least = min(
        escaped
        for escaped, overkilled in zip(curve["escaped"], curve["overkilled"], strict=True)
        if overkilled <= _OVERKILL * rates["good"]
    )
    found = f"mAP50 {figures['map50']:.3f}, escapes {least / rates['bad']:.1%} at overkills of at most {_OVERKILL:.0%}"
    file = onnx.load(model)
    entries = {entry.key: entry for entry in file.metadata_props}
    entries["description"].value = f"{DESCRIPTION}. Held out ({conditions}): {found}"
    onnx.save(file, model)
    print(model.name, found)


def main() -> None:
    """Read the command line, draw the pictures, judge both models and write into them what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder with plant.onnx and plant-int8.onnx")
    parser.add_argument(
        "--seeds", type=int, nargs=2, default=(21, 40), help="first and last seed of the plants"
    )
    parser.add_argument("--pictures", type=int, default=80, help="pictures of each seed")
    options = parser.parse_args()
    first, last = options.seeds
    truth = held_out(options.out / "held-out", range(first, last + 1), options.pictures)
    for name in ("plant", "plant-int8"):
        model, report = options.out / f"{name}.onnx", options.out / f"eval-{name}"
        judge(model, truth, report)
        pictures = options.pictures * (last + 1 - first)
        inscribe(model, report, f"{pictures} pictures, seeds {first} to {last}, {HELD_OUT}")


if __name__ == "__main__":
    main()
