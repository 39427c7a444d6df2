"""Pictures of the parts that failed, or were judged wrongly: what the model saw, and what is truly there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lineside.core.verdict import Verdict
from lineside.line.report import SavedPicture
from lineside.outputs.folder import OutputFolder
from lineside.outputs.overlay import draw

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from lineside.core.inspection import Inspection, View
    from lineside.core.truth import FrameTruth

_GAP_PX = 6
_GROUND = (34, 30, 28)


class FailurePictures:
    """A sink that saves the views of a part side by side: of failed parts, escapes and overkills.

    Args:
        folder: Where the report goes; pictures lie in its folder `pictures`.
        limit: How many are saved of the failed parts, and as many of the wrongly judged ones.

    Attributes:
        saved: What was saved, wrongly judged parts first.

    Raises:
        OutputError: The folder cannot be made or is not writable.
    """

    def __init__(self, folder: Path, *, limit: int = 40) -> None:
        self._folder = OutputFolder(folder / "pictures")
        self._limit = limit
        self._failed: list[SavedPicture] = []
        self._wrong: list[SavedPicture] = []

    @property
    def saved(self) -> tuple[SavedPicture, ...]:
        """What was saved, wrongly judged parts first."""
        return (*self._wrong, *self._failed)

    def emit(self, inspection: Inspection) -> None:
        """Save the part where it belongs here and there is room.

        Raises:
            OutputError: It cannot be written.
        """
        word = wrong_word(inspection)
        kept = self._wrong if word else self._failed
        if not (word or inspection.verdict is Verdict.FAIL) or len(kept) >= self._limit:
            return
        panels = side_by_side(inspection)
        if panels is None:
            return
        name = f"part-{inspection.part:05d}-{word or inspection.verdict.lower()}.jpg"
        path = self._folder.write_picture(name, panels)
        title = f"Part {inspection.part}: {word or inspection.verdict}"
        kept.append(SavedPicture(f"pictures/{path.name}", title, inspection.detail))

    def close(self) -> None:
        """Nothing is left to write."""


def wrong_word(inspection: Inspection) -> str:
    """`escape` or `overkill` for a part that was judged wrongly, else nothing."""
    truth = None if inspection.truth is None else inspection.truth.verdict
    return {
        (Verdict.FAIL, Verdict.PASS): "escape",
        (Verdict.PASS, Verdict.FAIL): "overkill",
    }.get((truth, inspection.verdict), "")  # type: ignore[arg-type] # no truth is no key, and gives nothing


def side_by_side(inspection: Inspection) -> NDArray[np.uint8] | None:
    """The cameras' pictures in one, uint8 BGR (H, W, 3), or `None` where no camera gave any."""
    panels = [_panel(view) for view in inspection.views if view.frame is not None]
    if not panels:
        return None
    height = max(panel.shape[0] for panel in panels)
    width = sum(panel.shape[1] for panel in panels) + _GAP_PX * (len(panels) - 1)
    sheet: NDArray[np.uint8] = np.full((height, width, 3), _GROUND, np.uint8)
    left = 0
    for panel in panels:
        sheet[: panel.shape[0], left : left + panel.shape[1]] = panel
        left += panel.shape[1] + _GAP_PX
    return sheet


def _panel(view: View) -> NDArray[np.uint8]:
    assert view.frame is not None
    image = view.frame.image
    canvas = image.copy() if view.detections is None else draw(image, view.detections)
    if view.frame.truth is not None:
        mark_truth(canvas, view.frame.truth)
    return canvas


def mark_truth(canvas: NDArray[np.uint8], truth: FrameTruth) -> None:
    """Draw white corners around what is truly there, in place; thin ones where it is too small to count.

    Args:
        canvas: uint8 BGR (H, W, 3), the picture that the truth is about.
        truth: Of this picture.
    """
    import cv2

    scale = max(round((canvas.shape[0] + canvas.shape[1]) / 1280), 1)
    for left, top, right, bottom in truth.xyxy.tolist():
        counts = max(right - left, bottom - top) >= truth.limit_px
        margin, thick = 5 * scale, (2 if counts else 1) * scale
        box = (round(left) - margin, round(top) - margin, round(right) + margin, round(bottom) + margin)
        arm = max(round(min(box[2] - box[0], box[3] - box[1]) * 0.3), 3 * scale)
        for x, along in ((box[0], arm), (box[2], -arm)):
            for y, down in ((box[1], arm), (box[3], -arm)):
                for end in ((x + along, y), (x, y + down)):
                    cv2.line(canvas, (x, y), end, (0, 0, 0), thick + 2 * scale)
                for end in ((x + along, y), (x, y + down)):
                    cv2.line(canvas, (x, y), end, (255, 255, 255), thick)
