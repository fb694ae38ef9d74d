"""The tables of a study, from stored scans and metrics."""

from collections.abc import Iterable, Iterator
from typing import Any

import polars as pl

from edgescope.scanning.criteria import PAPER_RATIO
from edgescope.scanning.result import Scan
from edgescope.study.cells import Cell
from edgescope.study.study_store import Finished, Study

THRESHOLDS = (PAPER_RATIO, 4000.0)
"""Ratios of the published study (arXiv 2409.03463): 1000 in the text, 4000 in one figure."""

STATES = {
    "trained": "without EBT",
    "ebt-released": "EBT as released",
    "ebt-described": "EBT as described",
}
"""What the table of metrics calls the states of trained cells."""

_GROUP = ["model", "data", "state"]


def cells(study: Study, threshold: float = PAPER_RATIO) -> pl.DataFrame:
    """Return one row per finished cell.

    Columns: model (with its variant in brackets), data, state, seed, metric (name of the test
    metric) and value (null for untrained cells), guess (what guessing gets on the same graphs) and
    better (whether the model is better than that, beyond the chance of which graphs they are; both
    null where it is not known), epochs, prevalence (share of the edges with a defined ratio, over
    all sites, whose largest ratio exceeds the threshold), max_ratio (largest of all sites). The
    last two come from the scan, or from the result tables where the scan is not there any more.
    """
    rows, stored = [], _stored(study, threshold)
    massive: float | None
    largest: float | None
    for done in study.finished:
        if done.has_scan:
            scan = done.scan()
            largest = max(float(scan[site].maxima[0].max()) for site in scan.sites)
            massive = prevalence(scan, threshold)
        else:
            massive, largest = stored.get(done.cell.name, (None, None))
        name, value = done.metric or (None, None)
        verdict = done.verdict
        rows.append(
            {
                **_who(done),
                "seed": done.cell.seed,
                "metric": name,
                "value": value,
                "guess": done.guess,
                "better": None if verdict is None else verdict.whole.better,
                "epochs": (done.metrics or {}).get("epochs"),
                "prevalence": massive,
                "max_ratio": largest,
            }
        )
    schema = {"seed": pl.Int64, "metric": pl.String, "value": pl.Float64, "epochs": pl.Int64}
    schema |= {"guess": pl.Float64, "better": pl.Boolean}
    schema |= {"prevalence": pl.Float64, "max_ratio": pl.Float64}
    return pl.DataFrame(rows, schema_overrides=schema)


def _stored(study: Study, threshold: float) -> dict[str, tuple[float | None, float | None]]:
    """Return prevalence and largest ratio of the cells in the result tables."""
    counted, sites = (study.tables.table(name) for name in ("thresholds", "sites"))
    if counted is None or sites is None:
        return {}
    shares = counted.filter(rule="ratio", threshold=threshold).group_by("cell")
    found = shares.agg(pl.col("massive").sum() / pl.col("edges").sum())
    largest = sites.group_by("cell").agg(pl.col("max_ratio").max())
    joined = largest.join(found, on="cell", how="left")
    return {cell: (share, ratio) for cell, ratio, share in joined.iter_rows()}


def metrics(every: pl.DataFrame) -> pl.DataFrame:
    """Return the test metric of every combination and state: mean and spread over seeds.

    Columns: model, data, metric, state, seeds (their number), mean, sd (standard deviation with
    ``n - 1``; null for one seed), min, max, guess (mean of what guessing gets) and not_better
    (number of seeds that are not better than guessing), both null where that is not known.

    Args:
        every: from :func:`cells`.
    """
    value, better = pl.col("value"), pl.col("better")
    return (
        every.filter(pl.col("metric").is_not_null())
        .group_by("model", "data", "metric", "state", maintain_order=True)
        .agg(
            pl.len().alias("seeds"),
            value.mean().alias("mean"),
            value.std().alias("sd"),
            value.min().alias("min"),
            value.max().alias("max"),
            pl.col("guess").mean(),
            pl.when(better.is_not_null().any()).then((~better).sum()).alias("not_better"),
        )
    )


def metrics_as_published(found: pl.DataFrame) -> pl.DataFrame:
    """Return the same with a column per state, as the published table has it, as text.

    ``guessing`` is what guessing gets on the same graphs, where it is known.

    Args:
        found: from :func:`metrics`.
    """
    text = found.with_columns(
        pl.struct("mean", "sd", "seeds").map_elements(mean_and_spread, pl.String).alias("text")
    )
    wide = text.pivot(on="state", index=["model", "data", "metric"], values="text")
    present = [state for state in STATES if state in wide.columns]
    shown = wide.select(
        "model", "data", "metric", *(pl.col(s).fill_null("").alias(STATES[s]) for s in present)
    )
    if found["guess"].is_null().all():
        return shown
    guess = found.group_by("model", "data", "metric").agg(pl.col("guess").mean().alias("guessing"))
    return shown.join(guess, on=["model", "data", "metric"], how="left", maintain_order="left")


