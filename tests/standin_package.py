"""The stand-in provider as an installed package brings it: by an entry point."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 # an argument's type


def install(folder: Path) -> Path:
    """The folder, which, on the path, has the stand-in among its packages."""
    facts = folder / "standin-1.0.dist-info"
    facts.mkdir(parents=True)
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: standin\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text(
        "[lineside.engine.providers]\nstandin = lineside.testing.standin\n"
    )
    return folder
