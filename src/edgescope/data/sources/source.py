"""A data set with a name: how it is loaded, its card, and the list of all that are known.

A module of this package, or an entry point of the group ``edgescope.datasets`` in another one,
adds a data set with a subclass of :class:`Source` that it registers; nothing else names it.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from inspect import isabstract
from pathlib import Path
from pkgutil import iter_modules
from typing import ClassVar, NamedTuple, TypeVar

from edgescope.data import sources
from edgescope.data.chemistry.molecule_dataset import AtomVocabulary
from edgescope.data.molecule_tables.molecule_table import TableSource
from edgescope.data.molecule_tables.split_choice import SplitOption
from edgescope.data.molecule_tables.table_grids import Frame
from edgescope.data.molecule_tables.table_molecules import (
    Features,
    ParsedTable,
    divided_table,
    find_table,
)
from edgescope.data.sources.data_card import Card, TruthRule
from edgescope.data.splits import Splits
from edgescope.lib.errors import InputError, did_you_mean
from edgescope.lib.mistakes import said
from edgescope.lib.plugins import add_plugins

GROUP = "edgescope.datasets"
"""Group of the entry points by which other packages add data sets."""


class Request(NamedTuple):
    """What is asked of a data set.

    Attributes:
        root: folder of the data set's files, if one was given.
        read: reads the molecules of a table, with the features that were asked for.
        seed: start of random splits.
        split: which of the data set's splits; None for a data set with one.
        progress: whether to show a bar.
        truth_rule: how the truth of atoms becomes one of bonds, where there is any.

    Example:
        >>> import polars as pl
        >>> import edgescope as es
        >>> class Chains(es.data.Source):
        ...     name = "chains"
        ...     card = es.data.Card("atoms of a chain", "graph", "regression", 1, (2, 1, 1))
        ...     files = False
        ...
        ...     def load(self, request: es.data.Request) -> es.data.Splits:
        ...         rows = {"smiles": ["CC", "CCC", "CCCC", "CCCCC"], "atoms": [2, 3, 4, 5]}
        ...         return request.table(pl.DataFrame(rows), "atoms", split=(0.5, 0.25, 0.25))
        >>> _ = es.data.register(Chains)
        >>> len(es.data.load("chains", cache=False).train)
        2
    """

    root: Path | None
    read: Callable[[TableSource], ParsedTable]
    seed: int
    split: str | int | None
    progress: bool
    truth_rule: TruthRule = "both"

    def table(
        self,
        table: str | Path | Frame,
        targets: str | Sequence[str],
        *,
        smiles_column: str = "smiles",
        split: SplitOption = None,
    ) -> Splits:
        """Read a table of molecules and divide it, as ``es.data.load`` does.

        Args:
            table: a CSV or Parquet file, its path relative to ``root``; or a data frame.
            targets: columns to predict.
            smiles_column: column of SMILES.
            split: how it is divided, as for :func:`edgescope.data.load`.

        Raises:
            InputError: as :func:`edgescope.data.load`.
        """
        found, name = find_table(table, self.root, (smiles_column, targets, split), {})
        return divided_table(found, name, split, self.seed, self.read)

    def folder(self, name: str, what: str, files: Sequence[str], below: str | None = None) -> Path:
        """Find the data set's files: in ``root``, or in a folder in it.

        Args:
            name: of the data set.
            what: what root should be, as messages say it.
            files: those that must be there.
            below: folder in ``root`` where the files may lie as well; by default called as the
                data set.

        Raises:
            InputError: if there is no ``root``, or a file is missing.
        """
        if self.root is None:
            raise InputError(f"{name} needs root, {what}; received none")
        inner = self.root / (below or name)
        folder = inner if inner.is_dir() else self.root
        missing = [file for file in files if not (folder / file).is_file()]
        if missing:
            expected = " and ".join([", ".join(files[:-1]), files[-1]] if files[1:] else files)
            raise InputError(
                f"expected {expected} of {name} in {folder}, found no "
                f"{' and no '.join(missing)}; check root"
            )
        return folder


class Source(ABC):
    """A data set with a name.

    A subclass states the facts below and how the data are loaded; :func:`register` makes its name
    known to ``es.data.load``, to the command line, to studies and to runs.

    Attributes:
        name: what it is loaded by.
        card: what is in it.
        vocabulary: its published atom types; None where they follow from the molecules.
        splits: ways to divide it that can be asked for; the first is the default.
        features: its features of atoms and bonds unless others are asked for; None where it has
            its own.
        as_written: features that are taken from the SMILES as they stand, as they were published.
        bondless: whether molecules without bonds are graphs rather than rows that cannot be used.
        truth: whether true atoms are known, which a rule turns into true bonds.
        files: whether it is read from files in a folder ``root``.
        recipes: what the published recipes call it, if not its name.

    Example:
        >>> import polars as pl
        >>> import edgescope as es
        >>> class Alcohols(es.data.Source):
        ...     name = "alcohols"
        ...     card = es.data.Card("boiling points in deg C", "graph", "regression", 1, (2, 1, 1))
        ...     files = False
        ...
        ...     def load(self, request: es.data.Request) -> es.data.Splits:
        ...         rows = {"smiles": ["CCO", "CCCO", "CCCCO", "OCCO"], "bp": [78, 97, 118, 197]}
        ...         return request.table(pl.DataFrame(rows), "bp", split=(0.5, 0.25, 0.25))
        >>> _ = es.data.register(Alcohols)
        >>> es.data.load("alcohols", cache=False).train.name, es.data.card("alcohols").metric
        ('alcohols/train', 'mae')
    """

    name: ClassVar[str]
    card: ClassVar[Card]
    vocabulary: ClassVar[AtomVocabulary | None] = None
    splits: ClassVar[tuple[str | int, ...]] = ()
    features: ClassVar[Features | None] = "types"
    as_written: ClassVar[Features | None] = None
    bondless: ClassVar[bool] = False
    truth: ClassVar[bool] = False
    files: ClassVar[bool] = True
    recipes: ClassVar[str] = ""

    @abstractmethod
    def load(self, request: Request) -> Splits:
        """Return the three parts; their name and task are those of the source and its card."""


_KNOWN: dict[str, Source] = {}

Class = TypeVar("Class", bound=type[Source])


def register(source: Class) -> Class:
    """Make a data set known by its name; use it as a decorator of the class.

    Raises:
        InputError: if it is no complete subclass of :class:`Source`, or its name is taken or looks
            like the path of a table.

    Example:
        >>> import edgescope as es
        >>> @es.data.register
        ... class Rings(es.data.Source):
        ...     name = "rings"
        ...     card = es.data.Card("rings of a molecule", "graph", "regression", 1, (8, 1, 1))
        ...
        ...     def load(self, request: es.data.Request) -> es.data.Splits:
        ...         return request.table("rings.csv", "rings", split=(0.8, 0.1, 0.1))
        >>> "rings" in es.data.names(), es.data.card("rings").metric
        (True, 'mae')
    """
    if not (isinstance(source, type) and issubclass(source, Source)) or isabstract(source):
        raise InputError(
            f"received {said(source)} as a data set, expected a subclass of es.data.Source with "
            "a method load"
        )
    name, card = getattr(source, "name", None), getattr(source, "card", None)
    if not isinstance(name, str) or not name or is_path(name) or not isinstance(card, Card):
        raise InputError(
            f"{source.__name__} has the name {name!r} and {said(card)} as its card, expected a "
            "word without dots and slashes and an es.data.Card"
        )
    known = type(_KNOWN.get(name, source()))
    if (known.__module__, known.__qualname__) != (source.__module__, source.__qualname__):
        raise InputError(
            f"{source.__name__} has the name {name!r}, which is that of {known.__module__}."
            f"{known.__qualname__}; choose another name"
        )
    _KNOWN[name] = source()
    return source


def is_path(name: str) -> bool:
    """Tell by its text alone whether something is a path rather than a name."""
    return len(Path(name).parts) > 1 or bool(Path(name).suffix)


@cache
def _own() -> None:
    """Import the data sets of this package, which register themselves."""
    for module in iter_modules(sources.__path__):
        import_module(f"{sources.__name__}.{module.name}")


def find(name: object) -> Source | None:
    """Return the data set of a name; None if there is none.

    Other packages are asked for the name only if it is none of this package's.
    """
    _own()
    if name not in _KNOWN and isinstance(name, str) and not is_path(name):
        add_plugins(GROUP, register)
    return _KNOWN.get(name) if isinstance(name, str) else None


def named(name: str) -> Source:
    """Return the data set of a name.

    Raises:
        InputError: if there is no such data set; the message names the nearest.
    """
    found = find(name)
    if found is None:
        advice = did_you_mean(name, names(), "use one of these or a table's path")
        raise InputError(
            f"unknown data set {name!r}, expected one of {', '.join(names())} or a file such as "
            f"molecules.csv; {advice}"
        )
    return found


def names() -> list[str]:
    """Name the data sets that :func:`~edgescope.data.load` knows.

    Example:
        >>> "solubility" in names()
        True
    """
    _own()
    add_plugins(GROUP, register)
    return sorted(_KNOWN)


def needs_files(name: str) -> bool:
    """Say whether a data set is read from files in a folder ``root``.

    Example:
        >>> import edgescope as es
        >>> es.data.needs_files("solubility"), es.data.needs_files("zinc12k")
        (False, True)
    """
    return named(name).files


def published_splits(name: str) -> tuple[str | int, ...]:
    """Return the ways in which a data set can be split by name; the first is the default.

    Example:
        >>> published_splits("tox21"), published_splits("solubility")
        (('scaffold', 'random'), ())
    """
    return named(name).splits


def card(name: str) -> Card:
    """Return the card of a data set.

    Raises:
        InputError: if there is no such data set; the message names the nearest.

    Example:
        >>> import edgescope as es
        >>> es.data.card("solubility").parts
        (923, 102, 257)
    """
    return named(name).card
