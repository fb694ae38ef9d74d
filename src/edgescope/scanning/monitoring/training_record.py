"""What a monitor has recorded of a training, and when massive activations emerged in it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
import polars as pl

from edgescope.lib.files import replacing, writable_folder
from edgescope.lib.sealed_table import sealed_table
from edgescope.scanning.monitoring.record_file import read_record
from edgescope.scanning.monitoring.site_vitals import over_column
from edgescope.statistics.change_point import level_shift
from edgescope.statistics.sketch_layout import PAPER_RATIO

SCHEMA: Mapping[str, Any] = {
    "step": pl.Int64,
    "epoch": pl.Int64,
    "site": pl.String,
    "edges": pl.Int64,
    "largest_ratio": pl.Float64,
    "largest_magnitude": pl.Float64,
    "growth": pl.Float64,
    "headroom_bits": pl.Float64,
    "dtype": pl.String,
    "nonfinite": pl.Int64,
    "saturated": pl.Float64,
}
"""Columns of every record; shares over thresholds follow."""

LEVEL = 0.01
"""Chance of a change as clear in a series without one, up to which a change is one."""

_EMERGENCE = {
    "site": pl.String,
    "shape": pl.String,
    "step": pl.Int64,
    "low": pl.Int64,
    "high": pl.Int64,
    "before": pl.Float64,
    "after": pl.Float64,
    "p": pl.Float64,
    "crossed": pl.Int64,
}


def schema(thresholds: tuple[float, ...]) -> dict[str, Any]:
    """Return the columns of a record with the shares over some thresholds."""
    return {**SCHEMA, **{over_column(each): pl.Float64 for each in thresholds}}


class TrainingRecord:
    """What was recorded at every site while a model trained.

    Attributes:
        table: one row per record and site. ``step`` is the number of steps that had been taken,
            so that 0 is the untrained model; ``epoch`` counts from 0, null in a loop of one's own;
            ``edges`` seen; ``largest_ratio`` and ``largest_magnitude`` among them; ``growth``, that
            magnitude over the first recorded one of the site; ``headroom_bits``, how often the
            magnitude can double before it exceeds the largest number of its ``dtype``;
            ``nonfinite``, edges with a NaN or an infinity; ``saturated``, at logits the share
            beyond the layer's clamp, at weights the share of softmaxes over several edges whose
            largest weight leaves next to no gradient (0.999 or more); and the share of edges with a
            ratio above each threshold, as ``over_1000``. What a site has not got is null.

    Example:
        >>> import torch
        >>> import edgescope as es
        >>> graphs = es.data.load("solubility").test[:64]
        >>> model = es.models.GAT(**graphs.model_sizes, hidden_dim=8, num_heads=2, num_layers=1)
        >>> with es.monitor(model, every=1) as monitor:
        ...     for batch in es.data.loader(graphs, batch_size=32):
        ...         _ = model(batch.x, batch.edge_index, batch.edge_attr, batch.batch)
        >>> monitor.record.table["step"].unique().to_list()
        [0, 1]
    """

    def __init__(self, table: pl.DataFrame) -> None:
        self.table = table

    @property
    def sites(self) -> list[str]:
        """The sites, in the order of the model's layers."""
        return self.table["site"].unique(maintain_order=True).to_list()

    def emergence(self, threshold: float = PAPER_RATIO) -> pl.DataFrame:
        """Return when the largest ratio of every site rose, and when it first passed a threshold.

        The logarithm of the largest ratio of every record is taken as a series with two levels, see
        :mod:`edgescope.statistics.change_point`.

        Args:
            threshold: the ratio to pass.

        Returns:
            One row per site that has ratios. ``shape`` is ``"rise"`` if the level changes upwards
            (``p`` at most 0.01), with the ``step`` of the first record at the new level and its
            95 % interval ``low`` to ``high``, and ``before`` and ``after``, the geometric means of
            both levels; ``"fall"`` likewise downwards; ``"drift"`` if a straight line describes the
            series better, so that no step stands out; ``"steady"`` if nothing changes; ``"too
            short"`` below 10 records. ``crossed`` is the step of the first record with a ratio
            above the threshold, null if there is none.
        """
        rows = []
        for site in self.sites:
            of = self.table.filter(site=site)
            series = of.filter(pl.col("largest_ratio").is_finite() & (pl.col("largest_ratio") > 0))
            if not series.height:
                continue
            over = of.filter(pl.col("largest_ratio") > threshold)["step"]
            row: dict[str, Any] = {"site": site, "crossed": over.min() if len(over) else None}
            rows.append(row | _change(series))
        return pl.DataFrame(rows, schema=_EMERGENCE, orient="row")

    def sentence(self, threshold: float = PAPER_RATIO) -> str:
        """Say in a sentence when massive activations emerged."""
        found = self.emergence(threshold)
        crossed = found.filter(pl.col("crossed").is_not_null())
        rises = found.filter(shape="rise")
        if not found.height:
            return "no site with a ratio was recorded"
        largest = self.table.select(pl.col("largest_ratio").max()).item()
        said = [f"no ratio above {threshold:,.7g} in training, the largest {largest:,.4g}"]
        if crossed.height:
            first = crossed.sort("crossed", maintain_order=True).row(0, named=True)
            at = f"{crossed.height} of {found.height} sites"
            when = f"first at {first['site']} in step {first['crossed']:,}"
            said = [f"ratios above {threshold:,.7g} at {at}, {when}"]
        if rises.height:
            steepest = rises.with_columns(by=pl.col("after") / pl.col("before")).sort("by")
            most = steepest.row(-1, named=True)
            said.append(
                f"the level of the largest ratio rose most at {most['site']}, {most['by']:,.3g} "
                f"times, from step {most['step']:,} on ({most['low']:,} to {most['high']:,})"
            )
        return "; ".join(said)

    def save(self, path: str | Path) -> Path:
        """Write the record to a Parquet file, and return its path.

        Raises:
            InputError: if it cannot be written.
        """
        path = Path(path)
        writable_folder(path.parent)
        with replacing(path) as temporary:
            temporary.write_bytes(sealed_table(self.table))
        return path

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a record, also one that is still being written.

        Args:
            path: the file, or the folder that holds it: of a run, or Lightning's log folder.

        Raises:
            InputError: if the file is not one, or not as it was written.
        """
        path = Path(path)
        names = ("monitor.parquet", "massive_activations.parquet")
        inside = [path / name for name in names if (path / name).is_file()]
        return cls(read_record(inside[0] if inside else path, SCHEMA))

    def __repr__(self) -> str:
        """Show how much was recorded."""
        steps = self.table["step"].n_unique()
        return f"TrainingRecord({steps} records of {len(self.sites)} sites)"


def _change(series: pl.DataFrame) -> dict[str, Any]:
    """Return where the largest ratio of a site changes, and how."""
    steps = series["step"].to_numpy()
    found = level_shift(np.log(series["largest_ratio"].to_numpy()))
    if found is None:
        same = series["largest_ratio"].n_unique() == 1 and series.height > 1
        return {"shape": "steady" if same else "too short"}
    if found.p > LEVEL:
        return {"shape": "steady", "p": found.p}
    if found.straight:
        return {"shape": "drift", "p": found.p}
    low, at, high = (int(steps[place]) for place in (found.low, found.place, found.high))
    return {
        "shape": "rise" if found.after > found.before else "fall",
        "step": at,
        "low": low,
        "high": high,
        "before": float(np.exp(found.before)),
        "after": float(np.exp(found.after)),
        "p": found.p,
    }
