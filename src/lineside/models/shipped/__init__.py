"""The models that come with lineside: `shipped:NAME` stands wherever a model's path does.

Their recipe is in `tools/plant_model`, their quality in `docs/plant-model.md`.
"""

from __future__ import annotations

from pathlib import Path

from lineside.core.errors import ModelFileError, near

PREFIX = "shipped:"

_FOLDER = Path(__file__).parent


def names() -> tuple[str, ...]:
    """Names of the shipped models, sorted."""
    return tuple(sorted(file.stem for file in _FOLDER.glob("*.onnx")))


def resolve(path: str | Path) -> Path:
    """The file that `path` stands for: a shipped model's for `shipped:NAME`, any other path as it is.

    Raises:
        ModelFileError: No model of that name is shipped.
    """
    text = str(path)
    if not text.startswith(PREFIX) or Path(path).exists():
        return Path(path)
    name = text.removeprefix(PREFIX)
    if name not in names():
        raise ModelFileError(f'{text}: no model "{name}" comes with lineside{near(name, names())}')
    return _FOLDER / f"{name}.onnx"
