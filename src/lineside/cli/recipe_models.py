"""The models of a recipe, opened, and what they say together of a picture."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lineside.core.errors import LinesideError, SettingsError, UnansweredError, UnknownNameError, near
from lineside.core.frame import Frame
from lineside.core.inspection import View
from lineside.core.verdict import Reason
from lineside.line.border import Fault, attempt

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from lineside.capture.pictures import Reading
    from lineside.core.detections import Detections
    from lineside.detector.detector import Detector
    from lineside.judge.judge import Judge
    from lineside.judge.recipe import Recipe
    from lineside.judge.stages import Crop, Stages
    from lineside.models.card import ModelCard


def read_card(model: str) -> ModelCard:
    """The card of a model: it is not loaded.

    Raises:
        ModelError: It is none.
    """
    from lineside.engine import run_once
    from lineside.models.card import ModelCard

    return ModelCard.read(model, run=run_once)


def check_thresholds(recipe: Recipe, judge: Judge, card: ModelCard) -> None:
    """Refuse thresholds that the first model does not accept, as a kind of NMS that does not exist.

    Raises:
        SettingsError: It does not; the message has the recipe's file.
    """
    from lineside.detector.thresholds import Thresholds

    classifies = card.task == "classify"
    asked = recipe.asked(judge, classifies=classifies, classes=len(card.names))
    habits: dict[str, Any] = {"iou": 0.45, "nms": None, "class_aware": None, "classes": None}
    try:
        Thresholds.checked(card, **(habits | asked), multi_label=False)
    except LinesideError as fault:
        raise SettingsError(f"{recipe.file}: model: {fault}") from fault


def only_camera(recipe: Recipe) -> tuple[str, ...]:
    """The cameras that a recipe is for; one of a plain name where it names none."""
    return recipe.camera_names or ("camera",)


@dataclass(frozen=True, slots=True, eq=False)
class RecipeModels:
    """A recipe with its models open and its judge made.

    Attributes:
        recipe: The recipe.
        stages: The plan of its models.
        judge: Its judge.
        first: The model that looks at the whole picture.
        later: Those of the stages, by name.
    """

    recipe: Recipe
    stages: Stages
    judge: Judge
    first: Detector
    later: Mapping[str, Detector]

    @classmethod
    def opened(cls, recipe: Recipe, **where: Any) -> RecipeModels:
        """The models of a recipe on a device.

        Args:
            recipe: The recipe.
            where: `devices`, `demotion` and `threads`, as a `Detector` takes them.

        Raises:
            LinesideError: A model cannot be opened, or the recipe does not fit its models.
        """
        from lineside.cli.opening import open_detector
        from lineside.detector.detector import Detector

        first = open_detector(Detector, recipe.model_path, **where)
        later = {
            stage.name: open_detector(Detector, recipe.stage_path(stage.name), **where)
            for stage in recipe.stages
        }
        stages = recipe.planned(first.names, {name: one.names for name, one in later.items()})
        judge = recipe.judge(stages, only_camera(recipe))
        check_thresholds(recipe, judge, first.card)
        return cls(recipe, stages, judge, first, later)

    def view(self, camera: str, frame: Frame) -> View:
        """What all models saw in a picture, or the reason why that is not known."""
        try:
            cut = self._cropped(camera, frame)
            found = attempt("detect", lambda: self._found(cut))
        except UnansweredError as refusal:
            return View(camera, frame=frame, reason=refusal.reason, detail=str(refusal))
        if isinstance(found, Fault):
            return View(camera, frame=cut, reason=found.reason, detail=found.sentence)
        if isinstance(found, UnansweredError):
            return View(camera, frame=cut, reason=found.reason, detail=str(found))
        return View(camera, frame=cut, detections=found)

    def _found(self, frame: Frame) -> Detections | UnansweredError:
        asked = self.recipe.asked(
            self.judge, classifies=_classifies(self.first), classes=len(self.first.names)
        )
        first = self.first(frame.image, **asked)
        crops = self.stages.follow_ups(first, frame.image)
        try:
            return self.stages.merge(first, crops, [self._answer(crop) for crop in crops])
        except UnansweredError as refusal:
            return refusal

    def _answer(self, crop: Crop) -> Detections | UnansweredError:
        model = self.later[crop.stage]
        asked = self.recipe.asked_of_stage(
            self.judge, classifies=_classifies(model), classes=len(model.names)
        )
        answer = attempt(crop.stage, lambda: model(crop.image, **asked))
        return UnansweredError(answer.sentence, answer.reason) if isinstance(answer, Fault) else answer

    def _cropped(self, camera: str, frame: Frame) -> Frame:
        """The picture as the rules see it; one that has the crop's size already is taken as it is.

        Raises:
            UnansweredError: The crop reaches beyond the picture.
        """
        crop, (height, width) = self.recipe.camera(camera).crop, frame.image.shape[:2]
        if crop is None or (crop[2] - crop[0], crop[3] - crop[1]) == (width, height):
            return frame
        left, top, right, bottom = crop
        if right > width or bottom > height:
            raise UnansweredError(
                f"the crop of {camera} to {right}, {bottom} reaches beyond the picture of {width}x{height}",
                Reason.IMAGE_UNHEALTHY,
            )
        return replace(frame, image=frame.image[top:bottom, left:right].copy())


def read_views(models: RecipeModels, pictures: Mapping[str, Path], reading: Reading) -> list[View]:
    """The views of one part, from files; a picture that cannot be read is a view with its reason.

    Args:
        models: The open models.
        pictures: A file by camera; an empty name stands for the recipe's only camera.
        reading: How files are read.

    Raises:
        SettingsError: The empty name stands for several cameras, or a name for none.
    """
    return [_read_view(models, name, path, reading) for name, path in pictures.items()]


def _read_view(models: RecipeModels, name: str, path: Path, reading: Reading) -> View:
    from lineside.capture.pictures import read_picture

    cameras = models.judge.cameras
    camera = name or sole_camera(cameras)
    if camera not in cameras:
        raise UnknownNameError(f'{models.recipe.file}: no camera "{camera}"{near(camera, cameras)}')
    image = attempt(
        "read",
        lambda: read_picture(path, limit_px=reading.limit_px, scale_16bit=reading.scale_16bit),
    )
    if isinstance(image, Fault):
        return View(camera, reason=image.reason, detail=image.sentence)
    return models.view(camera, Frame(image, str(path), 0))


def sole_camera(cameras: Sequence[str]) -> str:
    """The one camera that there is.

    Raises:
        SettingsError: There are several.
    """
    if len(cameras) > 1:
        raise SettingsError(
            f"the recipe is for the cameras {', '.join(cameras)}: say which one a picture is of, as {cameras[0]}=PICTURE, and give "
            f"one part's pictures together, as {cameras[0]}=A.png,{cameras[1]}=B.png"
        )
    return cameras[0]


def _classifies(model: Detector) -> bool:
    return model.card.task == "classify"
