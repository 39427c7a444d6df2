"""What a classifier says of a picture as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from lineside.core.detections import Detections

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lineside.core.geometry import Size


@dataclass(frozen=True, slots=True, eq=False)
class Classification(Detections):
    """The classes of one picture, best first: each is said of the whole picture, so each box is the picture's.

    It goes wherever detections go: a rule that forbids a class forbids it here too. `class_id` and `confidence`
    hold the answer.
    """

    @classmethod
    def of(
        cls,
        class_id: NDArray[np.int32],
        confidence: NDArray[np.float32],
        names: tuple[str, ...],
        size: Size,
        *,
        truncated: bool,
    ) -> Self:
        """The classes of a picture.

        Args:
            class_id: int32 (K,), best first.
            confidence: float32 (K,), descending.
            names: The model's class names.
            size: Size of the picture.
            truncated: Whether there are more classes than are named here.
        """
        box = np.array([0, 0, size.width, size.height], np.float32)
        return cls(np.tile(box, (len(class_id), 1)), confidence, class_id, names, size, truncated)

    def to_dict(self) -> dict[str, Any]:
        """A value that `json.dumps` takes, in the schema of `docs/results.md`: `classes` in place of `detections`."""
        scores = np.round(self.confidence.astype(np.float64), 6).tolist()
        return {
            "width": self.size.width,
            "height": self.size.height,
            "truncated": self.truncated,
            "detections": [],
            "classes": [
                {"class_id": k, "name": self.names[k], "confidence": s}
                for s, k in zip(scores, self.class_id.tolist(), strict=True)
            ],
        }
