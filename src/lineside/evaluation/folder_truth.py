"""A folder of pictures for each class: the data sets of classifiers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lineside.core.errors import DatasetError
from lineside.evaluation.truth import PICTURE_SUFFIXES, Dataset, Picture, Truth

if TYPE_CHECKING:
    from pathlib import Path


def read_folders(path: Path) -> Dataset:
    """The data set of a folder that holds one folder of pictures for each class; their names are the classes'.

    Args:
        path: The folder, for instance `dataset/val`.

    Raises:
        DatasetError: There is no such folder, it holds splits instead of classes, a class has no picture, or a
            picture lies in no class.
    """
    folders = sorted((entry for entry in path.iterdir() if _counts(entry) and entry.is_dir()), key=_order)
    stray = next((entry.name for entry in sorted(path.iterdir()) if _is_picture(entry)), None)
    expected = "Expected one folder of pictures for each class, named as the class"
    if not folders:
        raise DatasetError(f"{path}: no folder in it. {expected}")
    if stray is not None:
        raise DatasetError(f"{path / stray}: a picture that lies in no class's folder. {expected}")
    pictures = []
    for index, folder in enumerate(folders):
        files = sorted(file for file in folder.iterdir() if _is_picture(file))
        if not files:
            _refuse_empty(path, folder, expected)
        pictures += [
            Picture(path=file, name=f"{folder.name}/{file.name}", truth=_whole(index)) for file in files
        ]
    names = tuple(folder.name for folder in folders)
    return Dataset(path, "folders", names, f"the folders in {path.name}", tuple(pictures))


def _refuse_empty(path: Path, folder: Path, expected: str) -> None:
    inner = [entry for entry in folder.iterdir() if entry.is_dir() and any(map(_is_picture, entry.iterdir()))]
    if inner:
        raise DatasetError(
            f"{path}: {folder.name} holds folders of pictures itself, so this looks like a data set's splits. "
            f"Give one of them, for instance {folder}"
        )
    raise DatasetError(f"{folder}: no pictures ({', '.join(sorted(PICTURE_SUFFIXES))}). {expected}")


def _order(folder: Path) -> tuple[int, str]:
    """By number where the folders are numbered, else by name."""
    return (int(folder.name) if folder.name.isdecimal() else 0, folder.name)


def _counts(entry: Path) -> bool:
    return not entry.name.startswith(".")


def _is_picture(entry: Path) -> bool:
    return entry.suffix.lower() in PICTURE_SUFFIXES and entry.is_file() and _counts(entry)


def _whole(index: int) -> Truth:
    """The truth about a picture that is of one class as a whole."""
    return Truth(
        xyxy=np.array([[0, 0, 1, 1]], np.float64),
        class_index=np.array([index], np.intp),
        ignored=np.zeros(1, np.bool_),
    )
