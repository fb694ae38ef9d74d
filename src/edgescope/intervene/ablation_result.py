"""The result of an ablation: one row per site and selection, and a sentence."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

import polars as pl

from edgescope.intervene.ablation_info import AblationInfo
from edgescope.intervene.ablation_pictures import AblationPictures
from edgescope.intervene.metric_resamples import LOWER_IS_BETTER
from edgescope.lib.input_files import table_of
from edgescope.lib.manifest import Kind, Stored, stored, storing
from edgescope.lib.typed_fields import record

FORMAT = 2
"""Raised when a change makes older folders unreadable; those of format 1 have no manifest."""

_KIND = Kind("an ablation", "ablation.json", FORMAT, "ablate again")

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

    def __init__(self, info: AblationInfo, rows: pl.DataFrame) -> None:
        self.info = info
        self._rows = rows

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

    @property
    def drawn(self) -> tuple[str, str]:
        """The columns of the effect and of its excess: of the metric, or of the predictions."""
        return ("moved", "moved_excess") if self.info.metric is None else ("change", "excess")

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

    def save(self, folder: str | Path) -> Path:
        """Write ``ablation.json`` and ``ablation.parquet``; an earlier ablation is replaced.

        Raises:
            InputError: if the folder cannot be written, or holds something else.
        """
        folder = Path(folder)
        description = {"format": FORMAT, **asdict(self.info), "conclusion": self.conclusion()}
        text = json.dumps(description, indent=1)
        with storing(folder, _KIND, {"rows": self._rows.height}, "no ablation") as new:
            self._rows.write_parquet(new / "ablation.parquet")
            (new / _KIND.marker).write_text(text, encoding="utf-8")
        return folder

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read what :meth:`save` wrote.

        Raises:
            InputError: if the folder holds no ablation, a damaged one, or one of another version.
        """
        return cls(*stored(Path(folder), _KIND, _read))


def _read(files: Stored) -> tuple[AblationInfo, pl.DataFrame]:
    plain = files.json(_KIND.marker)
    if plain.pop("format") != files.format:
        raise ValueError(f"{_KIND.marker} is of another format than the folder")
    plain.pop("conclusion")
    rows = table_of(files.files["ablation.parquet"], SCHEMA)
    if not rows.height:
        raise ValueError("ablation.parquet has no rows")
    files.check({"rows": rows.height})
    return record(AblationInfo, plain), rows


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
