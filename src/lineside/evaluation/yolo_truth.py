"""YOLO folders: pictures in `images`, one text file of boxes each in `labels`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.core.errors import DatasetError
from lineside.evaluation.class_names import find_class_names
from lineside.evaluation.truth import PICTURE_SUFFIXES, Dataset, Picture
from lineside.evaluation.yolo_lines import Form, truth_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lineside.evaluation.yolo_lines import Line
    from lineside.models.spec import Task


def read_yolo(
    path: Path, *, model_names: Sequence[str] = (), task: Task = "detect", keypoints: int = 0
) -> Dataset:
    """The data set of a YOLO folder.

    Accepted are the folder that holds `images` and `labels`, where `images` may hold a single split
    (`images/val`), and a split's own folder of pictures (`…/images/val`, with `…/labels/val`). Names come
    from `classes.txt`, else from `data.yaml`, else they are the model's.

    Args:
        path: The folder.
        model_names: The model's class names.
        task: What is judged: it says what a label line holds.
        keypoints: Keypoints of an object, where the task is `pose`; 0: as many as the first one has.

    Raises:
        DatasetError: The folder has another layout, holds several splits, a label line is malformed or its
            class is outside the names (the message gives file and line), a label file has no picture.
    """
    images, labels, root = _layout(path)
    names, names_from = find_class_names((labels, images.parent, root), root.parent)
    if names is None:
        names, names_from = tuple(model_names), "the model"
    files = _pictures_in(images)
    _refuse_orphans(labels, files)
    form = Form(task, keypoints)
    read = []
    unlabelled = 0
    for file in files:
        label = labels / f"{file.stem}.txt"
        unlabelled += not label.is_file()
        read.append((label, _read_labels(label, names, names_from, form) if label.is_file() else []))
    count = _keypoint_count(read, keypoints) if task == "pose" else 0
    pictures = tuple(
        Picture(path=file, name=file.name, truth=truth_of(lines, task, count))
        for file, (_, lines) in zip(files, read, strict=True)
    )
    return Dataset(path, "yolo", names, names_from, pictures, unlabelled)


def _layout(path: Path) -> tuple[Path, Path, Path]:
    """The folders of pictures and of labels, and the one that holds both trees."""
    images = path / "images"
    if not images.is_dir():
        return _layout_of_split(path)
    labels = path / "labels"
    if _pictures_in(images):
        return images, _existing(labels), path
    splits = [folder for folder in sorted(images.iterdir()) if folder.is_dir() and _pictures_in(folder)]
    if len(splits) > 1:
        found = ", ".join(folder.name for folder in splits)
        raise DatasetError(
            f"{images}: holds several splits ({found}), and only one can be judged at a time. "
            f"Give one of them, for instance {splits[-1]}"
        )
    if not splits:
        raise DatasetError(f"{images}: no pictures ({', '.join(sorted(PICTURE_SUFFIXES))})")
    return splits[0], _existing(labels / splits[0].name), path


def _layout_of_split(path: Path) -> tuple[Path, Path, Path]:
    parts = path.absolute().parts
    if "images" not in parts or not _pictures_in(path):
        nested = sorted(folder.name for folder in path.iterdir() if (folder / "images").is_dir())
        hint = f". Give one of its splits: {', '.join(nested)}" if nested else ""
        raise DatasetError(
            f"{path}: no COCO json file and no YOLO folder: expected images/ and labels/ in it{hint}"
        )
    last = len(parts) - 1 - parts[::-1].index("images")
    root = path.absolute().parents[len(parts) - 1 - last]
    return path, _existing(root.joinpath("labels", *parts[last + 1 :])), root


def _existing(labels: Path) -> Path:
    if not labels.is_dir():
        raise DatasetError(
            f"{labels}: no such folder. Expected the label files of the pictures there, one text file each; "
            "a data set of good pictures only has an empty one"
        )
    return labels


def _pictures_in(folder: Path) -> list[Path]:
    return sorted(f for f in folder.iterdir() if f.suffix.lower() in PICTURE_SUFFIXES and f.is_file())


def _refuse_orphans(labels: Path, files: Sequence[Path]) -> None:
    by_stem = {file.stem: file for file in files}
    if len(by_stem) < len(files):
        twin = next(file for file in files if by_stem[file.stem] != file)
        raise DatasetError(
            f"{twin} and {by_stem[twin.stem].name} would share the label file {twin.stem}.txt: rename one"
        )
    stems = {label.stem for label in labels.glob("*.txt") if label.name != "classes.txt"}
    orphans = sorted(stems - by_stem.keys())
    if orphans:
        more = f" (and {len(orphans) - 1} more)" if len(orphans) > 1 else ""
        raise DatasetError(
            f"{labels / orphans[0]}.txt{more}: a label file without its picture. "
            "Bring the picture back, or remove the label file"
        )


def _read_labels(file: Path, names: Sequence[str], names_from: str, form: Form) -> list[Line]:
    try:
        texts = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as fault:
        raise DatasetError(f"{file}: cannot be read as text: {fault}") from fault
    lines = []
    for number, text in enumerate(texts, start=1):
        if not text.strip():
            continue
        where = f"{file}:{number}"
        line = form.read(where, text)
        if line.label >= len(names):
            raise DatasetError(
                f"{where}: class {line.label} is outside the {len(names)} names from {names_from} "
                f"(0 to {len(names) - 1})"
            )
        lines.append(line)
    return lines


def _keypoint_count(labels: Sequence[tuple[Path, list[Line]]], expected: int) -> int:
    """The number of keypoints of every object.

    Raises:
        DatasetError: Two objects have different numbers.
    """
    count = expected
    for file, lines in labels:
        for line in lines:
            if count and len(line.points) != count:
                raise DatasetError(f"{file}: an object with {len(line.points)} keypoints; expected {count}")
            count = len(line.points)
    return count
