"""Write a checkpoint's averaged weights as ONNX: `python -m plant_model.export --out DIR`.

The answer has the form that anchor-free YOLO exports have: (1, 4 + classes, rows), boxes as centre and size in
pixels, then one sigmoid score a class; so every tool that knows those reads this file.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn

from plant_model.network import STRIDES, PlantNet, cells, corners

SIDE = 640
OPSET = 18
DESCRIPTION = "Lineside plant model: surface defects of the synthetic plant's discs and caps"


class WithAnswer(nn.Module):
    """The network and the arithmetic that makes boxes and scores of its raw values."""

    def __init__(self, network: PlantNet) -> None:
        super().__init__()
        self.network = network
        points, strides = cells(SIDE, SIDE)
        self.register_buffer("points", points[None])
        self.register_buffer("strides", strides[None])

    def forward(self, images: Tensor) -> Tensor:
        """Boxes and scores, float32 (N, 4 + classes, A)."""
        raw, logits = self.network(images)
        low, high = corners(raw, self.points)
        boxes = torch.cat([(low + high) / 2, high - low], 1) * self.strides
        return torch.cat([boxes, logits.sigmoid()], 1)


def export(checkpoint: Path, target: Path) -> None:
    """Write a checkpoint's averaged network as ONNX, normalisation fused, input float32 RGB 0 to 1.

    Args:
        checkpoint: What `train` wrote.
        target: The file to write.
    """
    state = torch.load(checkpoint, weights_only=True)
    network = PlantNet(len(state["names"])).eval()
    if state["fused"]:
        network.fuse()
    network.load_state_dict(state["average"])
    answer = WithAnswer(network.fuse()).eval()
    torch.onnx.export(
        answer,
        (torch.zeros(1, 3, SIDE, SIDE),),
        target,
        input_names=["images"],
        output_names=["output0"],
        opset_version=OPSET,
        dynamo=False,
    )
    model = onnx.load(target)
    describe(model, state["names"], state["facts"])
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, target)


def describe(model: onnx.ModelProto, names: list[str], facts: dict[str, int | str]) -> None:
    """Write what a reader needs to know into the file's metadata."""
    model.producer_name, model.producer_version = "lineside tools/plant_model", ""
    entries = {
        "description": DESCRIPTION,
        "names": str(dict(enumerate(names))),
        "task": "detect",
        "stride": str(max(STRIDES)),
        "imgsz": str([SIDE, SIDE]),
        "license": "Apache-2.0",
        "recipe": json.dumps(facts, sort_keys=True),
    }
    del model.metadata_props[:]
    for key, value in entries.items():
        model.metadata_props.add(key=key, value=value)


def main() -> None:
    """Read the command line and export."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder with checkpoint.pt; gets plant.onnx")
    folder = parser.parse_args().out
    export(folder / "checkpoint.pt", folder / "plant.onnx")
    print(folder / "plant.onnx", (folder / "plant.onnx").stat().st_size, "bytes")


if __name__ == "__main__":
    main()
