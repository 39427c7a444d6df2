"""The tables of a recipe's file."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from lineside.core.documents import Table
from lineside.core.geometry import Size
from lineside.core.verdict import Reason, Verdict
from lineside.judge.bands import Share
from lineside.judge.calibration import CalibrationTable

Name = Annotated[str, Field(min_length=1, max_length=200)]


class NmsTable(Table):
    """How boxes of one object become one."""

    kind: str | None = None
    """As a `Detector` takes it; the family's habit where it is left out."""
    threshold: Share = 0.45
    """Boxes whose overlap is above it are one object's."""
    class_aware: bool | None = None
    """Whether only boxes of one class suppress each other; the family's habit where it is left out."""


class ModelTable(Table):
    """The model that looks at the whole picture."""

    path: Name
    """An .onnx file, from the folder that the recipe is in, or `shipped:NAME`."""
    confidence: Share | None = None
    """Run it so low; the lowest that a rule or a stage looks at where it is left out. Not above that."""
    nms: NmsTable = Field(default_factory=NmsTable)
    """How boxes of one object become one."""
    classes: list[Name] | None = Field(None, min_length=1)
    """Only these; all where it is left out."""
    max_detections: int = Field(300, ge=1, strict=True)
    """More in one picture cut the list off, and the part is unknown."""


class StageTable(Table):
    """A model that looks at what the first one found: a detector or a classifier."""

    path: Name
    """As that of the model."""
    on: list[Name] = Field(min_length=1)
    """Classes of the first model; each of their objects is cut out and shown to this one."""
    name: Annotated[str, Field(pattern=r"^[^/]+$", max_length=200)] | None = None
    """Stands before its classes, as `label/ok`; the class's name where `on` has one and it is left out."""
    pad: float = Field(0.0, ge=0, le=1)
    """So much is cut out around the box on each side, as a share of its sides."""
    min_confidence: Share = 0.25
    """Objects whose confidence is not above it are not looked at."""
    max_crops: int = Field(16, ge=1, le=1000, strict=True)
    """More in one picture are not looked at, and the part is unknown."""

    @model_validator(mode="after")
    def _is_named(self) -> StageTable:
        if self.name is None and len(self.on) > 1:
            raise ValueError("a name, because it is for several classes")
        return self

    @property
    def title(self) -> str:
        """Its name."""
        return self.name or self.on[0]


class CameraTable(Table):
    """What is special about a camera for this product."""

    judged: bool = True
    """Whether a part needs a view of it. Where it does, at least one rule must look at it."""
    picture: tuple[int, int] | None = None
    """Width and height in pixels of the pictures that the rules see, after `adjust`. Regions outside are refused at once."""
    adjust: dict[str, Any] = Field(default_factory=dict)
    """What is done to its pictures before the model: lens, rotation, crop, mask. The line checks it."""
    features: dict[str, bool | int | float | str] = Field(default_factory=dict)
    """The camera's features, by their names."""
    calibration: CalibrationTable | None = None
    """What a pixel is in millimetres, in the pictures that the rules see."""

    @model_validator(mode="after")
    def _fits(self) -> CameraTable:
        if self.picture is not None and min(self.picture) < 1:
            raise ValueError(f"picture as width and height in pixels; got {list(self.picture)}")
        return self

    @property
    def size(self) -> Size | None:
        """Size of the pictures that the rules see; `None` where it is not said."""
        return None if self.picture is None else Size(height=self.picture[1], width=self.picture[0])


class BaselineTable(Table):
    """What is usual in the pictures of a camera for this product."""

    file: Name | None = None
    """What `lineside health` learned of good pictures, from the folder that the recipe is in."""
    health: dict[str, Any] = Field(default_factory=dict)
    """How far from usual a picture may be, where it differs for this product. The line checks it."""


class GoldenTable(Table):
    """Pictures of one part whose verdict is known."""

    picture: Name | None = None
    """The picture, where there is one camera."""
    pictures: dict[Name, Name] | None = Field(None, min_length=1)
    """A picture by camera."""
    verdict: Literal["PASS", "FAIL", "UNKNOWN"]
    """What must be said of it."""
    reason: Reason | None = None
    """Why it must be UNKNOWN; any reason where it is left out."""

    @model_validator(mode="after")
    def _is_one(self) -> GoldenTable:
        if (self.picture is None) == (self.pictures is None):
            raise ValueError("picture or pictures, one of them")
        if self.reason is not None and self.verdict != Verdict.UNKNOWN:
            raise ValueError(f"a reason only beside UNKNOWN; got {self.verdict}")
        return self

    @property
    def by_camera(self) -> dict[str, str]:
        """The picture by camera; an empty name where it is the only one."""
        return {"": self.picture} if self.picture is not None else dict(self.pictures or {})


class EndTable(Table):
    """Nothing. The recipe's last line, so that a file that was cut off is not taken for a shorter recipe."""


Code = str | int


class RecipeDocument(Table):
    """A recipe's file."""

    schema_: Literal[1] = Field(alias="schema")
    """Version of the tables."""
    code: Code | list[Code]
    """What the plant calls the product: a number or a text, or several."""
    title: str = ""
    """What people call it; the file's name where it is left out."""
    model: ModelTable
    """The model that looks at the whole picture."""
    stage: list[StageTable] = Field(default_factory=list)
    """Models that look at what it found."""
    rule: list[dict[str, Any]] = Field(min_length=1)
    """The rules; `docs/judge.md` has their kinds."""
    camera: dict[Name, CameraTable] = Field(default_factory=dict)
    """What is special about a camera, by its id."""
    baseline: dict[Name, BaselineTable] = Field(default_factory=dict)
    """What is usual in pictures, by camera."""
    golden: list[GoldenTable] = Field(default_factory=list)
    """Parts whose verdict is known."""
    end: EndTable
    """Its last line."""

    @field_validator("code", mode="before")
    @classmethod
    def _is_no_flag(cls, value: object) -> object:
        each = value if isinstance(value, list) else [value]
        if not each or any(
            isinstance(one, bool) or not isinstance(one, str | int) or one == "" for one in each
        ):
            raise ValueError("a number or a text that the plant calls the product by, or a list of them")
        if len({str(one) for one in each}) < len(each):
            raise ValueError("each code once")
        return value

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes, as texts."""
        each = self.code if isinstance(self.code, list) else [self.code]
        return tuple(str(one) for one in each)
