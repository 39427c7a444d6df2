"""Detections drawn into a copy of their picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lineside.core.classification import Classification
from lineside.core.errors import ImageFormatError
from lineside.core.geometry import Size
from lineside.outputs.pen import Pen
from lineside.outputs.shapes import Colour, draw_keypoints, draw_masks, draw_oriented

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from lineside.core.detections import Detections

# Okabe and Ito, "Color Universal Design" (2008), without black: told apart with any colour vision. BGR.
PALETTE: tuple[Colour, ...] = (
    (0, 159, 230),  # orange
    (233, 180, 86),  # sky blue
    (115, 158, 0),  # bluish green
    (66, 228, 240),  # yellow
    (178, 114, 0),  # blue
    (0, 94, 213),  # vermilion
    (167, 121, 204),  # reddish purple
)
_BLACK, _WHITE = (0, 0, 0), (255, 255, 255)


def draw(image: NDArray[np.uint8], detections: Detections) -> NDArray[np.uint8]:
    """A copy of the picture with a box and a label (class and confidence) for each detection.

    An oriented box is drawn turned, a mask as a tint of its pixels, a keypoint as a dot where its visibility is at
    least one half; the 17 keypoints of a person are joined. Line width and text follow the picture's size. A class has one colour of `PALETTE`; every seventh shares
    it. The best detections are drawn last, on top. Labels stay inside the picture, and clear of each other
    where there is room. Names beyond ASCII need OpenCV 5; older ones get `class 3`. The classes of a whole
    picture stand below each other in its upper left corner, best first.

    Args:
        image: uint8 BGR (H, W, 3); not changed.
        detections: Of this picture, in its pixels.

    Returns:
        uint8 BGR (H, W, 3), owned by the caller.

    Raises:
        ImageFormatError: The image is no uint8 (H, W, 3) array, or not of the size the detections are for.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != "uint8":
        raise ImageFormatError(f"expected a uint8 (H, W, 3) picture, got {image.dtype} {image.shape}")
    size = Size(*image.shape[:2])
    if size != detections.size:
        raise ImageFormatError(f"expected the detections' picture of {detections.size}, got one of {size}")
    canvas = image.copy()
    pen = Pen.of(size)
    if isinstance(detections, Classification):
        for label in _lines(detections, pen, size):
            _draw_label(canvas, label, pen)
        return canvas
    labels = _labels(detections, pen, size)
    _draw_shapes(canvas, detections, labels, pen)
    for label in reversed(labels):
        _draw_label(canvas, label, pen)
    return canvas


@dataclass(frozen=True, slots=True)
class _Rectangle:
    """Whole pixels, the right and lower edges included."""

    left: int
    top: int
    right: int
    bottom: int

    def meets(self, other: _Rectangle) -> bool:
        return (
            self.left <= other.right
            and other.left <= self.right
            and self.top <= other.bottom
            and other.top <= self.bottom
        )


@dataclass(frozen=True, slots=True)
class _Label:
    """A detection as it is drawn."""

    box: _Rectangle
    place: _Rectangle
    text: str
    colour: Colour


def _labels(detections: Detections, pen: Pen, size: Size) -> list[_Label]:
    """Best first, so that the best get the best places."""
    labels: list[_Label] = []
    boxes = detections.xyxy.round().astype(int).tolist()
    classes = detections.class_id.tolist()
    for (left, top, right, bottom), k, confidence in zip(
        boxes, classes, detections.confidence.tolist(), strict=True
    ):
        box = _Rectangle(
            min(max(left, 0), size.width - 1),
            min(max(top, 0), size.height - 1),
            min(max(right, 0), size.width - 1),
            min(max(bottom, 0), size.height - 1),
        )
        text = _text(detections.names[k], k, confidence, pen, size)
        place = _place(box, pen.width_px(text), pen, size, [label.place for label in labels])
        labels.append(_Label(box, place, text, PALETTE[k % len(PALETTE)]))
    return labels


