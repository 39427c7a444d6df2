"""A view as a picture for people: what the camera saw under the part's verdict, over what was counted and how old it is."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from lineside.core.classification import Classification
from lineside.core.errors import ImageFormatError, OutputError
from lineside.core.geometry import Size
from lineside.core.verdict import Verdict
from lineside.outputs.outlines import draw_outlines
from lineside.outputs.overlay import draw
from lineside.outputs.pen import Pen
from lineside.outputs.view.signs import draw_sign

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lineside.core.detections import Detections
    from lineside.outputs.view.scene import Moment, Outlines

    Colour = tuple[int, int, int]

# Of Okabe and Ito's palette (BGR), told apart with any colour vision, and by sign and word besides. All are bright: the text on them is black.
COLOURS: dict[Verdict, Colour] = {
    Verdict.PASS: (115, 178, 40),
    Verdict.FAIL: (32, 110, 232),
    Verdict.UNKNOWN: (66, 228, 240),
}
_IDLE: Colour = (176, 176, 176)
_GROUND, _INK, _FAINT, _BLACK = (28, 24, 22), (238, 238, 238), (170, 170, 170), (0, 0, 0)
_LARGEST_PX = 6_000_000  # a larger picture is made smaller before anything is drawn into it
_NO_PICTURE = Size(height=480, width=640)


@dataclass(frozen=True, slots=True)
class _Words:
    """What is written above a picture."""

    colour: Colour
    sign: str
    title: str
    why: str


def drawn(moment: Moment, outlines: Outlines, *, within: Size, clock: str) -> NDArray[np.uint8]:
    """A view as it is to be shown, uint8 BGR (H, W, 3): never larger than `within`, and no old picture as if it were of now.

    An old picture is grey and says so. Where none came, the reason stands in its place.

    Args:
        moment: The view now.
        outlines: Where the rules look: a name and corners (N, 2) in the picture's pixels each.
        within: The largest that it may become.
        clock: The time of day, as text.

    Raises:
        OutputError: OpenCV cannot draw it.
    """
    import cv2

    try:
        seen = _seen(moment, outlines)
        return _framed(seen, moment, within, clock)
    except (cv2.error, ImageFormatError) as fault:
        raise OutputError(f"{moment.name}: the view cannot be drawn: {fault}") from fault


def _seen(moment: Moment, outlines: Outlines) -> NDArray[np.uint8] | None:
    """What the camera saw, with what was detected in it; grey where it is old."""
    import cv2

    sight = moment.sight
    if sight is None or sight.view.frame is None:
        return None
    image, found = sight.view.frame.image, sight.view.detections
    scale = min(1.0, math.sqrt(_LARGEST_PX / (image.shape[0] * image.shape[1])))
    if scale < 1.0:
        image, found = _smaller(image, found, scale)
        outlines = [(name, corners * scale) for name, corners in outlines]
    if image.ndim == 2:
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)  # type: ignore[assignment] # OpenCV's types know no dtype
    if outlines:
        image = draw_outlines(image, outlines)
    if found is not None and len(found):
        image = draw(image, found)
    if moment.is_old:
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        image = cv2.cvtColor(cv2.convertScaleAbs(grey, alpha=0.5, beta=40), cv2.COLOR_GRAY2BGR)  # type: ignore[assignment] # the same
    return image


def _smaller(
    image: NDArray[np.uint8], found: Detections | None, scale: float
) -> tuple[NDArray[np.uint8], Detections | None]:
    """A picture and the boxes in it, made smaller. Masks are left out."""
    import cv2

    size = Size(*(max(1, round(side * scale)) for side in image.shape[:2]))
    image = cv2.resize(image, (size.width, size.height), interpolation=cv2.INTER_AREA)  # type: ignore[assignment] # OpenCV's types know no dtype
    if found is None or isinstance(found, Classification):
        return image, None if found is None else replace(found, size=size)
    turned, points = found.xywhr, found.keypoints
    both = np.float32(scale)
    return image, replace(
        found,
        xyxy=found.xyxy * both,
        size=size,
        masks=None,
        xywhr=None if turned is None else turned * np.array([scale] * 4 + [1], np.float32),
        keypoints=None if points is None else points * np.array([scale, scale, 1], np.float32),
    )


def _framed(seen: NDArray[np.uint8] | None, moment: Moment, within: Size, clock: str) -> NDArray[np.uint8]:
    """The picture in a frame of the verdict's colour, with a banner above and a line below."""
    import cv2

    words = _words(moment)
    own = _NO_PICTURE if seen is None else Size(*seen.shape[:2])
    size, pens, border = _layout(own, within)
    title, small = pens
    top, bottom = _banner_px(pens), small.text_px + 4 * small.margin_px
    canvas = np.empty((top + size.height + bottom, size.width + 2 * border, 3), np.uint8)
    canvas[:] = words.colour
    place = canvas[top : top + size.height, border : border + size.width]
    if seen is None:
        place[:] = _GROUND
        _write_middle(place, _absence(moment), pens)
    elif own == size:
        place[:] = seen
    else:
        mode = cv2.INTER_AREA if size.width < own.width else cv2.INTER_LINEAR
        cv2.resize(seen, (size.width, size.height), dst=place, interpolation=mode)
    if moment.is_old:
        _stamp(place, f"OLD PICTURE  {age(moment.age_s)} ago", title)
    _write_banner(canvas[:top], words, moment.name, pens)
    _write_foot(canvas[top + size.height :], moment, clock, small)
    return canvas


