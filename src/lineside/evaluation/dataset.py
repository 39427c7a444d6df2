"""A data set argument of the command line becomes pictures with their truth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.core.errors import DatasetError, SettingsError
from lineside.evaluation.coco_truth import read_coco
from lineside.evaluation.folder_truth import read_folders
from lineside.evaluation.yolo_truth import read_yolo

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lineside.evaluation.truth import Dataset
    from lineside.models.spec import Task


def holds_truth(path: Path, task: Task = "detect") -> bool:
    """Whether a path looks like a data set, and not like mere pictures; opening it says whether it is a good one."""
    if not path.exists():
        return False
    if path.is_file():
        return path.suffix.lower() == ".json"
    if task == "classify":
        return any(place.is_dir() and not place.name.startswith(".") for place in path.iterdir())
    return (path / "labels").is_dir() and (path / "images").is_dir()


def open_dataset(
    path: Path,
    *,
    images: Path | None = None,
    model_names: Sequence[str] = (),
    task: Task = "detect",
    keypoints: int = 0,
) -> Dataset:
    """The data set at `path`; its pictures are found, and not read yet.

    Args:
        path: A COCO json file, or a YOLO folder with `images` and `labels`; of a classifier a folder that holds a
            folder of pictures for each class.
        images: The folder that a COCO file's `file_name`s are relative to; by default it is looked for
            beside the file.
        model_names: The model's class names, which a YOLO folder without names of its own is read with.
        task: What the model answers, and is judged by: `card.task`.
        keypoints: Keypoints of an object, of a model that answers them: `card.head.keypoints[0]`.

    Raises:
        DatasetError: The data set is missing, of neither form, malformed, or lacks what the task needs; the
            message names the file, and the line or the entry.
        SettingsError: `images` is given for a YOLO folder, which brings its own.
    """
    if task == "classify":
        if images is not None or (path.exists() and not path.is_dir()):
            raise DatasetError(
                f"{path}: the model is a classifier. Expected a folder that holds a folder of pictures for each "
                "class, and no --images"
            )
        if path.is_dir():
            return read_folders(path)
    if path.is_dir():
        if images is not None:
            raise SettingsError(
                f"--images belongs to COCO json data sets; {path} is a YOLO folder, whose pictures lie in "
                "images/ beside labels/. Leave --images out"
            )
        return read_yolo(path, model_names=model_names, task=task, keypoints=keypoints)
    if not path.exists():
        raise DatasetError(f"{path}: no such data set. Expected a COCO json file or a YOLO folder")
    if path.suffix.lower() != ".json":
        raise DatasetError(
            f"{path}: expected a COCO file (.json) or a YOLO folder with images/ and labels/, "
            f'got a file "{path.suffix or path.name}"'
        )
    return read_coco(path, images=images, task=task, keypoints=keypoints)
