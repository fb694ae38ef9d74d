"""Node states and attention logits of a trained model beside those of its start."""

from collections.abc import Iterator
from typing import Any

import polars as pl
import torch
from torch import Tensor, nn

from edgescope.capturing import capture
from edgescope.lib.model_call import call_model
from edgescope.statistics.ratio import edge_ratios
from edgescope.study.node_classes.class_task import ClassTask

MASSIVE = 1000
"""Published ratio from which an activation is massive."""

SITES = {"state": "*:state", "logit": "*:logit"}
"""Kinds of sites and the pattern that names them."""


def state_table(start: nn.Module, trained: nn.Module, task: ClassTask, seed: int) -> pl.DataFrame:
    """Measure node states and logits of the test part, as activations of edges are measured.

    A row of a site is a node, of which the ratio is taken over its channels; or an edge, with its
    logit in every head. Ratios of a row with the median 0 (sparse inputs, or one-hot types) and of
    a layer of one head are undefined. For classes of nodes the states that leave the last layer are
    the logits of the classes.

    Args:
        start: the model before training.
        trained: the model after it.
        task: the data.
        seed: for the table.

    Returns:
        Table ``node_sites``.
    """
    before, after = (dict(_measured(model, task)) for model in (start, trained))
    rows = []
    for site, (kind, found) in after.items():
        _, untrained = before[site]
        growth = found["max_magnitude"] / untrained["max_magnitude"]
        rows.append(
            {
                "data": task.name,
                "seed": seed,
                "split": task.split,
                "site": site,
                "kind": kind,
                **found,
                **{f"untrained_{name}": untrained[name] for name in _BESIDE},
                "growth": growth if untrained["max_magnitude"] else None,
            }
        )
    return pl.DataFrame(rows, schema=_SCHEMA)


_BESIDE = ("max_ratio", "max_magnitude", "massive", "undefined")

_SCHEMA = {
    "data": pl.String,
    "seed": pl.Int64,
    "split": pl.Int64,
    "site": pl.String,
    "kind": pl.String,
    "rows": pl.Int64,
    "channels": pl.Int64,
    "max_ratio": pl.Float64,
    "max_magnitude": pl.Float64,
    "massive": pl.Int64,
    "undefined": pl.Int64,
    "untrained_max_ratio": pl.Float64,
    "untrained_max_magnitude": pl.Float64,
    "untrained_massive": pl.Int64,
    "untrained_undefined": pl.Int64,
    "growth": pl.Float64,
}


def _measured(model: nn.Module, task: ClassTask) -> Iterator[tuple[str, tuple[str, Any]]]:
    """Yield every site with its kind and its numbers."""
    model.eval()
    for kind, pattern in SITES.items():
        with torch.no_grad(), capture(model, pattern) as tape:
            call_model(model, task.test.inputs)
        for site in tape.sites:
            yield site, (kind, _numbers(tape[site].values))


def _numbers(values: Tensor) -> dict[str, float | int | None]:
    """Return what is known of a site's values ``[N, H, D]``."""
    ratios = edge_ratios(values if values.dim() > 2 else values.unsqueeze(2))  # noqa: PLR2004
    several = values[0].numel() > 1
    defined = ratios.defined & several
    top = ratios.top_ratio[defined]
    return {
        "rows": len(values),
        "channels": values[0].numel(),
        "max_ratio": float(top.max()) if len(top) else None,
        "max_magnitude": float(ratios.top_magnitude.max()),
        "massive": int((top > MASSIVE).sum()),
        "undefined": int((~defined).sum()),
    }
