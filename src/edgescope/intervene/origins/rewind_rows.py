"""Rows of tables: massive edges of a mixture beside those of the two models, with intervals."""

from typing import Any, NamedTuple

import numpy as np
import polars as pl

from edgescope.intervene.metric_resamples import Sample, Scorer
from edgescope.intervene.origins.massive_counts import Counted

NUMBERS: dict[str, type[pl.DataType]] = {
    "edges": pl.Int64,
    "massive": pl.Int64,
    "nonfinite": pl.Int64,
    "prevalence": pl.Float64,
    "prevalence_low": pl.Float64,
    "prevalence_high": pl.Float64,
    "change": pl.Float64,
    "change_low": pl.Float64,
    "change_high": pl.Float64,
    "largest": pl.Float64,
    "growth": pl.Float64,
}
"""Of one site, or of all."""

OF_ALL: dict[str, type[pl.DataType]] = {
    "share": pl.Float64,
    "share_low": pl.Float64,
    "share_high": pl.Float64,
    "metric": pl.Float64,
    "metric_change": pl.Float64,
    "metric_change_low": pl.Float64,
    "metric_change_high": pl.Float64,
    "moved": pl.Float64,
    "moved_low": pl.Float64,
    "moved_high": pl.Float64,
}

UNIT: dict[str, type[pl.DataType]] = {
    "level": pl.String,
    "unit": pl.String,
    "direction": pl.String,
}
REWINDS = UNIT | {"rank": pl.Int64, "tensors": pl.Int64} | NUMBERS | OF_ALL
SITES = UNIT | {"site": pl.String} | NUMBERS

SETS: dict[str, type[pl.DataType]] = {
    "does": pl.String,
    "level": pl.String,
    "size": pl.Int64,
    "units": pl.String,
    "others": pl.String,
    "among": pl.Int64,
    "proof": pl.String,
    "tried": pl.Int64,
    "random_share": pl.Float64,
    **NUMBERS,
    **OF_ALL,
}


class Ends(NamedTuple):
    """The trained and the untrained model."""

    trained: Counted
    untrained: Counted

    @property
    def gap(self) -> int:
        """How many more massive edges the trained model has."""
        return self.trained.massive - self.untrained.massive


class RowMaker:
    """Makes rows.

    Args:
        ends: what the two models give.
        scorer: of the predictions; gives the intervals.
    """

    def __init__(self, ends: Ends, scorer: Scorer) -> None:
        self._ends, self._scorer = ends, scorer

    def numbers(self, counted: Counted, base: Counted) -> dict[str, Any]:
        """Return the numbers of all sites together.

        Args:
            counted: of a mixture.
            base: what it is compared with.
        """
        score = self._scorer
        of, usual = counted.prevalence(score), base.prevalence(score)
        row: dict[str, Any] = {
            "edges": int(counted.total("edges").sum()),
            "massive": counted.massive,
            "nonfinite": counted.nonfinite,
            "largest": counted.largest,
            "growth": self._growth(counted),
            **interval("prevalence", of, score),
            **interval("change", of.minus(usual), score),
        }
        if self._ends.gap > 0:
            ends = [end.prevalence(score) for end in self._ends]
            step = ends[0].minus(ends[1])
            taken = base is self._ends.trained
            row |= interval("share", _ratio(usual.minus(of), step, taken), score)
        before, after = score.score(base.prediction), score.score(counted.prediction)
        if before and after:
            row["metric"] = after.value if np.isfinite(after.value) else None
            row |= interval("metric_change", after.minus(before), score)
        row |= interval("moved", score.apart(counted.prediction, base.prediction), score)
        return row

    def of_sites(self, counted: Counted, base: Counted) -> list[dict[str, Any]]:
        """Return the numbers of every site.

        Args:
            counted: of a mixture.
            base: what it is compared with.
        """
        rows: list[dict[str, Any]] = []
        for name, site in counted.sites.items():
            typical = self._ends.untrained.sites[name].typical
            of, usual = (each.prevalence(self._scorer, [name]) for each in (counted, base))
            rows.append(
                {
                    "site": name,
                    "edges": int(site.edges.sum()),
                    "massive": int(site.massive.sum()),
                    "nonfinite": int(site.nonfinite.sum()),
                    "largest": site.largest,
                    "growth": site.largest / typical if typical else None,
                    **interval("prevalence", of, self._scorer),
                    **interval("change", of.minus(usual), self._scorer),
                }
            )
        return rows

    def _growth(self, counted: Counted) -> float | None:
        found = [
            site.largest / typical
            for name, site in counted.sites.items()
            if (typical := self._ends.untrained.sites[name].typical)
        ]
        return max(found, default=None)


def interval(name: str, sample: Sample, scorer: Scorer) -> dict[str, float | None]:
    """Return a number and the ends of its interval; none if it is not finite."""
    found = scorer.interval(sample)
    if not np.isfinite(found.value):
        return {name: None, f"{name}_low": None, f"{name}_high": None}
    return {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}


def _ratio(change: Sample, step: Sample, taken: bool) -> Sample:
    """Return which share of a step a change is, whether it takes away or makes, by resample."""
    sign = 1 if taken else -1
    with np.errstate(invalid="ignore", divide="ignore"):
        value, resamples = change.value / step.value, change.resamples / step.resamples
    return Sample(sign * value + 0.0, sign * resamples + 0.0)  # no -0
