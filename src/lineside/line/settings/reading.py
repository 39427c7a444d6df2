"""From a file to settings that cannot be wrong: every key is checked before anything is started."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lineside.capture import camera as cameras
from lineside.capture.camera import CameraSettings, TriggerMode, scheme_of
from lineside.core import plugins
from lineside.core.documents import parsed
from lineside.core.errors import PluginError, SettingsError, near
from lineside.core.placement import placements
from lineside.dispatch.routing import POLICIES
from lineside.judge.rule import RuleTable
from lineside.line.joining import view_names
from lineside.line.settings.document import LineDocument
from lineside.line.settings.triggering import trigger_faults
from lineside.outputs import parcel, switch
from lineside.outputs.plant import link

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lineside.line.settings.document import CameraTable, PlugIn

_LARGEST_BYTES = 1 << 20
_JOIN_MS = 20.0


@dataclass(frozen=True, slots=True)
class LineSettings:
    """A `line.toml` that was read and checked, as far as that goes without opening anything.

    Attributes:
        file: Where it was read from; paths in it are relative to its folder.
        document: What stands in it.
        rules: The rules of its only product; empty where it has recipes.
        outputs: The outputs by name, each with its `kind`.
    """

    file: Path
    document: LineDocument
    rules: tuple[RuleTable, ...] = ()
    outputs: Mapping[str, PlugIn] = field(default_factory=dict)

    @classmethod
    def read(cls, file: str | Path) -> LineSettings:
        """The settings in a file.

        Raises:
            SettingsError: It cannot be read, is no TOML, or a key of it is not accepted; the message has file and key.
            PluginError: It names a kind of plug-in that does not exist, or needs a package that is not installed.
        """
        path = Path(file)
        return cls.of(_table(path), path)

    @classmethod
    def of(cls, table: Mapping[str, Any], file: Path) -> LineSettings:
        """The settings in a table.

        Args:
            table: As TOML gives it.
            file: The file that it is said to stand in.

        Raises:
            SettingsError, PluginError: As `read`.
        """
        document = parsed(LineDocument, table, str(file))
        rules = tuple(
            RuleTable.read(rule, f"{file}: rule[{number}]") for number, rule in enumerate(document.rule)
        )
        settings = cls(file, document, rules, _named(document.output, f"{file}: output"))
        settings._check()
        return settings

    @property
    def trigger(self) -> TriggerMode:
        """What makes parts come: the same for all cameras, but that free and hardware may stand together."""
        return self.document.camera[0].trigger

    @property
    def shots(self) -> dict[str, int]:
        """How many pictures of a part each camera takes, by its name."""
        return {camera.id: camera.shots for camera in self.document.camera}

    @property
    def views(self) -> dict[str, str]:
        """The camera of each view of a part, by the view's name."""
        return {view: camera for camera, shots in self.shots.items() for view in view_names(camera, shots)}

    @property
    def join_s(self) -> float:
        """Pictures of one part are taken within so many seconds."""
        if self.document.line.join_ms is not None:
            return self.document.line.join_ms / 1e3
        return _JOIN_MS / 1e3 if len(self.views) > 1 else 0.0

    @property
    def grace_s(self) -> float:
        """So long after its window something may still come for a part that is not asked for."""
        line = self.document.line
        return (line.deadline_ms / 2 if line.grace_ms is None else line.grace_ms) / 1e3

    def camera(self, table: CameraTable) -> CameraSettings:
        """How a camera is opened.

        Raises:
            SettingsError: A value is out of its range.
        """
        return CameraSettings(
            id=table.id,
            address=_placed(table.source, self.file.parent),
            trigger=table.trigger,
            delivery=table.delivery,
            fps=table.fps,
            features=table.features,
            timeout_s=table.timeout_s,
            limit_px=table.limit_px,
        )

    def path(self, text: str) -> Path:
        """A path of the file, from its folder."""
        return self.file.parent / text

    @property
    def model_path(self) -> str:
        """The only product's model: a path, or `shipped:NAME`.

        Raises:
            SettingsError: There are recipes in its place.
        """
        if self.document.model is None:
            raise SettingsError(f"{self.file}: model: this key is missing")
        text = self.document.model.path
        return text if text.startswith("shipped:") else str(self.path(text))

    def _check(self) -> None:
        self._check_cameras()
        self._check_product()
        self._check_devices()
        self._check_plugins()
        self._check_ejector()

    def _refuse(self, key: str, sentence: str) -> None:
        raise SettingsError(f"{self.file}: {key}: {sentence}")

    def _check_cameras(self) -> None:
        for fault in trigger_faults(self.document, self.grace_s):
            self._refuse(*fault)
        for number, camera in enumerate(self.document.camera):
            self._check_source(f"camera[{number}]", camera)

    def _check_source(self, key: str, camera: CameraTable) -> None:
        scheme = scheme_of(camera.source)
        known: list[str] = []
        for name in plugins.names(cameras.KINDS):
            try:
                kind = plugins.load(cameras.KINDS, name)
            except PluginError as fault:
                if name == scheme:
                    raise type(fault)(f"{self.file}: {key}.source: {fault}") from fault
                continue
            known.extend(kind.SCHEMES)
            if scheme in kind.SCHEMES:
                schema = getattr(kind, "Features", None)
                if schema is not None:
                    parsed(schema, camera.features, f"{self.file}: {key}.features")
                return
        self._refuse(
            f"{key}.source",
            f'expected an address with a kind of camera before its colon; got "{camera.source}"{near(scheme, known)}',
        )

    def _check_product(self) -> None:
        document = self.document
        if (document.model is None) == (document.recipes is None):
            got = "neither" if document.model is None else "both"
            self._refuse("model", f"expected a model with rules, or recipes; got {got}")
        if document.model is not None and not document.rule:
            self._refuse("rule", "this table is missing; without any rule every part would pass")
        if document.recipes is not None and document.rule:
            self._refuse("rule", "expected no rules beside recipes, which have their own")

    def _check_devices(self) -> None:
        table = self.document.devices
        if table.routing not in plugins.names(POLICIES):
            self._refuse(
                "devices.routing",
                f'no such policy "{table.routing}"{near(table.routing, plugins.names(POLICIES))}',
            )
        if table.priority is not None:
            try:
                placements(table.priority)
            except SettingsError as fault:
                self._refuse("devices.priority", str(fault).removeprefix("devices: "))

    def _check_plugins(self) -> None:
        for number, table in enumerate(self.document.plant):
            self._check_plugin(link.KINDS, table, f"plant[{number}]")
        for number, table in enumerate(self.document.output):
            rest = {key: value for key, value in table.items() if key != "name"}
            self._check_plugin(parcel.KINDS, rest, f"output[{number}]")

    def _check_plugin(self, kinds: str, table: PlugIn, key: str) -> None:
        """Check a plug-in's table by the schema of its kind."""
        kind = table.get("kind")
        if not isinstance(kind, str):
            self._refuse(f"{key}.kind", f"expected a kind: {', '.join(plugins.names(kinds))}; got {kind!r}")
        try:
            schema = plugins.load(kinds, str(kind)).Settings
        except PluginError as fault:
            raise type(fault)(f"{self.file}: {key}.kind: {fault}") from fault
        parsed(
            schema, {name: value for name, value in table.items() if name != "kind"}, f"{self.file}: {key}"
        )

    def _check_ejector(self) -> None:
        ejector, line = self.document.ejector, self.document.line
        if ejector is None:
            return
        if (ejector.delay_ms is None) == (ejector.delay_pulses is None):
            self._refuse("ejector", "expected delay_ms, or delay_pulses with an encoder")
        if (ejector.delay_pulses is None) != (ejector.encoder is None):
            self._refuse("ejector.encoder", "expected delay_pulses and encoder together")
        if ejector.delay_ms is not None and ejector.delay_ms < line.deadline_ms:
            self._refuse(
                "ejector.delay_ms",
                f"expected at least the line's deadline, {line.deadline_ms:g} ms, because a part needs its answer there; got {ejector.delay_ms:g}",
            )
        self._check_plugin(switch.KINDS, ejector.output, "ejector.output")
        if ejector.heartbeat is not None:
            self._check_plugin(switch.KINDS, ejector.heartbeat, "ejector.heartbeat")


