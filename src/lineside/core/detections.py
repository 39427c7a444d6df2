"""What a detector found in one picture, as a struct of arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.core.errors import NotInstalledError, SettingsError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lineside.core.geometry import Size


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """The objects found in one picture, best first.

    Attributes:
        xyxy: Boxes, float32 (N, 4): left, top, right, bottom in pixels of the picture, clipped to it.
        confidence: float32 (N,), 0 to 1, descending.
        class_id: int32 (N,), an index into `names`.
        names: The model's class names.
        size: Size of the picture.
        truncated: True when a cap (candidates, `max_detections`, or the model's own) cut something off.

    Raises:
        SettingsError: The arrays disagree in length, have another dtype or shape, hold NaN or infinite values,
            or a class id has no name.
    """

    xyxy: NDArray[np.float32]
    confidence: NDArray[np.float32]
    class_id: NDArray[np.int32]
    names: tuple[str, ...]
    size: Size
    truncated: bool = False

    def __post_init__(self) -> None:
        shape = getattr(self.xyxy, "shape", ())
        count = shape[0] if shape else 0
        for name, array, wanted, dtype in (
            ("xyxy", self.xyxy, (count, 4), np.float32),
            ("confidence", self.confidence, (count,), np.float32),
            ("class_id", self.class_id, (count,), np.int32),
        ):
            if getattr(array, "shape", None) != wanted or array.dtype != dtype:
                seen = f"{array.dtype} {array.shape}" if hasattr(array, "shape") else type(array).__name__
                raise SettingsError(
                    f"Detections.{name}: expected {np.dtype(dtype).name} {wanted}, got {seen}"
                )
        if count == 0:
            return
        if not (np.isfinite(self.xyxy).all() and np.isfinite(self.confidence).all()):
            raise SettingsError("Detections: expected finite boxes and confidences, got NaN or infinity")
        # As unsigned numbers the negative ids are too large as well: -1 would name the last class.
        if self.class_id.view(np.uint32).max() >= len(self.names):
            raise SettingsError(
                f"Detections.class_id: expected 0 to {len(self.names) - 1}, one of {len(self.names)} names; "
                f"got {self.class_id.min()} to {self.class_id.max()}"
            )

    @classmethod
    def proven(cls, **fields: Any) -> Detections:
        """The same without the checks, for a maker that has made them: all fields, by name."""
        made = object.__new__(cls)
        for name, value in fields.items():
            object.__setattr__(made, name, value)
        return made

    def __len__(self) -> int:
        return len(self.xyxy)

    def __getitem__(self, index: NDArray[np.bool_] | NDArray[np.intp] | slice | int) -> Detections:
        """The chosen detections: a boolean mask, an index array, a slice or one number. Array indices copy.

        Raises:
            IndexError: There are not so many, or a mask has another length.
        """
        if isinstance(index, int | np.integer):
            at = range(len(self))[index]
            index = slice(at, at + 1)
        return Detections(
            self.xyxy[index],
            self.confidence[index],
            self.class_id[index],
            self.names,
            self.size,
            self.truncated,
        )

    @property
    def class_name(self) -> list[str]:
        """The class name of each detection."""
        return [self.names[i] for i in self.class_id]

    def to_dict(self) -> dict[str, Any]:
        """A value that `json.dumps` takes, in the schema of `docs/results.md`.

        Boxes are rounded to 1/1000 px and confidences to 1e-6.
        """
        boxes = np.round(self.xyxy.astype(np.float64), 3).tolist()
        scores = np.round(self.confidence.astype(np.float64), 6).tolist()
        return {
            "width": self.size.width,
            "height": self.size.height,
            "truncated": self.truncated,
            "detections": [
                {"class_id": k, "name": self.names[k], "confidence": s, "xyxy": b}
                for b, s, k in zip(boxes, scores, self.class_id.tolist(), strict=True)
            ],
        }

    def to_supervision(self) -> Any:
        """The same as a `supervision.Detections`, sharing the arrays where the types agree.

        Raises:
            NotInstalledError: supervision is not installed.
        """
        try:
            import supervision
        except ModuleNotFoundError as missing:
            if missing.name != "supervision":
                raise
            raise NotInstalledError(
                "to_supervision() needs the package supervision: pip install 'supervision>=0.30'. "
                "It brings PyAV, whose wheels carry GPL codecs"
            ) from missing
        return supervision.Detections(
            xyxy=self.xyxy,
            confidence=self.confidence,
            class_id=self.class_id.astype(int),
            data={"class_name": np.array(self.class_name, dtype=str)},
        )
