"""When massive activations appeared: the numbers of that section."""

import math
from typing import Any

import polars as pl

from edgescope.lib.errors import InputError
from edgescope.scanning.monitoring.training_record import TrainingRecord
from edgescope.scanning.result import Scan
from edgescope.statistics.sketch_layout import PAPER_RATIO

POINTS = 240
"""Points of a curve that are drawn; of more, the largest of every few."""


def collect_emergence(found: TrainingRecord, scan: Scan) -> dict[str, Any]:
    """Gather the numbers of a training that was watched.

    Returns:
        ``threshold`` of the ratio; ``records`` and ``steps``, how many; ``sentence``; ``sites``,
        one entry per site with ratios: its change (see :meth:`TrainingRecord.emergence`), its
        largest ratio and when that was, its growth and least headroom, its edges that were not
        finite, the saturated share at the end; and its curve, ``step`` and ``ratio``.

    Raises:
        InputError: if it is of another model.
    """
    if not set(found.sites) & set(scan.sites):
        raise InputError(
            f"received the record of a training with the sites {', '.join(found.sites[:3])}, "
            f"expected some of {', '.join(scan.sites)}; pass the record of the scanned model"
        )
    everywhere = scan.info.criterion.everywhere
    threshold = (everywhere.ratio if everywhere else 0.0) or PAPER_RATIO
    changes = found.emergence(threshold)
    return {
        "threshold": threshold,
        "records": found.table["step"].n_unique(),
        "steps": found.table["step"].max(),
        "sentence": found.sentence(threshold),
        "sites": [_site(found.table, row) for row in changes.to_dicts()],
    }


def _site(table: pl.DataFrame, change: dict[str, Any]) -> dict[str, Any]:
    """Return what is known of one site."""
    of = table.filter(site=change["site"])
    layer = change["site"].rpartition(":")[0]
    last = table.filter(
        (pl.col("step") == of["step"][-1]) & pl.col("site").str.starts_with(f"{layer}:")
    )
    top = of.sort("largest_ratio", nulls_last=False)[-1]
    return {
        **change,
        "largest": _finite(top["largest_ratio"][0]),
        "largest_step": top["step"][0],
        "growth": of["growth"].max(),
        "headroom": of["headroom_bits"].min(),
        "dtype": of["dtype"][-1],
        "nonfinite": int(of["nonfinite"].sum()),
        "saturated": last["saturated"].max(),
        "curve": _curve(of),
    }


def _curve(of: pl.DataFrame) -> dict[str, list[Any]]:
    """Return steps and ratios to draw; those without a ratio are left out."""
    known = of.filter(pl.col("largest_ratio").is_finite() & (pl.col("largest_ratio") > 0))
    several = max(math.ceil(known.height / POINTS), 1)
    groups = known.with_row_index("row").group_by(pl.col("row") // several, maintain_order=True)
    thinned = groups.agg(pl.col("step").first(), pl.col("largest_ratio").max())
    return {"step": thinned["step"].to_list(), "ratio": thinned["largest_ratio"].to_list()}


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None
