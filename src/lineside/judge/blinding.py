"""Thresholds of a model that would hide from the rules what they look for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lineside.core.errors import SettingsError, UnknownNameError, near

if TYPE_CHECKING:
    from lineside.judge.judge import Judge
    from lineside.judge.recipe import Recipe
    from lineside.judge.stages import Stages


def lowest_confidence(recipe: Recipe, judge: Judge) -> float:
    """The lowest confidence that any rule or stage of a recipe looks at."""
    return min([judge.min_confidence, *(stage.min_confidence for stage in recipe.stages)])


def refuse_blinded(recipe: Recipe, judge: Judge, stages: Stages) -> None:
    """Refuse a recipe whose model is run so that a rule or a stage cannot see what it looks for.

    Raises:
        SettingsError: It is run at a higher confidence, or its `classes` leave one out that is looked for.
    """
    model, lowest = recipe.model, lowest_confidence(recipe, judge)
    if model.confidence is not None and model.confidence > lowest:
        raise SettingsError(
            f"{recipe.file}: model.confidence: expected {lowest:g} at most, which is what the rules and stages look at; got "
            f"{model.confidence:g}. What the model drops no rule can see"
        )
    if model.classes is None:
        return
    for name in model.classes:
        if name not in stages.first_names:
            raise UnknownNameError(
                f'{recipe.file}: model.classes: the model has no class "{name}"{near(name, stages.first_names)}'
            )
    for leaf in (leaf for rule in recipe.rules for leaf in rule.leaves()):
        if "classes" in type(leaf.settings).model_fields and getattr(leaf.settings, "classes", None) is None:
            raise SettingsError(
                f"{leaf.where}: classes: expected them by name, because model.classes leaves some of the model's out; got none, "
                "which means all"
            )
    wanted = _named_classes(list(recipe.document.rule)) | {name for s in recipe.stages for name in s.on}
    for name in stages.first_names:
        if name in wanted and name not in model.classes:
            raise SettingsError(
                f'{recipe.file}: model.classes: expected "{name}" among them, which a rule or a stage looks for'
            )


def _named_classes(value: Any) -> set[str]:
    """Every class that rules' tables name, at any depth."""
    found: set[str] = set()
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in ("classes", "between") and isinstance(inner, list):
                found |= {name for name in inner if isinstance(name, str)}
            elif key == "class" and isinstance(inner, str):
                found.add(inner)
            else:
                found |= _named_classes(inner)
    elif isinstance(value, list):
        for inner in value:
            found |= _named_classes(inner)
    return found
