"""Which pictures are kept, and how they are encoded."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from lineside.core.documents import Table
from lineside.core.errors import ImageFormatError, OutputError
from lineside.core.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from lineside.core.inspection import Inspection, View

ANNOTATED = "-annotated"
"""Behind a camera's name: its picture with the boxes drawn in."""


class Keep(Table):
    """Which parts' pictures are kept. A sample is the same parts wherever it is asked for."""

    failures: bool = Field(default=True, description="Those of every part that failed.")
    unknown: bool = Field(default=True, description="Those of every part whose verdict is UNKNOWN.")
    every: int = Field(
        default=0, ge=0, description="Of the parts that passed: those of every so many; 0: none."
    )
    share: float = Field(
        default=0.0, ge=0, le=1, description="Of the parts that passed: this share, chosen by the part's key."
    )
    format: Literal["jpeg", "png"] = Field(
        default="jpeg", description="png keeps every grey level, and is several times as large."
    )
    quality: int = Field(default=90, ge=1, le=100, description="Of JPEG.")
    annotated: bool = Field(default=True, description="Keep a copy with the boxes drawn in as well.")

    def wants(self, inspection: Inspection, key: str) -> bool:
        """Whether the part's pictures are kept."""
        if inspection.verdict is Verdict.FAIL:
            return self.failures
        if inspection.verdict is Verdict.UNKNOWN:
            return self.unknown
        if self.every and inspection.part % self.every == 0:
            return True
        draw = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") / 2.0**64
        return draw < self.share

    @property
    def suffix(self) -> str:
        """Of the files."""
        return ".jpg" if self.format == "jpeg" else ".png"


@dataclass(frozen=True, slots=True)
class Encoded:
    """A picture as the bytes of a file.

    Attributes:
        name: The camera's name, with `-annotated` behind it where boxes are drawn in.
        data: The file.
        suffix: `.jpg` or `.png`.
        sha256: Of the bytes, hexadecimal.
    """

    name: str
    data: bytes
    suffix: str
    sha256: str


def encoded(inspection: Inspection, keep: Keep) -> Iterator[Encoded]:
    """The pictures of a part, camera by camera.

    Raises:
        OutputError: One cannot be encoded.
    """
    for view in inspection.views:
        if view.frame is None:
            continue
        yield encode(view.camera, view.frame.image, keep)
        if keep.annotated and view.detections is not None and len(view.detections):
            yield encode(view.camera + ANNOTATED, drawn(view), keep)


def encode(name: str, image: NDArray[np.uint8], keep: Keep) -> Encoded:
    """One picture as a file.

    Args:
        name: The camera's name.
        image: uint8 BGR (H, W, 3) or grey (H, W).
        keep: Format and quality.

    Raises:
        OutputError: OpenCV cannot encode it.
    """
    import cv2

    # The fastest of PNG's levels: the next ones take three times as long for some percent.
    options = (
        [cv2.IMWRITE_JPEG_QUALITY, keep.quality]
        if keep.format == "jpeg"
        else [cv2.IMWRITE_PNG_COMPRESSION, 1]
    )
    try:
        is_encoded, data = cv2.imencode(keep.suffix, image, options)
    except cv2.error as fault:
        raise OutputError(f"{name}: the picture cannot be encoded: {fault.err}") from fault
    if not is_encoded:
        raise OutputError(f"{name}: the picture cannot be encoded; it is {image.dtype} {image.shape}")
    file = data.tobytes()
    return Encoded(name, file, keep.suffix, hashlib.sha256(file).hexdigest())


def drawn(view: View) -> NDArray[np.uint8]:
    """The picture of a view with what was detected in it, uint8 BGR (H, W, 3).

    Args:
        view: One with a picture and detections.

    Raises:
        OutputError: They cannot be drawn.
    """
    import cv2

    from lineside.outputs.overlay import draw

    assert view.frame is not None
    assert view.detections is not None
    image = view.frame.image
    if image.ndim == 2:
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)  # type: ignore[assignment] # OpenCV's types know no dtype
    try:
        return draw(image, view.detections)
    except ImageFormatError as fault:
        raise OutputError(f"{view.camera}: the boxes cannot be drawn: {fault}") from fault


def file_word(text: str) -> str:
    """The text as a piece of a file's name: letters, digits, dot, dash and underscore, at most 100 of them.

    Two texts give the same piece only where they are the same: what had to be changed gets a mark of its own.
    """
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", text).lstrip(".")[:100]
    if plain == text and plain:
        return plain
    return f"{plain[:90]}~{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"