def _lines(classes: Classification, pen: Pen, size: Size) -> list[_Label]:
    """The classes of a picture below each other, as far as there is room; the best one in any case."""
    labels: list[_Label] = []
    height = pen.text_px + 2 * pen.margin_px
    whole = _Rectangle(0, 0, size.width - 1, size.height - 1)
    for k, confidence in zip(classes.class_id.tolist(), classes.confidence.tolist(), strict=True):
        top = len(labels) * height
        if labels and top + height > size.height:
            break
        text = _text(classes.names[k], k, confidence, pen, size)
        place = _Rectangle(0, top, pen.width_px(text) + 2 * pen.margin_px - 1, top + height - 1)
        labels.append(_Label(whole, place, text, PALETTE[k % len(PALETTE)]))
    return labels


def _text(name: str, class_id: int, confidence: float, pen: Pen, size: Size) -> str:
    """A label's text: what the font has, as wide as the picture lets it be."""
    shown = name if pen.face is not None or name.isascii() else f"class {class_id}"
    return _fitted(shown, f" {confidence:.2f}", pen, size.width)


def _fitted(name: str, score: str, pen: Pen, width_px: int) -> str:
    """The label's text, with the name cut short where it is wider than the picture."""
    room_px = width_px - 2 * pen.margin_px
    text, kept = name + score, len(name)
    while pen.width_px(text) > room_px and kept > 0:
        kept -= 1
        text = f"{name[:kept]}..{score}"
    return text


def _place(box: _Rectangle, text_width_px: int, pen: Pen, size: Size, others: list[_Rectangle]) -> _Rectangle:
    """Above the box, inside its top, below it or inside its bottom: the first that is inside the picture and free."""
    width, height = text_width_px + 2 * pen.margin_px, pen.text_px + 2 * pen.margin_px
    half = pen.line_px // 2
    left = max(0, min(box.left - half, size.width - width))
    tops = (
        box.top - half - height,
        max(box.top - half, 0),
        box.bottom + half + 1,
        min(box.bottom + half + 1, size.height) - height,
    )
    inside = [t for t in tops if 0 <= t <= size.height - height] or [0]
    places = [_Rectangle(left, t, left + width - 1, t + height - 1) for t in inside]
    return next((p for p in places if not any(p.meets(other) for other in others)), places[0])


def _draw_shapes(canvas: NDArray[np.uint8], detections: Detections, labels: list[_Label], pen: Pen) -> None:
    """What is drawn below the labels: masks, then boxes, then keypoints, the best of each last."""
    if detections.masks is not None:
        draw_masks(canvas, detections.masks, [label.colour for label in labels], max(1, pen.line_px // 2))
    turned, points = detections.xyxyxyxy, detections.keypoints
    for number in reversed(range(len(labels))):
        if turned is None:
            _draw_box(canvas, labels[number], pen)
        else:
            draw_oriented(canvas, turned[number], labels[number].colour, pen.line_px)
    if points is not None:
        for number in reversed(range(len(labels))):
            draw_keypoints(canvas, points[number], labels[number].colour, pen.line_px)


def _draw_box(canvas: NDArray[np.uint8], label: _Label, pen: Pen) -> None:
    import cv2

    corner, opposite = (label.box.left, label.box.top), (label.box.right, label.box.bottom)
    if pen.line_px > 1:  # a thin dark rim keeps the line visible on a ground of its own colour
        cv2.rectangle(canvas, corner, opposite, _BLACK, pen.line_px + 2)
    cv2.rectangle(canvas, corner, opposite, label.colour, pen.line_px)


def _draw_label(canvas: NDArray[np.uint8], label: _Label, pen: Pen) -> None:
    import cv2

    place = label.place
    cv2.rectangle(canvas, (place.left, place.top), (place.right, place.bottom), label.colour, cv2.FILLED)
    blue, green, red = label.colour
    # Luma (ITU-R BT.601); at 96 each colour of the palette gets the text of the higher contrast by WCAG 2.
    is_light = 0.114 * blue + 0.587 * green + 0.299 * red > 96
    base_line = place.bottom - pen.margin_px - round(pen.text_px * 0.2)
    pen.write(canvas, label.text, (place.left + pen.margin_px, base_line), _BLACK if is_light else _WHITE)
