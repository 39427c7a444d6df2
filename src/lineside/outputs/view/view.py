"""A view of a line for people, wherever it goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from lineside.outputs.view.place import Address, Film, Place
from lineside.outputs.view.scene import Scene

if TYPE_CHECKING:
    from collections.abc import Callable

    from lineside.core.inspection import Inspection
    from lineside.outputs.view.scene import Watched
    from lineside.outputs.view.settings import ViewSettings


class LineView(Protocol):
    """Shows the newest of a line. Nothing on the line waits for it."""

    @property
    def place(self) -> str:
        """Where people find it."""

    def show(self, inspection: Inspection) -> None:
        """This part is the newest. It never waits."""

    def close(self) -> None:
        """What is shown is finished; may be called twice."""


def open_view(
    place: Place,
    watched: Watched,
    settings: ViewSettings,
    *,
    note: Callable[[str, str], None],
    clock: Callable[[], float],
) -> LineView:
    """The view of a line at a place.

    Args:
        place: A folder, a video or an address.
        watched: The line.
        settings: How large, how often and for how many.
        note: Takes a code and a sentence for the people at the line.
        clock: The line's monotonic seconds.

    Raises:
        OutputError: The folder or the file cannot be written, or the address cannot be had.
    """
    scene = Scene(watched, clock=clock, old_s=settings.old_s)
    if isinstance(place, Address):
        from lineside.outputs.view.server import ServerView

        return ServerView(place, scene, settings, note=note, clock=clock)
    if isinstance(place, Film):
        from lineside.outputs.view.film import FilmView

        return FilmView(place.path, scene, settings, note=note, clock=clock)
    from lineside.outputs.view.folder import FolderView

    return FolderView(place.path, scene, settings, note=note, clock=clock)
