"""Which family a head belongs to: every family is asked, and the sure one answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from lineside.core import plugins
from lineside.core.errors import AmbiguousHeadError, ConventionError, UnknownNameError, near

if TYPE_CHECKING:
    from lineside.models.head import Family, Head, Match

PACKAGE = "lineside.models.families"
_ENOUGH = 0.5
_MARGIN = 0.2


def family(name: str) -> Family:
    """The family of a name.

    Raises:
        PluginError: There is none.
    """
    return cast("Family", plugins.load(PACKAGE, name))


def family_named(name: str) -> str:
    """The file name of the family that a user's name means, aliases included.

    Raises:
        UnknownNameError: No family has that name; the message names the near ones.
    """
    wanted = name.strip().lower()
    names = plugins.names(PACKAGE)
    if wanted in names:
        return wanted
    aliases = {alias: n for n in names for alias in family(n).ALIASES}
    if wanted in aliases:
        return aliases[wanted]
    raise UnknownNameError(f'family: unknown "{name}"{near(wanted, (*names, *aliases))}')


def recognise(head: Head, file: str, *, by_hand: str | None, task_hint: str | None) -> tuple[str, Match]:
    """The family of a head and its claim.

    Args:
        head: The evidence.
        file: The model's name, for messages.
        by_hand: The family that the user set, or `None`.
        task_hint: The task that the metadata names.

    Returns:
        The family's name and its claim.

    Raises:
        ConventionError: The family set by hand cannot be this head's.
        AmbiguousHeadError: Two families explain the head.
        UnknownHeadError, TaskNotBuiltError: None does.
        UnknownNameError: The family set by hand does not exist.
    """
    if by_hand is not None:
        name = family_named(by_hand)
        match = family(name).match(head, by_hand=True)
        if match is None:
            raise ConventionError(
                f"{file}: set by hand as {name}, but the graph contradicts it. Seen: {head.seen()}"
            )
        return name, match
    claims = [(name, family(name).match(head, by_hand=False)) for name in plugins.names(PACKAGE)]
    sure = sorted(
        ((n, m) for n, m in claims if m is not None and m.sureness >= _ENOUGH),
        key=lambda claim: claim[1].sureness,
        reverse=True,
    )
    if not sure:
        from lineside.models.strangers import (
            refuse,
        )  # knows all families' forms; a prepared model needs one family

        refuse(head, file, task_hint=task_hint, families=plugins.names(PACKAGE))
    if len(sure) > 1 and sure[0][1].sureness - sure[1][1].sureness < _MARGIN:
        texts = "; ".join(f"{n} ({m.sureness:.0%}: {', '.join(m.reasons)})" for n, m in sure)
        raise AmbiguousHeadError(
            f"{file}: more than one family explains the head: {texts}. Set the right one with --family, or "
            "family = in the .toml beside the model"
        )
    return sure[0]
