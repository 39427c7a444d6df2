"""`combine`: all of some rules hold, or any of them, or one does not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import Field, PrivateAttr, model_validator

from lineside.core.documents import Table
from lineside.core.errors import LinesideError, SettingsError
from lineside.judge.judgement import Judgement, all_of, any_of, negated
from lineside.judge.rule import Rule, RuleTable, judged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lineside.core.inspection import View
    from lineside.judge.rule import About

_DEEPEST = 8


class Settings(Table):
    """The rules that are combined, tables with a `kind` each: under `all`, `any` or `not`."""

    all: list[dict[str, Any]] | None = Field(None, min_length=1)
    """Each must hold."""
    any: list[dict[str, Any]] | None = Field(None, min_length=1)
    """One must hold."""
    not_: dict[str, Any] | None = Field(None, alias="not")
    """In each view it must be proven to be broken."""
    _tables: tuple[RuleTable, ...] = PrivateAttr()

    @model_validator(mode="after")
    def _is_one(self) -> Settings:
        chosen = [key for key in ("all", "any", "not_") if getattr(self, key) is not None]
        if len(chosen) != 1:
            raise ValueError("one of all, any and not")
        if _depth(getattr(self, chosen[0])) > _DEEPEST:
            raise ValueError(f"rules in rules, {_DEEPEST} deep at most")
        key = chosen[0].rstrip("_")
        tables = [self.not_] if self.not_ is not None else (self.all or self.any or [])
        paths = [key] if self.not_ is not None else [f"{key}[{n}]" for n in range(len(tables))]
        try:
            self._tables = tuple(RuleTable.read(t, p) for t, p in zip(tables, paths, strict=True))
        except LinesideError as fault:
            raise SettingsError(str(fault)) from fault
        return self

    @property
    def tables(self) -> tuple[RuleTable, ...]:
        """The tables of the rules, read; the path of each from this one is its `where`."""
        return self._tables


def make(settings: Settings, about: About) -> Combine:
    """The rule that a table describes.

    Raises:
        SettingsError: A rule of it does not fit the model or the cameras.
    """
    key = "not" if settings.not_ is not None else "any" if settings.any is not None else "all"
    rules = [
        RuleTable(one.kind, one.settings, f"{about.where}.{one.where}").opened(about)
        for one in settings.tables
    ]
    return Combine(tuple(rules), key)


def _depth(value: object) -> int:
    """How many tables lie in each other."""
    if isinstance(value, dict):
        return 1 + max((_depth(each) for each in value.values()), default=0)
    return max((_depth(each) for each in value), default=0) if isinstance(value, list) else 0


@dataclass(frozen=True, slots=True)
class Combine:
    """Rules that are judged together.

    Attributes:
        rules: At least one.
        how: `all`, `any` or `not`; of the last there is one.
    """

    rules: tuple[Rule, ...]
    how: str

    @property
    def min_confidence(self) -> float:
        """The lowest that any of them looks at, 0 to 1."""
        return min(rule.min_confidence for rule in self.rules)

    @property
    def cameras(self) -> tuple[str, ...] | None:
        """The cameras of all of them; `None` where one looks at every camera."""
        named = [rule.cameras for rule in self.rules]
        if None in named:
            return None
        return tuple(dict.fromkeys(camera for cameras in named for camera in cameras or ()))

    def judge(self, views: Sequence[View]) -> Judgement:
        """What they say together, in three values: what one of them does not know stays unknown unless another decides."""
        if self.how == "not":
            return opposed(self.rules[0], views)
        said = [judged(rule, views) for rule in self.rules]
        return all_of(said) if self.how == "all" else any_of(said)


def opposed(rule: Rule, views: Sequence[View]) -> Judgement:
    """The opposite of a rule, in each view for itself: "not at least one scratch" is none in any view.

    The opposite of what a rule says of a whole part would be "in one view or another", which nobody means who writes `not`. Of a
    combination each rule is turned round (De Morgan).
    """
    if isinstance(rule, Combine):
        if rule.how == "not":
            return judged(rule.rules[0], views)
        turned = [opposed(one, views) for one in rule.rules]
        return any_of(turned) if rule.how == "all" else all_of(turned)
    wanted = [view for view in views if rule.cameras is None or view.camera in rule.cameras]
    return all_of([negated(judged(rule, [view])) for view in wanted])
