"""Attribution patching: what patching would change, by gradients, and how well that agrees.

By the gradient, as in Syed et al., arXiv 2310.10348: gradient times difference; and by integrated
gradients along the straight line between the two (Sundararajan et al., ICML 2017; Hanna et al.,
arXiv 2403.17806), whose sum over a site is the exact change but for the steps.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from edgescope.capturing import EdgeActivations, edit
from edgescope.intervene.origins.two_models import Running
from edgescope.intervene.replay import SiteValues, first_call
from edgescope.lib.eval_mode import evaluating, without_gradients
from edgescope.scanning.batches import device_of, on_device
from edgescope.statistics.bootstrap import MIN_GROUPS, percentile_interval
from edgescope.statistics.ranks import spearman

Array = NDArray[np.float64]

START = 2.0**-8
"""Where on the way the single gradient is taken. At 0 an edit changes nothing, so that layers keep
numbers of their own, through which no gradient flows."""

RESAMPLES = 200
"""Of graphs, for the intervals of rank correlations."""

AGREEMENT: dict[str, type[pl.DataType]] = {
    "method": pl.String,
    "patched": pl.String,
    "over": pl.String,
    "number": pl.Int64,
    "spearman": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
}


class Gradients:
    """Attributes the change of a model's predictions to the edges of a patched site.

    Args:
        model: the model.
        running: how it is run.

    Attributes:
        passes: forward passes so far; each has a backward pass.
    """

    def __init__(self, model: nn.Module, running: Running) -> None:
        self.passes = 0
        self._model, self._running = model, running

    def attributed(self, site: str, donor: SiteValues, at: Sequence[float]) -> Array:
        """Return the gradient times the difference of every edge ``[E]``, the mean over places.

        What is attributed is the sum of all predictions.

        Args:
            site: name of the site.
            donor: the values that would be put there.
            at: places between the model's own values, 0, and those, 1.
        """
        found = np.zeros(len(donor.values))
        for place in at:
            found += self._once(site, donor.values, place) / len(at)
        return found

    def _once(self, site: str, donor: Tensor, place: float) -> Array:
        seen: dict[str, int] = defaultdict(int)
        found = np.zeros(len(donor))
        held: list[tuple[slice, Tensor, Tensor]] = []

        def put(activations: EdgeActivations) -> Tensor | None:
            if activations.site != site:
                return None
            own = activations.values.detach()
            rows = slice(seen[site], seen[site] + len(own))
            seen[site] = rows.stop
            step = donor[rows].to(own) - own
            leaf = (own + place * step).requires_grad_()
            held.append((rows, step, leaf))
            return leaf

        name = first_call(site)
        with (
            evaluating(self._model),
            without_gradients(self._model),
            torch.enable_grad(),
            edit(self._model, lambda each: each.name == name, put, *self._running[2:]),
        ):
            for batch in self._running.batches:
                held.clear()
                output = self._running.call(self._model, on_device(batch, device_of(self._model)))
                if not output.requires_grad:
                    continue  # nothing that is predicted depends on the site
                leaves = [leaf for _, _, leaf in held]
                grads = torch.autograd.grad(output.sum(), leaves, allow_unused=True)
                for (rows, step, _), grad in zip(held, grads, strict=True):
                    if grad is not None:
                        product = (grad.double() * step.double()).flatten(1).sum(1)
                        found[rows] = product.cpu().numpy()
        self.passes += 1
        return found


def midpoints(steps: int) -> list[float]:
    """Return the places of the midpoint rule between 0 and 1.

    Example:
        >>> midpoints(2)
        [0.25, 0.75]
    """
    return [(step + 0.5) / steps for step in range(steps)]


def agreement(
    exact: Array, estimate: Array, graph: NDArray[np.int64], generator: np.random.Generator
) -> dict[str, Any]:
    """Return the rank correlation of two numbers, with an interval over graphs.

    Args:
        exact: numbers ``[n]``.
        estimate: others of the same ``[n]``.
        graph: the graph of each ``[n]``.
        generator: draws the resamples.
    """
    known = np.isfinite(exact) & np.isfinite(estimate)
    exact, estimate, graph = exact[known], estimate[known], graph[known]
    value = spearman(exact, estimate)[0] if len(exact) else np.nan
    row: dict[str, Any] = {"number": len(exact)}
    graphs, place = np.unique(graph, return_inverse=True)
    low = high = float("nan")
    if len(graphs) >= MIN_GROUPS:
        drawn = []
        for _ in range(RESAMPLES):
            times = np.bincount(
                generator.integers(len(graphs), size=len(graphs)), None, len(graphs)
            )
            rows = np.repeat(np.arange(len(exact)), times[place])
            drawn.append(spearman(exact[rows], estimate[rows])[0])
        ends = percentile_interval(np.array(drawn), len(graphs))
        low, high = max(float(ends[0]), -1.0), min(float(ends[1]), 1.0)
    return row | {"spearman": None if np.isnan(value) else float(value), "low": low, "high": high}
