"""What variants of one recipe do to massive activations and to the test metric, side by side."""

import polars as pl

from edgescope.scanning.criteria import PAPER_RATIO
from edgescope.study.study_store import Finished, Study
from edgescope.study.study_tables import STATES, mean_and_spread, prevalence

_GROUP = ["model", "data", "variant", "state", "metric"]


def mitigation(study: Study, threshold: float = PAPER_RATIO) -> pl.DataFrame:
    """Return one row per architecture, data set, variant and state of the trained cells.

    The measures of a cell are those of the scanned split:

    - prevalence: share of the edges with a defined ratio, over all sites, whose largest ratio
      exceeds the threshold, as in :func:`edgescope.study.study_tables.cells`;
    - growth: the largest magnitude of a site over the median magnitude of the same site in the
      untrained model, the largest of all sites. Ratios are blind to whole vectors that grow;
    - beyond: share of the attention logits at or beyond their limit
      (:func:`edgescope.study.cell_work.share_beyond`).

    Columns: model, data, variant (its name, if it has one), state, metric, seeds (their number),
    mean and sd of the test metric (``n - 1``; null for one seed), prevalence and prevalence_sd,
    growth (median over seeds, as it spans orders of magnitude), growth_low and growth_high (least
    and most of a seed), beyond and beyond_sd.

    Args:
        study: the study.
        threshold: the ratio.
    """
    rows = [row for done in study.finished if (row := _row(done, threshold)) is not None]
    schema = {**dict.fromkeys(_GROUP, pl.String), "value": pl.Float64, "prevalence": pl.Float64}
    schema |= {"growth": pl.Float64, "beyond": pl.Float64}
    return (
        pl.DataFrame(rows, schema=schema)
        .group_by(_GROUP, maintain_order=True)
        .agg(
            pl.len().alias("seeds"),
            pl.col("value").mean().alias("mean"),
            pl.col("value").std().alias("sd"),
            pl.col("prevalence").mean().alias("prevalence"),
            pl.col("prevalence").std().alias("prevalence_sd"),
            pl.col("growth").median().alias("growth"),
            pl.col("growth").min().alias("growth_low"),
            pl.col("growth").max().alias("growth_high"),
            pl.col("beyond").mean().alias("beyond"),
            pl.col("beyond").std().alias("beyond_sd"),
        )
    )


def mitigation_as_text(found: pl.DataFrame) -> pl.DataFrame:
    """Return the same for people: a column per measure, shares in percent.

    Args:
        found: from :func:`mitigation`.
    """
    rows = [
        {name: row[name] or "" for name in _GROUP}
        | {
            "state": STATES[row["state"]],
            "test": mean_and_spread(row),
            "edges over": _percent(row["prevalence"], row["prevalence_sd"]),
            "growth": _range(row["growth"], row["growth_low"], row["growth_high"]),
            "logits beyond": _percent(row["beyond"], row["beyond_sd"]),
        }
        for row in found.iter_rows(named=True)
    ]
    return pl.DataFrame(rows, infer_schema_length=None)


def _row(done: Finished, threshold: float) -> dict[str, object] | None:
    if done.metric is None:
        return None
    scan, (metric, value) = done.scan(), done.metric
    grown = scan.table()["growth"].cast(pl.Float64).fill_nan(None)
    return {
        "model": done.cell.model,
        "data": done.cell.data,
        "variant": done.cell.variant,
        "state": done.cell.state,
        "metric": metric,
        "value": value,
        "prevalence": prevalence(scan, threshold),
        "growth": grown.max(),
        "beyond": done.beyond_limit,
    }


def _percent(mean: float | None, sd: float | None) -> str:
    if mean is None:
        return ""
    return f"{mean:.2%}" if sd is None else f"{mean:.2%} ± {sd:.2%}"


def _range(middle: float | None, low: float | None, high: float | None) -> str:
    if middle is None:
        return ""
    return f"{middle:.3g}" if low == high else f"{middle:.3g} ({low:.3g} to {high:.3g})"
