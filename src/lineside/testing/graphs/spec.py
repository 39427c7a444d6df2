"""What a test graph looks like from outside: its size, classes, precision and metadata."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from lineside.core.errors import SettingsError
from lineside.core.geometry import Size

if TYPE_CHECKING:
    from collections.abc import Mapping

Precision = Literal["fp32", "fp16", "fp16_float_io"]
Task = Literal["detect", "segment", "pose", "obb", "classify"]


@dataclass(frozen=True, slots=True)
class GraphSpec:
    """The outside of a test graph.

    Attributes:
        classes: Number of classes.
        size: Input size, a multiple of the largest stride in both directions.
        strides: Strides of the head's levels, ascending.
        dynamic_batch: The batch is named `batch` instead of 1.
        dynamic_size: Height and width are named `height` and `width`; `size` is then the size recorded in
            the metadata.
        precision: `fp32`, `fp16` with float16 input and outputs, or `fp16_float_io`: float16 inside, cast
            from and to float32 at the borders.
        metadata: Whether families whose exporter writes metadata do so. False gives a bare file.
        names: Class names for the metadata; empty for `class0`, `class1`, ….
        input_name: Name of the input.
        output_name: Name of the (first) output.
        seed: Seed of the weights: the same spec gives the same bytes.

    Raises:
        SettingsError: A value contradicts another one.
    """

    classes: int = 3
    size: Size = Size(height=128, width=160)  # noqa: RUF009 -- a named tuple is immutable
    strides: tuple[int, ...] = (8, 16, 32)
    dynamic_batch: bool = False
    dynamic_size: bool = False
    precision: Precision = "fp32"
    metadata: bool = True
    names: tuple[str, ...] = ()
    input_name: str = "images"
    output_name: str = "output0"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.classes < 1:
            raise SettingsError(f"GraphSpec.classes: expected at least 1, got {self.classes}")
        if self.names and len(self.names) != self.classes:
            raise SettingsError(f"GraphSpec.names: expected {self.classes} names, got {len(self.names)}")
        if not self.strides or any(s < 2 or s & (s - 1) for s in self.strides):
            raise SettingsError(f"GraphSpec.strides: expected powers of two, got {self.strides}")
        if tuple(sorted(set(self.strides))) != self.strides:
            raise SettingsError(f"GraphSpec.strides: expected ascending strides, got {self.strides}")
        if self.size.height % self.strides[-1] or self.size.width % self.strides[-1]:
            raise SettingsError(
                f"GraphSpec.size: expected multiples of the largest stride {self.strides[-1]}, got {self.size}"
            )

    @property
    def class_names(self) -> tuple[str, ...]:
        """The class names: `names`, or made up ones."""
        return self.names or tuple(f"class{i}" for i in range(self.classes))

    @property
    def anchors(self) -> int:
        """Number of grid cells over all levels at `size`."""
        return sum((self.size.height // s) * (self.size.width // s) for s in self.strides)

    @property
    def batch(self) -> int | str:
        """The batch as it stands in the input's and outputs' shapes."""
        return "batch" if self.dynamic_batch else 1

    @property
    def input_shape(self) -> tuple[int | str, ...]:
        """Shape of the picture input, NCHW."""
        spatial = ("height", "width") if self.dynamic_size else (self.size.height, self.size.width)
        return (self.batch, 3, *spatial)

    @property
    def anchor_dim(self) -> int | str:
        """The number of anchors as it stands in the outputs' shapes."""
        return "anchors" if self.dynamic_size else self.anchors

    def refuse(self, builder: str, *, dynamic_batch: bool = False, dynamic_size: bool = True) -> None:
        """Refuse the dynamic dimensions that a builder does not write.

        Args:
            builder: Name of the builder, for the message.
            dynamic_batch: True if it writes no dynamic batch.
            dynamic_size: True if it writes no dynamic size.

        Raises:
            SettingsError: The spec asks for one of them.
        """
        if dynamic_batch and self.dynamic_batch:
            raise SettingsError(f"{builder}: expected a batch of 1; set GraphSpec.dynamic_batch=False")
        if dynamic_size and self.dynamic_size:
            raise SettingsError(f"{builder}: expected a fixed size; set GraphSpec.dynamic_size=False")


DEFAULT = GraphSpec()
"""Three classes at 160x128: small, and not square, so that a swapped axis shows."""


def ultralytics_metadata(spec: GraphSpec, model: str, task: Task, **more: str) -> dict[str, str]:
    """The metadata that the Ultralytics exporter writes, or an empty dict where `spec.metadata` is False.

    Args:
        spec: Source of the names, the size and the stride.
        model: Name for the description, for instance `YOLOv8n`.
        task: The exporter's word for the task.
        **more: Further keys, for instance `end2end="True"`.

    Returns:
        Keys and values as strings.
    """
    if not spec.metadata:
        return {}
    args = {"batch": 1, "half": spec.precision != "fp32", "dynamic": spec.dynamic_size, "simplify": True}
    return {
        "description": f"Ultralytics {model} model trained on parts.yaml",
        "author": "Ultralytics",
        "date": "2026-01-05T08:00:00.000000",
        "version": "8.4.6",
        "docs": "https://docs.ultralytics.com",
        "stride": str(spec.strides[-1]),
        "task": task,
        "batch": "1",
        "imgsz": str([spec.size.height, spec.size.width]),
        "names": str(dict(enumerate(spec.class_names))),
        "args": str(args),
        "channels": "3",
        **more,
    }


def yolov5_metadata(spec: GraphSpec) -> Mapping[str, str]:
    """The two keys that the YOLOv5 exporter writes, or none where `spec.metadata` is False."""
    if not spec.metadata:
        return {}
    return {"stride": str(spec.strides[-1]), "names": str(dict(enumerate(spec.class_names)))}
