"""Write the tables of docs/providers.md out of the provider files: what each is, and all of its options.

python tools/provider_tables.py
"""

from __future__ import annotations

import importlib
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lineside.engine.options import Kind
from lineside.engine.provider import FOLDER, provider

if TYPE_CHECKING:
    from lineside.engine.options import Option
    from lineside.engine.provider import Provider

PAGE = Path(__file__).parents[1] / "docs" / "providers.md"
_BLOCK = re.compile(r"(<!-- provider: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
_LARGEST = str(2**64 - 1)
_SYSTEMS = {"linux": "Linux", "win32": "Windows", "darwin": "macOS"}


def written(page: str) -> str:
    """The page with every table as the provider files have it now.

    Args:
        page: The page as it is.
    """
    return _BLOCK.sub(lambda block: f"{block[1]}\n{tables(provider(block[2]))}\n{block[3]}", page)


def tables(one: Provider) -> str:
    """The two tables of a provider: what is known of it, and its options.

    Args:
        one: The provider.
    """
    facts = "\n".join(f"| {name} | {text} |" for name, text in _facts(one))
    rows = "\n".join(_row(option) for option in one.options)
    options = f"\n| option | takes | default | meaning |\n|---|---|---|---|\n{rows}\n" if rows else ""
    notes = "".join(f"\n- {note}" for note in one.notes)
    return f"| | |\n|---|---|\n{facts}\n{notes}\n{options}"


def _facts(one: Provider) -> list[tuple[str, str]]:
    module = importlib.import_module(f"{FOLDER}.{one.name}")
    install = f"`pip install 'lineside[{one.extra}]'`" if one.extra else "no wheel holds it"
    extras = [build.extra for build in one.builds if build.extra != one.extra]
    others = "".join(f", or `lineside[{extra}]`" for extra in extras)
    facts = [
        ("in a list of devices", f"`{one.name}`" + "".join(f", old name `{old}`" for old in one.old_names)),
        ("ONNX Runtime calls it", f"`{one.runtime_name}`"),
        ("comes with", install + others),
        ("on", ", ".join(_SYSTEMS[system] for system in one.systems)),
        ("at the same time", str(one.callers)),
        ("kept in the cache", str(one.keeps)),
        ("least share of the nodes", f"{one.least_share:.0%}"),
    ]
    if one.needs_process:
        facts.append(("sessions are made", "in a worker process, as its wheel holds Python still meanwhile"))
    if source := getattr(module, "READ_FROM", ""):
        facts.append(("options read from", source))
    if left_out := getattr(module, "LEFT_OUT", {}):
        listed = ", ".join(f"`{name}`" for name in left_out)
        facts.append(("left out", f"{listed}: {_reasons(left_out)}"))
    return facts


def _reasons(left_out: dict[str, str]) -> str:
    told = dict.fromkeys(reason for reason in left_out.values() if not reason.startswith("belongs to"))
    return "; ".join(told)


def _row(option: Option) -> str:
    default = (
        "" if option.default is None else "no limit" if option.default == _LARGEST else f"`{option.default}`"
    )
    if option.ours is not None:
        default = f"**`{option.ours}`**" + (
            f" (runtime: {default})" if default and option.ours != option.default else ""
        )
    return f"| `{option.name}` | {_takes(option)} | {default} | {option.meaning} |".replace("\\", "\\\\")


def _takes(option: Option) -> str:
    if option.kind is Kind.CHOICE:
        return ", ".join(f"`{choice}`" for choice in option.choices)
    if option.kind is Kind.BYTES:
        return str(option.kind)
    is_bounded = option.most is not None and option.most < 2**31 - 1
    return (option if is_bounded else replace(option, most=None)).accepts


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"{PAGE} is in step with the provider files")
