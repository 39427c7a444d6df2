"""Write the maps and numbers of the plant's links into docs/plc.md, between their marks. A test compares them."""

from __future__ import annotations

import re
from pathlib import Path

from lineside.core import plugins
from lineside.outputs.plant.link import KINDS
from lineside.outputs.plant.maps import codes_markdown, markdown

_PAGE = Path(__file__).parent.parent / "docs" / "plc.md"


def main() -> None:
    """Every pair of marks gets its table."""
    text = _PAGE.read_text(encoding="utf-8")
    tables = {f"map {kind}": markdown(kind) for kind in plugins.own(KINDS)} | {"codes": codes_markdown()}
    for name, table in tables.items():
        marks = rf"(<!-- begin {name} -->\n).*?(<!-- end {name} -->)"
        text, found = re.subn(
            marks, lambda m, t=table: f"{m[1]}\n{t}\n{m[2]}", text, count=1, flags=re.DOTALL
        )
        print(f"{name}: {'written' if found else 'no marks in docs/plc.md'}")
    _PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
