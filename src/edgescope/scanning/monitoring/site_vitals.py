"""What a monitor reads from the activations of one site: a pure function of them."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from edgescope.capturing.edge_rows import EdgeRows, PairRows, Rows
from edgescope.capturing.site_values import SiteValues
from edgescope.capturing.sites import Site
from edgescope.statistics.ratio import edge_tops, magnitudes

VANISHED = 1e-3
"""A softmax whose largest weight is 1 - 1e-3 or more passes a gradient of at most w (1 - w) = 1e-3
to any of its logits, 250 times less than the largest possible, as in the rule of diagnosis."""


class Vitals(NamedTuple):
    """What is known of one site after some forward passes; of two parts it is their sum."""

    rows: int
    """Edges seen."""
    nonfinite: int
    """Edges with a NaN or an infinity."""
    defined: int
    """Edges with a ratio; 0 at a site with one number per edge and head."""
    over: tuple[int, ...]
    """How many of these have a ratio above each threshold."""
    ratio: float
    """Largest ratio; NaN if none is defined."""
    magnitude: float
    """Largest finite magnitude; NaN if there is none."""
    headroom: float
    """Bits between that and the largest number of its type; infinite where all is zero."""
    dtype: str
    """The type, such as ``float16``."""
    saturated: int
    """Choices that pass next to no gradient."""
    choices: int
    """Choices that were looked at; 0 where that cannot be told."""

    def joined(self, other: "Vitals") -> Self:
        """Return what is known after the passes of both."""
        nearer = self if self.headroom <= other.headroom else other
        return self._replace(
            rows=self.rows + other.rows,
            nonfinite=self.nonfinite + other.nonfinite,
            defined=self.defined + other.defined,
            over=tuple(a + b for a, b in zip(self.over, other.over, strict=True)),
            ratio=float(np.fmax(self.ratio, other.ratio)),
            magnitude=float(np.fmax(self.magnitude, other.magnitude)),
            headroom=nearer.headroom,
            dtype=nearer.dtype,
            saturated=self.saturated + other.saturated,
            choices=self.choices + other.choices,
        )

    def row(self, thresholds: Sequence[float]) -> dict[str, Any]:
        """Return the columns of a record; null where there is no such number."""
        shares = {
            over_column(threshold): over / self.defined if self.defined else None
            for threshold, over in zip(thresholds, self.over, strict=True)
        }
        return {
            "edges": self.rows,
            "largest_ratio": _known(self.ratio),
            "largest_magnitude": _known(self.magnitude),
            "headroom_bits": self.headroom if math.isfinite(self.headroom) else None,
            "dtype": self.dtype,
            "nonfinite": self.nonfinite,
            "saturated": self.saturated / self.choices if self.choices else None,
            **shares,
        }


def over_column(threshold: float) -> str:
    """Return the name of the column with the share of edges whose ratio exceeds a threshold.

    Example:
        >>> over_column(1000.0)
        'over_1000'
    """
    return f"over_{threshold:.12g}"


def vitals(taken: SiteValues, thresholds: Sequence[float]) -> Vitals:
    """Read what a site has computed in one call of its layer.

    Args:
        taken: the activations.
        thresholds: ratios to count edges above.
    """
    values = taken.values
    magnitude = magnitudes(values)
    rows, several = len(magnitude), taken.site.has_vectors and values.size(-1) > 1
    if several:
        tops = edge_tops(magnitude)
        finite, top = tops.finite, tops.top_magnitude
        ratio = tops.top_ratio[tops.defined]
    else:
        top = magnitude.amax(dim=1) if rows else magnitude.new_zeros(0)
        finite = top.isfinite()
        ratio = top.new_zeros(0)
    largest = float(top[finite].max()) if bool(finite.any()) else math.nan
    saturated, choices = _saturation(taken)
    return Vitals(
        rows=rows,
        nonfinite=rows - int(finite.sum()),
        defined=len(ratio),
        over=tuple(int((ratio > threshold).sum()) for threshold in thresholds),
        ratio=float(ratio.max()) if len(ratio) else math.nan,
        magnitude=largest,
        headroom=math.log2(torch.finfo(values.dtype).max / largest) if largest > 0 else math.inf,
        dtype=str(values.dtype).removeprefix("torch."),
        saturated=saturated,
        choices=choices,
    )


def _saturation(taken: SiteValues) -> tuple[int, int]:
    """Return how many logits are beyond the layer's clamp, or softmaxes saturated; of how many."""
    site, values = taken.site, taken.values
    if not values.numel():
        return 0, 0
    if site.stage == "logit":
        limit = site.adapter.logit_limit(site.layer)
        return (0, 0) if limit is None else (int((values.abs() >= limit).sum()), values.numel())
    softmax = _softmax_of(taken.rows)
    if site.stage != "weight" or softmax is None or not _are_shares(site):
        return 0, 0
    weight = values.flatten(1).float()
    number = int(softmax.max()) + 1
    where = softmax.unsqueeze(1).expand_as(weight)
    total = weight.new_zeros(number, weight.size(1)).scatter_add_(0, where, weight)
    largest = weight.new_zeros(total.shape).scatter_reduce_(0, where, weight, "amax")
    several = softmax.bincount(minlength=number) > 1
    of, most = total[several], largest[several]
    return int(((most >= (1 - VANISHED) * of) & (of > 0)).sum()), of.numel()


def _softmax_of(rows: Rows) -> Tensor | None:
    """Return a number of the softmax that every row is part of ``[E]``; None if that is unclear."""
    if isinstance(rows, EdgeRows):
        return rows.edge_index[rows.target_row]
    if isinstance(rows, PairRows):
        return rows.graph * (rows.query.max() + 1) + rows.query
    return None


def _are_shares(site: Site) -> bool:
    """Say whether the weights into a node add up to one, before dropout."""
    dropped = site.about.dropout == "after" and site.layer.training
    return site.adapter.normalised and not site.adapter.joins_relations and not dropped


def _known(number: float) -> float | None:
    return None if math.isnan(number) else number
