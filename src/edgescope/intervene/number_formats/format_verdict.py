"""The verdict on a format: a rule on the numbers of its row, and the same in words.

``overflows``: a number is not finite, inside the model or predicted, that is finite in float32.
Otherwise the harm decides: how much worse the metric is than in float32, or without one the mean
change of the predictions. ``safe``: the whole 95 % interval of the harm is at or below the margin.
``loses``: all of it is above. ``undecided``: the interval holds the margin, or there is none.
"""

from collections.abc import Mapping, Sequence
from math import isnan
from typing import Any

from edgescope.intervene.metric_resamples import LOWER_IS_BETTER
from edgescope.lib.task_metrics import known_metric

SAFE, LOSES, UNDECIDED, OVERFLOWS = "safe", "loses", "undecided", "overflows"
NOT_RUN, IMPOSSIBLE = "not run", "not possible"
PLAIN = "none"
"""What the table calls a format without a remedy."""


def harm(row: Mapping[str, Any], metric: str | None) -> tuple[float, float]:
    """Return the ends of the interval of the harm; NaN without one."""
    axis = "moved" if metric is None else "change"
    worse = 1 if metric is None or LOWER_IS_BETTER[metric] else -1
    ends = [row[f"{axis}_low"], row[f"{axis}_high"]]
    if any(end is None or isnan(end) for end in ends):
        return float("nan"), float("nan")
    low, high = sorted(worse * end for end in ends)
    return low, high


def verdict_of(row: Mapping[str, Any], metric: str | None, margin: float) -> str:
    """Return the verdict on a format, by the rule above.

    Args:
        row: of the table, whose model ran.
        metric: name of the metric.
        margin: the harm that is put up with.
    """
    if row["overflow"] is not None or row["nonfinite"]:
        return OVERFLOWS
    low, high = harm(row, metric)
    if high <= margin:
        return SAFE
    return LOSES if low > margin else UNDECIDED


def in_words(rows: Sequence[Mapping[str, Any]], metric: str | None) -> str:
    """Say the verdict on a format, and which remedies are enough.

    Args:
        rows: of the format: without a remedy, and with each.
        metric: name of the metric.
    """
    plain, remedies = rows[0], rows[1:]
    text = f"{plain['format']} {_verdict(plain, metric)}"
    if plain["verdict"] in {SAFE, NOT_RUN} or not remedies:
        return text
    enough = [row["remedy"] for row in remedies if row["verdict"] == SAFE]
    tried = [row["remedy"] for row in remedies if row["verdict"] not in {NOT_RUN, IMPOSSIBLE}]
    if enough:
        return f"{text}; enough: {', '.join(enough)}"
    return f"{text}; not enough: {', '.join(tried)}" if tried else f"{text}; no remedy could be run"


def _verdict(row: Mapping[str, Any], metric: str | None) -> str:
    verdict = row["verdict"]
    if verdict == NOT_RUN:
        return f"was not run ({row['reason']})"
    if verdict == OVERFLOWS:
        where = spot_words(row, "overflow") or "in the predictions"
        kept = "predictions stay finite" if not row["nonfinite"] else ""
        lost = f"{row['nonfinite']} predictions are not finite"
        return f"overflows {where} ({kept or lost}{_predicted(row)})"
    change = change_words(row, metric)
    return f"is {verdict} ({change})" if verdict != LOSES else f"loses {change}"


def change_words(row: Mapping[str, Any], metric: str | None) -> str:
    """Say how the metric changes, or the predictions, with the interval."""
    axis, sign = ("moved", "") if metric is None else ("change", "+")
    what = "mean change of predictions" if metric is None else known_metric(metric).words
    value, low, high = (row[f"{axis}{end}"] for end in ("", "_low", "_high"))
    if value is None:
        return f"no {what}"
    interval = "" if isnan(low) else f", {low:{sign}.2g} to {high:{sign}.2g}"
    return f"{what} {value:{sign}.3g}{interval}"


def spot_words(row: Mapping[str, Any], prefix: str) -> str:
    """Say where a number left the range; empty if none did."""
    if row[prefix] is None:
        return ""
    batch, graph, edge = (row[f"{prefix}_{name}"] for name in ("batch", "graph", "edge"))
    on = "" if graph is None else f", graph {graph}, edge {edge}"
    return f"at {row[prefix]} (batch {batch}{on})"


def _predicted(row: Mapping[str, Any]) -> str:
    if row["agrees"]:
        return ", as predicted"
    return f", predicted {spot_words(row, 'predicted') or 'nowhere'}"
