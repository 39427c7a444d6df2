"""Whether a camera's own numbers of its pictures say the same as their time. Without threads, clock and I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class Numbering:
    """How far each camera's own numbers are ahead of the pictures that were expected of it.

    Args:
        cameras: The cameras' names.
    """

    def __init__(self, cameras: Iterable[str]) -> None:
        self._ahead: dict[str, int | None] = dict.fromkeys(cameras)

    def doubt(self, camera: str, expected: int, number: int | None) -> str:
        """Why a picture may be of another part; an empty text where nothing speaks for that. The numbers are counted anew from here.

        Args:
            camera: Who took it.
            expected: How many pictures were expected of the camera before this one.
            number: The camera's own number of it; `None` where it gives none.
        """
        if number is None:
            return ""
        before, self._ahead[camera] = self._ahead[camera], number - expected
        if before is None or before + expected == number:
            return ""
        return (
            f"the camera's own number of the picture is {number} and should be {before + expected}: a trigger was lost, or "
            "came twice"
        )

    def skip(self, camera: str) -> None:
        """The camera took a picture that was not expected."""
        ahead = self._ahead[camera]
        self._ahead[camera] = None if ahead is None else ahead + 1
