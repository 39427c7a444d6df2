"""What a detector found in one picture, as a struct of arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from lineside.core.errors import NotInstalledError, SettingsError
from lineside.core.oriented import corners

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lineside.core.geometry import Size
    from lineside.core.masks import Masks


_NO_DETAILS: dict[str, Any] = {"masks": None, "keypoints": None, "xywhr": None}


def _expect(name: str, array: Any, shape: tuple[int, ...], dtype: type[np.generic]) -> None:
    """Refuse an array of another shape or type.

    Raises:
        SettingsError: It is one.
    """
    if getattr(array, "shape", None) != shape or array.dtype != dtype:
        seen = f"{array.dtype} {array.shape}" if hasattr(array, "shape") else type(array).__name__
        raise SettingsError(f"Detections.{name}: expected {np.dtype(dtype).name} {shape}, got {seen}")


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
        masks: The mask of each object, of a segmentation model; else `None`.
        keypoints: float32 (N, K, 3), of a pose model: x and y in pixels, visibility 0 to 1; else `None`.
        xywhr: float32 (N, 5), of oriented boxes: centre x and y, width, height in pixels, and the rotation of the
            width's side from the x axis towards the y axis (clockwise as seen) in radians; else `None`. Not clipped;
            `xyxy` then holds the upright boxes around them, clipped.

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
    masks: Masks | None = None
    keypoints: NDArray[np.float32] | None = None
    xywhr: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        shape = getattr(self.xyxy, "shape", ())
        count = shape[0] if shape else 0
        _expect("xyxy", self.xyxy, (count, 4), np.float32)
        _expect("confidence", self.confidence, (count,), np.float32)
        _expect("class_id", self.class_id, (count,), np.int32)
        self._check_details(count)
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

    def _check_details(self, count: int) -> None:
        if self.masks is not None and (len(self.masks) != count or self.masks.size != self.size):
            raise SettingsError(
                f"Detections.masks: expected {count} of a picture of {self.size}, "
                f"got {len(self.masks)} of one of {self.masks.size}"
            )
        if self.keypoints is not None:
            points = self.keypoints.shape[1] if self.keypoints.ndim == 3 else 0
            _expect("keypoints", self.keypoints, (count, points, 3), np.float32)
        if self.xywhr is not None:
            _expect("xywhr", self.xywhr, (count, 5), np.float32)
        for name, values in (("keypoints", self.keypoints), ("xywhr", self.xywhr)):
            if values is not None and not np.isfinite(values).all():
                raise SettingsError(f"Detections.{name}: expected finite values, got NaN or infinity")

    @classmethod
    def proven(cls, **fields: Any) -> Self:
        """The same without the checks, for a maker that has made them: the fields by name, details if there are any."""
        made = object.__new__(cls)
        for name, value in (_NO_DETAILS | fields).items():
            object.__setattr__(made, name, value)
        return made

    def __len__(self) -> int:
        return len(self.xyxy)

    def __getitem__(self, index: NDArray[np.bool_] | NDArray[np.intp] | slice | int) -> Self:
        """The chosen detections: a boolean mask, an index array, a slice or one number. Array indices copy.

        Raises:
            IndexError: There are not so many, or a mask has another length.
        """
        if isinstance(index, int | np.integer):
            at = range(len(self))[index]
            index = slice(at, at + 1)
        return type(self)(
            self.xyxy[index],
            self.confidence[index],
            self.class_id[index],
            self.names,
            self.size,
            self.truncated,
            None if self.masks is None else self.masks[index],
            None if self.keypoints is None else self.keypoints[index],
            None if self.xywhr is None else self.xywhr[index],
        )

    @property
    def class_name(self) -> list[str]:
        """The class name of each detection."""
        return [self.names[i] for i in self.class_id]

    @property
    def xyxyxyxy(self) -> NDArray[np.float32] | None:
        """The corners of oriented boxes, float32 (N, 4, 2) in turn around each, in pixels; else `None`."""
        return None if self.xywhr is None else corners(self.xywhr)

    def to_dict(self) -> dict[str, Any]:
        """A value that `json.dumps` takes, in the schema of `docs/results.md`.

        Lengths are rounded to 1/1000 px; confidences, visibilities and angles to 1e-6. Masks are compressed.
        """
        boxes = np.round(self.xyxy.astype(np.float64), 3).tolist()
        scores = np.round(self.confidence.astype(np.float64), 6).tolist()
        return {
            "width": self.size.width,
            "height": self.size.height,
            "truncated": self.truncated,
            "detections": [
                {"class_id": k, "name": self.names[k], "confidence": s, "xyxy": b, **more}
                for b, s, k, more in zip(boxes, scores, self.class_id.tolist(), self._details(), strict=True)
            ],
        }

    def _details(self) -> list[dict[str, Any]]:
        """What each detection has beside its box, for JSON."""
        details: list[dict[str, Any]] = [{} for _ in range(len(self))]
        columns: dict[str, list[Any]] = {}
        if self.xywhr is not None:
            columns["xywhr"] = _rounded(self.xywhr, lengths=4)
        if self.keypoints is not None:
            columns["keypoints"] = _rounded(self.keypoints, lengths=2)
        if self.masks is not None:
            columns["mask"] = self.masks.rle(compressed=True)
        for name, values in columns.items():
            for detail, value in zip(details, values, strict=True):
                detail[name] = value
        return details

    def to_supervision(self) -> Any:
        """The same as a `supervision.Detections`, sharing the arrays where the types agree.

        Masks are whole pictures there, bool (N, H, W). Corners of oriented boxes are `data["xyxyxyxy"]`, keypoints
        `data["keypoints"]`.

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
        data: dict[str, Any] = {"class_name": np.array(self.class_name, dtype=str)}
        if self.keypoints is not None:
            data["keypoints"] = self.keypoints
        if self.xywhr is not None:
            data["xyxyxyxy"] = self.xyxyxyxy
        return supervision.Detections(
            xyxy=self.xyxy,
            mask=None if self.masks is None else self.masks.dense(),
            confidence=self.confidence,
            class_id=self.class_id.astype(int),
            data=data,
        )


def _rounded(values: NDArray[np.float32], *, lengths: int) -> list[Any]:
    """Values as lists, the first of the last axis rounded to 1/1000 and the others to 1e-6."""
    exact = values.astype(np.float64)
    exact[..., :lengths] = np.round(exact[..., :lengths], 3)
    exact[..., lengths:] = np.round(exact[..., lengths:], 6)
    rounded: list[Any] = exact.tolist()
    return rounded
