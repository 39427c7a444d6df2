"""COCO json files: images, annotations and categories of detection, masks, keypoints and oriented boxes."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import BaseModel, Field, FiniteFloat, PositiveInt, ValidationError

from lineside.core.errors import DatasetError
from lineside.core.geometry import Size
from lineside.evaluation.coco_details import area_of, corners_of, keypoints_of, outline_of
from lineside.evaluation.truth import Dataset, Picture, Truth

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from lineside.models.spec import Task


class _Image(BaseModel):
    id: int
    file_name: Annotated[str, Field(min_length=1)]
    width: PositiveInt
    height: PositiveInt


class _Annotation(BaseModel):
    id: int | str | None = None
    image_id: int
    category_id: int
    bbox: tuple[FiniteFloat, FiniteFloat, FiniteFloat, FiniteFloat]
    iscrowd: bool = False
    ignore: bool = False
    # Read only for the tasks that are judged by them.
    segmentation: Any = None
    keypoints: Any = None
    area: Any = None

    @property
    def ignored(self) -> bool:
        return self.iscrowd or self.ignore


class _Category(BaseModel):
    id: int
    name: Annotated[str, Field(min_length=1)]


class _Document(BaseModel):
    images: Annotated[list[_Image], Field(min_length=1)]
    annotations: list[_Annotation]
    categories: Annotated[list[_Category], Field(min_length=1)]


def read_coco(
    path: Path, *, images: Path | None = None, task: Task = "detect", keypoints: int = 0
) -> Dataset:
    """The data set of a COCO json file.

    `iscrowd` and `ignore` annotations become ignored regions. Classes are numbered by ascending category id.

    Args:
        path: The json file.
        images: The folder that the `file_name`s are relative to. By default the first of these in which every
            picture exists: the file's own folder, `images` in it, and `../images/<the file's name>`.
        task: What is judged: masks and oriented boxes need `segmentation`, keypoints `keypoints`.
        keypoints: Keypoints of an object where no annotation has any.

    Raises:
        DatasetError: The file is no COCO detection file, contradicts itself, lacks what the task needs, names a
            picture that is missing or one outside the folder.
    """
    document = _parse(path)
    names = [image.file_name for image in document.images]
    _refuse_repeated(path, "images[].id", (image.id for image in document.images))
    _refuse_repeated(path, "images[].file_name", names)
    _refuse_repeated(path, "categories[].id", (category.id for category in document.categories))
    for name in names:
        _refuse_leaving(path, name)
    categories = sorted(document.categories, key=lambda category: category.id)
    index = {category.id: k for k, category in enumerate(categories)}
    points = _keypoint_count(document) or keypoints
    truths = _truths(path, document, index, task, points)
    folder = _pictures_folder(path, images, names)
    return Dataset(
        path=path,
        kind="coco",
        names=tuple(category.name for category in categories),
        names_from=f"the categories of {path.name}",
        pictures=tuple(
            Picture(
                path=folder / image.file_name,
                name=image.file_name,
                truth=truths[image.id],
                size=Size(height=image.height, width=image.width),
            )
            for image in document.images
        ),
    )


def _parse(path: Path) -> _Document:
    try:
        raw = path.read_bytes()
    except OSError as fault:
        raise DatasetError(f"{path}: cannot be read: {fault.strerror}") from fault
    try:
        return _Document.model_validate_json(raw)
    except ValidationError as fault:
        first = fault.errors(include_url=False, include_input=False)[0]
        where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"])
        more = f" (and {fault.error_count() - 1} more)" if fault.error_count() > 1 else ""
        raise DatasetError(
            f"{path}: {where.lstrip('.') or 'no json'}: {first['msg']}{more}. Expected a COCO detection file: "
            "images (id, file_name, width, height), annotations (image_id, category_id, bbox [x, y, width, "
            "height]) and categories (id, name)"
        ) from fault


def _refuse_repeated(path: Path, what: str, values: Iterable[int | str]) -> None:
    value, count = Counter(values).most_common(1)[0]
    if count > 1:
        raise DatasetError(f"{path}: {what}: {value!r} stands {count} times; each must be unique")


def _refuse_leaving(path: Path, name: str) -> None:
    parts = PurePosixPath(name.replace("\\", "/"))
    if parts.is_absolute() or ".." in parts.parts or ":" in parts.parts[0] or "\0" in name:
        raise DatasetError(
            f"{path}: images[].file_name {name!r} leaves the folder of the pictures. Expected a path below it; "
            "give the folder with --images"
        )


def _pictures_folder(path: Path, images: Path | None, names: Sequence[str]) -> Path:
    home = path.absolute().parent
    beside = [home, home / "images", home.parent / "images" / path.stem]
    tried = []
    for folder in [images] if images is not None else beside:
        missing = next((name for name in names if not (folder / name).is_file()), None)
        if missing is None:
            return folder
        tried.append(f"{folder} lacks {missing}")
    raise DatasetError(
        f"{path}: its {len(names)} pictures are not all in one folder: {'; '.join(tried)}. "
        "Give the folder with --images"
    )


def _truths(
    path: Path, document: _Document, index: dict[int, int], task: Task, points: int
) -> dict[int, Truth]:
    sizes = {image.id: image for image in document.images}
    by_image: dict[int, list[_Annotation]] = {image.id: [] for image in document.images}
    places: dict[int, list[str]] = {image.id: [] for image in document.images}
    for number, annotation in enumerate(document.annotations):
        where = f"{path}: annotations[{number}] (id {annotation.id})"
        if annotation.image_id not in by_image:
            raise DatasetError(f"{where}: image_id {annotation.image_id} is not among the images")
        if annotation.category_id not in index:
            raise DatasetError(f"{where}: category_id {annotation.category_id} is not among the categories")
        _check_box(where, annotation, sizes[annotation.image_id])
        by_image[annotation.image_id].append(annotation)
        places[annotation.image_id].append(where)
    truths = {}
    for image in document.images:
        annotations, at = by_image[image.id], places[image.id]
        truth = _truth(annotations, index)
        if task == "segment":
            truth = _with_outlines(truth, annotations, at, Size(image.height, image.width))
        elif task == "pose":
            truth = _with_keypoints(truth, annotations, at, points)
        elif task == "obb":
            truth = _with_corners(truth, annotations, at)
        truths[image.id] = truth
    return truths


def _check_box(where: str, annotation: _Annotation, image: _Image) -> None:
    x, y, width, height = annotation.bbox
    if (width <= 0 or height <= 0) and not annotation.ignored:
        raise DatasetError(
            f"{where}: bbox {list(annotation.bbox)} has no area. Expected [x, y, width, height] in pixels; "
            "correct it, or mark it with ignore: 1"
        )
    if x >= image.width or y >= image.height or x + width <= 0 or y + height <= 0:
        raise DatasetError(
            f"{where}: bbox {list(annotation.bbox)} lies outside its picture {image.file_name} of "
            f"{image.width}x{image.height}. Expected [x, y, width, height] in pixels"
        )


def _truth(annotations: Sequence[_Annotation], index: dict[int, int]) -> Truth:
    xyxy: NDArray[np.float64] = np.array([a.bbox for a in annotations], np.float64).reshape(-1, 4)
    xyxy[:, 2:] += xyxy[:, :2]
    return Truth(
        xyxy=xyxy,
        class_index=np.array([index[a.category_id] for a in annotations], np.intp),
        ignored=np.array([a.ignored for a in annotations], np.bool_),
    )


def _with_outlines(
    truth: Truth, annotations: Sequence[_Annotation], places: Sequence[str], size: Size
) -> Truth:
    """The truth with masks; an ignored region without one is its box."""
    outlines = [
        [_around(box)] if a.ignored and not a.segmentation else outline_of(where, a.segmentation, size)
        for a, where, box in zip(annotations, places, truth.xyxy.tolist(), strict=True)
    ]
    return replace(truth, outlines=tuple(outlines))


def _with_corners(truth: Truth, annotations: Sequence[_Annotation], places: Sequence[str]) -> Truth:
    """The truth with oriented boxes; an ignored region without one is its upright box."""
    corners = [
        np.reshape(_around(box), (4, 2))
        if a.ignored and not a.segmentation
        else corners_of(where, a.segmentation)
        for a, where, box in zip(annotations, places, truth.xyxy.tolist(), strict=True)
    ]
    return replace(truth, corners=np.array(corners, np.float64).reshape(-1, 4, 2))


def _with_keypoints(
    truth: Truth, annotations: Sequence[_Annotation], places: Sequence[str], count: int
) -> Truth:
    """The truth with keypoints; an object without a labelled one is an ignored region, as in COCO.

    Raises:
        DatasetError: An object has none, or another number of them than the first.
    """
    points = np.zeros((len(annotations), count, 3))
    for row, annotation, where in zip(points, annotations, places, strict=True):
        if count and annotation.ignored and annotation.keypoints is None:
            continue
        own = keypoints_of(where, annotation.keypoints)
        if len(own) != count:
            raise DatasetError(
                f"{where}: {len(own)} keypoints, and others have {count}; expected as many in each"
            )
        row[:] = own
    return replace(
        truth,
        keypoints=points,
        areas=np.array([area_of(a.area, *a.bbox[2:]) for a in annotations], np.float64),
        ignored=truth.ignored | ~(points[:, :, 2] > 0).any(axis=1),
    )


def _keypoint_count(document: _Document) -> int:
    """The number of keypoints of the first annotation that has them."""
    return next((len(a.keypoints) // 3 for a in document.annotations if isinstance(a.keypoints, list)), 0)


def _around(box: Sequence[float]) -> list[float]:
    """The corners of an upright box, in turn."""
    left, top, right, bottom = box
    return [left, top, right, top, right, bottom, left, bottom]
