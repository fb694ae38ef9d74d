"""The result of testing massive activations for information."""

import json
from dataclasses import asdict, dataclass
from math import isnan
from pathlib import Path
from typing import Self

import polars as pl

from edgescope.intervene.origins.constancy_info import ConstancyInfo
from edgescope.intervene.origins.constancy_verdict import BIAS, SIGNAL, UNUSED
from edgescope.intervene.origins.value_labels import INFORMATION, SPREADS
from edgescope.lib.input_files import table_of
from edgescope.lib.manifest import Kind, Stored, stored, storing
from edgescope.lib.plurals import plural
from edgescope.lib.task_metrics import known_metric
from edgescope.lib.typed_fields import record
from edgescope.plots.formats import between, percent
from edgescope.plots.notebook_card import Cell, Tone, badge, card, code, joined, see, table

FORMAT = 1
"""Raised when a change makes older folders unreadable."""

_KIND = Kind("a test for information", "constancy.json", FORMAT, "test it again")

_BELIEVED = 0.05
"""q-value up to which information is called so in the sentence."""

COSTS: dict[str, type[pl.DataType]] = {
    "site": pl.String,
    "verdict": pl.String,
    "activations": pl.Int64,
    "share": pl.Float64,
    "edges": pl.Int64,
    "constant": pl.Float64,
    "constant_low": pl.Float64,
    "constant_high": pl.Float64,
    "beyond_controls": pl.Boolean,
    "zero": pl.Float64,
    "zero_low": pl.Float64,
    "zero_high": pl.Float64,
}


