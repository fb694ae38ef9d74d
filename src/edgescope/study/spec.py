"""What a study is made of, as one YAML file says it."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from edgescope.data.edges.added_edges import Types
from edgescope.data.edges.edge_changes import Draw, Per
from edgescope.data.edges.rewiring import How, check_options
from edgescope.data.molecule_tables.split_choice import read_split
from edgescope.lib.errors import InputError
from edgescope.scanning import SHARD_EVERY
from edgescope.scanning.criteria import criterion as find_criterion
from edgescope.train.first_fields import FirstFields

State = Literal["untrained", "trained", "ebt"]
"""Before the first step; after the last; after the last with the explicit bias term."""

Bias = Literal["released", "described"]
"""The explicit bias term as the published code has it, and as the paper describes it."""

KEPT_ROWS = 10_000
"""Activations kept one by one per site: tables and figures are read from complete histograms."""


def _different(items: list[Any]) -> list[Any]:
    for number, item in enumerate(items):
        if item in items[:number]:
            raise ValueError(f"{item!r} occurs twice")
    return items


Different = AfterValidator(_different)

Seeds = Annotated[list[Annotated[int, Field(ge=0, lt=2**32)]], Field(min_length=1), Different]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)


class Rewiring(_Strict):
    """What is done to the edges of all graphs; see :func:`edgescope.data.rewire`.

    Attributes:
        how: one of :data:`edgescope.data.edges.rewiring.HOW`.
        share: of ``random_edges``.
        draw: of ``random_types``.
        per: of ``random_types`` and ``shuffle_types``.
        types: of ``virtual_node``, ``hub`` and ``full_graph``.
        edge_type: of ``virtual_node`` and ``hub``.
        nodes: of ``virtual_node``.
        seed: start of all that is random.
    """

    how: How
    share: float | None = Field(default=None, gt=0)
    draw: Draw | None = None
    per: Per | None = None
    types: Types | None = None
    edge_type: str | None = None
    nodes: int | None = Field(default=None, ge=1)
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _options_belong(self) -> Self:
        try:
            check_options(self.model_dump(exclude_none=True))
        except InputError as error:
            raise ValueError(str(error)) from error
        return self

    @property
    def label(self) -> str:
        """What tables add to the name of the data."""
        told = {
            "per": self.per and f"per {self.per}",
            "nodes": self.nodes and f"{self.nodes} nodes",
            "seed": f"seed {self.seed}" if self.seed else None,
        }
        told = {key: value for key, value in {**self.model_dump(), **told}.items() if value}
        return " ".join(map(str, told.values()))


class DataSource(_Strict):
    """Where molecules or graphs come from, as arguments of :func:`edgescope.data.load`.

    Attributes:
        source: a published data set, or the path of a table.
        name: what tables call it; the source itself, without folder and ending, by default.
        root: the folder that holds its files, relative to the YAML file; the study's by default.
        smiles_column: of a table.
        target_columns: of a table.
        split: of a table: a column, ``random``, ``scaffold``, or the fractions of train, val and
            test, which may stand behind a word, as in ``[scaffold, 0.7, 0.1, 0.2]``.
        id_columns: of a table: columns that tell which molecule a row is; those whose names say so
            by default.
        decimal: of a table: the mark before decimals; found out by default.
        features: of atoms and bonds, ``"types"`` or ``"ogb"``; the data set's own by default.
        rewire: what is done to the edges; nothing by default.
    """

    source: str
    name: str | None = None
    root: str | None = None
    smiles_column: str | None = None
    target_columns: list[str] | None = None
    split: str | list[float] | list[str | float] | None = None
    id_columns: list[str] | None = None
    decimal: Literal[".", ","] | None = None
    features: Literal["types", "ogb"] | None = None
    rewire: Rewiring | None = None

    @field_validator("split")
    @classmethod
    def _can_be_read(
        cls, split: str | list[float] | list[str | float] | None
    ) -> str | list[float] | list[str | float] | None:
        read_split(split)
        return split

    @property
    def label(self) -> str:
        """What tables call it."""
        name = Path(self.source).name.partition(".")[0]
        return self.name or (f"{name} {self.rewire.label}" if self.rewire else name)


def _as_source(value: Any) -> Any:  # noqa: ANN401  (whatever the file holds)
    return {"source": value} if isinstance(value, str) else value


class RecipeOnData(_Strict):
    """One recipe with the data it is for.

    Attributes:
        recipe: a named recipe, or the path of a YAML file, relative to the study's.
        data: what to train on.
        name: what tables call this variant, beside its architecture; nothing by default.
        set: fields of the recipe that are replaced here, on top of the study's ``overrides``;
            among them ``explicit_bias``.
        seeds: in place of the study's.
        epochs: in place of those of the study's ``overrides``.
    """

    recipe: str
    data: DataSource
    name: str | None = Field(default=None, min_length=1)
    set: dict[str, Any] = {}
    seeds: Seeds | None = None
    epochs: int | None = Field(default=None, ge=1)

    @field_validator("data", mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:  # noqa: ANN401  (whatever the file holds)
        return _as_source(value)


class Overrides(_Strict):
    """What is replaced in every recipe: the fields below, and any field of a recipe.

    Attributes:
        epochs: the recipe's ``max_epochs``.
        subset: at most so many graphs of each part of the data, drawn once for all cells.
    """

    model_config = ConfigDict(extra="allow")

    epochs: int | None = Field(default=None, ge=1)
    subset: int | None = Field(default=None, ge=1)

    @property
    def fields(self) -> dict[str, Any]:
        """The fields of a recipe."""
        return dict(self.__pydantic_extra__ or {})


def _known(name: str) -> str:
    """Refuse the name of no criterion."""
    find_criterion(name)
    return name


class ScanOptions(FirstFields, _Strict):
    """How every cell is scanned; see :func:`edgescope.scan`.

    Attributes:
        criterion: ``"paper2025"``, ``"sun2024"``, ``"calibrated"``, or the kind of another
            criterion that all processes know, as one that an installed package adds.
        split: which part of the data.
        batch_size: graphs per batch.
        members: size of the untrained ensemble, where the criterion is calibrated.
        max_rows: activations kept one by one per site.
    """

    criterion: Annotated[str, AfterValidator(_known)] = "paper2025"
    split: Literal["train", "val", "test"] = "test"
    batch_size: int = Field(default=128, ge=1)
    members: int = Field(default=10, ge=5)
    max_rows: int = Field(default=KEPT_ROWS, ge=1)


class StudySpec(_Strict):
    """A grid of cells: recipes, or models and data, by states and seeds.

    Attributes:
        models: architectures, each combined with all ``data``.
        data: data sets.
        recipe: the recipe of all of these combinations, with the architecture replaced; the
            published one of each by default.
        recipes: further combinations, one by one.
        root: folder that holds the data sets' files, relative to the YAML file.
        states: what each combination is looked at in.
        explicit_bias: which variants of the bias term ``ebt`` stands for.
        seeds: seeds of initial weights, batches and dropout.
        overrides: what is replaced in every recipe.
        scan: how every cell is scanned.
        measures: what every cell is measured by once it is scanned, see
            :mod:`edgescope.study.measures`; all that is read from a scan by default.
        threads: threads of every cell, on which the last bits of results depend; by default as
            many as torch takes, shared out among the workers.
        workers: how many cells are worked on side by side on this machine; no effect on results
            where ``threads`` is given.
        processes: how many processes train a cell together, which share its threads; see
            :func:`edgescope.train.fit`.
        shard_every: seconds between the shards of a scan; no effect on results.

    Example:
        >>> import edgescope as es
        >>> sizes = {"subset": 20, "num_layers": 1, "hidden_dim": 8, "num_heads": 2}
        >>> grid = {"models": ["GAT"], "data": ["solubility"], "states": ["untrained"]}
        >>> spec = es.study.StudySpec(recipe="demo", seeds=[1], overrides=sizes, **grid)
        >>> spec.seeds, spec.states
        ([1], ['untrained'])
    """

    models: Annotated[list[str], Different] = []
    data: list[DataSource] = []
    recipe: str | None = None
    recipes: list[RecipeOnData] = []
    root: str | None = None
    states: Annotated[list[State], Field(min_length=1), Different] = ["untrained", "trained"]
    explicit_bias: Annotated[list[Bias], Field(min_length=1), Different] = ["released", "described"]
    seeds: Seeds = [41]
    overrides: Overrides = Overrides()
    scan: ScanOptions = ScanOptions()
    measures: Annotated[list[str], Different] | None = None
    threads: int | None = Field(default=None, ge=1)
    workers: int = Field(default=1, ge=1)
    processes: int = Field(default=1, ge=1)
    shard_every: float = Field(default=SHARD_EVERY, ge=0)
    _origin: str = "the study"

    @property
    def origin(self) -> str:
        """The file that it was read from."""
        return self._origin

    @field_validator("data", mode="before")
    @classmethod
    def _short_forms(cls, value: Any) -> Any:  # noqa: ANN401  (whatever the file holds)
        return [_as_source(item) for item in value] if isinstance(value, list) else value

    @model_validator(mode="after")
    def _has_cells(self) -> Self:
        if bool(self.models) != bool(self.data):
            given, lacking = ("models", "data") if self.models else ("data", "models")
            raise ValueError(f"{given} is given and {lacking} is empty, expected both or neither")
        if not (self.models or self.recipes):
            raise ValueError("there is nothing to run, expected models and data, or recipes")
        if self.recipe and not self.models:
            raise ValueError("recipe is for models and data, which are empty; use recipes")
        return self
