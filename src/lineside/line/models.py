"""The models of a line, each open once on all devices, and the products that they look for."""

from __future__ import annotations

import hashlib
import threading
import time
from typing import TYPE_CHECKING, Any, Self

from lineside.core.errors import LinesideError, ModelError, UnknownRecipeError
from lineside.detector.usual import usual
from lineside.dispatch.engine import Engine
from lineside.dispatch.settings import Settings
from lineside.judge.outlines import Outlines
from lineside.judge.recipe import Recipe
from lineside.judge.recipe_book import RecipeBook
from lineside.judge.recipe_tables import RecipeDocument
from lineside.line.desk import late_look
from lineside.line.outfits import outfits, proven
from lineside.line.pool import Pool
from lineside.line.preparing import prepared
from lineside.line.products import ByCode, OneProduct, Product
from lineside.line.stages import StagedLook

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lineside.line.board import Board
    from lineside.line.desk import Looks
    from lineside.line.events import News
    from lineside.line.products import Products
    from lineside.line.settings.reading import LineSettings
    from lineside.models.card import ModelCard

_LATE = 16  # pictures that may wait to be looked at after their answer; each is kept in memory
_HANGS = 0.25  # of a deadline: where answers may take long, a slow run is no hung one, and another device still has the time


class Models:
    """The engines, one a model file, and the products of the line's recipes or of its only one.

    Args:
        settings: The line's.
        board: Where engines tell of their devices, and the book of its recipes.
        post: Takes news.
        open_engine: Opens a model on all devices; takes what an `Engine` takes.
        clock: Monotonic seconds.

    Attributes:
        products: They.

    Raises:
        LinesideError: A model cannot be opened, or a product does not fit its model.
    """

    def __init__(
        self,
        settings: LineSettings,
        board: Board,
        post: Callable[[News], None],
        open_engine: Callable[..., Engine] = Engine,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._board = board
        self._post = post
        self._open_engine = open_engine
        self._lock = threading.Lock()
        recipes = settings.document.recipes
        most = 1 if recipes is None else recipes.open_models
        self._pool = Pool(most, settings.document.line.deadline_ms / 1e3, clock)
        self._ready: dict[str, Product] = {}
        self._wanted: dict[str, Recipe] = {}
        self._faults: dict[str, str] = {}
        self._book: RecipeBook | None = None
        try:
            self.products = self._opened()
        except BaseException:
            self.close()
            raise

    @property
    def engines(self) -> tuple[Engine, ...]:
        """Those that are open."""
        return self._pool.engines

    @property
    def about(self) -> dict[str, Any]:
        """What holds for every part of a run: the first model and its devices."""
        engine = self.engines[0]
        card = engine.card
        devices = [entry for device in engine.health().devices for entry in device.entries]
        model = {"path": card.file, "sha256": card.sha256, "names": list(card.names)}
        return {"model": model, "device": ",".join(devices)}

    def refresh(self) -> bool:
        """Look for changed recipes, and say whether there are. One thread calls it, now and then; a new model may take its time to open."""
        if self._book is None:
            return False
        is_changed = self._book.refresh()
        with self._lock:
            wanted, self._wanted = self._wanted, {}
        for recipe in wanted.values():
            is_changed |= self._reopen(recipe)
        self._forget()
        self._pool.shrink()
        return is_changed

    def known(self, code: str) -> Product | None:
        """The product of a code, to be looked at; `None` where there is none, or none any more.

        Unlike one that is chosen, its models are neither kept open nor opened again for it. Any thread may ask.
        """
        if isinstance(self.products, OneProduct):
            return self.products.product
        assert self._book is not None
        recipe = self._book.current.by_code.get(code)
        with self._lock:
            return None if recipe is None else self._ready.get(recipe.sha256)

    def close(self) -> None:
        """Close the engines."""
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _opened(self) -> Products:
        recipes = self._settings.document.recipes
        if recipes is None:
            return OneProduct(self._product(only_recipe(self._settings), ""))
        usual = "" if recipes.product is None else str(recipes.product)
        self._book = RecipeBook(
            self._settings.path(recipes.folder), accept=self._accept, note=self._board.post
        )
        if usual in self._book.current.by_code:  # the first part is of it, most likely
            self._reopen(self._book.get(usual))
            self._of_code(usual)
        self._pool.shrink(at_once=True)
        return ByCode(self._of_code, usual)

    def _accept(self, recipe: Recipe) -> None:
        """Have a recipe ready before it is current, its models open."""
        product = self._product(recipe, recipe.codes[0])
        with self._lock:
            self._ready[recipe.sha256] = product
        if self._book is None:  # the line is not yet running: nothing waits for those before
            self._pool.shrink(keep=models_of(recipe), at_once=True)

    def _of_code(self, code: str) -> Product:
        assert self._book is not None
        recipe = self._book.get(code)
        with self._lock:
            product = self._ready.get(recipe.sha256)
            # In one step: an engine that is in use is not closed before the part is answered.
            if product is not None and self._pool.use(models_of(recipe)):
                return product
            self._wanted[recipe.sha256] = recipe
            fault = self._faults.get(recipe.sha256, "")
        why = f"could not be opened again: {fault}" if fault else "are being opened again"
        raise UnknownRecipeError(f'product "{code}": its models {why}')

    def _reopen(self, recipe: Recipe) -> bool:
        """Open the models of a recipe whose product was chosen after they were closed; whether it can be judged by now."""
        if models_of(recipe) <= self._pool.paths:
            return False
        try:
            self._accept(recipe)
        except LinesideError as fault:
            if self._faults.get(recipe.sha256) != str(fault):
                self._faults[recipe.sha256] = str(fault)
                self._board.post("recipe.unopened", str(fault))
            return False
        self._faults.pop(recipe.sha256, None)
        return True

    def _forget(self) -> None:
        """Forget the products of recipes that are not current any more; parts that have one keep it."""
        assert self._book is not None
        current = {recipe.sha256 for recipe in self._book.current.by_file.values()}
        with self._lock:
            self._ready = {sha: product for sha, product in self._ready.items() if sha in current}
            self._faults = {sha: fault for sha, fault in self._faults.items() if sha in current}

    def _product(self, recipe: Recipe, code: str) -> Product:
        first = self._engine(recipe.model_path, f"{recipe.file}: model.path")
        later = {
            stage.name: self._engine(recipe.stage_path(stage.name), f"{recipe.file}: stage {stage.name}")
            for stage in recipe.stages
        }
        plan = recipe.planned(first.card.names, {name: one.card.names for name, one in later.items()})
        judge = recipe.judge(plan, tuple(self._settings.views))
        looks: Looks = first
        if later:
            asked_later = {
                name: (one, recipe.asked_of_stage(judge, **_kind(one.card))) for name, one in later.items()
            }
            looks = StagedLook(plan, first, asked_later)
        asked = {
            name: value
            for name, value in recipe.asked(judge, **_kind(first.card)).items()
            if value is not None
        }
        worn = outfits(recipe, self._settings)
        of_view = {view: self._settings.views[view] for view in judge.cameras}
        return Product(
            code,
            judge,
            looks,
            asked,
            judge.cameras,
            {view: proven(camera, worn[camera], prepared(recipe, view)) for view, camera in of_view.items()},
            {"recipe": {"name": recipe.name, "sha256": recipe.sha256, "file": str(recipe.file)}}
            if recipe.sha256
            else {},
            outlines=Outlines(recipe, recipe.about(plan, judge.cameras)),
            outfits={camera: worn[camera] for camera in of_view.values()},
        )

    def _engine(self, path: str, where: str) -> Engine:
        """The engine of a model file, which is opened once.

        Raises:
            LinesideError: It cannot be opened; a bad file is told with the key that names it.
        """
        try:
            return self._pool.get(path, lambda: self._opened_engine(path))
        except ModelError as fault:
            raise type(fault)(f"{where}: {fault}") from fault

    def _opened_engine(self, path: str) -> Engine:
        table = self._settings.document.devices
        deadline_s = self._settings.document.line.deadline_ms / 1e3
        start = usual(path, table.priority)
        for notice in start.notices:
            self._board.post("device.tuned", notice)
        return self._open_engine(
            start.model,
            start.devices,
            isolation=table.isolation,
            demotion=table.demotion,
            routing=table.routing,
            facts=start.facts,
            deadline_s=deadline_s,
            settings=Settings(late_limit=_LATE, hang_s=max(Settings().hang_s, deadline_s * _HANGS)),
            note=self._board.post,
            late_result=late_look(self._post),
        )


def only_recipe(settings: LineSettings) -> Recipe:
    """The product of a line without recipes, as a recipe that stands in `line.toml` itself.

    Raises:
        SettingsError: It has recipes.
    """
    document = settings.document
    model = document.model
    assert model is not None  # the settings were checked
    tables: Mapping[str, Any] = {
        "schema": 1,
        "code": "line",
        "model": model,
        "rule": document.rule,
        "end": {},
    }
    return Recipe(
        name=settings.file.stem,
        file=settings.file,
        sha256=hashlib.sha256(settings.file.read_bytes()).hexdigest() if settings.file.is_file() else "",
        codes=("line",),
        title=document.line.name,
        document=RecipeDocument.model_validate(tables),
        rules=settings.rules,
    )


def models_of(recipe: Recipe) -> frozenset[str]:
    """The model files of a recipe."""
    return frozenset({recipe.model_path, *(recipe.stage_path(stage.name) for stage in recipe.stages)})


def _kind(card: ModelCard) -> dict[str, Any]:
    return {"classifies": card.task == "classify", "classes": len(card.names)}
