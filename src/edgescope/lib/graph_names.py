"""What names a graph beside its number: its SMILES, and the identifiers of the user's table.

A table that has a column ``graph`` has the identifiers in the columns after it, under their own
names. A name that edgescope's tables use themselves gets ``id_`` in front: an identifier column
``edge`` is ``id_edge``, in every table.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from edgescope.lib.errors import InputError
from edgescope.lib.model_call import attribute
from edgescope.lib.visible_text import short

if TYPE_CHECKING:
    import polars as pl

PREFIX = "id_"
"""Stands before the name of an identifier column that a table uses for something else."""

TAKEN = frozenset(
    {
        *("graph", "smiles", "site", "input", "edge", "edges", "source", "target", "edge_type"),
        *("node", "nodes", "node_type", "head", "channel", "value", "ratio", "largest", "excess"),
        *("data", "recipe", "training", "method", "correlation", "overlap"),
        *("auroc", "average_precision", "plus", "minus", "unfaithfulness"),
    }
)
"""What tables that have a column ``graph`` call their other columns."""


_ELSEWHERE = "give batches the graphs' positions in the whole data set as batch.graph"


class GraphNames:
    """The SMILES and the identifiers of some graphs, by the number of the graph.

    Args:
        smiles: number of a graph to its SMILES.
        identifiers: name of an identifier column to what it holds, by the number of the graph; a
            graph that it holds nothing for is left out.

    Example:
        >>> names = GraphNames({3: "CCO"}, {"mol_id": {3: "TOX3021"}})
        >>> names.called(3), names.called(4)
        ('graph 3 (TOX3021)', 'graph 4')
    """

    def __init__(
        self,
        smiles: Mapping[int, str] | None = None,
        identifiers: Mapping[str, Mapping[int, str]] | None = None,
    ) -> None:
        self.smiles = dict(smiles or {})
        self.identifiers = {column: dict(held) for column, held in (identifiers or {}).items()}

    @property
    def size(self) -> int:
        """How many graphs are named, at most: the texts of the longest column."""
        return max(map(len, (self.smiles, *self.identifiers.values())))

    @classmethod
    def of_batch(cls, batch: Any, positions: Sequence[int]) -> Self:  # noqa: ANN401  (any PyG batch)
        """Read the names of the graphs of a batch.

        They are its ``smiles``, and the columns of texts in its ``identifiers``, if that is a
        mapping, as :class:`~edgescope.data.MoleculeDataset` gives it; anything else of that name
        is left alone.

        Args:
            batch: a batch, or a graph.
            positions: number of every graph ``[G]``.

        Raises:
            InputError: if there are more or fewer SMILES, or texts in a column, than graphs, or
                two graphs of one number are called differently.
        """
        size = len(positions)
        smiles = attribute(batch, "smiles") or []
        smiles = [smiles] if isinstance(smiles, str) else list(smiles)
        if smiles and len(smiles) != size:
            raise InputError(
                f"a batch of {size} graphs holds {len(smiles)} SMILES, expected one per "
                "graph; give each graph its own, or rename the attribute smiles"
            )
        held = attribute(batch, "identifiers")
        columns = _columns(held, size) if isinstance(held, Mapping) else {}
        if len(set(positions)) < size:
            names = cls()
            for place, graph in enumerate(positions):
                own = {c: _known({graph: cells[place]}) for c, cells in columns.items()}
                one = cls({graph: smiles[place]} if smiles else {}, own)
                names.take(one, what="received a batch")
            return names
        identifiers = {
            column: _known(dict(zip(positions, cells, strict=True)))
            for column, cells in columns.items()
        }
        return cls(dict(zip(positions, smiles, strict=bool(smiles))), identifiers)

    @classmethod
    def of_dataset(cls, dataset: Any, positions: Sequence[int] | None = None) -> Self:  # noqa: ANN401  (any data set)
        """Return what a data set calls its graphs.

        Args:
            dataset: the data set.
            positions: number of every graph ``[N]``; its position in the data set by default.
        """
        smiles: list[str] = getattr(dataset, "smiles", [])
        columns: Mapping[str, list[str | None]] = getattr(dataset, "identifiers", {})
        at = range(len(dataset)) if positions is None else positions
        identifiers = {c: _known(dict(zip(at, cells, strict=True))) for c, cells in columns.items()}
        return cls(dict(zip(at, smiles, strict=bool(smiles))), identifiers)

    def take(
        self, other: "GraphNames", graphs: Iterable[int] | None = None, what: str = "a scan"
    ) -> None:
        """Take over what another calls graphs.

        Args:
            other: the other.
            graphs: which graphs; all by default. Columns are taken over without a graph also.
            what: in what both are, for the message.

        Raises:
            InputError: if both name a graph and call it something else.
        """
        wanted = None if graphs is None else set(graphs)
        for column, held in other.identifiers.items():
            where = f"{what} in which the {short(column)} of"
            self._take(self.identifiers.setdefault(column, {}), held, wanted, where)
        self._take(self.smiles, other.smiles, wanted, f"{what} in which")

    @staticmethod
    def _take(
        own: dict[int, str], other: Mapping[int, str], wanted: set[int] | None, where: str
    ) -> None:
        for graph in other if wanted is None else wanted & other.keys():
            if own.setdefault(graph, other[graph]) != other[graph]:
                two = f"{short(own[graph])} and {short(other[graph])}"
                raise InputError(f"{where} graph {graph} is {two}; {_ELSEWHERE}")

    def of(self, graphs: Iterable[int]) -> "GraphNames":
        """Return the names of some graphs, by ascending number; all columns stay."""
        order = sorted(set(graphs))
        return GraphNames(
            {graph: self.smiles[graph] for graph in order if graph in self.smiles},
            {
                column: {graph: held[graph] for graph in order if graph in held}
                for column, held in self.identifiers.items()
            },
        )

    def identify(self, graph: int) -> dict[str, str | None]:
        """Return the identifiers of a graph by column; None where its cell is empty."""
        return {column: held.get(graph) for column, held in self.identifiers.items()}

    def called(self, graph: int) -> str:
        """Return what messages call a graph: ``graph 12 (TOX3021)``."""
        return called(graph, self.identify(graph))

    def frame(self, taken: Container[str] = TAKEN) -> "pl.DataFrame":
        """Return a row per named graph: ``graph``, ``smiles`` and a column per identifier.

        Args:
            taken: names that identifier columns cannot have; see :func:`column_name`.
        """
        import polars as pl

        columns = {"smiles": self.smiles} | {
            column_name(column, taken): held for column, held in self.identifiers.items()
        }
        graphs = sorted(set().union(*columns.values()))
        texts = {name: list(map(held.get, graphs)) for name, held in columns.items()}
        schema = {"graph": pl.Int64, **dict.fromkeys(columns, pl.String)}
        return pl.DataFrame({"graph": graphs, **texts}, schema=schema)

    def beside(self, table: "pl.DataFrame") -> "pl.DataFrame":
        """Return a table with the identifiers of each row's ``graph`` in the columns after it.

        Without identifiers it is the table as it is.
        """
        return after_graph(table, self.frame().drop("smiles")) if self.identifiers else table

    def rows(self, table: "pl.DataFrame") -> list[dict[str, Any]]:
        """Return the rows of a table, for JSON: identifiers of its graphs stand by themselves.

        Args:
            table: a table with a column ``graph``, with or without :meth:`beside`.

        Returns:
            A dictionary per row; ``identifiers`` holds them by column, if there are any.
        """
        plain = table.drop(map(column_name, self.identifiers), strict=False).to_dicts()
        if not self.identifiers:
            return plain
        return [row | {"identifiers": self.identify(row["graph"])} for row in plain]


_IN_FILE = frozenset({"graph", "smiles"})
"""What the columns of the file are called that are no identifiers."""


def to_file(names: GraphNames) -> "pl.DataFrame":
    """Return the table ``molecules`` of a saved scan, which :func:`from_file` reads."""
    return names.frame(_IN_FILE)


def from_file(table: "pl.DataFrame") -> GraphNames:
    """Read the names of graphs from the table ``molecules`` of a saved scan."""
    graphs = table["graph"].to_list()

    def held(column: str) -> dict[int, str]:
        pairs = zip(graphs, table[column].to_list(), strict=True)
        return {graph: text for graph, text in pairs if text is not None}

    columns = [name for name in table.columns if name not in _IN_FILE]
    return GraphNames(
        held("smiles"),
        {
            name.removeprefix(PREFIX) if _bare(name) in _IN_FILE else name: held(name)
            for name in columns
        },
    )


def after_graph(
    table: "pl.DataFrame", names: "pl.DataFrame", on: Sequence[str] = ("graph",)
) -> "pl.DataFrame":
    """Return a table with the columns of another, which names graphs, after ``graph``.

    Args:
        table: a table with the columns ``on``.
        names: a row per graph.
        on: what tells which row of ``names`` is of a graph.
    """
    new = [column for column in names.columns if column not in on]
    at = table.columns.index("graph") + 1
    joined = table.join(names, on=list(on), how="left", maintain_order="left")
    return joined.select(*table.columns[:at], *new, *table.columns[at:])


def column_name(column: str, taken: Container[str] = TAKEN) -> str:
    """Return what tables call an identifier column, another for every other.

    Args:
        column: its own name.
        taken: names that it cannot have: with one of them, it gets ``id_`` in front.

    Example:
        >>> column_name("mol_id"), column_name("edge"), column_name("id_edge")
        ('mol_id', 'id_edge', 'id_id_edge')
    """
    return f"{PREFIX}{column}" if _bare(column) in taken else column


def _bare(column: str) -> str:
    while column.startswith(PREFIX):
        column = column.removeprefix(PREFIX)
    return column


def called(graph: int, identifiers: Mapping[str, str | None]) -> str:
    """Return what messages call a graph: its number, and its identifiers if it has any."""
    known = label(identifiers)
    return f"graph {graph} ({known})" if known else f"graph {graph}"


def label(identifiers: Mapping[str, str | None]) -> str:
    """Return the identifiers of a graph for people to read, shortened; empty if there are none."""
    return short(", ".join(dict.fromkeys(text for text in identifiers.values() if text)))


def _known(texts: Mapping[int, str | None]) -> dict[int, str]:
    return {graph: text for graph, text in texts.items() if text is not None}


def _columns(held: Mapping[Any, Any], size: int) -> dict[str, list[str | None]]:
    """Return the columns of texts ``[G]`` in a batch's identifiers.

    Raises:
        InputError: if a column has another number of texts than the batch has graphs.
    """
    columns: dict[str, list[str | None]] = {}
    for column, given in held.items():
        cells = list(given) if isinstance(given, list | tuple) else [given]
        if not isinstance(column, str) or not all(isinstance(c, str | None) for c in cells):
            continue
        if len(cells) != size:
            raise InputError(
                f"a batch of {size} graphs holds {len(cells)} identifiers {short(column)!r}, "
                "expected one per graph; give each graph its own, or rename the attribute "
                "identifiers"
            )
        # What no file can hold, half of a pair of code units, is written out.
        columns[column] = [c and c.encode("utf-8", "backslashreplace").decode() for c in cells]
    return columns
