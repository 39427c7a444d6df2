"""Parts of a trace judged again, from the pictures that were kept."""

from __future__ import annotations

import dataclasses
import hashlib
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lineside.core.errors import SettingsError, SourceError
from lineside.core.verdict import Reason

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from lineside.cli.recipe_models import RecipeModels
    from lineside.core.inspection import View
    from lineside.judge.judgement import Judgement
    from lineside.judge.recipe import Recipe

_SAME_IOU = 0.5
_JUDGED = (None, *(str(reason) for reason in (Reason.MARGINAL, Reason.TRUNCATED, Reason.RULE_ERROR)))
"""The reasons that come from a picture and its rules; the others are of a moment that is over."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is another in one view.

    Attributes:
        camera: The camera.
        lost: Objects that were found then and not now.
        gained: Objects that are found now and were not then.
        most: The largest difference of confidence of an object that is in both.
    """

    camera: str
    lost: int
    gained: int
    most: float


@dataclass(frozen=True, slots=True)
class Replayed:
    """One part, then and now.

    Attributes:
        record: What was said then.
        now: What is said now.
        changes: One for each view that had detections then and has some to be had now.
        views: The views of now.
    """

    record: Mapping[str, Any]
    now: Judgement
    changes: tuple[Change, ...]
    views: tuple[View, ...]

    @property
    def could_be_the_same(self) -> bool:
        """Whether the part was judged by its pictures then: lateness and lost devices cannot be judged again."""
        has_all = all("detections" in view for view in self.record["views"])
        return has_all and self.record["reason"] in _JUDGED

    @property
    def differs(self) -> bool:
        """Whether the verdict or its reason is another."""
        reason = None if self.now.reason is None else str(self.now.reason)
        return self.could_be_the_same and (str(self.now.verdict), reason) != (
            self.record["verdict"],
            self.record["reason"],
        )

    def to_dict(self) -> dict[str, Any]:
        """A value that `json.dumps` takes."""
        record = self.record
        return {
            **{key: record.get(key) for key in ("number", "part", "serial", "at")},
            "run": record["about"].get("run"),
            "was": {key: record[key] for key in ("verdict", "reason", "detail")},
            "now": {
                "verdict": str(self.now.verdict),
                "reason": None if self.now.reason is None else str(self.now.reason),
                "detail": self.now.detail,
            },
            "comparable": self.could_be_the_same,
            "differs": self.differs,
            "views": [dataclasses.asdict(change) for change in self.changes],
        }


class Replay:
    """Judges parts again: by their recipes, which the trace keeps, or by what is given in their place.

    Args:
        trace: The trace's folder.
        model: In place of the recipes' first model.
        recipe: In place of the recipes.
        where: `devices`, `demotion` and `threads`, as a `Detector` takes them.
    """

    def __init__(self, trace: Path, *, model: str | None, recipe: Path | None, **where: Any) -> None:
        self._trace, self._model, self._recipe, self._where = trace, model, recipe, where
        self._opened: dict[str, RecipeModels] = {}

    def judged(self, record: Mapping[str, Any]) -> Replayed:
        """The part, then and now.

        Raises:
            LinesideError: Its recipe or model cannot be opened, or a picture is not the one that was judged.
        """
        models = self.models(record)
        # What was kept is what the rules saw: a crop or a rotation of the recipe is in it already.
        views = tuple(
            models.view(view["camera"], self._frame(record, view), adjusted=True) for view in record["views"]
        )
        cameras = tuple(dict.fromkeys(view.camera for view in views))  # one may have taken several shots
        judge = models.recipe.judge(models.stages, cameras)
        said = judge([view for view in views if view.camera in judge.cameras])
        changes = [
            _change(was, now)
            for was, now in zip(record["views"], views, strict=True)
            if "detections" in was and now.detections is not None
        ]
        return Replayed(record, said, tuple(changes), views)

    def models(self, record: Mapping[str, Any]) -> RecipeModels:
        """The open models of the recipe that a part was judged by, or of what is in its place.

        Raises:
            LinesideError: As `judged`.
        """
        from lineside.cli.recipe_models import RecipeModels

        told = record.get("recipe") or record["about"].get("recipe") or {}
        key = "" if self._recipe is not None else str(told.get("sha256"))
        if key not in self._opened:
            recipe = self._read(told, record)
            if self._model is not None:
                recipe = _with_model(recipe, self._model)
            models = RecipeModels.opened(recipe, **self._where)
            self._refuse_other_model(models, record)
            self._opened[key] = models
        return self._opened[key]

    def _read(self, told: Mapping[str, Any], record: Mapping[str, Any]) -> Recipe:
        from lineside.outputs.trace.recipes import FOLDER

        if self._recipe is not None:
            try:
                return _recipe_in(self._recipe.read_bytes(), self._recipe)
            except OSError as fault:
                raise SettingsError(f"{self._recipe}: cannot be read: {fault.strerror or fault}") from fault
        own = str(told.get("sha256", ""))
        kept = self._trace / FOLDER / f"{own}.toml"
        if not own.isalnum() or not kept.is_file():
            raise SettingsError(
                f"part {record['part']}: the trace keeps no recipe of it; name one: --recipe recipes/NAME.toml"
            )
        data = kept.read_bytes()
        if hashlib.sha256(data).hexdigest() != own:
            raise SourceError(f"{kept}: it is not the recipe that was recorded; name one by --recipe")
        # Its paths are from the folder that it was in.
        return _recipe_in(data, Path(str(told.get("file") or kept)))

    def _refuse_other_model(self, models: RecipeModels, record: Mapping[str, Any]) -> None:
        own = (record.get("model") or record["about"].get("model") or {}).get("sha256")
        if (
            self._model is None
            and self._recipe is None
            and own is not None
            and own != models.first.card.sha256
        ):
            raise SettingsError(
                f"{models.recipe.model_path}: it is not the model that was recorded ({own[:12]}…), but another "
                f"({models.first.card.sha256[:12]}…); --model judges by it all the same"
            )

    def _frame(self, record: Mapping[str, Any], view: Mapping[str, Any]) -> Any:
        from lineside.core.frame import Frame

        image = read_kept(self._trace, view)
        return Frame(
            image, f"{record['part']:06d}-{view['camera']}.png", int(record["number"]), part=record["part"]
        )


