"""The line as its people see it: wired to a view."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lineside.outputs.view.place import place_of
from lineside.outputs.view.scene import Watched
from lineside.outputs.view.settings import ViewSettings
from lineside.outputs.view.view import open_view

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lineside.core.inspection import View
    from lineside.line.board import Board
    from lineside.line.building import Built
    from lineside.line.settings.reading import LineSettings
    from lineside.outputs.view.scene import Outlines
    from lineside.outputs.view.view import LineView


def viewed(
    settings: LineSettings,
    built: Built,
    board: Board,
    *,
    to: str | None,
    health: Callable[[], Mapping[str, Any]],
    clock: Callable[[], float],
) -> LineView | None:
    """The view of a line, open; `None` where nobody asked for one.

    Args:
        settings: The line's.
        built: What it is made of.
        board: Where the view tells what people should hear.
        to: Where it goes; `None` for where the settings say.
        health: How the line does.
        clock: The line's monotonic seconds.

    Raises:
        SettingsError: It is no place.
        OutputError: It cannot be written, or the address cannot be had.
    """
    table = settings.document.view
    if to is None and table is None:
        return None
    if to is None:
        assert table is not None
        place, how = place_of(table.to, settings.file.parent), table
    else:
        place, how = place_of(to), table or ViewSettings(to=to)
    watched = Watched(
        name=settings.document.line.name,
        views=tuple(settings.views),
        away=lambda view: built.cameras[settings.views[view]].away,
        outlines=lambda view, product: _outlines(built, view, product),
        health=health,
    )
    view = open_view(place, watched, how, note=board.post, clock=clock)
    board.post("view.open", f"the cameras' pictures are at {view.place}")
    return view


def _outlines(built: Built, view: View, product: str) -> Outlines:
    """Where the rules of a product look, as far as it is still known: a recipe may have gone since."""
    known = built.models.known(product)
    return () if known is None else known.outlines(view)