def _layout(own: Size, within: Size) -> tuple[Size, tuple[Pen, Pen], int]:
    """How large the picture is shown, in which text, and how wide the frame is; all of it within the limits."""
    width = min(max(own.width, 320), within.width)
    pens = (
        Pen.writing(min(max(round(width * 0.036), 16), 44)),
        Pen.writing(min(max(round(width * 0.022), 12), 26)),
    )
    border = max(3, round(width * 0.006))
    room_height = within.height - _banner_px(pens) - pens[1].text_px - 4 * pens[1].margin_px
    room_width = within.width - 2 * border
    scale = min(room_width / own.width, room_height / own.height, max(1.0, 320 / own.width))
    size = Size(height=max(1, int(own.height * scale)), width=max(1, int(own.width * scale)))
    return size, pens, border


def _banner_px(pens: tuple[Pen, Pen]) -> int:
    title, small = pens
    return title.text_px + small.text_px + 3 * title.margin_px + small.margin_px


def _words(moment: Moment) -> _Words:
    sight = moment.sight
    if sight is None:
        why = moment.away or "no part has come yet"
        return _Words(_IDLE, "old", "CAMERA LOST" if moment.away else "WAITING", why)
    why = ": ".join(filter(None, ("" if sight.reason is None else str(sight.reason), sight.detail)))
    if moment.is_old:
        title = "CAMERA LOST" if moment.away else f"NO PART FOR {age(moment.age_s)}"
        last = f"the last part, {sight.part}, was {sight.verdict}"
        return _Words(_IDLE, "old", title, f"{moment.away}; {last}" if moment.away else last)
    return _Words(COLOURS[sight.verdict], str(sight.verdict), str(sight.verdict), why)


def _absence(moment: Moment) -> list[str]:
    """What stands where there is no picture."""
    if moment.sight is None:
        return ["NO PICTURE YET", moment.away]
    before = "" if moment.picture_age_s is None else f"the last one was {age(moment.picture_age_s)} ago"
    return ["NO PICTURE", moment.away or moment.sight.detail, before]


def age(seconds: float) -> str:
    """A span of time as people say it."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = int(seconds // 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"


def _write_banner(band: NDArray[np.uint8], words: _Words, name: str, pens: tuple[Pen, Pen]) -> None:
    title, small = pens
    margin, width = 2 * title.margin_px, band.shape[1]
    middle = title.margin_px + title.text_px // 2 + title.margin_px // 2
    draw_sign(band, words.sign, (margin + title.text_px // 2, middle), title.text_px // 2 + 2)
    left = 2 * margin + title.text_px
    line = title.margin_px + title.text_px - title.text_px // 10
    title.write(band, title.shown(words.title), (left, line), _BLACK)
    room = width - left - title.width_px(words.title) - 3 * margin
    called = small.fitted(small.shown(name), max(room, 0))
    small.write(band, called, (width - margin - small.width_px(called), line), _BLACK)
    why = small.fitted(small.shown(words.why), width - 2 * margin)
    small.write(band, why, (margin, band.shape[0] - small.margin_px - small.text_px // 4), _BLACK)


def _write_foot(band: NDArray[np.uint8], moment: Moment, clock: str, pen: Pen) -> None:
    """What was counted on the left; part, age and time of day on the right."""
    band[:] = _GROUND
    margin, width = 2 * pen.margin_px, band.shape[1]
    line = band.shape[0] - 2 * pen.margin_px - pen.text_px // 8
    sight = moment.sight
    about = clock if sight is None else f"part {sight.part}   {age(moment.age_s)} ago   {clock}"
    about = pen.fitted(pen.shown(about), width - 2 * margin)
    right = width - margin - pen.width_px(about)
    pen.write(band, about, (right, line), _FAINT)
    if sight is None or sight.view.detections is None:
        counted = "" if sight is None else "not looked at"
    else:
        counted = ", ".join(f"{n} {name}" for name, n in sight.counts.items()) or "nothing found"
    pen.write(band, pen.fitted(pen.shown(counted), right - 2 * margin), (margin, line), _INK)


def _write_middle(place: NDArray[np.uint8], lines: Sequence[str], pens: tuple[Pen, Pen]) -> None:
    """Lines of text in the middle, the first one large."""
    chosen = [(pens[0] if number == 0 else pens[1], text) for number, text in enumerate(lines) if text]
    height = sum(pen.text_px + 3 * pen.margin_px for pen, _ in chosen)
    line = (place.shape[0] - height) // 2
    for pen, text in chosen:
        line += pen.text_px + 3 * pen.margin_px
        shown = pen.fitted(pen.shown(text), place.shape[1] - 4 * pen.margin_px)
        pen.write(place, shown, ((place.shape[1] - pen.width_px(shown)) // 2, line), _INK)


def _stamp(place: NDArray[np.uint8], text: str, pen: Pen) -> None:
    """A plate over the upper edge of a picture, which nobody overlooks."""
    band = place[: pen.text_px + 4 * pen.margin_px]
    band[:] = _GROUND
    shown = pen.fitted(pen.shown(text), place.shape[1] - 2 * pen.margin_px)
    at = (place.shape[1] - pen.width_px(shown)) // 2, band.shape[0] - 2 * pen.margin_px - pen.text_px // 8
    pen.write(band, shown, at, COLOURS[Verdict.UNKNOWN])