@dataclass(frozen=True, eq=False, repr=False)
class Constancy:
    """The result of :func:`edgescope.intervene.constancy`.

    Attributes:
        info: what was tested, and how.
        costs: the rows of :meth:`table`.
        spreads: one row per site and kind of edges (``"type"`` or ``"triple"`` of types): the
            pooled ``variance`` of massive values within a head, channel and kind, beside that of
            all values at the site; ``spread``, its root over the root mean square of the values,
            0 for a constant, beside the same of the other values; ``one_sign``, the share with the
            sign that most of their head and channel have.
        information: one row per site, ``what`` (``"presence"`` of something massive on an edge, or
            the ``"value"`` of the largest, in four bins) and what it is ``about``: mutual
            information in ``bits`` beside that of random orders, see
            :class:`~edgescope.statistics.mutual_information.Information`; ``q`` is the
            q-value among all rows.

    Example:
        >>> import edgescope as es
        >>> graphs = es.data.planted("marked", 60).test
        >>> model = es.models.GATv2(**graphs.model_sizes, hidden_dim=8, num_heads=2, num_layers=1)
        >>> loader = es.data.loader(graphs)
        >>> found = es.intervene.constancy(model, loader, where=20, controls=["number"], repeats=1)
        >>> found.information["about"].unique(maintain_order=True).to_list()
        ['type', 'triple', 'target']
    """

    info: ConstancyInfo
    costs: pl.DataFrame
    spreads: pl.DataFrame
    information: pl.DataFrame

    def table(self) -> pl.DataFrame:
        """Return one row per site, and one for ``"all"`` together, if there are several.

        ===========================  =============================================================
        verdict                      see :mod:`edgescope.intervene.origins.constancy_verdict`
        activations, share, edges    how many are massive
        constant                     how much worse the metric is, or how far predictions move,
                                     with the mean of the massive values at the same head and
                                     channel in place of each; 95 % interval
        beyond_controls              whether that is more than with the same number of others
        zero                         the same with 0 in their place
        ===========================  =============================================================
        """
        return self.costs

    def verdict(self) -> str:
        """Return the verdict on all sites together."""
        found: str = self.costs["verdict"][-1]
        return found

    def conclusion(self) -> str:
        """Say the verdict in a sentence, with what it rests on."""
        info, row = self.info, self.costs.row(-1, named=True)
        if not row["activations"]:
            return f"nothing is massive by {info.where}, so there is nothing to test"
        what = (
            f"worse {known_metric(info.metric).words}" if info.metric else "change of predictions"
        )
        costs = [
            f"{words} costs {row[name]:.3g}{_ends(row[f'{name}_low'], row[f'{name}_high'])}"
            for name, words in (("constant", "one constant in their place"), ("zero", "zero"))
        ]
        text = (
            f"massive activations ({row['activations']:,} by {info.where}) are "
            f"{_WORDS.get(row['verdict'], 'undecided')}: {' and '.join(costs)} ({what}, no cost up "
            f"to {info.margin:.2g})"
        )
        if row["beyond_controls"] is False and row["verdict"] == SIGNAL:
            text += ", not certainly more than other activations"
        known = self.information.filter(pl.col("q") <= _BELIEVED)
        told = known.filter(what="value")["about"].unique(maintain_order=True).to_list()
        return (
            f"{text}; their values tell of {', '.join(told)}"
            if told
            else (f"{text}; their values tell of nothing that was looked at")
        )

    def __repr__(self) -> str:
        """Say what was tested."""
        info = self.info
        return f"Constancy({info.model} on {info.graphs} graphs, {info.where}, {self.verdict()})"

    def _repr_html_(self) -> str:
        """Return the result as a card of a notebook."""
        info = self.info
        tone: Tone = "warn" if self.verdict() == SIGNAL else "plain"
        cells: list[list[Cell]] = [
            [
                row["site"] if row["site"] == "all" else code(row["site"]),
                row["verdict"],
                row["activations"],
                percent(row["share"]),
                row["constant"],
                between(row["constant_low"], row["constant_high"]),
                row["zero"],
                between(row["zero_low"], row["zero_high"]),
            ]
            for row in self.costs.rows(named=True)
        ]
        columns = ["site", "verdict", "massive", "share", "constant costs", "95 %", "zero costs"]
        on = f" on {info.data}" if info.data else ""
        return card(
            f"Massive activations of {info.model}{on}: {plural(info.graphs, 'graph')}",
            joined(badge(self.verdict(), tone), self.conclusion()),
            table([*columns, "95 %"], cells, words=2, more="constancy.table()"),
            see("constancy.table()", "constancy.spreads", "constancy.information"),
        )

    def save(self, folder: str | Path) -> Path:
        """Write ``constancy.json`` and three tables; an earlier result is replaced.

        Raises:
            InputError: if the folder cannot be written, or holds something else.
        """
        folder = Path(folder)
        plain = {"format": FORMAT, **asdict(self.info), "conclusion": self.conclusion()}
        tables = {"costs": self.costs, "spreads": self.spreads, "information": self.information}
        counts = {name: rows.height for name, rows in tables.items()}
        with storing(folder, _KIND, counts, "no test for information") as new:
            for name, rows in tables.items():
                rows.write_parquet(new / f"{name}.parquet")
            (new / _KIND.marker).write_text(json.dumps(plain, indent=1), encoding="utf-8")
        return folder

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read what :meth:`save` wrote.

        Raises:
            InputError: if the folder holds no such result, or a damaged one.
        """
        return cls(*stored(Path(folder), _KIND, _read))


_WORDS = {
    BIAS: "a hidden bias",
    SIGNAL: "a signal",
    UNUSED: "used for nothing",
}


def _ends(low: float | None, high: float | None) -> str:
    if low is None or high is None or isnan(low):
        return ""
    return f" ({low:.2g} to {high:.2g})"


def _read(files: Stored) -> tuple[ConstancyInfo, pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    plain = files.json(_KIND.marker)
    if plain.pop("format") != files.format:
        raise ValueError(f"{_KIND.marker} is of another format than the folder")
    plain.pop("conclusion")
    schemas = {"costs": COSTS, "spreads": SPREADS, "information": INFORMATION}
    tables = {
        name: table_of(files.files[f"{name}.parquet"], schema) for name, schema in schemas.items()
    }
    if not tables["costs"].height:
        raise ValueError("costs.parquet has no rows")
    files.check({name: rows.height for name, rows in tables.items()})
    return record(ConstancyInfo, plain), tables["costs"], tables["spreads"], tables["information"]
