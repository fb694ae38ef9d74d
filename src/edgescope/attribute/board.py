"""One table of what every attribution method is worth: method by data set and model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgescope.attribute.board_pictures import LeaderboardPictures
from edgescope.attribute.board_store import load_leaderboard, save_leaderboard
from edgescope.attribute.bonds import Floats
from edgescope.attribute.method_verdict import REFERENCE, sentences
from edgescope.lib.errors import InputError
from edgescope.statistics.bootstrap import Mean, mean_of, mean_over_graphs, paired_difference

if TYPE_CHECKING:
    import polars as pl


KEY = ("data", "recipe", "method")
"""What a row of the leaderboard is of."""

NUMBERS = ("auroc", "average_precision", "plus", "minus", "unfaithfulness")
"""What a method has for every graph."""

COMPARED = ("auroc", "plus", "minus")
"""What is compared with importances at random."""


NAMELESS = ("data", "recipe", "graph", "smiles")
"""Columns of the table of molecules that are no identifiers."""


def no_molecules() -> "pl.DataFrame":
    """Return the table of molecules of graphs without SMILES."""
    import polars as pl

    return pl.DataFrame(schema=dict.fromkeys(NAMELESS, pl.String) | {"graph": pl.Int64})


@dataclass(frozen=True, eq=False)
class Leaderboard(LeaderboardPictures):
    """What attribution methods are worth, as made by :func:`edgescope.attribute.leaderboard`.

    Attributes:
        graphs: a row per data, recipe, training, method and graph: ``auroc`` and
            ``average_precision`` against truth, the areas ``plus`` and ``minus`` under the curves
            of fidelity+ and fidelity-, ``unfaithfulness``; null where there is none.
        trainings: a row per data, recipe, training and method: the model's metric and score,
            the characterisation score, passes per graph, seconds, graphs left out for truth.
        curves: a row per data, recipe, training, method, side and share, means over graphs.
        stability: a row per data, recipe, method and graph: how far trainings agree.
        agreement: a row per data, recipe and two methods: their rank correlation, mean over graphs
            and trainings.
        importances: a row per data, recipe, training and directed edge: its graph, position in the
            graph, ends, type, whether it is true where that is known, and a column per method.
        refused: a row per data, recipe, training and method that could not explain the model.
        settings: what it was made with: seed, top, measure, merge, shares.
        molecules: a row per data, recipe and graph that has a SMILES. Where the data have
            identifiers, they stand after ``graph`` here and in all tables that have it; a column
            is called as theirs, with ``id_`` in front if a table calls another column so.

    Example:
        >>> import edgescope as es
        >>> graphs = es.data.planted("edge_type", 60).test
        >>> model = es.models.GATv2(**graphs.model_sizes, hidden_dim=8, num_heads=2, num_layers=1)
        >>> subjects = [("planted", model, graphs)]
        >>> board = es.attribute.leaderboard(subjects, ["massive"], shares=(0, 0.2, 0.8, 1))
        >>> sorted(board.trainings["method"])
        ['massive', 'random']
    """

    graphs: "pl.DataFrame"
    trainings: "pl.DataFrame"
    curves: "pl.DataFrame"
    stability: "pl.DataFrame"
    agreement: "pl.DataFrame"
    importances: "pl.DataFrame"
    refused: "pl.DataFrame"
    settings: Mapping[str, Any]
    molecules: "pl.DataFrame" = field(default_factory=no_molecules)

    def table(self) -> "pl.DataFrame":
        """Return one row per data, recipe and method.

        ``auroc``, ``average_precision``, ``plus``, ``minus`` and ``unfaithfulness`` are means over
        graphs and trainings; ``_sd`` is the standard deviation of the trainings' means, ``_low``
        and ``_high`` the 95 % bootstrap interval over graphs of the mean over trainings.
        ``_difference`` is the paired difference to random importances. ``stability`` and
        ``overlap`` are over pairs of trainings. Null where there is no number.
        """
        import polars as pl

        rows = [
            {name: key[name] for name in KEY} | self._row(rows)
            for key, rows in self._parts(self.graphs)
        ]
        return pl.DataFrame(rows, infer_schema_length=None).fill_nan(None)

    def difference(self, method: str, other: str, number: str = "auroc") -> "pl.DataFrame":
        """Return the paired difference of two methods, a row per data and recipe.

        Args:
            method: the one.
            other: what is taken off.
            number: ``auroc``, ``average_precision``, ``plus``, ``minus`` or ``unfaithfulness``.

        Returns:
            A table of data, recipe, difference, low, high and graphs. The difference is the mean
            over the graphs where both have the number, and trainings in which both were judged;
            low and high are its 95 % bootstrap interval over graphs. No row where there is no such
            training.

        Raises:
            InputError: if a method was not judged, or there is no such number.
        """
        import polars as pl

        judged = self.graphs["method"].unique(maintain_order=True).to_list()
        for name, known in ((method, judged), (other, judged), (number, list(NUMBERS))):
            if name not in known:
                raise InputError(f"received {name!r}, expected one of {', '.join(known)}")
        rows = []
        for part in self.graphs.partition_by("data", "recipe", maintain_order=True):
            two = [part.filter(pl.col("method") == name) for name in (method, other)]
            found = _paired(two[0], two[1], number, int(self.settings["seed"]))
            if found is not None:
                key = {name: part[name][0] for name in KEY[:2]}
                ends = {"low": found.low, "high": found.high, "graphs": found.graphs}
                rows.append({**key, "difference": found.value, **ends})
        schema = dict.fromkeys(("data", "recipe"), pl.String)
        numbers = dict.fromkeys(("difference", "low", "high"), pl.Float64)
        table = pl.DataFrame(rows, schema={**schema, **numbers, "graphs": pl.Int64})
        return table.fill_nan(None)

    def matrix(self) -> "pl.DataFrame":
        """Return how far methods agree: a row per data, recipe and method, a column per method.

        Spearman's rank correlation of the importances, mean over graphs and trainings. Null where
        there is none, as with importances that are the same for all edges of a graph.
        """
        import polars as pl

        order = self.agreement["other"].unique(maintain_order=True).to_list()
        mean = self.agreement.group_by([*KEY, "other"], maintain_order=True).agg(
            pl.col("correlation").mean()
        )
        matrix = mean.pivot(on="other", index=list(KEY), values="correlation")
        return matrix.select(*KEY, *order)

    def sentences(self, methods: Sequence[str] | None = None) -> list[str]:
        """Say what methods are worth against random importances, a line per data and method.

        Args:
            methods: by default the attributions from massive activations, in both directions; all
                others if these were not judged.
        """
        return sentences(self.table(), self.difference, methods)

    def sentence(self) -> str:
        """Return :meth:`sentences` as one text."""
        return "\n".join(self.sentences())

    def save(self, folder: str | Path) -> Path:
        """Write Parquet tables and ``leaderboard.json`` into a folder, and return it.

        Raises:
            InputError: if the folder cannot be written, or holds something else.
        """
        tables = {name: getattr(self, name) for name in self.tables()}
        note = {"settings": dict(self.settings), "sentences": self.sentences()}
        return save_leaderboard(Path(folder), tables, self.table(), note)

    @classmethod
    def load(cls, folder: str | Path) -> "Leaderboard":
        """Read what :meth:`save` wrote.

        Raises:
            InputError: if the folder holds no leaderboard, or a damaged one.
        """

        def build(
            tables: Mapping[str, "pl.DataFrame"], settings: Mapping[str, Any], early: bool
        ) -> "Leaderboard":
            board = cls(**{"molecules": no_molecules(), **tables}, settings=settings)
            if early:
                board.sentences()  # raises now if a column is missing, rather than in a report
            return board

        return load_leaderboard(Path(folder), cls.tables(), build)

    @classmethod
    def tables(cls) -> list[str]:
        """Return the names of the tables."""
        return [each.name for each in fields(cls) if each.name != "settings"]

    def _row(self, rows: "pl.DataFrame") -> dict[str, Any]:
        import polars as pl

        key = {name: rows[name][0] for name in KEY}
        of = [pl.col(name) == value for name, value in key.items()]
        trainings = self.trainings.filter(of)
        stability = self.stability.filter(of)
        reference = self.graphs.filter([*of[:2], pl.col("method") == REFERENCE])
        scores = trainings["score"].to_numpy()
        seed = int(self.settings["seed"])
        row: dict[str, Any] = {
            "trainings": trainings.height,
            "graphs": rows["graph"].n_unique(),
            "metric": trainings["metric"][0],
            "score": scores.mean(),
            "score_sd": _sd(scores),
        }
        for name in NUMBERS:
            each = _by_training(rows, name)
            mean = mean_over_graphs(mean_of(list(each), each.shape[1]), seed=seed)
            of_trainings = np.array([_known_mean(one) for one in each])
            row |= {name: mean.value, f"{name}_sd": _sd(of_trainings)}
            row |= {f"{name}_low": mean.low, f"{name}_high": mean.high}
            if name == "auroc":
                row["graphs_with_truth"] = mean.graphs
        scored = trainings["characterisation"].to_numpy()
        row |= {"characterisation": scored.mean(), "characterisation_sd": _sd(scored)}
        row |= {
            "stability": _known_mean(_floats(stability["correlation"])),
            "overlap": _known_mean(_floats(stability["overlap"])),
        }
        row |= {
            name: trainings[name].mean()
            for name in ("forward_passes", "backward_passes", "seconds")
        }
        for name in COMPARED:
            itself = key["method"] == REFERENCE
            found = None if itself else _paired(rows, reference, name, seed)
            for part, end in (("value", ""), ("low", "_low"), ("high", "_high")):
                row[f"{name}_difference{end}"] = None if found is None else getattr(found, part)
        return row

    @staticmethod
    def _parts(table: "pl.DataFrame") -> "list[tuple[dict[str, Any], pl.DataFrame]]":
        parts = table.partition_by(KEY, maintain_order=True)
        return [({name: part[name][0] for name in KEY}, part) for part in parts]


def _paired(rows: "pl.DataFrame", other: "pl.DataFrame", name: str, seed: int) -> Mean | None:
    """Return the difference of two methods' rows, over the trainings that both have."""
    both = set(rows["training"].to_list()) & set(other["training"].to_list())
    if not both:
        return None
    tables = [
        _by_training(each.filter(each["training"].is_in(both)), name) for each in (rows, other)
    ]
    means = [mean_of(list(table), table.shape[1]) for table in tables]
    return paired_difference(means[0], means[1], seed=seed)


def _by_training(rows: "pl.DataFrame", name: str) -> Floats:
    """Return a number of every training and graph ``[K, G]``; NaN where there is none."""
    trainings = rows["training"].n_unique()
    return _floats(rows[name]).reshape(trainings, -1)


def _floats(column: "pl.Series") -> Floats:
    """Return a column of numbers with NaN for null."""
    values: Floats = column.cast(float).fill_null(np.nan).to_numpy()
    return values


def _sd(values: Floats) -> float:
    """Return the standard deviation of trainings; NaN of a single one."""
    return float(values.std(ddof=1)) if len(values) > 1 else np.nan


def _known_mean(values: Floats) -> float:
    """Return the mean of what is known; NaN if nothing is."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else np.nan
