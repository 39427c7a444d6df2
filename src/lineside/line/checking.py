"""What can be known of a line's settings without starting it: each thing on its own, so that all that is wrong is told at once."""

from __future__ import annotations

import contextlib
import errno
import socket
import urllib.parse
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lineside.capture.camera import open_camera
from lineside.capture.health.baseline import load_baseline
from lineside.core import plugins
from lineside.core.errors import LinesideError, ModelError, OutputError, SettingsError
from lineside.core.placement import placements
from lineside.detector.usual import usual
from lineside.dispatch.units import units
from lineside.judge.recipe_book import RecipeBook
from lineside.line.models import only_recipe
from lineside.line.outfits import outfits
from lineside.models.card import ModelCard
from lineside.outputs import parcel
from lineside.outputs.plant.link import open_link
from lineside.outputs.view.place import Address, Folder, place_of
from lineside.outputs.view.request import is_loopback
from lineside.outputs.view.server import listening

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from lineside.judge.recipe import Recipe
    from lineside.line.settings.document import CameraTable
    from lineside.line.settings.reading import LineSettings
    from lineside.outputs.view.place import Place

_REACH_S = 3.0


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    Attributes:
        what: It, as a person would call it.
        found: What was found; or what is wrong and what to do.
        error: Why the line would not start or not judge; `None` where nothing is wrong.
    """

    what: str
    found: str
    error: LinesideError | None = None


def check(settings: LineSettings) -> Iterator[Check]:
    """Everything about some settings, in the order of the file. Cameras are opened and closed again; nothing is written.

    Args:
        settings: Read and right by themselves.
    """
    yield Check("settings", f"{settings.file}: every key is known and in its range")
    for table in settings.document.camera:
        yield _attempt(f"camera {table.id}", lambda table=table: _camera(settings, table))  # type: ignore[misc] # mypy has no type for a lambda's default
    yield _attempt("devices", lambda: _devices(settings))
    yield from _products(settings)
    for number, link in enumerate(settings.document.plant):
        yield _attempt(f"plant {link['kind']}", lambda link=link, number=number: _link(link, number))  # type: ignore[misc] # the same
    for name, one in settings.outputs.items():
        yield _attempt(f"output {name}", lambda one=one: _output(one, settings.file.parent))  # type: ignore[misc] # the same
    if settings.document.view is not None:
        to = settings.document.view.to
        yield _attempt(f"view {to}", lambda: _view(place_of(to, settings.file.parent)))
    for folder in _folders(settings):
        yield _attempt(f"folder {folder}", lambda folder=folder: _writable(folder))  # type: ignore[misc] # the same


def _attempt(what: str, look: Callable[[], str]) -> Check:
    try:
        return Check(what, look())
    except LinesideError as error:
        return Check(what, str(error), error)


def _camera(settings: LineSettings, table: CameraTable) -> str:
    if table.baseline is not None:
        load_baseline(settings.path(table.baseline))
    camera = open_camera(settings.camera(table))
    camera.close()
    return f"{settings.camera(table).shown} opens"


def _devices(settings: LineSettings) -> str:
    priority = settings.document.devices.priority
    if priority is None:
        return "what was tuned for the model, else the CPU"
    found = units(placements(priority), settings.document.devices.isolation)
    return "; ".join(f"{unit.name} ({unit.physical}, a {unit.isolation})" for unit in found)


def _products(settings: LineSettings) -> Iterator[Check]:
    cards: dict[str, ModelCard] = {}

    def card(path: str) -> ModelCard:
        if path not in cards:
            from lineside.engine import run_once

            start = usual(path, settings.document.devices.priority)
            cards[path] = ModelCard.read(start.model, facts=start.facts, run=run_once)
        return cards[path]

    recipes = settings.document.recipes
    if recipes is None:
        yield _attempt("model and rules", lambda: _recipe(settings, only_recipe(settings), card))
        return
    try:
        book = RecipeBook(settings.path(recipes.folder))
    except LinesideError as error:
        yield Check("recipes", str(error), error)
        return
    for recipe in book.current.by_file.values():
        yield _attempt(f"recipe {recipe.name}", lambda recipe=recipe: _recipe(settings, recipe, card))  # type: ignore[misc] # the same
    if recipes.product is not None:
        code = str(recipes.product)
        yield _attempt("recipes.product", lambda: f'"{code}" is the recipe {book.get(code).name}')


def _recipe(settings: LineSettings, recipe: Recipe, card: Callable[[str], ModelCard]) -> str:
    try:
        first = card(recipe.model_path)
    except ModelError as fault:
        raise type(fault)(f"{recipe.file}: model.path: {fault}") from fault
    later = {stage.name: card(recipe.stage_path(stage.name)).names for stage in recipe.stages}
    judge = recipe.judge(recipe.planned(first.names, later), tuple(settings.views))
    _take_outfits(recipe, settings)
    return (
        f"{first.file}: {first.family}, {len(first.names)} classes, {first.input.size}; {len(judge.rules)} rule{'s' * (len(judge.rules) != 1)} over "
        f"{', '.join(judge.cameras)}"
    )


def _take_outfits(recipe: Recipe, settings: LineSettings) -> None:
    """See whether the cameras take the recipe's features; each is opened with them, and closed again.

    Raises:
        LinesideError: One does not.
    """
    worn = outfits(recipe, settings)
    for table in settings.document.camera:
        if not worn[table.id].features:
            continue
        how = settings.camera(table)
        try:
            open_camera(replace(how, features={**how.features, **worn[table.id].features})).close()
        except LinesideError as fault:
            raise type(fault)(f"{recipe.file}: camera.{table.id}.features: {fault}") from fault


def _link(table: Mapping[str, Any], number: int) -> str:
    link = open_link(table)
    link.close()
    host, port = str(table.get("host", "127.0.0.1")), table.get("port")
    kind = str(table["kind"])
    if not _listens(kind) or not isinstance(port, int):
        return "its settings are right; whether the control answers is seen when the line runs"
    with contextlib.closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as fault:
            why = "another program has it" if fault.errno == errno.EADDRINUSE else fault.strerror
            raise OutputError(f"plant[{number}]: port {port} of {host} cannot be had: {why}") from fault
    return f"port {port} of {host} is free"


def _listens(kind: str) -> bool:
    """Whether a protocol waits for the control's call."""
    return kind.endswith("server") or kind == "opcua"


