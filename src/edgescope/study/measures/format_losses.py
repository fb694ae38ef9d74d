"""What fewer bits cost a cell: headroom of its activations, and its metric beside float32."""

from typing import Any

import polars as pl

from edgescope.data import NodeDataset
from edgescope.data.batch_loaders import loader
from edgescope.intervene.number_formats.precision_experiment import precision as measured
from edgescope.lib.task_metrics import known_metric, metric_of_loss
from edgescope.study.measures.edge_crossings import drawn_graphs, graphs_of
from edgescope.study.measures.measured_cell import MeasuredCell

FORMATS = ("float16", "int8")
"""The number formats that a cell is run in."""

GRAPHS = 250
"""Graphs that are run, the same in all cells of a data set; one large graph is run whole."""

_SCHEMA = {
    "format": pl.String,
    "metric": pl.String,
    "metric_float32": pl.Float64,
    "metric_format": pl.Float64,
    "loss": pl.Float64,
    "loss_low": pl.Float64,
    "loss_high": pl.Float64,
    "kept": pl.Float64,
    "guess": pl.Float64,
    "verdict": pl.String,
    "overflow": pl.String,
    "headroom_bits": pl.Float64,
    "error_mean": pl.Float64,
    "graphs": pl.Int64,
}


def precision(of: MeasuredCell) -> dict[str, pl.DataFrame]:
    """Return a row per number format: see :func:`edgescope.precision`, without remedies.

    ``loss`` is how much worse the metric is than in float32 on the same graphs, in its own unit
    and with its 95 % interval by paired bootstrap; null where a prediction is not finite. ``kept``
    is the share of the gain over guessing, ``overflow`` the first place that is not finite.
    ``headroom_bits`` is the least of all places, null for int8, whose scale is that of a tensor;
    ``error_mean`` the mean error of rounding over all places, of int8 with a scale per tensor.
    """
    part: Any = graphs_of(of)
    if part is None and isinstance(of.part, NodeDataset) and not of.part.fanouts:
        part = of.part
    elif part is not None:
        part = part.subset(drawn_graphs(part, GRAPHS))
    if part is None or bool(part.y.isnan().all()):
        return {}
    metric = metric_of_loss(of.cell.recipe.loss)
    found = measured(
        of.model,
        loader(part, batch_size=of.cell.scan.batch_size),
        formats=FORMATS,
        remedies=(),
        metric=metric.name,
        seed=of.cell.seed,
        progress=False,
    )
    places = found.headroom().group_by("format")
    most = {
        name: (bits, error)
        for name, bits, error in places.agg(
            pl.col("headroom_bits").min(), pl.col("error_mean").mean()
        ).iter_rows()
    }
    sign = -1 if known_metric(metric.name).higher_is_better else 1
    rows = []
    for row in found.plain().filter(pl.col("format") != "float32").iter_rows(named=True):
        name = row["format"].partition(" ")[0]
        bits, error = most.get("int8 per tensor" if name == "int8" else name, (None, None))
        ends = [row[key] for key in ("change_low", "change_high")]
        low, high = sorted(sign * end for end in ends) if None not in ends else (None, None)
        rows.append(
            {
                "format": name,
                "metric": metric.name,
                "metric_float32": found.info.before,
                "metric_format": row["metric"],
                "loss": None if row["change"] is None else sign * row["change"] + 0.0,
                "loss_low": low,
                "loss_high": high,
                "kept": row["kept"],
                "guess": found.info.guess,
                "verdict": row["verdict"],
                "overflow": row["overflow"],
                "headroom_bits": bits,
                "error_mean": error,
                "graphs": found.info.graphs,
            }
        )
    table = pl.DataFrame(rows, schema=_SCHEMA)
    return {"precision": table.with_columns(pl.col(pl.Float64).fill_nan(None))}
