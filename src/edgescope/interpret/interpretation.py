"""All of an interpretation: enrichment, and what is common and informative, on disk if wanted."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
from numpy.typing import NDArray
from torch import Tensor

from edgescope.data.graphs import GraphDataset
from edgescope.interpret.commonness import importance as group_importance
from edgescope.interpret.group_enrichment import ANY, SCHEMA, enrichment
from edgescope.interpret.groups import EdgeGroups, edge_groups
from edgescope.interpret.interpretation_pictures import FDR, InterpretationPictures
from edgescope.interpret.kinds import BINS
from edgescope.interpret.permutation import PERMUTATIONS
from edgescope.interpret.scan_edges import MassiveEdges, massive_edges
from edgescope.lib.input_files import table_of
from edgescope.lib.manifest import Kind, Stored, stored, storing
from edgescope.lib.typed_fields import fitting
from edgescope.scanning.criteria import Rule
from edgescope.scanning.result import Scan
from edgescope.statistics.bootstrap import RESAMPLES

_KIND = Kind("an interpretation", "interpretation.json", 2, "interpret again")

_SCHEMAS: dict[str, dict[str, Any]] = {
    "enrichment": SCHEMA,
    "overall": {"site": pl.String, "kind": pl.String, "edges": pl.Int64, "massive": pl.Int64},
}


@dataclass(frozen=True)
class Interpretation(InterpretationPictures):
    """What the massive activations of a scan sit on.

    Attributes:
        enrichment: one row per site, kind and group, as :func:`edgescope.interpret.enrichment`.
        importance: one row per kind and group, as in
            :class:`~edgescope.interpret.GroupImportance`; None if no importances were given.
        correlations: rank correlations over groups, as there; None likewise.
        info: what was interpreted and how: model, data, graphs, criterion, permutations,
            resamples, seed; and, by site, ``added`` (massive activations on rows that are no edge
            of the data, which are left out) and ``unseen`` (edges that the site did not compute).
        overall: one row per site and kind: ``edges`` of which the kind can be told, and how many of
            them are ``massive``; None in a folder of an older version.

    Example:
        >>> import edgescope as es
        >>> molecules = es.data.load("solubility").test[:20]
        >>> sizes = {"hidden_dim": 8, "num_heads": 2, "num_layers": 1}
        >>> model = es.models.GATv2(**molecules.model_sizes, **sizes)
        >>> loader = es.data.loader(molecules)
        >>> scan = es.scan(model, loader, criterion=es.Criterion("low", ratio=20))
        >>> found = es.interpret.interpret(
        ...     scan, molecules, by=["ring"], permutations=20, resamples=20
        ... )
        >>> found.table().height == found.enrichment.height
        True
    """

    enrichment: pl.DataFrame
    importance: pl.DataFrame | None = None
    correlations: pl.DataFrame | None = None
    info: dict[str, Any] = field(default_factory=dict)
    overall: pl.DataFrame | None = None

    def table(self) -> pl.DataFrame:
        """Return one row per site, kind and group."""
        return self.enrichment

    def notable(self, most: int | None = 3, fdr: float = FDR) -> pl.DataFrame:
        """Return, per kind, the groups that massive edges prefer and avoid most.

        Groups stand in the order of how many times as many massive edges they hold as expected,
        the highest first. Columns: those of the table for edges that are massive at some site
        (at the one site if there is but one), ``over_expected``, and the numbers of sites at which
        the group is ``enriched`` and ``depleted`` at the false-discovery rate.

        Args:
            most: how many of either end are returned per kind; None for all groups.
            fdr: q-value up to which a difference counts.
        """
        table = self.enrichment
        more = pl.col("massive") > pl.col("expected")
        found = pl.col("q") <= fdr
        counts = (
            table.filter(pl.col("site") != ANY)
            .group_by("kind", "group")
            .agg(
                (found & more).sum().alias("enriched"),
                (found & ~more).sum().alias("depleted"),
                pl.len().alias("sites"),
            )
        )
        several = (table["site"] == ANY).any()
        whole = table.filter(pl.col("site") == ANY) if several else table
        ratio = (pl.col("massive") / pl.col("expected")).alias("over_expected")
        order = whole.select("kind").unique(maintain_order=True).with_row_index("order")
        rows = (
            whole.with_columns(ratio)
            .join(counts, on=["kind", "group"], how="left", maintain_order="left")
            .join(order, on="kind", how="left", maintain_order="left")
            .filter(pl.col("over_expected").is_not_nan())
            .sort("order", "over_expected", descending=[False, True], maintain_order=True)
            .drop("order", "site")
        )
        if most is None:
            return rows
        place, size = pl.int_range(pl.len()).over("kind"), pl.len().over("kind")
        return rows.filter((place < most) | (place >= size - most))

    def conclusion(self, fdr: float = FDR) -> str:
        """Say in a sentence how many groups massive edges prefer or avoid.

        Args:
            fdr: q-value up to which a difference counts.
        """
        table = self.enrichment.filter(pl.col("site") != ANY)
        tested = table.filter(pl.col("exchangeable") > 0)
        clear = tested.filter(pl.col("q") <= fdr)
        more = clear.filter(pl.col("massive") > pl.col("expected")).height
        return (
            f"of {tested.height} tests (site x group), {more} find more massive edges than similar "
            f"edges of the same graphs have, and {clear.height - more} fewer, at a false discovery "
            f"rate of {fdr:g}; {table.height - tested.height} further groups cannot be tested"
        )

    def save(self, folder: str | Path) -> Path:
        """Write the tables as Parquet and the rest as JSON; an earlier interpretation is replaced.

        Raises:
            InputError: if the folder cannot be written, or holds something else.
        """
        folder = Path(folder)
        with storing(folder, _KIND, self._counts(), "no interpretation") as new:
            for name, table in self._tables().items():
                table.write_parquet(new / f"{name}.parquet")
            text = json.dumps({"format": _KIND.format, **self.info}, indent=1)
            (new / _KIND.marker).write_text(text, encoding="utf-8")
        return folder

    @classmethod
    def load(cls, folder: str | Path) -> "Interpretation":
        """Read what :meth:`save` wrote.

        Raises:
            InputError: if the folder holds no interpretation, or a damaged one.
        """
        return stored(Path(folder), _KIND, cls._read)

    @classmethod
    def _read(cls, files: Stored) -> "Interpretation":
        info = fitting(files.json(_KIND.marker), dict[str, Any], _KIND.marker)
        info.pop("format", None)
        names = [Path(name).stem for name in files.files if name.endswith(".parquet")]
        tables = {
            name: table_of(files.files[f"{name}.parquet"], _SCHEMAS.get(name)) for name in names
        }
        tables["enrichment"] = tables["enrichment"].select(*SCHEMA)
        found = cls(**tables, info=info)
        files.check(found._counts())
        return found

    def _counts(self) -> dict[str, int]:
        """Count the rows of every table, to notice on loading what is missing."""
        return {name: table.height for name, table in self._tables().items()}

    def _tables(self) -> dict[str, pl.DataFrame]:
        tables = {
            "enrichment": self.enrichment,
            "importance": self.importance,
            "correlations": self.correlations,
            "overall": self.overall,
        }
        return {name: table for name, table in tables.items() if table is not None}


def interpret(
    scan: Scan,
    dataset: GraphDataset,
    *,
    by: Sequence[str] | None = None,
    labels: Mapping[str, Sequence[object] | Tensor | NDArray[Any]] | None = None,
    importance: Tensor | None = None,
    criterion: str | Rule | None = None,
    bins: int = BINS,
    permutations: int = PERMUTATIONS,
    resamples: int = RESAMPLES,
    seed: int = 0,
    progress: bool = True,
) -> Interpretation:
    """Say what the massive activations of a scan sit on.

    Args:
        scan: a scan of all graphs of ``dataset``.
        dataset: the graphs that were scanned, in their order.
        by: names of kinds of groups, as in :func:`edgescope.interpret.edge_groups`.
        labels: further kinds, as there.
        importance: importance of every edge ``[E]``, as in
            :func:`edgescope.interpret.importance`.
        criterion: another rule than the scan's.
        bins: bins of a quantity that has more than eight values.
        permutations: how many permutations to draw.
        resamples: how many times to resample the graphs.
        seed: start of the random numbers.
        progress: whether to show progress bars.

    Raises:
        InputError: if something does not fit the data set, or the scan did not keep every massive
            activation.
        MissingExtraError: if a chemical kind is asked for and RDKit is not installed.

    Example:
        >>> import edgescope as es
        >>> molecules = es.data.load("solubility").test[:20]
        >>> sizes = {"hidden_dim": 8, "num_heads": 2, "num_layers": 1}
        >>> model = es.models.GATv2(**molecules.model_sizes, **sizes)
        >>> loader = es.data.loader(molecules)
        >>> scan = es.scan(model, loader, criterion=es.Criterion("low", ratio=20))
        >>> found = es.interpret.interpret(
        ...     scan, molecules, by=["ring"], permutations=20, resamples=20
        ... )
        >>> found.info["criterion"]
        'low'
    """
    massive = massive_edges(scan, dataset, criterion)  # before minutes of work
    groups = edge_groups(dataset, by, labels=labels, bins=bins, progress=progress)
    table = enrichment(
        scan,
        groups,
        criterion=criterion,
        permutations=permutations,
        resamples=resamples,
        seed=seed,
        progress=progress,
    )
    measured = None
    if importance is not None:
        measured = group_importance(
            groups, importance, scan, criterion=criterion, resamples=resamples, seed=seed
        )
    rule = scan.info.criterion if criterion is None else criterion
    info = {
        "model": scan.info.model,
        "data": scan.info.data,
        "graphs": scan.info.graphs,
        "data_fingerprint": scan.info.data_fingerprint,
        "edges": dataset.edge_index.size(1),
        "criterion": rule if isinstance(rule, str) else rule.name,
        "permutations": permutations,
        "resamples": resamples,
        "seed": seed,
        "added": dict(zip(massive.sites, massive.added, strict=True)),
        "unseen": dict(zip(massive.sites, massive.unseen, strict=True)),
    }
    return Interpretation(
        table,
        None if measured is None else measured.groups,
        None if measured is None else measured.correlations,
        info,
        _overall(massive, groups),
    )


def _overall(massive: MassiveEdges, groups: EdgeGroups) -> pl.DataFrame:
    """Return, per site and kind, the edges of which the kind can be told and the massive ones."""
    masks = {site: massive[site] for site in massive.sites}
    if len(masks) > 1:
        masks[ANY] = massive.mask.any(0)
    rows = [
        (site, kind.name, int(kind.applicable.sum()), int((mask & kind.applicable).sum()))
        for site, mask in masks.items()
        for kind in groups
    ]
    return pl.DataFrame(rows, schema=_SCHEMAS["overall"], orient="row")
