"""The recipe of one product: its model, rules, cameras and golden pictures, read from one file."""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lineside.core.documents import parsed
from lineside.core.errors import SettingsError, UnknownNameError, near
from lineside.judge.blinding import lowest_confidence, refuse_blinded
from lineside.judge.judge import Judge
from lineside.judge.recipe_tables import CameraTable, RecipeDocument
from lineside.judge.rule import About, RuleTable
from lineside.judge.stages import Stage, Stages

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from lineside.core.geometry import Size
    from lineside.judge.recipe_tables import BaselineTable, ModelTable

LARGEST_BYTES = 1 << 20
"""A larger file is no recipe."""


@dataclass(frozen=True, slots=True)
class Golden:
    """Pictures of one part whose verdict is known.

    Attributes:
        pictures: A file by camera; the camera is an empty name where the recipe has only one.
        verdict: What must be said of it.
        reason: Why, where the verdict is UNKNOWN and the recipe says so.
    """

    pictures: Mapping[str, Path]
    verdict: str
    reason: str | None


@dataclass(frozen=True, slots=True, eq=False)
class Recipe:
    """All that is special about one product. It never changes: a changed file is another recipe.

    Attributes:
        name: The file's name without its ending.
        file: Where it was read from.
        sha256: Of the file's bytes, in hexadecimal digits.
        codes: What the plant calls the product, as texts.
        title: What people call it.
        document: Everything that stands in the file, checked.
        rules: Its rules' tables, checked as far as that goes without a model.
    """

    name: str
    file: Path
    sha256: str
    codes: tuple[str, ...]
    title: str
    document: RecipeDocument
    rules: tuple[RuleTable, ...]

    @classmethod
    def read(cls, file: Path) -> Recipe:
        """The recipe in a file. No other file is opened.

        Raises:
            SettingsError: It cannot be read, is cut off, or a key of it is not accepted; the message has file and key.
            PluginError: It names a kind of rule that does not exist.
        """
        try:
            with file.open("rb") as stream:
                data = stream.read(LARGEST_BYTES + 1)
        except OSError as fault:
            raise SettingsError(f"{file}: cannot be read: {fault.strerror or fault}") from fault
        return cls.of(data, file)

    @classmethod
    def of(cls, data: bytes, file: Path) -> Recipe:
        """The recipe in the bytes of a file.

        Raises:
            SettingsError, PluginError: As `read`.
        """
        document = parsed(RecipeDocument, _table(data, file), str(file))
        rules = tuple(
            RuleTable.read(table, f"{file}: rule[{number}]") for number, table in enumerate(document.rule)
        )
        recipe = cls(
            name=file.stem,
            file=file,
            sha256=hashlib.sha256(data).hexdigest(),
            codes=document.codes,
            title=document.title or file.stem,
            document=document,
            rules=rules,
        )
        recipe._refuse_twins()
        return recipe

    def _refuse_twins(self) -> None:
        """Refuse two stages of one name.

        Raises:
            SettingsError: There are.
        """
        names = [stage.name for stage in self.stages]
        for number, name in enumerate(names):
            if name in names[:number]:
                raise SettingsError(f'{self.file}: stage[{number}].name: another stage is called "{name}"')

    @property
    def model(self) -> ModelTable:
        """The first model."""
        return self.document.model

    @property
    def model_path(self) -> str:
        """The first model: an absolute path, or `shipped:NAME`."""
        return self._model(self.model.path)

    def stage_path(self, name: str) -> str:
        """The model of a stage, likewise."""
        return next(self._model(table.path) for table in self.document.stage if table.title == name)

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The models that look at what the first one found."""
        return tuple(
            Stage(table.title, tuple(table.on), table.pad, table.min_confidence, table.max_crops)
            for table in self.document.stage
        )

    def planned(self, names: Sequence[str], of_stages: Mapping[str, Sequence[str]] | None = None) -> Stages:
        """The plan of all its models: `names` of it is the one list of classes that its rules know.

        Args:
            names: The first model's class names.
            of_stages: Those of each stage's model, by the stage's name.

        Raises:
            SettingsError: A stage is for a class that the first model does not have, or its names are missing.
        """
        return Stages(names, self.stages, of_stages or {}, where=f"{self.file}: stage")

    def judge(
        self,
        stages: Stages,
        cameras: Sequence[str],
        sizes: Mapping[str, Size] | None = None,
    ) -> Judge:
        """The judge of this product.

        Args:
            stages: The plan of its models, from `planned`.
            cameras: The line's. Those that the recipe does not use are left out: the judge's own are `Judge.cameras`.
            sizes: Size of the pictures of a camera, where it is known and the recipe does not say so.

        Raises:
            SettingsError: A rule does not fit the models or the cameras, a camera does not exist, or the models are run at
                a higher confidence than something looks at.
        """
        used = self.cameras_of(cameras)
        about = self.about(stages, used, sizes)
        try:
            judge = Judge([table.opened(about) for table in self.rules], names=stages.names, cameras=used)
        except SettingsError as fault:
            if str(fault).startswith(str(self.file)):
                raise
            raise SettingsError(f"{self.file}: {fault}") from fault
        refuse_blinded(self, judge, stages)
        return judge

    def cameras_of(self, cameras: Sequence[str]) -> tuple[str, ...]:
        """Those of a line's cameras that a part of this product needs a view of.

        Raises:
            SettingsError: The recipe has a table for a camera that the line does not have.
        """
        known = {*cameras, *(camera_of(view) for view in cameras)}
        for name in self.document.camera:
            if name not in known:
                raise UnknownNameError(
                    f'{self.file}: camera.{name}: the line has no camera "{name}"{near(name, sorted(known))}'
                )
        return tuple(name for name in cameras if self.camera(name).judged)

    def camera(self, name: str) -> CameraTable:
        """What the recipe says of a camera; the defaults where it says nothing.

        Args:
            name: The camera's, or that of one of its shots, as `top/1`: what stands in `[camera."top/1"]` goes before what stands in
                `[camera.top]`, key by key.
        """
        own, whole = self.document.camera.get(name), self.document.camera.get(camera_of(name))
        if own is None or whole is None or own is whole:
            return own or whole or CameraTable()
        return whole.model_copy(update={key: getattr(own, key) for key in own.model_fields_set})

    def baseline(self, name: str) -> BaselineTable | None:
        """What the recipe says is usual in the pictures of a camera, or of one of its shots; `None` where it says nothing."""
        tables = self.document.baseline
        return tables.get(name) or tables.get(camera_of(name))

    @property
    def camera_names(self) -> tuple[str, ...]:
        """The cameras that the recipe names anywhere; none where it is for whichever there are."""
        named = [name for name, table in self.document.camera.items() if table.judged]
        for rule in self.rules:
            for leaf in rule.leaves():
                named += getattr(leaf.settings, "cameras", None) or ()
        return tuple(dict.fromkeys(named))

    def about(self, stages: Stages, cameras: Sequence[str], sizes: Mapping[str, Size] | None = None) -> About:
        """What its rules are made for.

        Args:
            stages: The plan of its models, from `planned`.
            cameras: Those that a part needs a view of.
            sizes: Size of the pictures of a camera, where it is known and the recipe does not say so.
        """
        tables = {name: self.camera(name) for name in cameras}
        own = {name: table.size for name, table in tables.items() if table.size is not None}
        planes = {name: t.calibration.plane() for name, t in tables.items() if t.calibration is not None}
        return About(stages.names, tuple(cameras), {**(sizes or {}), **own}, planes)

    @property
    def golden(self) -> tuple[Golden, ...]:
        """Its golden pictures, with absolute paths."""
        return tuple(
            Golden(
                {camera: self._path(path) for camera, path in one.by_camera.items()}, one.verdict, one.reason
            )
            for one in self.document.golden
        )

    def baseline_file(self, camera: str) -> Path | None:
        """The file of what is usual in a camera's pictures; `None` where there is none."""
        table = self.baseline(camera)
        return None if table is None or table.file is None else self._path(table.file)

    def asked(self, judge: Judge, *, classifies: bool = False, classes: int = 0) -> dict[str, Any]:
        """The thresholds of a call to the first model, as `Detector` and `Engine.submit` take them.

        Args:
            judge: The recipe's.
            classifies: Whether the model is a classifier: all its classes are asked for, for one that is not named is not proven
                to be away.
            classes: How many classes it has.
        """
        if classifies:
            return {"confidence": 0.0, "max_detections": max(classes, 1)}
        model = self.model
        lowest = lowest_confidence(self, judge)
        return {
            "confidence": lowest if model.confidence is None else model.confidence,
            "iou": model.nms.threshold,
            "nms": model.nms.kind,
            "class_aware": model.nms.class_aware,
            "classes": model.classes,
            "max_detections": model.max_detections,
        }

    def asked_of_stage(self, judge: Judge, *, classifies: bool, classes: int) -> dict[str, Any]:
        """The thresholds of a call to a stage's model, likewise."""
        if classifies:
            return {"confidence": 0.0, "max_detections": max(classes, 1)}
        return {"confidence": judge.min_confidence}

    def _model(self, path: str) -> str:
        return path if path.startswith("shipped:") else str(self._path(path))

    def _path(self, path: str) -> Path:
        """A path of the recipe, from the folder that the recipe is in."""
        return (self.file.parent / path).absolute()


def camera_of(view: str) -> str:
    """The camera of a view: `top` of `top/1`, its first shot."""
    camera, slash, shot = view.rpartition("/")
    return camera if slash and shot.isdecimal() else view


def _table(data: bytes, file: Path) -> dict[str, Any]:
    """The bytes as TOML.

    Raises:
        SettingsError: They are none, or too many.
    """
    if len(data) > LARGEST_BYTES:
        raise SettingsError(f"{file}: expected a recipe of at most {LARGEST_BYTES} bytes; it is larger")
    try:
        return tomllib.loads(data.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise SettingsError(f"{file}: expected TOML in UTF-8: {fault}") from fault
