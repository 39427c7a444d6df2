"""What a rule is, and how a table becomes one."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from lineside.core import plugins
from lineside.core.documents import parsed
from lineside.core.errors import PluginError, SettingsError, UnknownNameError, near
from lineside.core.verdict import Reason
from lineside.judge.judgement import Judgement, UndecidableError, unknown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pydantic import BaseModel

    from lineside.core.geometry import Size
    from lineside.core.inspection import View
    from lineside.judge.calibration import Plane

KINDS = "lineside.judge.rules"
"""The folder of the rule kinds, and the entry point group for more of them."""

_log = logging.getLogger(__name__)


class Rule(Protocol):
    """What must be true of a good part. It is quick, keeps no state and reads no clock."""

    @property
    def min_confidence(self) -> float:
        """The rule looks at no object whose confidence is not above it, 0 to 1."""

    @property
    def cameras(self) -> tuple[str, ...] | None:
        """The cameras whose views it looks at; `None` for all of them."""

    def judge(self, views: Sequence[View]) -> Judgement:
        """PASS where the views prove that the rule holds, FAIL where they prove that it is broken, else UNKNOWN.

        Args:
            views: All of the part's, one at least of each camera, each with detections of the model that the rule was made for, finite ones, or
                with the reason why there are none.
        """


@dataclass(frozen=True, slots=True)
class About:
    """What a rule is made for.

    Attributes:
        names: The model's class names.
        cameras: The cameras of the line; `None` where they are not known yet.
        sizes: Size of the pictures that a camera gives, where it is known.
        planes: What turns pixels into millimetres, of the cameras that are calibrated.
        where: Stands before each message: the file and the path of the rule's table.
    """

    names: tuple[str, ...]
    cameras: tuple[str, ...] | None = None
    sizes: Mapping[str, Size] = field(default_factory=dict)
    planes: Mapping[str, Plane] = field(default_factory=dict)
    where: str = "rule"

    def at(self, key: str) -> About:
        """The same for a table inside, at a key of this one."""
        return replace(self, where=f"{self.where}.{key}")

    def class_ids(self, classes: Sequence[str], key: str = "classes") -> tuple[int, ...]:
        """Where the names stand among the model's.

        Raises:
            UnknownNameError: The model has no such class.
        """
        for name in classes:
            if name not in self.names:
                raise UnknownNameError(
                    f'{self.where}: {key}: the model has no class "{name}"{near(name, self.names)}'
                )
        return tuple(k for k, name in enumerate(self.names) if name in set(classes))

    def looked_at(self, cameras: Sequence[str] | None) -> tuple[str, ...] | None:
        """The cameras that a rule's table names, checked.

        Raises:
            UnknownNameError: The line has no such camera.
        """
        for name in cameras or ():
            if self.cameras is not None and name not in self.cameras:
                raise UnknownNameError(
                    f'{self.where}: cameras: the line has no camera "{name}"{near(name, self.cameras)}'
                )
        return None if cameras is None else tuple(cameras)


@dataclass(frozen=True, slots=True)
class RuleTable:
    """The table of a rule, read and checked as far as that goes without a model.

    Attributes:
        kind: Name of the plug-in.
        settings: Its settings.
        where: File and path, for messages.
    """

    kind: str
    settings: BaseModel
    where: str = "rule"

    @classmethod
    def read(cls, table: Mapping[str, Any], where: str = "rule") -> RuleTable:
        """A table as a user wrote it.

        Raises:
            SettingsError: There is no kind, or a setting of it is not accepted.
            PluginError: No such kind of rule exists.
        """
        kind = table.get("kind")
        if not isinstance(kind, str):
            known = ", ".join(plugins.names(KINDS))
            raise SettingsError(f"{where}: expected a kind: {known}; got {dict(table)!r}")
        rest = {key: value for key, value in table.items() if key != "kind"}
        try:
            module = plugins.load(KINDS, kind)
        except PluginError as fault:
            raise type(fault)(f"{where}: {fault}") from fault
        if not (hasattr(module, "Settings") and hasattr(module, "make")):
            raise PluginError(
                f'{where}: expected the kind "{kind}" to have Settings and make; it has not both'
            )
        return cls(kind, parsed(module.Settings, rest, where), where)

    def leaves(self) -> Iterator[RuleTable]:
        """Itself, or the tables that it combines, down to those that combine none."""
        inner: tuple[RuleTable, ...] = getattr(self.settings, "tables", ())
        if not inner:
            yield self
        for table in inner:
            yield from replace(table, where=f"{self.where}.{table.where}").leaves()

    def opened(self, about: About) -> Rule:
        """The rule for a model and its cameras.

        Raises:
            SettingsError: It does not fit them: an unknown class, a region outside of the picture.
        """
        rule: Rule = plugins.load(KINDS, self.kind).make(self.settings, replace(about, where=self.where))
        lacking = [name for name in ("min_confidence", "cameras", "judge") if not hasattr(rule, name)]
        if lacking:
            raise PluginError(
                f'{self.where}: expected the kind "{self.kind}" to make a rule; what it made has no {lacking[0]}'
            )
        return rule


def open_rule(settings: Mapping[str, Any], names: Sequence[str] | About, *, where: str = "rule") -> Rule:
    """The rule that a table describes.

    Args:
        settings: `kind`, the name of a plug-in, and the settings of that kind.
        names: The model's class names, or all that the rule is made for.
        where: Stands before each message.

    Raises:
        SettingsError: There is no kind, or a setting of it is not accepted.
        PluginError: No such kind of rule exists.
    """
    about = names if isinstance(names, About) else About(tuple(names))
    return RuleTable.read(settings, where).opened(about)


def judged(rule: Rule, views: Sequence[View]) -> Judgement:
    """What a rule says of a part; UNKNOWN (`rule_error`) where the rule fails or answers nonsense."""
    kind = type(rule).__name__
    try:
        answer: object = rule.judge(views)
    except UndecidableError as doubt:
        return unknown(doubt.reason, str(doubt))
    except Exception as fault:  # noqa: BLE001 # a rule may be a stranger's code: its fault is UNKNOWN, never PASS
        _log.warning("the rule %s failed", kind, exc_info=fault)
        return unknown(Reason.RULE_ERROR, f"the rule {kind} failed: {type(fault).__name__}: {fault}")
    if not isinstance(answer, Judgement):  # a stranger's rule may
        return unknown(Reason.RULE_ERROR, f"the rule {kind} answered {answer!r}; expected a Judgement")
    return answer
