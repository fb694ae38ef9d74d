"""The result of an ablation: one row per site and selection, and a sentence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import polars as pl

from edgescope.intervene.ablation_pictures import AblationPictures
from edgescope.intervene.metric_resamples import LOWER_IS_BETTER
from edgescope.lib.manifest import Kind
from edgescope.lib.stored_tables import TableFile

FORMAT = 2
"""Raised when a change makes older folders unreadable; those of format 1 have no manifest."""

EVERYWHERE = "all"
"""What the table calls the intervention at all sites together."""

LEFT_OUT = "left out"
"""What the table calls the selection at a site that was left out."""

CHOSEN = "chosen"
"""What the table calls the selection that is not a control."""

SCHEMA = {
    "site": pl.String,
    "selection": pl.String,
    "draws": pl.Int64,
    "activations": pl.Int64,
    "share": pl.Float64,
    "edges": pl.Float64,
    "edge_share": pl.Float64,
    "magnitude": pl.Float64,
    "magnitude_ratio": pl.Float64,
    "metric": pl.Float64,
    "change": pl.Float64,
    "change_low": pl.Float64,
    "change_high": pl.Float64,
    "change_sd": pl.Float64,
    "excess": pl.Float64,
    "excess_low": pl.Float64,
    "excess_high": pl.Float64,
    "moved": pl.Float64,
    "moved_low": pl.Float64,
    "moved_high": pl.Float64,
    "moved_excess": pl.Float64,
    "moved_excess_low": pl.Float64,
    "moved_excess_high": pl.Float64,
}


@dataclass(frozen=True)
class AblationInfo:
    """What was replaced, where and how.

    Attributes:
        model: class of the model.
        data: name of the data set, if it has one.
        graphs: number of graphs.
        where: what chose the activations.
        value: what they became.
        controls: the matched controls.
        repeats: draws of each control.
        seed: decided the draws and the resamples.
        metric: name of the task metric; ``None`` if there is none.
        before: the metric of the model as it is; ``None`` without one.
        before_low: lower end of its 95 % interval.
        before_high: upper end.
        passes: passes over the loader, those for the untrained model among them.
        seconds: how long it took.
        left_out: sites that could not be taken and that nobody asked for, each with the reason.
        arguments: names of the arguments that the model was given, or that it was given the whole
            batch, or what ``call=`` says; empty in an ablation of an older version.
        data_fingerprint: of the graphs, as in :class:`edgescope.scanning.site_scan.ScanInfo`.
    """

    model: str
    data: str
    graphs: int
    where: str
    value: str
    controls: tuple[str, ...]
    repeats: int
    seed: int
    metric: str | None
    before: float | None
    before_low: float | None
    before_high: float | None
    passes: int
    seconds: float
    left_out: Mapping[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    data_fingerprint: str = ""


class Beyond(NamedTuple):
    """The controls than which what was chosen did more harm, less, or neither for certain."""

    more: list[str]
    less: list[str]
    open: list[str]

    def all_of(self, side: Literal["more", "less"]) -> bool:
        """Say whether it did so beside every control."""
        return len(getattr(self, side)) == sum(map(len, self))


class Ablation(AblationPictures):
    """The result of :func:`edgescope.ablate`.

    Attributes:
        info: what was replaced, where and how.

    Example:
        >>> import edgescope as es
        >>> graphs = es.data.planted("marked", 60).test
        >>> model = es.models.GATv2(**graphs.model_sizes, hidden_dim=8, num_heads=2, num_layers=1)
        >>> loader = es.data.loader(graphs)
        >>> found = es.ablate(model, loader, where=20, repeats=1, controls=["number"])
        >>> type(found).__name__, found.info.model
        ('Ablation', 'GATv2')
    """

    kind = Kind("an ablation", "ablation.json", FORMAT, "ablate again")
    info_type = AblationInfo
    files = (TableFile("ablation", SCHEMA, "rows"),)

    def __init__(self, info: AblationInfo, rows: pl.DataFrame) -> None:
        self.info = info
        self._rows = rows

    def stored_tables(self) -> tuple[pl.DataFrame, ...]:
        """Return the table."""
        return (self._rows,)

    def table(self) -> pl.DataFrame:
        """Return one row per site and selection: what was chosen, then its controls.

        The last sites are ``"all"`` together, if there are several. Intervals are 95 %, by paired
        bootstrap over graphs; numbers of a control are means over its draws.

        ==================  ======================================================================
        site                name of the site, or ``"all"``
        selection           ``"chosen"``, or the name of the control; or ``"left out"``, without
                            numbers: a site that could not be taken, see ``info.left_out``
        draws               how often it was drawn at random; 1 if nothing is random
        activations, share  how many are replaced, and their share of all at the site
        edges, edge_share   how many edges (rows of the site) hold one of them, and their share
        magnitude           mean magnitude of the activations before they are replaced
        magnitude_ratio     that of a control over that of what was chosen; 1 is a perfect match
        metric              the task metric with the intervention
        change              metric with minus without the intervention; ``_low``, ``_high``, and
                            ``_sd``, the standard deviation over draws
        excess              change of what was chosen minus that of the control; with interval
        moved               mean absolute change of the predictions; with interval
        moved_excess        moved by what was chosen minus by the control; with interval
        ==================  ======================================================================

        A number is null where it does not exist: the metric without targets, the excess of what
        was chosen, a control where nothing was chosen. Ends of an interval are NaN with fewer
        than 8 graphs.
        """
        return self._rows

    def conclusion(self) -> str:
        """Say in a sentence what the intervention at all sites did, and its controls."""
        info = self.info
        rows = self._rows.filter(pl.col("site") == self._rows["site"][-1]).rows(named=True)
        chosen, controls = rows[0], rows[1:]
        rest = f"; {', '.join(info.left_out)} left out" if info.left_out else ""
        if not chosen["activations"]:
            return f"nothing was chosen by {info.where}, so nothing was replaced{rest}"
        what = (
            f"replacing {chosen['activations']} activations ({chosen['share']:.3%}) chosen by "
            f"{info.where} ({info.value})"
        )
        axis, excess = self.drawn
        shown = _shown(chosen, axis)
        if info.metric is None:
            text = f"{what} moves predictions by {shown} on average"
        else:
            text = f"{what} changes {info.metric} from {info.before:.4g} by {shown}"
        if not controls:
            return f"{text}{rest}"
        beyond = [f"{_shown(row, excess)} beyond {_NAMES[row['selection']]}" for row in controls]
        return f"{text}, {', '.join(beyond)}: {self.verdict()}{rest}"

    def verdict(self) -> str:
        """Say in a few words whether what was chosen did more than its controls; empty of none."""
        beyond = self.beyond()
        return "" if beyond is None else _verdict(beyond, "harm" if self.info.metric else "effect")

    def beyond(self) -> "Beyond | None":
        """Return the controls than which all that was chosen did more, less, or neither.

        None if nothing was chosen, or there are no controls.
        """
        rows = self._rows.filter(pl.col("site") == self._rows["site"][-1]).rows(named=True)
        chosen, controls = rows[0], rows[1:]
        if not chosen["activations"] or not controls:
            return None
        metric = self.info.metric
        worse = -1 if metric and not LOWER_IS_BETTER[metric] else 1
        return _beyond(controls, self.drawn[1], worse)

    def __repr__(self) -> str:
        """Say what was done."""
        info = self.info
        taken = (pl.col("site") != EVERYWHERE) & (pl.col("selection") != LEFT_OUT)
        sites = self._rows.filter(taken)["site"].n_unique()
        return (
            f"Ablation({info.model} on {info.graphs} graphs, {sites} sites, {info.where} -> "
            f"{info.value}, {len(info.controls)} controls"
            f"{f', {len(info.left_out)} sites left out' if info.left_out else ''})"
        )


_NAMES = {
    "number": "as many at random",
    "magnitude": "as many next in magnitude",
    "edge_type": "as many on edges of the same types",
}


def _shown(row: dict[str, Any], axis: str) -> str:
    sign = "" if axis == "moved" else "+"
    low, high = (row[f"{axis}_{end}"] for end in ("low", "high"))
    return f"{row[axis]:{sign}.3g} ({low:{sign}.3g} to {high:{sign}.3g})"


def _beyond(controls: Sequence[dict[str, Any]], excess: str, worse: int) -> Beyond:
    """Compare with every control; ``worse`` is the sign of harm."""
    ends = [sorted(worse * row[f"{excess}_{end}"] for end in ("low", "high")) for row in controls]
    more = [row["selection"] for row, (low, _) in zip(controls, ends, strict=True) if low > 0]
    less = [row["selection"] for row, (_, high) in zip(controls, ends, strict=True) if high < 0]
    return Beyond(
        more, less, [row["selection"] for row in controls if row["selection"] not in {*more, *less}]
    )


def _verdict(found: Beyond, effect: str) -> str:
    """Say whether what was chosen did more than its controls."""
    if found.all_of("more"):
        return f"more {effect} than every control"
    if found.all_of("less"):
        return f"less {effect} than every control"
    parts = [f"more {effect} than {', '.join(found.more)}"] if found.more else []
    parts += [f"less {effect} than {', '.join(found.less)}"] if found.less else []
    parts += [f"no certain difference from {', '.join(found.open)}"] if found.open else []
    return ", ".join(parts)
