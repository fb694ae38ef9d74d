"""What was traced, and what that found, in words computed from its tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isnan
from typing import Any

import polars as pl

from edgescope.intervene.origins.rewind_runs import JOIN
from edgescope.lib.plurals import plural
from edgescope.lib.task_metrics import known_metric
from edgescope.plots.formats import listing
from edgescope.plots.formats import percent as percent_above

_NAMED = 4
"""Units that a sentence names."""


@dataclass(frozen=True)
class CausesInfo:
    """What was traced, and how.

    Attributes:
        model: class of the model.
        data: name of the data set, if it has one.
        graphs: number of graphs.
        batches: number of batches.
        where: what is called massive.
        sites: names of the sites that were counted at, in the order of the model's layers.
        levels: how much was put back at once.
        share: of what the trained model has more, which a set must take away, or make.
        tensors: number of parameters and buffers.
        changed: how many of them differ between the trained and the untrained model.
        running: how many of these are running statistics of batch norm.
        kept: tensors that the untrained state dict does not hold, left as they are.
        checked: whether the trained model with all tensors put back was compared with the
            untrained model itself, which gave the same predictions and counts to the bit; a state
            dict cannot be run.
        itself: largest change of a prediction if every site is patched with its own activations;
            ``None`` if nothing was patched.
        donor: whether another input was patched in.
        steps: of integrated gradients.
        seed: decided resamples, random sets and edges.
        metric: name of the task metric; ``None`` if there is none.
        before: the metric of the trained model; ``None`` without one.
        before_low: lower end of its 95 % interval.
        before_high: upper end.
        untrained: the metric of the untrained model.
        guess: that of one prediction for all graphs, the best that the targets alone give; without
            a metric, the mean change of the predictions if each were their median.
        nonfinite: predictions of the trained model that are not finite, which are left out.
        passes: forward passes over the loader by what they were for.
        max_passes: how many the rewinding could take.
        stopped: whether it ended there.
        exact: why the first site was not enumerated; empty if it was.
        seconds: how long it took.
        device: the device that the model ran on.
        left_out: sites and parts that could not be taken, each with the reason.
        arguments: names of the arguments that the model was given, as in
            :class:`edgescope.scanning.site_scan.ScanInfo`.
        data_fingerprint: of the graphs, as there.
    """

    model: str
    data: str
    graphs: int
    batches: int
    where: str
    sites: tuple[str, ...]
    levels: tuple[str, ...]
    share: float
    tensors: int
    changed: int
    running: int
    kept: tuple[str, ...]
    checked: bool
    itself: float | None
    donor: bool
    steps: int
    seed: int
    metric: str | None
    before: float | None
    before_low: float | None
    before_high: float | None
    untrained: float | None
    guess: float | None
    nonfinite: int
    passes: Mapping[str, int]
    max_passes: int
    stopped: bool
    exact: str
    seconds: float
    device: str
    left_out: Mapping[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    data_fingerprint: str = ""

    @property
    def all_passes(self) -> int:
        """Forward passes over the loader."""
        return sum(self.passes.values())


def percent(share: float) -> str:
    """Write a share that may be negative, with two digits."""
    if abs(share) > 1:
        return f"{100 * share:.0f}\N{NO-BREAK SPACE}%"
    return ("-" if share < 0 else "") + percent_above(abs(share))


def verdicts(info: CausesInfo, tables: Mapping[str, pl.DataFrame]) -> list[str]:
    """Say what was found, a sentence each.

    Args:
        info: what was traced.
        tables: the tables.
    """
    ends = tables["rewinds"].filter(level="model").rows(named=True)
    trained, untrained = ends
    at = plural(len(info.sites), "site")
    counted = f"{trained['massive']:,} of {trained['edges']:,} edges, counted at {at},"
    if trained["massive"] <= untrained["massive"]:
        return [
            (
                f"{counted} are massive by {info.where} in the trained model, and "
                f"{untrained['massive']:,} in the untrained one, so there is nothing that training "
                "has made to trace; choose another where="
            )
        ]
    before = f"{untrained['massive']:,} before training{_broken(trained, untrained)}"
    said = [f"{counted} are massive by {info.where}, {before}"]
    said += [_set_words(info, row) for row in finest(tables["sets"])]
    said += _exact_words(tables["sets"])
    said += _path_words(tables["paths"], trained)
    said += _factor_words(tables["factors"])
    return [each for each in said if each]


def _broken(trained: Mapping[str, Any], untrained: Mapping[str, Any]) -> str:
    """Say how many edges hold numbers that are not finite; empty of none."""
    if not trained["nonfinite"] and not untrained["nonfinite"]:
        return ""
    return (
        f"; {trained['nonfinite']:,} hold numbers that are not finite, which no criterion judges, "
        f"and {untrained['nonfinite']:,} before"
    )


def finest(sets: pl.DataFrame) -> list[dict[str, Any]]:
    """Return the sets of the finest level, one that removes and one that creates."""
    of = sets.filter(~pl.col("level").str.starts_with("exact"))
    last: dict[str, dict[str, Any]] = {row["does"]: row for row in of.rows(named=True)}
    return list(last.values())


def set_named(row: Mapping[str, Any]) -> str:
    """Name the units of a set in a few words."""
    units = row["units"].split(JOIN)
    if len(units) > _NAMED:
        return f"{len(units)} {row['level']}s ({', '.join(units[:_NAMED])}, ...)"
    return listing(units)


def _set_words(info: CausesInfo, row: Mapping[str, Any]) -> str:
    units = set_named(row)
    share = _share(row)
    proof = {"smallest": "", "minimal": ", none of which can be left out"}
    how = proof.get(row["proof"], ", where the search was stopped")
    if row["does"] == "removes":
        what = f"putting {units} back{how} takes away {share} of what training has made"
    else:
        what = f"trained {units} in the untrained model{how} makes {share} of it"
    if row["random_share"] is not None:
        what += f" (as many {row['level']}s at random {percent(row['random_share'])})"
    return what + (_cost(info, row) if row["does"] == "removes" else "")


def _cost(info: CausesInfo, row: Mapping[str, Any]) -> str:
    """Say what putting a set back does to the metric."""
    if info.metric is None or row["metric_change"] is None:
        return ""
    low, high = row["metric_change_low"], row["metric_change_high"]
    between = "" if low is None or isnan(low) else f" ({low:+.2g} to {high:+.2g})"
    return (
        f", and changes {known_metric(info.metric).words} by {row['metric_change']:+.3g}{between}"
    )


def _share(row: Mapping[str, Any]) -> str:
    if row["share"] is None:
        return "an unknown share"
    low, high = row["share_low"], row["share_high"]
    between = "" if isnan(low) or low == high else f" ({percent(low)} to {percent(high)})"
    return f"{percent(row['share'])}{between}"


def _exact_words(sets: pl.DataFrame) -> list[str]:
    rows = sets.filter(pl.col("level").str.starts_with("exact")).rows(named=True)
    if not rows:
        return []
    found = [f"{listing(row['units'].split(JOIN))} {row['does']} them" + _also(row) for row in rows]
    return [f"{rows[0]['level']}, where all sets were tried, {' and '.join(found)}"]


def _also(row: Mapping[str, Any]) -> str:
    return f" (as does {row['others']})" if row["others"] else ""


def _path_words(paths: pl.DataFrame, trained: Mapping[str, Any]) -> list[str]:
    """Say which single site carries most of what comes after it.

    Where a patch makes numbers that are not finite, massive activations were not taken away.
    """
    of = paths.filter(pl.col("into") == "trained", pl.col("source") == "untrained")
    broken = (pl.col("nonfinite").sum() - trained["nonfinite"]).clip(0)
    left = of.group_by("patched", maintain_order=True).agg(pl.col("massive").sum() + broken)
    massive = trained["massive"]
    if not left.height or not massive:
        return []
    best = left.sort("massive", maintain_order=True).row(0, named=True)
    share = 1 - best["massive"] / massive
    if share <= 0:
        return ["no site whose values come from the untrained model leaves fewer of them"]
    said = f"of single sites, {best['patched']} takes away most with the untrained model's values"
    return [f"{said}, {percent(share)}"]


def _factor_words(factors: pl.DataFrame) -> list[str]:
    """Say of the site with most massive scores which factors they come from."""
    if not factors.height:
        return []
    site = factors.sort("activations", descending=True, maintain_order=True)["site"][0]
    rows: Sequence[dict[str, Any]] = factors.filter(site=site).rows(named=True)
    parts = [f"{row['factor']} {percent(row['share'])}" for row in rows if row["share"] is not None]
    return (
        [f"of the decades by which scores at {site} stand out, {listing(parts)}"] if parts else []
    )
