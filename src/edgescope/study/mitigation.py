"""What variants of one recipe do to massive activations, few bits and the test metric."""

import polars as pl

from edgescope.scanning.criteria import PAPER_RATIO
from edgescope.study.study_store import Finished, Study
from edgescope.study.study_tables import STATES, mean_and_spread, prevalence

_GROUP = ["model", "data", "variant", "state", "metric"]

FORMATS = ("float16", "int8")
"""Number formats whose cost is shown where the study has the table ``precision``."""

_SCHEMA = {
    **dict.fromkeys(_GROUP, pl.String),
    "seed": pl.Int64,
    **dict.fromkeys(("value", "guess", "prevalence", "growth", "beyond", "headroom"), pl.Float64),
    **{f"{name}_loss": pl.Float64 for name in FORMATS},
    **{f"{name}_overflows": pl.Boolean for name in FORMATS},
}


def mitigation_seeds(study: Study, threshold: float = PAPER_RATIO) -> pl.DataFrame:
    """Return one row per trained cell, with the measures that :func:`mitigation` averages.

    Columns: model, data, variant, state, metric, seed, value (of the test metric), guess,
    prevalence, growth, beyond, headroom; ``float16_loss`` and ``float16_overflows``, and the same
    of int8. What was not measured is null.

    Args:
        study: the study.
        threshold: the ratio.
    """
    costs = study.tables.table("precision")
    rows = [row for done in study.finished if (row := _row(done, threshold, costs)) is not None]
    return pl.DataFrame(rows, schema=_SCHEMA)


def mitigation(study: Study, threshold: float = PAPER_RATIO) -> pl.DataFrame:
    """Return one row per architecture, data set, variant and state of the trained cells.

    The measures of a cell are those of the scanned split:

    - prevalence: share of the edges with a defined ratio, over all sites, whose largest ratio
      exceeds the threshold, as in :func:`edgescope.study.study_tables.cells`;
    - growth: the largest magnitude of a site over the median magnitude of the same site in the
      untrained model, the largest of all sites. Ratios are blind to whole vectors that grow;
    - beyond: share of the attention logits at or beyond their limit
      (:func:`edgescope.study.cell_work.share_beyond`);
    - headroom: bits from the largest activation to the end of float16;
    - loss in float16 and in int8: how much worse the metric is than in float32 on the same graphs
      (:mod:`edgescope.study.measures.format_losses`).

    Columns: model, data, variant (its name, if it has one), state, metric, seeds (their number),
    mean and sd of the test metric (``n - 1``; null for one seed), guess (mean of what guessing
    gets), prevalence and prevalence_sd, growth (median over seeds, as it spans orders of
    magnitude), growth_low and growth_high (least and most of a seed), beyond and beyond_sd,
    headroom (the least of all seeds), and for each format loss and loss_sd, over the seeds with
    finite predictions, and overflows, the number of seeds in which a number is not finite. Those of
    formats are null without the table ``precision``.

    Args:
        study: the study.
        threshold: the ratio.
    """
    spread = ["prevalence", "beyond", *(f"{name}_loss" for name in FORMATS)]
    return (
        mitigation_seeds(study, threshold)
        .group_by(_GROUP, maintain_order=True)
        .agg(
            pl.len().alias("seeds"),
            pl.col("value").mean().alias("mean"),
            pl.col("value").std().alias("sd"),
            pl.col("guess").mean(),
            pl.col("growth").median(),
            pl.col("growth").min().alias("growth_low"),
            pl.col("growth").max().alias("growth_high"),
            pl.col("headroom").min(),
            *(pl.col(name).mean() for name in spread),
            *(pl.col(name).std().alias(f"{name}_sd") for name in spread),
            *(
                pl.when(pl.col(f"{name}_overflows").is_not_null().any())
                .then(pl.col(f"{name}_overflows").sum())
                .alias(f"{name}_overflows")
                for name in FORMATS
            ),
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
            "guessing": "" if row["guess"] is None else f"{row['guess']:.4f}",
            "edges over": _percent(row["prevalence"], row["prevalence_sd"]),
            "growth": _range(row["growth"], row["growth_low"], row["growth_high"]),
            "logits beyond": _percent(row["beyond"], row["beyond_sd"]),
        }
        | {f"lost in {name}": _lost(row, name) for name in FORMATS}
        for row in found.iter_rows(named=True)
    ]
    text = pl.DataFrame(rows, infer_schema_length=None)
    if all(found[f"{name}_overflows"].is_null().all() for name in FORMATS):
        return text.drop(f"lost in {name}" for name in FORMATS if rows)
    return text


def _row(done: Finished, threshold: float, costs: pl.DataFrame | None) -> dict[str, object] | None:
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
        "seed": done.cell.seed,
        "value": value,
        "guess": done.guess,
        "prevalence": prevalence(scan, threshold),
        "growth": grown.max(),
        "beyond": done.beyond_limit,
        **({} if costs is None else _costs(costs.filter(cell=done.cell.name))),
    }


def _costs(own: pl.DataFrame) -> dict[str, object]:
    """Return what fewer bits cost one cell."""
    found: dict[str, object] = {}
    for row in own.filter(pl.col("format").is_in(FORMATS)).iter_rows(named=True):
        found[f"{row['format']}_loss"] = row["loss"]
        found[f"{row['format']}_overflows"] = row["verdict"] == "overflows"
        if row["format"] == "float16":
            found["headroom"] = row["headroom_bits"]
    return found


def _lost(row: dict[str, object], name: str) -> str:
    """Write the loss in a format, and in how many seeds it is not finite."""
    mean, sd, over = (row[f"{name}_{key}"] for key in ("loss", "loss_sd", "overflows"))
    text = "" if mean is None else f"{mean:.2g}" if sd is None else f"{mean:.2g} ± {sd:.2g}"
    more = f"overflows in {over} of {row['seeds']}" if over else ""
    return ", ".join(part for part in (text, more) if part)


def _percent(mean: float | None, sd: float | None) -> str:
    if mean is None:
        return ""
    return f"{mean:.2%}" if sd is None else f"{mean:.2%} ± {sd:.2%}"


def _range(middle: float | None, low: float | None, high: float | None) -> str:
    if middle is None:
        return ""
    return f"{middle:.3g}" if low == high else f"{middle:.3g} ({low:.3g} to {high:.3g})"
