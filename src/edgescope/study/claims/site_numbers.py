"""Numbers of every cell, over its sites: how far its ratios reach, growth, prevalence."""

import polars as pl

from edgescope.scanning.criteria import PAPER_RATIO
from edgescope.study.claims.result_set import BESIDE, ResultSet

REACH = (
    "decades by which the largest ratio of any layer exceeds 1000, or the untrained model's "
    "largest where that is more"
)


def reach(results: ResultSet) -> pl.DataFrame:
    """Return how far the ratios of every cell reach beyond 1000 and beyond the untrained model.

    Columns: cell, value (decades; above zero, something is massive and no chance of the untrained
    model), and beside it the largest ratios, the growth and the prevalence.
    """
    found = reached(results.table("sites"), "cell")
    if not results.has("thresholds"):
        return found
    shares = prevalence(results).rename({"value": f"{BESIDE}share over 1000"})
    return found.join(shares, "cell", how="left")


def reached(sites: pl.DataFrame, *by: str) -> pl.DataFrame:
    """Return the same of any rows with the largest ratios of sites, and without the prevalence.

    Args:
        sites: columns max_ratio, untrained_max_ratio and growth, and those to group by.
        by: columns of which each combination is a row.
    """
    over = sites.group_by(by).agg(
        _largest("max_ratio"), _largest("untrained_max_ratio"), _largest("growth")
    )
    bound = pl.max_horizontal("untrained_max_ratio", pl.lit(PAPER_RATIO))
    return over.select(
        *by,
        # Nothing to compare with if the untrained model was not scanned.
        value=pl.when(pl.col("untrained_max_ratio").is_not_null()).then(
            (pl.col("max_ratio") / bound).log(10)
        ),
        **{
            f"{BESIDE}largest ratio": "max_ratio",
            f"{BESIDE}largest ratio, untrained": "untrained_max_ratio",
            f"{BESIDE}growth of the largest magnitude": "growth",
        },
    )


def growth(results: ResultSet) -> pl.DataFrame:
    """Return the decades by which the largest magnitude of any layer grew over the untrained."""
    return results.table("sites").group_by("cell").agg(_largest("growth").log(10).alias("value"))


def prevalence(results: ResultSet, threshold: float = PAPER_RATIO) -> pl.DataFrame:
    """Return the share of edges with a ratio above a threshold, over all sites, of every cell.

    Columns: cell, value, the untrained share beside it, the calibrated shares where there are any,
    and within, half the width of the interval over graphs at the site with most massive edges.
    """
    every = results.table("thresholds")
    edges = pl.col("edges").sum()
    of = every.filter(rule="ratio", threshold=threshold)
    widest = pl.col("massive").arg_max()
    found = of.group_by("cell").agg(
        value=pl.col("massive").sum() / edges,
        within=(pl.col("high") - pl.col("low")).get(widest) / 2,
        **{
            f"{BESIDE}share over 1000, untrained": (
                pl.col("untrained_share") * pl.col("edges")
            ).sum()
            / edges
        },
    )
    calibrated = (
        every.filter(rule="calibrated")
        .group_by("cell")
        .agg(
            **{
                f"{BESIDE}share over the calibrated thresholds": pl.col("massive").sum() / edges,
                f"{BESIDE}expected there by chance": (
                    pl.col("untrained_share") * pl.col("edges")
                ).sum()
                / edges,
            }
        )
    )
    return found.join(calibrated, "cell", how="left")


def less(numbers: pl.DataFrame, paired: pl.DataFrame, times: float) -> pl.DataFrame:
    """Return the number of every first cell less so many times that of the other.

    Args:
        numbers: ``cell`` and ``value``; columns beside it stay.
        paired: from :func:`pairs`.
        times: what the number of the other is multiplied by.
    """
    others = of_others(numbers.select("cell", "value"), paired).rename({"value": "less"})
    found = numbers.join(others, "cell").with_columns(pl.col("value") - times * pl.col("less"))
    return found.drop("less")


def pairs(cells: pl.DataFrame, others: pl.DataFrame) -> pl.DataFrame:
    """Return cells, and as ``other`` those of the same model, data and seed, in two columns.

    Data are the same whatever was done to their edges.

    Args:
        cells: some cells.
        others: what to compare them with.
    """
    same = ["model", "source", "seed"]
    return cells.join(others.select(*same, other="cell"), same).select("cell", "other")


def of_others(numbers: pl.DataFrame, paired: pl.DataFrame) -> pl.DataFrame:
    """Return the numbers of the other cells of some pairs, under the names of the first."""
    return paired.join(numbers.rename({"cell": "other"}), "other").drop("other")


def _largest(column: str) -> pl.Expr:
    return pl.col(column).cast(pl.Float64).fill_nan(None).max()
