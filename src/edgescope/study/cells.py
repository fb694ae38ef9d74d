"""The cells of a study: one training run and one scan each, named by what decides its result."""

import hashlib
import json
import re
from collections.abc import Iterator
from inspect import signature
from pathlib import Path
from typing import Any
from warnings import warn

from pydantic import BaseModel, ConfigDict

from edgescope.lib.errors import EdgescopeWarning, InputError, did_you_mean
from edgescope.lib.files import readable_file, replacing
from edgescope.lib.input_files import json_of, reading, whole
from edgescope.lib.typed_fields import sealed, sha256_of, unsealed
from edgescope.models.architectures import ARCHITECTURES, architecture, nearest
from edgescope.study.spec import DataSource, RecipeOnData, ScanOptions, StudySpec
from edgescope.train.model_recipe import ModelRecipe
from edgescope.train.recipe_file import Recipe, recipe, recipe_names

FORMAT = 2
"""Raised when the meaning of a key changes; files of format 1 have no digest."""


def write_stored(path: Path, fields: dict[str, Any]) -> None:
    """Write a file; it is whole or absent."""
    text = json.dumps(sealed(fields, FORMAT), indent=1)
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def read_stored(path: Path, advice: str) -> dict[str, Any] | None:
    """Read the fields that :func:`write_stored` wrote; None if there is no such file.

    Raises:
        InputError: if it is of another version or damaged; it ends with the ``advice``.

    Warns:
        EdgescopeWarning: if it is of an earlier version, so that it cannot be checked.
    """
    if not path.exists():
        return None
    with reading(f"{path}", advice):
        fields, checked = unsealed(json_of(whole(path, "a file of a study")), FORMAT, (1,))
    if not checked:
        warn(
            f"{path} is of an earlier version, which has no checksum and cannot be checked for "
            "damage",
            EdgescopeWarning,
            stacklevel=3,
        )
    return fields


UNTRAINED, TRAINED = "untrained", "trained"

BIASES = "with biases"
"""Variant of a model whose projections have biases, where it has no name."""

_OWN = ("name", "model", "seed", "max_epochs", "architecture", "explicit_bias")
"""Fields of a recipe that a study sets in another place."""


class Cell(BaseModel):
    """One cell of a study.

    Attributes:
        model: the architecture.
        data: what tables call the data set.
        variant: what tables call a variant of a recipe, beside the architecture.
        state: ``"untrained"``, ``"trained"``, ``"ebt-released"`` or ``"ebt-described"``.
        recipe: how it is trained, its seed included. An untrained cell has the recipe's model,
            loss and seed and defaults for the rest, which has no effect on it.
        source: arguments of :func:`edgescope.data.load`.
        content: hash of the table that they name; None for a published data set.
        subset: at most so many graphs of each part of the data.
        scan: how it is scanned.

    Example:
        >>> import edgescope as es
        >>> sizes = {"subset": 20, "num_layers": 1, "hidden_dim": 8, "num_heads": 2}
        >>> grid = {"models": ["GAT"], "data": ["solubility"], "states": ["untrained"]}
        >>> spec = es.study.StudySpec(recipe="demo", seeds=[1], overrides=sizes, **grid)
        >>> cell = es.study.plan(spec)[0]
        >>> cell.model, cell.state
        ('GAT', 'untrained')
    """

    model_config = ConfigDict(frozen=True)

    model: str
    data: str
    variant: str | None = None
    state: str
    recipe: Recipe
    source: dict[str, Any]
    content: str | None
    subset: int | None
    scan: ScanOptions

    @property
    def seed(self) -> int:
        """Seed of its initial weights, batches and dropout."""
        return self.recipe.seed

    @property
    def label(self) -> str:
        """What tables call its model: the architecture, and the variant in brackets.

        Without a name, a model whose projections have biases is called by these, unless they come
        with the explicit bias term.
        """
        biases = self.recipe.model.use_bias and not self.state.startswith("ebt")
        variant = BIASES if self.variant is None and biases else self.variant
        return self._called(variant)

    def _called(self, variant: str | None) -> str:
        return self.model if variant is None else f"{self.model} ({variant})"

    @property
    def name(self) -> str:
        """A readable prefix and a hash of everything that decides the cell's result.

        Where the data's files lie decides nothing, nor does what a recipe or variant is called.
        Options that did not exist from the beginning count only where they are used
        (:class:`~edgescope.train.first_fields.FirstFields`), so that cells of earlier versions are
        found again.
        """
        fields = self.model_dump(mode="json", exclude={"variant"})
        fields["recipe"].pop("name")
        fields["source"].pop("root", None)
        if self.content:
            fields["source"].pop("source")
        digest = hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()
        words = f"{self._called(self.variant)}-{self.data}-{self.state}-{self.seed}"
        return f"{re.sub(r'[^A-Za-z0-9.-]+', '_', words)}-{digest[:10]}"


def plan(spec: StudySpec) -> list[Cell]:
    """Return the cells of a study, in the order in which they run.

    Raises:
        InputError: if a model, a data set or a recipe is unknown, if a value does not fit a
            recipe, or if two cells are the same.

    Example:
        >>> import edgescope as es
        >>> sizes = {"subset": 20, "num_layers": 1, "hidden_dim": 8, "num_heads": 2}
        >>> grid = {"models": ["GAT"], "data": ["solubility"], "states": ["untrained"]}
        >>> spec = es.study.StudySpec(recipe="demo", seeds=[1], overrides=sizes, **grid)
        >>> [(cell.model, cell.state, cell.seed) for cell in es.study.plan(spec)]
        [('GAT', 'untrained', 1)]
    """
    try:
        return _plan(spec)
    except InputError as error:
        raise InputError(f"{spec.origin}: {error}") from error