def _output(table: Mapping[str, Any], folder: Path) -> str:
    kind = str(table["kind"])
    schema = plugins.load(parcel.KINDS, kind).Settings
    for key in schema.model_fields:
        value = table.get(key)
        if key in {"url", "host"} and isinstance(value, str):
            return _reach(value, table.get("port"))
    if isinstance(table.get("path"), str):
        return _writable(folder / table["path"])
    return "its settings are right"


def _view(place: Place) -> str:
    if isinstance(place, Address):
        listening(place).close()
        who = "this machine" if is_loopback(place.host) else "everybody who reaches this machine"
        return f"port {place.port} of {place.host} is free; {who} can see it"
    return _writable(place.path if isinstance(place, Folder) else place.path.parent)


def _reach(address: str, port: object) -> str:
    """Whether somebody listens where an address points.

    Raises:
        OutputError: Nobody does.
    """
    parts = urllib.parse.urlsplit(address if "//" in address else f"//{address}")
    if parts.scheme in {"sqlite", "file", "memory"} or not parts.hostname:
        return "it is on this machine"
    usual = {"https": 443, "http": 80, "mqtt": 1883, "mqtts": 8883, "postgresql": 5432}
    number = port if isinstance(port, int) else parts.port or usual.get(parts.scheme.partition("+")[0])
    if number is None:
        return f"{parts.hostname}: its port is not known here"
    try:
        socket.create_connection((parts.hostname, number), _REACH_S).close()
    except OSError as fault:
        raise OutputError(
            f"{parts.hostname}:{number} does not answer: {fault}. Results would wait in the outbox until it does"
        ) from fault
    return f"{parts.hostname}:{number} answers"


def _folders(settings: LineSettings) -> Iterator[Path]:
    document = settings.document
    if settings.outputs:
        yield settings.path(document.outbox.folder)
    if document.trace is not None:
        yield settings.path(document.trace.folder)
    if document.line.health_file is not None:
        yield settings.path(document.line.health_file).parent


def _writable(path: Path) -> str:
    """Whether a folder can be made or written, by what the system says of it or of the nearest that exists.

    Raises:
        SettingsError: It is a file.
        OutputError: It cannot be written.
    """
    import os

    if path.exists() and not path.is_dir():
        raise SettingsError(f"{path}: expected a folder; it is a file")
    nearest = next((one for one in (path, *path.absolute().parents) if one.exists()), Path("/"))
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise OutputError(f"{path}: this user may not write there")
    return "it can be written"
