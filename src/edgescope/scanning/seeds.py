"""Scans of several trained models: what holds for all of them, and how far they spread.

A training run is one draw: another seed gives other weights, and a massive activation that one
run shows may be missing in the next. Reviewers of the published study asked for the variance over
seeds; here it is read from scans of the same graphs with the checkpoints of several runs.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import polars as pl
from torch import nn

from edgescope.lib.errors import InputError
from edgescope.lib.graph_names import GraphNames
from edgescope.lib.mistakes import check_model
from edgescope.scanning.criteria import Rule
from edgescope.scanning.loaders import graph_loader
from edgescope.scanning.merge_checks import check_alike
from edgescope.scanning.result import Scan
from edgescope.scanning.row_words import as_edges, in_words
from edgescope.scanning.scan import scan
from edgescope.scanning.store import load_seeds, save_seeds
from edgescope.scanning.untrained_ensemble import Untrained, baseline_argument

MEASURES = ("share_over", "max_ratio", "median_ratio", "max_magnitude", "growth")
"""Columns of :meth:`Scan.table` whose spread over seeds is reported; growth needs a baseline."""

_Item = TypeVar("_Item")

Baseline = nn.Module | Scan | Untrained
Baselines = Baseline | Mapping[str, Baseline] | Sequence[Baseline]


class SeedScans:
    """Scans of the same graphs with models trained from several seeds.

    Attributes:
        scans: name of every seed to its scan.

    Raises:
        InputError: if there is no scan, or they differ in what was asked or in their graphs.

    Example:
        >>> import edgescope as es
        >>> graphs = es.data.planted("marked", 60).test
        >>> sizes = {"hidden_dim": 8, "num_heads": 2, "num_layers": 1}
        >>> models = [es.models.GATv2(**graphs.model_sizes, **sizes) for _ in range(2)]
        >>> seeds = es.scan_seeds(models, es.data.loader(graphs))
        >>> len(seeds.scans), seeds.table().height
        (2, 1)
    """

    def __init__(self, scans: Mapping[str, Scan]) -> None:
        if not scans:
            raise InputError("received no scan, expected those of one trained model at least")
        self.scans = dict(scans)
        every = list(self.scans.values())
        check_alike(every)
        sizes = {one.info.graphs for one in every}
        if len(sizes) > 1:
            raise InputError(
                f"received scans of {min(sizes)} to {max(sizes)} graphs, expected the same graphs "
                "for every seed; scan them again over one loader"
            )
        names = GraphNames()
        for one in every:
            names.take(one.names, what="received scans of several seeds")

    def __repr__(self) -> str:
        """Say what was scanned."""
        first = next(iter(self.scans.values()))
        return (
            f"SeedScans({len(self.scans)} of {first.info.model} on {first.info.graphs} graphs, "
            f"{len(first.sites)} sites)"
        )

    def table(self, threshold: float | None = None) -> pl.DataFrame:
        """Return one row per site: what the seeds have in common and how far they spread.

        Columns: site, seeds (their number), then for each of :data:`MEASURES` its mean, standard
        deviation (over seeds, with ``n - 1``; null for one seed), smallest and largest value, as
        ``max_ratio_mean``, ``max_ratio_sd``, ``max_ratio_min``, ``max_ratio_max``. What is not
        defined for one seed is not defined for the mean: NaN.

        Args:
            threshold: ratio that an edge's largest activation must exceed to be counted in
                ``share_over``; that of the criterion by default.
        """
        every = pl.concat((one.table(threshold) for one in self.scans.values()), how="diagonal")
        spread = [
            expression
            for name in MEASURES
            if name in every.columns
            for expression in (
                pl.col(name).mean().alias(f"{name}_mean"),
                pl.col(name).std().alias(f"{name}_sd"),
                pl.col(name).nan_min().alias(f"{name}_min"),
                pl.col(name).nan_max().alias(f"{name}_max"),
            )
        ]
        return every.group_by("site", maintain_order=True).agg(pl.len().alias("seeds"), *spread)

    def findings(
        self, criterion: str | Rule | None = None, *, by_edge_type: bool = True
    ) -> pl.DataFrame:
        """Return where there are massive activations in all, some or none of the seeds.

        One row per site and edge type, those that hold in most seeds first. Columns: site,
        edge_type, holds (``"all"``, ``"some"`` or ``"none"``), seeds (such as ``"3/5"``), which
        (names of the seeds with a massive activation), rate_mean, rate_min and rate_max (share
        of the edges with a massive activation, over the seeds).

        A seed counts from one massive activation on. Under a criterion that tests sites, such
        as the calibrated one, which lets through a stated share of activations everywhere, only
        sites count that pass (column massive of :meth:`~edgescope.Scan.calibration`).

        Args:
            criterion: another rule than that of the scans.
            by_edge_type: false for one row per site, without the column edge_type.

        Raises:
            InputError: if the rule reaches below what the scans kept.
        """
        keys = ["site", "edge_type"] if by_edge_type else ["site"]
        every = pl.concat(
            _rates(one, criterion, keys).with_columns(seed=pl.lit(name))
            for name, one in self.scans.items()
        )
        holding = pl.col("massive") > 0
        rate = pl.col("massive") / pl.col("edges")
        total = len(self.scans)
        found = every.group_by(keys, maintain_order=True).agg(
            holding.sum().alias("count"),
            pl.col("seed").filter(holding).alias("which"),
            rate.mean().alias("rate_mean"),
            rate.min().alias("rate_min"),
            rate.max().alias("rate_max"),
        )
        count = pl.col("count")
        holds = pl.when(count == total).then(pl.lit("all")).when(count > 0).then(pl.lit("some"))
        found = found.sort("count", "rate_mean", descending=True, maintain_order=True).select(
            *keys,
            holds.otherwise(pl.lit("none")).alias("holds"),
            pl.format("{}/{}", count, total).alias("seeds"),
            pl.col("which").list.join(", "),
            "rate_mean",
            "rate_min",
            "rate_max",
        )
        return in_words(found, next(iter(self.scans.values())).info.rows)

    def save(self, folder: str | Path) -> Path:
        """Write every scan to a folder of its own, and a baseline that all share only once.

        Raises:
            InputError: if the folder cannot be written, or holds something else.
        """
        return save_seeds(self.scans, Path(folder))

    @classmethod
    def load(cls, folder: str | Path) -> "SeedScans":
        """Read what :meth:`save` wrote.

        Raises:
            InputError: if the folder holds no such scans, or damaged ones.
        """
        return cls(load_seeds(Path(folder)))


def scan_seeds(
    models: Mapping[str, nn.Module] | Sequence[nn.Module],
    loader: Iterable[Any],
    *,
    baseline: Baselines | str | None = None,
    **options: Any,
) -> SeedScans:
    """Scan the same graphs with several trained models of one architecture.

    Args:
        models: the models by name, or in a sequence, which names them ``"seed 0"`` and so on.
        loader: the batches, as for :func:`edgescope.scan`; every model sees all of them.
        baseline: what to compare with. One baseline serves all models and is scanned once, with
            the first: untrained models are draws from the same distribution whichever seed the
            training had. (An ensemble that takes tensors over with ``keep=`` has them from the
            first model then.) A mapping with the names of the models, or a sequence as long,
            gives each model its own, such as the weights that its training started from.
        **options: options of :func:`edgescope.scan`.

    Raises:
        InputError: if there are no models, if the baselines do not match them, or for what
            :func:`edgescope.scan` refuses.

    Example:
        >>> import edgescope as es
        >>> from edgescope.scanning.seeds import scan_seeds
        >>> def all_seeds(checkpoints, loader):
        ...     models = {path.parent.name: es.models.load(path) for path in checkpoints}
        ...     return scan_seeds(models, loader, baseline=es.Untrained()).findings()
    """
    if isinstance(models, nn.Module):
        raise InputError(
            f"received one {type(models).__name__}, expected several models by name or in a list; "
            "use es.scan for one"
        )
    loader = graph_loader(loader)  # one order for all
    named = models if isinstance(models, Mapping) else _named(models)
    for name, model in named.items():
        check_model(model, f"the model {name!r}")
    several = isinstance(baseline, Mapping | Sequence) and not isinstance(baseline, str)
    own = _own_baselines(baseline, list(named)) if several else None
    shared = None if several else baseline_argument(baseline)
    scans: dict[str, Scan] = {}
    for name, model in named.items():
        compared = shared if own is None else own[name]
        scans[name] = scan(model, loader, baseline=compared, **options)
        shared = scans[name].baseline
    return SeedScans(scans)


def _named(items: Sequence[_Item]) -> dict[str, _Item]:
    return {f"seed {number}": item for number, item in enumerate(items)}


def _own_baselines(baseline: Any, names: Sequence[str]) -> dict[str, Baseline]:  # noqa: ANN401  (a mapping or a sequence)
    """Return the baseline of every model.

    Raises:
        InputError: if there are several, but not one for each model.
    """
    if isinstance(baseline, Mapping):
        given = ", ".join(baseline)
        matches = set(baseline) == set(names)
        own = dict(baseline)
    else:
        given = f"{len(baseline)} models"
        matches = len(baseline) == len(names)
        own = dict(zip(names, baseline, strict=False))
    if not matches:
        raise InputError(
            f"received baselines for {given}, expected one for each of {', '.join(names)}; "
            "or pass one baseline for all"
        )
    return own


def _rates(one: Scan, criterion: str | Rule | None, keys: list[str]) -> pl.DataFrame:
    """Count all edges and those with a massive activation, by ``keys``."""
    found = as_edges(one.massive(criterion), one.info.rows)
    judged = one.significant(criterion)
    if judged is not None:
        found = found.filter(pl.col("site").is_in(judged))
    edges = ["site", "edge_type", "graph", "edge", "source", "target"]
    massive = found.unique(edges).group_by(keys).agg(pl.len().alias("massive"))
    rows = [
        {"site": site, "edge_type": name, "edges": number}
        for site, where in one.sites.items()
        for name, number in zip(
            one.info.edge_type_names, where.sketch.counts["edges"].tolist(), strict=True
        )
        if number
    ]
    schema = {"site": pl.String, "edge_type": pl.String, "edges": pl.Int64}
    total = pl.DataFrame(rows, schema=schema).group_by(keys, maintain_order=True)
    return (
        total.agg(pl.col("edges").sum())
        .join(massive, on=keys, how="left", maintain_order="left")
        .with_columns(pl.col("massive").fill_null(0))
    )
