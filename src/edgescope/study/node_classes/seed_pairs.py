"""Models flagged and cured, seed by seed: the difference with its interval."""

import numpy as np
import polars as pl

from edgescope.study.node_classes.cured_models import RULES

CONFIDENCE = 0.95


def paired_accuracy(cured: pl.DataFrame) -> pl.DataFrame:
    """Compare the same models flagged and cured, over seeds.

    Args:
        cured: table ``cured`` of :func:`~edgescope.study.run_nodes`.

    Returns:
        A row per data set, number of heads and kind of flag, with ``flagged`` of the models and
        their ``share`` among all seeds, the mean test accuracy ``before`` and ``after`` the
        remedy, the mean ``difference`` over the seeds with its 95 % interval by Student's t (null
        for fewer than two seeds), and how many seeds got ``better`` and ``worse``. The rule is
        one of diagnosis, or ``"any"``.

    Example:
        >>> import polars as pl
        >>> from edgescope.study.node_classes.seed_pairs import paired_accuracy
        >>> known = {"data": "d", "heads": 1, "findings": "static-attention"}
        >>> rows = [
        ...     known | {"seed": seed, "variant": variant, "value": value}
        ...     for seed, pair in enumerate([(0.4, 0.5), (0.4, 0.6)])
        ...     for variant, value in zip(("flagged", "cured"), pair)
        ... ]
        >>> paired_accuracy(pl.DataFrame(rows))["difference"].round(3).to_list()
        [0.15, 0.15]
    """
    keys = ["data", "heads", "seed"]
    after = cured.filter(variant="cured").select(*keys, after="value")
    models = cured.filter(pl.col("variant") != "cured").join(after, on=keys, how="left")
    rows = []
    for (data, heads), of in models.group_by("data", "heads", maintain_order=True):
        flagged = of.filter(variant="flagged")
        names = flagged["findings"].str.split(", ").explode().drop_nulls().unique().sort()
        for rule in ("any", *(name for name in names if name in RULES)):
            held = flagged
            if rule != "any":
                held = flagged.filter(pl.col("findings").str.split(", ").list.contains(rule))
            pairs = held.drop_nulls("after")
            if pairs.height:
                rows.append(
                    {"data": data, "heads": heads, "rule": rule, "flagged": held.height}
                    | {"share": held.height / of.height}
                    | _difference(pairs["value"].to_numpy(), pairs["after"].to_numpy())
                )
    return pl.DataFrame(rows, schema=_SCHEMA)


_SCHEMA = {
    "data": pl.String,
    "heads": pl.Int64,
    "rule": pl.String,
    "flagged": pl.Int64,
    "share": pl.Float64,
    "before": pl.Float64,
    "after": pl.Float64,
    "difference": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "better": pl.Int64,
    "worse": pl.Int64,
}


def _difference(before: np.ndarray, after: np.ndarray) -> dict[str, float | int | None]:
    from scipy.stats import t

    change = after - before
    half = None
    if len(change) > 1:
        error = change.std(ddof=1) / np.sqrt(len(change))
        half = float(t.ppf((1 + CONFIDENCE) / 2, len(change) - 1) * error)
    mean = float(change.mean())
    return {
        "before": float(before.mean()),
        "after": float(after.mean()),
        "difference": mean,
        "low": None if half is None else mean - half,
        "high": None if half is None else mean + half,
        "better": int((change > 0).sum()),
        "worse": int((change < 0).sum()),
    }