def read_kept(trace: Path, view: Mapping[str, Any]) -> NDArray[np.uint8]:
    """The picture of a view as it was judged, uint8 BGR (H, W, 3) or grey (H, W).

    Raises:
        SourceError: It is not there, or is another.
        ImageError: It cannot be read.
    """
    import numpy as np

    from lineside.capture.pictures import read_picture
    from lineside.outputs.trace.facts import pixels
    from lineside.outputs.trace.pictures import sound_name

    told = view["picture"]
    if not sound_name(told["file"]):
        raise SourceError(f"{told['file']!r} is no name of a picture; run lineside verify {trace}")
    path = trace / "pictures" / told["file"]
    if not path.is_file():
        raise SourceError(
            f"{path}: the picture is gone; lineside verify {trace} says whether retention removed it"
        )
    image = read_picture(path)
    if len(told["shape"]) == 2:
        image = np.ascontiguousarray(image[:, :, 0])
    if path.suffix == ".png" and pixels(image) != told["pixels"]:
        raise SourceError(f"{path}: it is not the picture that was recorded; run lineside verify {trace}")
    return image


def has_pictures(record: Mapping[str, Any]) -> bool:
    """Whether the pictures of all views of a part were kept."""
    return bool(record["views"]) and all((view.get("picture") or {}).get("file") for view in record["views"])


def _recipe_in(data: bytes, file: Path) -> Recipe:
    """The recipe in the bytes of a file, which may be that of a line with one product.

    Raises:
        SettingsError, PluginError: It is neither.
    """
    from lineside.judge.recipe import Recipe
    from lineside.line.models import only_recipe
    from lineside.line.settings.reading import LineSettings

    try:
        table = tomllib.loads(data.decode("utf-8"))
    except ValueError:  # which the recipe's own reading tells with the place
        table = {}
    return only_recipe(LineSettings.of(table, file)) if "line" in table else Recipe.of(data, file)


def _with_model(recipe: Recipe, model: str) -> Recipe:
    path = model if model.startswith("shipped:") else str(Path(model).absolute())
    table = recipe.document.model.model_copy(update={"path": path})
    return dataclasses.replace(recipe, document=recipe.document.model_copy(update={"model": table}))


def _change(was: Mapping[str, Any], now: View) -> Change:
    assert now.detections is not None
    found: list[dict[str, Any]] = now.detections.to_dict()["detections"]
    left, lost, most = list(found), 0, 0.0
    for one in was["detections"]:
        same = [o for o in left if o["name"] == one["name"] and _iou(o["xyxy"], one["xyxy"]) >= _SAME_IOU]
        if not same:
            lost += 1
            continue
        best = max(same, key=lambda other: _iou(other["xyxy"], one["xyxy"]))
        left.remove(best)
        most = max(most, abs(best["confidence"] - one["confidence"]))
    return Change(now.camera, lost, len(left), round(most, 6))


def _iou(a: Sequence[float], b: Sequence[float]) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)