def cautions(study: Study) -> list[str]:
    """Say what to keep in mind of a study's tables, one line each.

    Of every trained cell that is not better than guessing, that it is not; that SAN and GraphiT
    are one function, where the study has them so; which tables need scans that are not there.

    Example:
        >>> import edgescope as es
        >>> for line in es.study.cautions(es.study.load("study")):  # doctest: +SKIP
        ...     print(line)
    """
    found = [
        f"{done.cell.name}: {verdict.caution}"
        for done in study.finished
        if (verdict := done.verdict) is not None and verdict.caution
    ]
    if same_function(done.cell for done in study.finished):
        found.append(SAME_FUNCTION)
    lost = sum(not done.has_scan for done in study.finished)
    if lost:
        found.append(
            f"the tables layers and mitigation are read from scans, and those of {lost} cells are "
            f"not in {study.out}; the others are read from the result tables"
        )
    return found


SAME_FUNCTION = (
    "SAN and GraphiT without positions and without the full graph are one function of their "
    "weights; that the two agree says nothing more than two seeds of one of them"
)


def same_function(cells: Iterable[Cell]) -> bool:
    """Say whether both SAN and GraphiT are among cells, with options that make them the same."""
    plain = {
        cell.model
        for cell in cells
        if not cell.recipe.model.full_graph and not cell.recipe.model.laplacian_eigenvectors
    }
    return plain >= {"SAN", "GraphiT"}


def layers(study: Study) -> pl.DataFrame:
    """Return one row per site and threshold: in how many seeds it is exceeded, and how far.

    Columns: model, data, state, site, threshold (a ratio; or the name of the scans' criterion,
    such as ``calibrated``, if it tests sites), exceeded (number of seeds with an edge above it; for
    a criterion, of those in which its test calls the site massive), seeds, share_mean and share_sd
    (of edges above the ratio, over seeds; null for a criterion), max_ratio (largest of all
    seeds).
    """
    rows = pl.DataFrame([row for done in study.finished for row in _sites(done)])
    return rows.group_by(*_GROUP, "site", "threshold", maintain_order=True).agg(
        pl.col("exceeded").sum(),
        pl.len().alias("seeds"),
        pl.col("share").mean().alias("share_mean"),
        pl.col("share").std().alias("share_sd"),
        pl.col("max_ratio").max(),
    )


def layers_as_published(found: pl.DataFrame) -> pl.DataFrame:
    """Return which layers exceed which thresholds, a row per combination and state, as text.

    Layers are numbered from 1 in the order of the sites; one that exceeds a threshold in some
    seeds only is in brackets.

    Args:
        found: from :func:`layers`.
    """
    rows = []
    for group in found.partition_by(_GROUP, maintain_order=True):
        first = group.row(0, named=True)
        sites = group["site"].unique(maintain_order=True).to_list()
        row = {name: first[name] for name in _GROUP} | {"seeds": first["seeds"]}
        for of in group.partition_by("threshold", maintain_order=True):
            row[_heading(of["threshold"][0])] = _listed(of, sites)
        rows.append(row | {"layers": len(sites), "largest ratio": group["max_ratio"].max()})
    schema = {"layers": pl.Int64, "largest ratio": pl.Float64}
    return pl.DataFrame(rows, infer_schema_length=None).with_columns(
        pl.col(name).cast(dtype) for name, dtype in schema.items()
    )


def _who(done: Finished) -> dict[str, str]:
    return {"model": done.cell.label, "data": done.cell.data, "state": done.cell.state}


def prevalence(scan: Scan, threshold: float) -> float:
    """Return the share of edges, over all sites, whose largest ratio exceeds a threshold.

    NaN if no edge has a defined ratio.
    """
    sketches = [scan[site] for site in scan.sites]
    over = sum(int(sketch.edges_over(threshold)[0].sum()) for sketch in sketches)
    defined = sum(int(sketch.defined_edges().sum()) for sketch in sketches)
    return over / defined if defined else float("nan")


def _sites(done: Finished) -> Iterator[dict[str, Any]]:
    scan = done.scan()
    judged = scan.significant()
    for site in scan.sites:
        sketch = scan[site]
        row = {**_who(done), "site": site, "max_ratio": float(sketch.maxima[0].max())}
        edges = int(sketch.defined_edges().sum())
        for threshold in THRESHOLDS:
            over = int(sketch.edges_over(threshold)[0].sum())
            share = over / edges if edges else None
            yield row | {"threshold": f"{threshold:g}", "exceeded": int(over > 0), "share": share}
        if judged is not None:
            name = scan.info.criterion.name
            yield row | {"threshold": name, "exceeded": int(site in judged), "share": None}


def _heading(threshold: str) -> str:
    return f"ratio > {threshold}" if threshold in {f"{t:g}" for t in THRESHOLDS} else threshold


def _listed(found: pl.DataFrame, sites: list[str]) -> str:
    numbers: Iterable[tuple[int, int, int]] = (
        (sites.index(site) + 1, exceeded, seeds)
        for site, exceeded, seeds in found.select("site", "exceeded", "seeds").iter_rows()
    )
    words = [str(n) if all_ == some else f"({n})" for n, some, all_ in numbers if some]
    return ", ".join(words) or "none"


def mean_and_spread(row: dict[str, Any]) -> str:
    """Write ``mean``, ``sd`` and ``seeds`` for people."""
    if row["sd"] is None:
        return f"{row['mean']:.4f} (1 seed)"
    return f"{row['mean']:.4f} ± {row['sd']:.4f} ({row['seeds']} seeds)"
