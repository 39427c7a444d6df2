"""Lines and text that fit the size of a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from lineside.core.geometry import Size

_WEIGHT = 500


@dataclass(frozen=True, slots=True)
class Pen:
    """Widths and the font for one size of picture, in pixels.

    Attributes:
        line_px: Width of a line.
        text_px: Height of a line of text.
        margin_px: Around a text.
        face: OpenCV's font; `None` where it has only Hershey's, which knows ASCII alone.
    """

    line_px: int
    text_px: int
    margin_px: int
    face: Any

    @classmethod
    def of(cls, size: Size) -> Pen:
        """The pen for a picture of some size."""
        mean_side_px = (size.height + size.width) / 2
        return cls.writing(max(11, round(mean_side_px * 0.022)), max(1, round(mean_side_px * 0.003)))

    @classmethod
    def writing(cls, text_px: int, line_px: int = 1) -> Pen:
        """The pen for text of some height."""
        import cv2

        make_face = getattr(cv2, "FontFace", None)
        return cls(line_px, text_px, max(2, text_px // 5), make_face("sans") if make_face else None)

    def shown(self, text: str) -> str:
        """The text in letters that the font has."""
        return text if self.face is not None else text.encode("ascii", "replace").decode()

    def width_px(self, text: str) -> int:
        """How wide a text is."""
        import cv2

        if self.face is None:
            (width, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, *self._hershey())
            return int(width)
        _, _, width, _ = cv2.getTextSize((1, 1), text, (0, 0), self.face, self.text_px, _WEIGHT)
        return int(width)

    def write(
        self, canvas: NDArray[np.uint8], text: str, at: tuple[int, int], colour: tuple[int, int, int]
    ) -> None:
        """Write one line whose base line starts `at`."""
        import cv2

        if self.face is None:
            scale, thickness = self._hershey()
            cv2.putText(canvas, text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, thickness, cv2.LINE_AA)
        else:
            cv2.putText(canvas, text, at, colour, self.face, self.text_px, _WEIGHT)

    def fitted(self, text: str, room_px: int) -> str:
        """The text, cut short with two dots where it is wider than there is room."""
        if self.width_px(text) <= room_px:
            return text
        low, high = 0, len(text)
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (
                (middle, high) if self.width_px(f"{text[:middle]}..") <= room_px else (low, middle - 1)
            )
        return f"{text[:low].rstrip()}.."

    def _hershey(self) -> tuple[float, int]:
        return self.text_px / 30, max(1, self.text_px // 12)
