"""How a rule that judges one picture at a time judges a part."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from lineside.core.documents import Table
from lineside.judge.judgement import Judgement, UndecidableError, all_of, any_of, unknown, unproven

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lineside.core.inspection import View


class ViewsTable(Table):
    """What the tables of all kinds have that look at pictures."""

    cameras: list[str] | None = Field(None, min_length=1)
    """The cameras whose views the rule looks at; all of them where it is left out."""


def each_view(
    views: Sequence[View],
    cameras: Sequence[str] | None,
    look: Callable[[View], Judgement],
    *,
    one_is_enough: bool = False,
) -> Judgement:
    """What a rule says of a part, from what it says of each view; a view without detections is UNKNOWN with its reason.

    Args:
        views: The part's, one at least of each camera.
        cameras: Those that the rule looks at; `None` for all.
        look: What the rule says of one view that has detections. An `UndecidableError` from it is UNKNOWN.
        one_is_enough: Whether the rule must hold in any view, and not in each.
    """
    wanted = [view for view in views if cameras is None or view.camera in cameras]
    said = [unproven(view) or _looked(view, look) for view in wanted]
    return any_of(said) if one_is_enough else all_of(said)


def _looked(view: View, look: Callable[[View], Judgement]) -> Judgement:
    try:
        return look(view).within(view.camera)
    except UndecidableError as doubt:
        return unknown(doubt.reason, f"{view.camera}: {doubt}")
