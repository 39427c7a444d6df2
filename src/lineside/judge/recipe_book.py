"""All recipes of a folder, by what the plant calls the products; a changed file is taken whole or not at all."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from lineside.core.errors import LinesideError, SettingsError, UnknownRecipeError, near
from lineside.judge.recipe import LARGEST_BYTES, Recipe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

SETTLE_S = 0.5
"""A file must stay the same for so long before it is taken."""


@dataclass(frozen=True, slots=True, eq=False)
class Recipes:
    """The recipes at one moment. It never changes: a part that holds it is judged by it to its end.

    Attributes:
        by_code: Each recipe by each of its codes.
        by_file: Each recipe by its file.
    """

    by_code: Mapping[str, Recipe]
    by_file: Mapping[Path, Recipe]

    @classmethod
    def of(cls, recipes: Iterable[Recipe]) -> Recipes:
        """Some recipes together.

        Raises:
            SettingsError: Two of them have one code.
        """
        by_code: dict[str, Recipe] = {}
        by_file: dict[Path, Recipe] = {}
        for recipe in recipes:
            by_file[recipe.file] = recipe
            for code in recipe.codes:
                other = by_code.setdefault(code, recipe)
                if other is not recipe:
                    raise SettingsError(f'{recipe.file}: code: "{code}" is that of {other.file.name} already')
        return cls(MappingProxyType(by_code), MappingProxyType(by_file))

    def get(self, code: str | int) -> Recipe:
        """The recipe of a product.

        Args:
            code: What the plant calls it.

        Raises:
            UnknownRecipeError: There is none.
        """
        found = self.by_code.get(str(code))
        if found is None:
            raise UnknownRecipeError(f'no recipe has the code "{code}"{near(str(code), self.by_code)}')
        return found


class RecipeBook:
    """The recipes of a folder (`*.toml`), and what becomes of them when files change.

    A change is seen by `refresh`. A file is taken when the whole of it was the same for a while, ends with its last line, and
    is right; until then, and where it is wrong, the last good recipe of this file stays, and that is told. What `current`
    gives never changes, so a change lies between two parts.

    Args:
        folder: The folder.
        accept: Is called with each recipe before it is taken, and raises a `LinesideError` where it cannot be used, as when
            its rules name classes that its model does not have.
        note: Is told a code and a sentence: `recipe.taken`, `recipe.refused`, `recipe.removed`.
        clock: Monotonic seconds.
        settle_s: A changed file must stay the same for so long.

    Raises:
        SettingsError: There is no such folder or no recipe in it, a recipe is wrong, or two have one code.
        LinesideError: One is not accepted.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        accept: Callable[[Recipe], None] | None = None,
        note: Callable[[str, str], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
        settle_s: float = SETTLE_S,
    ) -> None:
        self.folder = Path(folder)
        self._accept = accept or (lambda _: None)
        self._note = note or (lambda *_: None)
        self._clock = clock
        self._settle_s = settle_s
        self._waiting: dict[Path, tuple[str, float]] = {}
        self._refused: dict[Path, str] = {}
        files = _files(self.folder)
        if not files:
            raise SettingsError(f"{self.folder}: expected recipes, files that end with .toml; there is none")
        recipes = Recipes.of(Recipe.read(file) for file in files)
        for recipe in recipes.by_file.values():
            self._accept(recipe)
        self._current = recipes

    @property
    def current(self) -> Recipes:
        """The recipes at this moment. Any thread may ask."""
        return self._current

    def get(self, code: str | int) -> Recipe:
        """The recipe of a product, at this moment. Any thread may ask.

        Raises:
            UnknownRecipeError: There is none: the part is UNKNOWN (`recipe_unknown`).
        """
        return self._current.get(code)

    def refresh(self) -> bool:
        """Look for changed files; whether other recipes are current now. One thread calls it, now and then.

        It raises nothing of what it finds: what cannot be taken is told, and the last good recipe stays.
        """
        now_s = self._clock()
        try:
            seen = {file: _bytes(file) for file in _files(self.folder)}
        except SettingsError as fault:
            self._refuse(self.folder, "folder", str(fault))
            return False
        self._refused.pop(self.folder, None)
        kept = dict(self._current.by_file)
        settled = [file for file in {*seen, *kept} if self._has_settled(file, seen.get(file), now_s)]
        changed: dict[Path, Recipe] = {}
        removed = [file for file in settled if file not in seen]
        for file in sorted(set(settled) & set(seen)):
            recipe = self._read(file, seen[file])
            if recipe is not None:
                changed[file] = recipe
        if not changed and not removed:
            return False
        return self._take(kept, changed, removed)

    def _has_settled(self, file: Path, data: bytes | str | None, now_s: float) -> bool:
        """Whether a file is other than the recipe that is current, and has been the same for a while."""
        digest = _digest(data)
        current = self._current.by_file.get(file)
        if digest == (_digest(None) if current is None else current.sha256):
            self._waiting.pop(file, None)
            self._refused.pop(file, None)
            return False
        if self._refused.get(file) == digest:
            return False
        waits_for, since_s = self._waiting.get(file, ("", now_s))
        if waits_for != digest:
            self._waiting[file] = (digest, now_s)
            return self._settle_s <= 0
        return now_s - since_s >= self._settle_s

    def _read(self, file: Path, data: bytes | str) -> Recipe | None:
        """The recipe that a file holds; `None` where it holds none, which is told once."""
        if isinstance(data, str):
            self._refuse(file, _digest(data), data)
            return None
        try:
            recipe = Recipe.of(data, file)
            self._accept(recipe)
        except LinesideError as fault:
            self._refuse(file, _digest(data), str(fault))
            return None
        return recipe

    def _take(self, kept: dict[Path, Recipe], changed: dict[Path, Recipe], removed: list[Path]) -> bool:
        """Make the changed recipes current, but for those whose codes belong to another."""
        for file in removed:
            del kept[file]
        while True:
            try:
                recipes = Recipes.of({**kept, **changed}.values())
            except SettingsError as fault:
                file = _guilty(kept, changed)
                self._refuse(file, changed.pop(file).sha256, str(fault))
                continue
            break
        if not changed and not removed:
            return False
        self._current = recipes
        for file in (*changed, *removed):
            self._waiting.pop(file, None)
            self._refused.pop(file, None)
        for file, recipe in changed.items():
            self._note(
                "recipe.taken", f"{file}: codes {', '.join(recipe.codes)}, sha256 {recipe.sha256[:12]}"
            )
        for file in removed:
            self._note("recipe.removed", f"{file}: the file is gone, and its recipe with it")
        return True

    def _refuse(self, file: Path, digest: str, sentence: str) -> None:
        if self._refused.get(file) == digest:
            return
        self._refused[file] = digest
        stays = (
            "the last good recipe of this file stays" if file in self._current.by_file else "it is not used"
        )
        self._note("recipe.refused", f"{sentence}. {stays.capitalize()}")


def _guilty(kept: Mapping[Path, Recipe], changed: Mapping[Path, Recipe]) -> Path:
    """The first changed file of which a code belongs to another file."""
    everyone = {**kept, **changed}
    for file in changed:
        others = {code for other, recipe in everyone.items() if other != file for code in recipe.codes}
        if others & set(changed[file].codes):
            return file
    return next(iter(changed))


def _files(folder: Path) -> list[Path]:
    """The recipes' files, by name.

    Raises:
        SettingsError: There is no such folder.
    """
    try:
        names = sorted(p for p in folder.iterdir() if p.suffix == ".toml" and not p.name.startswith("."))
        return [path for path in names if path.is_file()]
    except OSError as fault:
        raise SettingsError(f"{folder}: expected a folder of recipes: {fault.strerror or fault}") from fault


def _bytes(file: Path) -> bytes | str:
    """All of a file; a sentence where it cannot be read."""
    try:
        with file.open("rb") as stream:
            return stream.read(LARGEST_BYTES + 1)
    except OSError as fault:
        return f"{file}: cannot be read: {fault.strerror or fault}"


def _digest(data: bytes | str | None) -> str:
    if data is None:
        return "gone"
    return data if isinstance(data, str) else hashlib.sha256(data).hexdigest()