def _table(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as stream:
            data = stream.read(_LARGEST_BYTES + 1)
    except OSError as fault:
        raise SettingsError(f"{path}: cannot be read: {fault.strerror or fault}") from fault
    if len(data) > _LARGEST_BYTES:
        raise SettingsError(f"{path}: expected at most {_LARGEST_BYTES} bytes of settings")
    try:
        return tomllib.loads(data.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as fault:
        raise SettingsError(f"{path}: expected TOML; {fault}") from fault


def _named(tables: list[PlugIn], where: str) -> dict[str, PlugIn]:
    """Plug-in tables by name: their own `name`, else their kind."""
    found: dict[str, PlugIn] = {}
    for number, table in enumerate(tables):
        rest = dict(table)
        name = rest.pop("name", rest.get("kind", ""))
        if not isinstance(name, str) or (not name and "kind" in rest):
            raise SettingsError(f"{where}[{number}].name: expected a text; got {name!r}")
        if name in found:
            raise SettingsError(
                f'{where}[{number}].name: another output is called "{name}"; expected a name of its own'
            )
        found[name] = rest
    return found


def _placed(source: str, folder: Path) -> str:
    """An address whose path is relative to the settings' folder, made absolute."""
    scheme, _, rest = source.partition(":")
    if scheme not in {"folder", "video", "glob"} or rest.startswith(("/", "//")) or not rest:
        return source
    return f"{scheme}:{folder / rest}"
