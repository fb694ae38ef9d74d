"""The result of testing massive activations for information."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isnan

import polars as pl

from edgescope.intervene.origins.constancy_verdict import BIAS, SIGNAL, UNUSED
from edgescope.intervene.origins.value_labels import INFORMATION, SPREADS
from edgescope.lib.manifest import Kind
from edgescope.lib.plurals import plural
from edgescope.lib.stored_tables import StoredTables, TableFile
from edgescope.lib.task_metrics import known_metric
from edgescope.plots.formats import between, percent
from edgescope.plots.notebook_card import Cell, Tone, badge, card, code, joined, see, table

FORMAT = 1
"""Raised when a change makes older folders unreadable."""

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


@dataclass(frozen=True)
class ConstancyInfo:
    """What was tested, and how.

    Attributes:
        model: class of the model.
        data: name of the data set, if it has one.
        graphs: number of graphs.
        where: what is called massive.
        controls: matched controls of the constant.
        repeats: draws of each.
        tolerance: share of what the model gains over guessing that counts as no cost.
        margin: the same as a number, in the unit of the metric.
        permutations: random orders.
        seed: decided draws, random orders and resamples.
        metric: name of the task metric; ``None`` if there is none.
        before: the metric of the model as it is; ``None`` without one.
        guess: that of the same prediction for all graphs; without a metric, the mean change of
            the predictions if each were their median.
        passes: forward passes over the loader.
        seconds: how long it took.
        device: the device that the model ran on.
        no_triples: why triples of types are not looked at; empty if they are.
        no_target: why the target is not looked at; empty if it is.
        left_out: sites that could not be taken, each with the reason.
        arguments: names of the arguments that the model was given, as in
            :class:`edgescope.scanning.site_scan.ScanInfo`.
        data_fingerprint: of the graphs, as there.
    """

    model: str
    data: str
    graphs: int
    where: str
    controls: tuple[str, ...]
    repeats: int
    tolerance: float
    margin: float
    permutations: int
    seed: int
    metric: str | None
    before: float | None
    guess: float | None
    passes: int
    seconds: float
    device: str
    no_triples: str
    no_target: str
    left_out: Mapping[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    data_fingerprint: str = ""


@dataclass(frozen=True, eq=False, repr=False)
class Constancy(StoredTables):
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

    kind = Kind("a test for information", "constancy.json", FORMAT, "test it again")
    info_type = ConstancyInfo
    files = (
        TableFile("costs", COSTS, "costs"),
        TableFile("spreads", SPREADS, "spreads"),
        TableFile("information", INFORMATION, "information"),
    )

    def stored_tables(self) -> tuple[pl.DataFrame, ...]:
        """Return all tables."""
        return self.costs, self.spreads, self.information

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


_WORDS = {
    BIAS: "a hidden bias",
    SIGNAL: "a signal",
    UNUSED: "used for nothing",
}


def _ends(low: float | None, high: float | None) -> str:
    if low is None or high is None or isnan(low):
        return ""
    return f" ({low:.2g} to {high:.2g})"
