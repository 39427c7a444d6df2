"""Several models for one picture: what the later ones are shown, and how all answers become one."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from lineside.core.detections import Detections
from lineside.core.errors import SettingsError, UnansweredError, UnknownNameError, near
from lineside.core.masks import Masks
from lineside.core.verdict import Reason

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

_LEAST_PX = 4


@dataclass(frozen=True, slots=True)
class Stage:
    """A model that looks at what the first one found.

    Attributes:
        name: Stands before its classes, as `label/ok`.
        on: Classes of the first model.
        pad: So much is cut out around a box on each side, as a share of its sides.
        min_confidence: Objects whose confidence is not above it are not looked at.
        max_crops: More in one picture are not looked at; the detections are then truncated.
    """

    name: str
    on: tuple[str, ...]
    pad: float = 0.0
    min_confidence: float = 0.25
    max_crops: int = 16


@dataclass(frozen=True, slots=True, eq=False)
class Crop:
    """What one stage is shown of one object.

    Attributes:
        stage: Name of the stage.
        row: Which of the first model's detections it is.
        left_px: Its place in the picture.
        top_px: The same.
        image: uint8 BGR (h, w, 3), C-contiguous, a copy.
    """

    stage: str
    row: int
    left_px: int
    top_px: int
    image: NDArray[np.uint8]


class Stages:
    """The plan of a product's models. It runs none: whoever runs them asks for the crops and hands the answers back.

    Args:
        names: The first model's class names.
        stages: The later models.
        of_stages: Their class names, by the stage's name.
        where: Stands before each message.

    Attributes:
        first_names: The first model's class names.
        names: All classes: the first model's, then those of each stage with its name before them, as `label/ok`.

    Raises:
        SettingsError: A stage is for a class that the first model does not have, its names are missing, or two classes
            get one name.
    """

    def __init__(
        self,
        names: Sequence[str],
        stages: Sequence[Stage] = (),
        of_stages: Mapping[str, Sequence[str]] | None = None,
        *,
        where: str = "stage",
    ) -> None:
        self.first_names = tuple(names)
        self._stages = {stage.name: stage for stage in stages}
        self._starts: dict[str, int] = {}
        self._own_names: dict[str, tuple[str, ...]] = {}
        union = list(self.first_names)
        for number, stage in enumerate(stages):
            for name in stage.on:
                if name not in self.first_names:
                    raise UnknownNameError(
                        f'{where}[{number}].on: the model has no class "{name}"{near(name, self.first_names)}'
                    )
            if stage.name not in (of_stages or {}):
                raise SettingsError(
                    f'{where}[{number}]: expected the class names of the model of "{stage.name}"'
                )
            self._starts[stage.name] = len(union)
            self._own_names[stage.name] = own = tuple((of_stages or {})[stage.name])
            union += [f"{stage.name}/{name}" for name in own]
        twins = set(union[len(self.first_names) :]) & set(self.first_names)
        if twins:
            raise SettingsError(
                f'{where}: two classes are called "{min(twins)}"; give the stage another name'
            )
        self.names = tuple(union)

    def follow_ups(self, first: Detections, image: NDArray[np.uint8]) -> tuple[Crop, ...]:
        """What the later models must be shown, stage by stage, best objects first.

        Args:
            first: What the first model found in the picture.
            image: The picture, uint8 BGR (H, W, 3).
        """
        return tuple(
            self._crop(stage, int(row), first, image)
            for stage in self._stages.values()
            for row in _looked_at(stage, first)[: stage.max_crops]
        )

    def merge(
        self, first: Detections, crops: Sequence[Crop], answers: Sequence[Detections | UnansweredError]
    ) -> Detections:
        """What all models found, as one: boxes in pixels of the picture, classes by `names`, best first.

        The classes that a classifier names get the object's box as it was cut out. What was truncated in one answer, or objects
        that no stage had room for, make it truncated. Masks and oriented boxes stay: an object without its own gets its box.
        Keypoints stay where there is one model.

        Args:
            first: What the first model found.
            crops: From `follow_ups`.
            answers: What was found in each crop, or why that is not known.

        Raises:
            UnansweredError: A crop has no answer: then nothing is known of the picture, and it has no detections.
        """
        if len(answers) != len(crops):
            raise UnansweredError(
                f"expected an answer for each of {len(crops)} crops; got {len(answers)}",
                Reason.INTERNAL_FAULT,
            )
        if not self._stages:
            return first
        parts = [replace(first, names=self.names, keypoints=None, truncated=self._is_cut(first))]
        for crop, answer in zip(crops, answers, strict=True):
            if isinstance(answer, UnansweredError):
                raise UnansweredError(
                    f"{crop.stage}: no answer for {first.names[first.class_id[crop.row]]}: {answer}",
                    answer.reason,
                ) from answer
            parts.append(self._placed(crop, answer, first))
        return _joined(parts)

    def _is_cut(self, first: Detections) -> bool:
        return first.truncated or any(
            len(_looked_at(stage, first)) > stage.max_crops for stage in self._stages.values()
        )

    def _crop(self, stage: Stage, row: int, first: Detections, image: NDArray[np.uint8]) -> Crop:
        left, top, right, bottom = first.xyxy[row].astype(float).tolist()
        pad_x, pad_y = stage.pad * (right - left), stage.pad * (bottom - top)
        x0, x1 = _whole(left - pad_x, right + pad_x, first.size.width)
        y0, y1 = _whole(top - pad_y, bottom + pad_y, first.size.height)
        return Crop(stage.name, row, x0, y0, image[y0:y1, x0:x1].copy())

    def _placed(self, crop: Crop, answer: Detections, first: Detections) -> Detections:
        """A stage's answer in pixels of the whole picture.

        Raises:
            UnansweredError: It is the answer of another model, or to another picture.
        """
        start, expected = self._starts[crop.stage], self._own_names[crop.stage]
        if answer.names != expected or answer.size != crop.image.shape[:2]:
            raise UnansweredError(
                f"{crop.stage}: expected an answer with the classes {', '.join(expected)} for a picture of "
                f"{crop.image.shape[1]}x{crop.image.shape[0]}; got one of {', '.join(answer.names)} for {answer.size}",
                Reason.MODEL_UNHEALTHY,
            )
        if not (np.isfinite(answer.xyxy).all() and np.isfinite(answer.confidence).all()):
            raise UnansweredError(
                f"{crop.stage}: the model answered boxes or confidences that are no numbers",
                Reason.MODEL_UNHEALTHY,
            )
        at = np.array([crop.left_px, crop.top_px], np.float32)
        turned = answer.xywhr
        if turned is not None:
            turned = turned.copy()
            turned[:, :2] += at
        masks = answer.masks
        if masks is not None:
            masks = Masks(masks.crops, (masks.corners + at.astype(np.int32)).astype(np.int32), first.size)
        return Detections(
            xyxy=answer.xyxy + np.tile(at, 2),
            confidence=answer.confidence,
            class_id=(answer.class_id + start).astype(np.int32),
            names=self.names,
            size=first.size,
            truncated=answer.truncated,
            masks=masks,
            xywhr=turned,
        )


def _looked_at(stage: Stage, first: Detections) -> NDArray[np.intp]:
    """The rows that a stage is for, best first."""
    wanted = np.array([name in stage.on for name in first.names], bool)
    return np.flatnonzero(wanted[first.class_id] & (first.confidence > stage.min_confidence))


def _whole(low: float, high: float, limit: int) -> tuple[int, int]:
    """Whole pixels around a stretch, inside the picture, a few at least."""
    start, end = max(math.floor(low), 0), min(math.ceil(high), limit)
    lack = min(_LEAST_PX, limit) - (end - start)
    if lack > 0:
        start = min(max(start - lack // 2, 0), limit - min(_LEAST_PX, limit))
        end = start + min(_LEAST_PX, limit)
    return start, end


def _joined(parts: Sequence[Detections]) -> Detections:
    """Several answers for one picture as one."""
    has_masks = any(part.masks is not None for part in parts)
    has_turned = any(part.xywhr is not None for part in parts)
    confidence = np.concatenate([part.confidence for part in parts])
    order = np.argsort(-confidence, kind="stable")
    masks = [mask for part in parts for mask in _masks_of(part)] if has_masks else []
    first = parts[0]
    return Detections(
        xyxy=np.concatenate([part.xyxy for part in parts])[order],
        confidence=confidence[order],
        class_id=np.concatenate([part.class_id for part in parts])[order],
        names=first.names,
        size=first.size,
        truncated=any(part.truncated for part in parts),
        masks=_sorted_masks(masks, order, first) if has_masks else None,
        xywhr=np.concatenate([_turned_of(part) for part in parts])[order] if has_turned else None,
    )


def _turned_of(part: Detections) -> NDArray[np.float32]:
    """Oriented boxes; of upright ones those that are not turned."""
    if part.xywhr is not None:
        return part.xywhr
    left, top, right, bottom = part.xyxy.T
    sides = ((left + right) / 2, (top + bottom) / 2, right - left, bottom - top, np.zeros_like(left))
    return np.stack(sides, axis=1).astype(np.float32)


def _masks_of(part: Detections) -> list[tuple[NDArray[np.bool_], tuple[int, int]]]:
    """Bitmaps and their corners; of objects without a mask those of their boxes."""
    if part.masks is not None:
        corners = [(int(x), int(y)) for x, y in part.masks.corners]
        return list(zip(part.masks.crops, corners, strict=True))
    boxes = np.rint(part.xyxy).astype(int).tolist()
    return [(np.ones((bottom - top, right - left), bool), (left, top)) for left, top, right, bottom in boxes]


def _sorted_masks(
    masks: Sequence[tuple[NDArray[np.bool_], tuple[int, int]]], order: NDArray[np.intp], first: Detections
) -> Masks:
    chosen = [masks[i] for i in order]
    corners = np.array([corner for _, corner in chosen], np.int32).reshape(-1, 2)
    return Masks(tuple(crop for crop, _ in chosen), corners, first.size)
