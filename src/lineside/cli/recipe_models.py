"""The models of a recipe, opened, and what they say together of a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lineside.core.documents import parsed
from lineside.core.errors import LinesideError, SettingsError, UnansweredError, UnknownNameError, near
from lineside.core.frame import Frame
from lineside.core.inspection import View
from lineside.line.border import Fault, attempt

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from lineside.capture.adjust import Adjustment
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
        adjustments: What is done to the pictures of each camera before.
    """

    recipe: Recipe
    stages: Stages
    judge: Judge
    first: Detector
    later: Mapping[str, Detector]
    adjustments: Mapping[str, Adjustment]

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
        return cls(recipe, stages, judge, first, later, adjustments(recipe))

    def view(self, camera: str, frame: Frame, *, adjusted: bool = False) -> View:
        """What all models saw in a picture, or the reason why that is not known.

        Args:
            camera: Whose picture it is.
            frame: The picture.
            adjusted: Whether it is as the rules see it already, and not as the camera gave it.
        """
        adjustment = None if adjusted else self.adjustments.get(camera)
        shown = frame if adjustment is None else attempt("adjust", lambda: adjustment.apply(frame))
        if isinstance(shown, Fault):
            return View(camera, frame=frame, reason=shown.reason, detail=shown.sentence)
        found = attempt("detect", lambda: self._found(shown))
        if isinstance(found, Fault):
            return View(camera, frame=shown, reason=found.reason, detail=found.sentence)
        if isinstance(found, UnansweredError):
            return View(camera, frame=shown, reason=found.reason, detail=str(found))
        return View(camera, frame=shown, detections=found)

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


def adjustments(recipe: Recipe) -> dict[str, Adjustment]:
    """What is done to the pictures of each camera before the model.

    Raises:
        SettingsError: A table is not accepted, or its crop has another size than the camera's `picture`.
    """
    from lineside.capture.adjust import Adjustment, AdjustmentSettings

    made = {}
    for name, table in recipe.document.camera.items():
        where = f"{recipe.file}: camera.{name}.adjust"
        settings = parsed(AdjustmentSettings, table.adjust, where)
        crop, size = settings.crop, table.size
        if crop is not None and size is not None and (crop.height, crop.width) != size:
            raise SettingsError(
                f"{where}.crop: expected the size of camera.{name}.picture, {size}; got {crop.width}x{crop.height}"
            )
        made[name] = Adjustment(settings, name)
    return made


def read_views(
    models: RecipeModels, pictures: Mapping[str, Path], reading: Reading, *, adjusted: bool
) -> list[View]:
    """The views of one part, from files; a picture that cannot be read is a view with its reason.

    Args:
        models: The open models.
        pictures: A file by camera; an empty name stands for the recipe's only camera.
        reading: How files are read.
        adjusted: Whether they are as the rules see them already.

    Raises:
        SettingsError: The empty name stands for several cameras, or a name for none.
    """
    return [_read_view(models, one, reading, adjusted=adjusted) for one in pictures.items()]


def _read_view(models: RecipeModels, picture: tuple[str, Path], reading: Reading, *, adjusted: bool) -> View:
    from lineside.capture.pictures import read_picture

    (name, path), cameras = picture, models.judge.cameras
    camera = name or sole_camera(cameras)
    if camera not in cameras:
        raise UnknownNameError(f'{models.recipe.file}: no camera "{camera}"{near(camera, cameras)}')
    image = attempt(
        "read",
        lambda: read_picture(path, limit_px=reading.limit_px, scale_16bit=reading.scale_16bit),
    )
    if isinstance(image, Fault):
        return View(camera, reason=image.reason, detail=image.sentence)
    return models.view(camera, Frame(image, str(path), 0), adjusted=adjusted)


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
