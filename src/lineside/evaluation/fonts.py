"""Class names that a plot can write."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

DEFAULT_FAMILY = "DejaVu Sans"  # the one that matplotlib ships
# Fonts with Chinese, Japanese and Korean letters as they come with the systems.
_WIDE_FAMILIES = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Source Han Sans SC",
    "Microsoft YaHei",
    "PingFang SC",
    "WenQuanYi Zen Hei",
    "WenQuanYi Micro Hei",
    "SimHei",
    "Arial Unicode MS",
)


class Labels(NamedTuple):
    """Names as they are drawn.

    Attributes:
        family: The font family.
        texts: One for each name; "#3" stands for the name of class 3 where no installed font can write it.
    """

    family: str
    texts: tuple[str, ...]


def labels_for(names: Sequence[str], longest: int = 24) -> Labels:
    """The names, shortened to `longest` letters, in a font that has all of their letters.

    Args:
        names: The class names.
        longest: Letters after which a name is cut.
    """
    from matplotlib import font_manager

    short = [name if len(name) <= longest else name[: longest - 1] + "…" for name in names]
    letters = {ord(letter) for name in short for letter in name}
    files = {entry.name: entry.fname for entry in font_manager.fontManager.ttflist}
    for family in (DEFAULT_FAMILY, *_WIDE_FAMILIES):
        if family in files and letters <= font_manager.get_font(files[family]).get_charmap().keys():
            return Labels(family, tuple(_literal(name) for name in short))
    known = font_manager.get_font(files[DEFAULT_FAMILY]).get_charmap().keys()
    return Labels(
        DEFAULT_FAMILY,
        tuple(
            _literal(name) if {ord(letter) for letter in name} <= known else f"#{k}"
            for k, name in enumerate(short)
        ),
    )


def _literal(name: str) -> str:
    """The name with no meaning to matplotlib's formula language."""
    return name.replace("$", r"\$")
