"""What lower precision does: the numbers of that section."""

from dataclasses import asdict
from typing import Any

import polars as pl

from edgescope.intervene.number_formats.float_formats import FLOATS
from edgescope.intervene.number_formats.format_verdict import spot_words
from edgescope.intervene.number_formats.precision_result import Precision
from edgescope.lib.errors import InputError
from edgescope.lib.task_metrics import known_metric
from edgescope.report.words import METRICS
from edgescope.scanning.result import Scan

PLACES = 5
"""Outputs of modules that are listed, those with the least headroom."""

KEPT = ("place", "kind", "values", "largest", "nonfinite", "graph", "edge")
"""What is told of every place."""


def collect_precision(found: Precision, scan: Scan) -> dict[str, Any]:
    """Gather the numbers of a precision result.

    Returns:
        ``info``, with ``other_graphs``, whether it is of other graphs than the scan; ``verdicts``,
        a sentence each; the ``axis`` that is drawn, the change of the metric or without one how far
        predictions moved, its ``label``, and the sign of what is ``worse``; the rows of its
        ``table``, with the first overflow in words (``spot``); the names of the formats of
        ``floats``; and the ``headroom`` of every site and of the modules with the least:
        ``place``, ``kind``, its ``largest`` magnitude, where it is, and the ``bits`` of every
        format.

    Raises:
        InputError: if it is of another model.
    """
    if found.info.model != scan.info.model:
        raise InputError(
            f"received a precision result of {found.info.model}, expected one of "
            f"{scan.info.model}; measure the model that was scanned"
        )
    metric = found.info.metric
    info = {
        **asdict(found.info),
        "formats": list(found.info.formats),
        "remedies": list(found.info.remedies),
        "arguments": list(found.info.arguments),
        "limits": dict(found.info.limits),
        "left_out": dict(found.info.left_out),
    }
    change = "mean change of the predictions" if metric is None else f"change of {METRICS[metric]}"
    rows = found.table().to_dicts()
    return {
        "info": info,
        "other_graphs": scan.info.is_of_other_graphs(found.info.data_fingerprint),
        "verdicts": found.verdicts(),
        "axis": "moved" if metric is None else "change",
        "worse": -1 if metric is not None and known_metric(metric).higher_is_better else 1,
        "label": change,
        "table": [row | {"spot": spot_words(row, "overflow") or None} for row in rows],
        "floats": list(FLOATS),
        "headroom": _headroom(found),
    }


def drawable(section: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of formats other than float32 alone that have a number and an interval."""
    axis = section["axis"]
    return [
        row
        for row in section["table"]
        if (row["format"], row["remedy"]) != ("float32", "none")
        and all(row[axis + end] is not None for end in ("", "_low", "_high"))
    ]


def _headroom(found: Precision) -> list[dict[str, Any]]:
    """Return the sites in the order of execution, then the modules with the least headroom.

    A module that returns what a site holds, as many numbers with the same largest, is not listed
    once more.
    """
    table = found.headroom().filter(pl.col("format").is_in(list(FLOATS)))
    rows = []
    for of in table.partition_by("place", maintain_order=True):
        first = of.row(0, named=True)
        rows.append(
            {key: first[key] for key in KEPT}
            | {"bits": {row["format"]: row["headroom_bits"] for row in of.rows(named=True)}}
        )
    sites = [row for row in rows if row["kind"] == "site"]
    held = {(row["values"], row["largest"]) for row in sites}
    modules = sorted(
        (
            row
            for row in rows
            if row["kind"] == "module" and (row["values"], row["largest"]) not in held
        ),
        key=lambda row: row["largest"] or 0.0,
        reverse=True,
    )
    return sites + modules[:PLACES]
