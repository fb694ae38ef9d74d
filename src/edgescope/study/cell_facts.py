"""The row of a cell in the table ``cells``: what it is, its test metric, what it was run with."""

import json
from collections.abc import Mapping
from typing import Any

import polars as pl

from edgescope.study.cells import UNTRAINED, Cell
from edgescope.study.spec import Rewiring
from edgescope.study.study_metric import higher_is_better, metric_of_test

SCHEMA: Mapping[str, Any] = {
    "cell": pl.String,
    "label": pl.String,
    "model": pl.String,
    "variant": pl.String,
    "data": pl.String,
    "state": pl.String,
    "seed": pl.Int64,
    "epochs": pl.Int64,
    "design": pl.String,
    "metric": pl.String,
    "value": pl.Float64,
    "guess": pl.Float64,
    "higher_is_better": pl.Boolean,
    "seconds": pl.Float64,
    "threads": pl.Int64,
    "hardware": pl.String,
    "versions": pl.String,
    "graphs": pl.Int64,
    "beyond_limit": pl.Float64,
}


def facts(cell: Cell, result: Mapping[str, Any]) -> pl.DataFrame:
    """Return the one row of a cell.

    Columns: cell (its name), label, model, variant, data, state, seed, epochs (null for an
    untrained cell), design (what is done to the edges, null if nothing), metric and value (of the
    test split), guess (what guessing gets of it), higher_is_better, seconds, threads, hardware and
    versions (a JSON object) of its run, graphs (that were scanned), beyond_limit (share of its
    logits).

    Args:
        cell: the cell.
        result: as in its ``result.json``.
    """
    metrics = result["metrics"] or {}
    name, value = metric_of_test(metrics or None, cell.recipe.loss) or (None, None)
    rewiring = cell.source.get("rewire")
    row = {
        "cell": cell.name,
        "label": cell.label,
        **{key: getattr(cell, key) for key in ("model", "variant", "data", "state", "seed")},
        "epochs": None if cell.state == UNTRAINED else metrics.get("epochs"),
        "design": rewiring and Rewiring.model_validate(rewiring).label,
        "metric": name,
        "value": value,
        "guess": None if name is None else metrics.get(f"test_{name}_trivial"),
        "higher_is_better": None if name is None else higher_is_better(name),
        "versions": json.dumps(result["versions"], sort_keys=True),
        # Earlier versions have noted the seconds of the last start only.
        "seconds": max(result["seconds"], metrics.get("seconds", 0.0)),
        **{key: result.get(key) for key in ("threads", "hardware", "graphs")},
        "beyond_limit": result.get("beyond_limit"),
    }
    return pl.DataFrame([row], schema=SCHEMA)