def _plan(spec: StudySpec) -> list[Cell]:
    _check_overrides(spec)
    cells = [
        _cell(spec, entry, model, state, seed)
        for entry, model in _combinations(spec)
        for seed in entry.seeds or spec.seeds
        for state in _states(spec)
    ]
    ids = [cell.name.rpartition("-")[2] for cell in cells]
    for number, cell in enumerate(cells):
        if (first := ids.index(ids[number])) < number:
            twice = cell.name if cell.variant is None else f"{cells[first].name} as {cell.name}"
            raise InputError(f"the study has the cell {twice} twice; leave out one of the two")
    return cells


def _combinations(spec: StudySpec) -> Iterator[tuple[RecipeOnData, str | None]]:
    """Yield recipes with their data, and the architecture if it replaces the recipe's."""
    for model in spec.models:
        if model not in ARCHITECTURES:
            raise InputError(f"models: unknown model {model!r}, {nearest(model)}")
    for model in spec.models:
        for data in spec.data:
            name = spec.recipe or _published(model, data)
            yield RecipeOnData(recipe=name, data=data), model
    for entry in spec.recipes:
        yield entry, None


def _published(model: str, data: DataSource) -> str:
    from edgescope.data.sources.source import find

    known = find(data.source)
    name = f"{model.lower()}-{(known and known.recipes) or data.source}"
    if name not in recipe_names():
        raise InputError(
            f"there is no published recipe for {model} on {data.label}, expected one of "
            f"{', '.join(recipe_names())}; name one for all models with the key recipe"
        )
    return name


def _states(spec: StudySpec) -> list[str]:
    states: list[str] = []
    for state in spec.states:
        states += [f"ebt-{bias}" for bias in spec.explicit_bias] if state == "ebt" else [state]
    return states


def _cell(spec: StudySpec, entry: RecipeOnData, model: str | None, state: str, seed: int) -> Cell:
    recipe_name, data = entry.recipe, entry.data
    content = None if data.source in _published_names() else content_of(data.source)
    changes = {**spec.overrides.fields, **entry.set, "seed": seed}
    epochs = entry.epochs or spec.overrides.epochs
    if epochs is not None:
        changes["max_epochs"] = epochs
    if model is not None:
        changes["architecture"] = model
    if state.startswith("ebt"):
        chosen = model or recipe(recipe_name).model.architecture
        if "explicit_bias" not in signature(architecture(chosen)).parameters:
            raise InputError(
                f"states: ebt needs a model with an explicit bias term, {chosen} has none; "
                "leave ebt out"
            )
        if "explicit_bias" in entry.set:
            raise InputError(
                "states: ebt sets explicit_bias, and so does recipes: "
                f"{entry.name or recipe_name}; leave out one of the two"
            )
        changes["explicit_bias"] = state.removeprefix("ebt-")
        changes.setdefault("use_bias", True)  # as in the published runs with the term
    elif state == TRAINED and entry.set.get("explicit_bias"):
        state = f"ebt-{entry.set['explicit_bias']}"
    settings = recipe(recipe_name, **changes)
    if state == UNTRAINED:
        kept = settings.model_dump(include={"name", "model", "loss", "seed"})
        settings = Recipe.parse(kept, f"recipe {recipe_name}")
    return Cell(
        model=settings.model.architecture,
        data=data.label,
        variant=entry.name,
        state=state,
        recipe=settings,
        source=data.model_dump(exclude={"name"}, exclude_none=True),
        content=content,
        subset=spec.overrides.subset,
        scan=spec.scan,
    )


def _published_names() -> list[str]:
    from edgescope.data import names

    return names()


def content_of(source: str) -> str:
    """Return a hash of a table.

    Raises:
        InputError: if it is neither there nor could be one.
    """
    from edgescope.data import looks_like_a_table, names

    if not looks_like_a_table(source):
        raise InputError(
            f"data: unknown data set {source!r}, {_nearest(source, names())} or a table"
        )
    return sha256_of(readable_file(Path(source), "a table of molecules"))[:16]


def _check_overrides(spec: StudySpec) -> None:
    known = [*Recipe.model_fields, *ModelRecipe.model_fields]
    free = [name for name in ("epochs", "subset", *known) if name not in _OWN]
    for name in spec.overrides.fields:
        if name not in free:
            raise InputError(f"unknown key 'overrides.{name}', {_nearest(name, free)}")
    free = [name for name in known if name not in _OWN or name == "explicit_bias"]
    for number, entry in enumerate(spec.recipes):
        for name in entry.set:
            if name not in free:
                key = f"recipes[{number}].set.{name}"
                raise InputError(f"unknown key {key!r}, {_nearest(name, free)}")


def _nearest(name: str, known: "list[str] | tuple[str, ...]") -> str:
    return f"{did_you_mean(name, known, '')} expected one of {', '.join(known)}".lstrip()


def folder_of(cell: Cell, out: Path) -> Path:
    """Return the folder of a cell in the folder of a study."""
    return out / "cells" / cell.name
