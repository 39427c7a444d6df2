"""The recipe of the shipped plant model: from a seed to `plant.onnx`. Never imported by the package."""
