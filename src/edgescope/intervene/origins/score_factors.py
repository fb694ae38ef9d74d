"""A massive score taken apart: query, key and edge factor, and what writes each of them.

The score of edgescope's own attention is a product of three numbers per channel, so the decades by
which it is above the typical score are a sum of those of its factors. Each factor is linear in a
state, and the state is a sum of what earlier blocks have written, as long as what stands between
is linear: nothing, or batch norm in eval mode.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from edgescope.capturing import EdgeActivations, Site
from edgescope.intervene.metric_resamples import Sample, Scorer
from edgescope.intervene.origins.massive_counts import Choose
from edgescope.intervene.origins.residual_writers import Stream, Written
from edgescope.intervene.origins.rewind_rows import interval
from edgescope.intervene.replay import Passes, Place
from edgescope.models.attention import EdgeAttention

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

FACTORS = ("query", "key", "edge")

FACTOR_ROWS: dict[str, type[pl.DataType]] = {
    "site": pl.String,
    "factor": pl.String,
    "activations": pl.Int64,
    "decades": pl.Float64,
    "decades_low": pl.Float64,
    "decades_high": pl.Float64,
    "share": pl.Float64,
    "share_low": pl.Float64,
    "share_high": pl.Float64,
    "error": pl.Float64,
}

WRITER_ROWS: dict[str, type[pl.DataType]] = {
    "site": pl.String,
    "factor": pl.String,
    "writer": pl.String,
    "share": pl.Float64,
    "share_low": pl.Float64,
    "share_high": pl.Float64,
    "error": pl.Float64,
}

CUT = 50_000
"""Massive activations per site that are taken apart; of more, the first ones."""


class Factored(NamedTuple):
    """What is kept of the massive activations of a site in one batch, ``k`` of them."""

    graph: Tensor
    """``[k]``."""
    values: Tensor
    """The factors ``[3, k]``."""
    score: Tensor
    """The captured scores ``[k]``."""
    writers: list[dict[str, Tensor]]
    """Of every factor what its writers add ``[k]``; empty where they are not known."""


def why_not(site: Site) -> str:
    """Say why the values of a site cannot be taken apart; empty if they can."""
    if not isinstance(site.layer, EdgeAttention):
        return (
            f"its formula is not a product of query, key and edge factor that is known: "
            f"{site.about.formula or 'none'}"
        )
    if site.stage != "score":
        return "only scores are such a product"
    if site.layer.explicit_bias:
        return "an explicit bias is added to the product"
    return ""


class Decomposition:
    """Takes massive scores of a model apart.

    Args:
        model: the model, all of whose tensors are the trained ones.
        sites: the sites.
        choose: says what is massive.

    Attributes:
        left_out: sites and factors that are not taken apart, each with the reason.
    """

    def __init__(self, model: nn.Module, sites: Sequence[Site], choose: Choose) -> None:
        self.left_out = {site.name: reason for site in sites if (reason := why_not(site))}
        self._model = model
        self._sites = [site for site in sites if site.name not in self.left_out]
        self._choose = choose
        self._stream = Stream(model, [site.path for site in self._sites])
        self._args: dict[str, tuple[Tensor, ...]] = {}
        self._found: dict[str, list[Factored]] = {}
        self._typical: dict[str, tuple[Tensor, int]] = {}

    def run(self, passes: Passes) -> None:
        """Take apart what one pass of the model gives."""
        if not self._sites:
            return
        paths = {site.name: site.path for site in self._sites}

        def take(found: EdgeActivations, place: Place) -> None:
            if found.site in paths:  # a second call of a layer has other factors
                self._take(found, place(), paths[found.site])

        with self._seen():
            passes.observed(list(paths), take, "", False)
        unknown = self._stream.unknown.items()
        self.left_out |= {f"{path}, {factor}": reason for (path, factor), reason in unknown}

    @contextmanager
    def _seen(self) -> Iterator[None]:
        modules = dict(self._model.named_modules())
        handles = []
        for site in self._sites:
            layer = modules[site.path]

            def note(_: nn.Module, args: tuple[Tensor, ...], path: str = site.path) -> None:
                self._args[path] = args

            handles.append(layer.score.register_forward_pre_hook(note))
        try:
            with self._stream.followed():
                yield
        finally:
            for handle in handles:
                handle.remove()

    def _take(self, found: EdgeActivations, placed: EdgeActivations, path: str) -> None:
        query, key, edge, ends = self._args[path][:4]
        source, target = ends[0], ends[1]
        self._add_typical(found.site, torch.stack([query[target], key[source], edge]).detach())
        values = found.values.detach()
        chosen = self._choose(placed).to(values.device) & values.isfinite()
        kept = sum(len(each.score) for each in self._found.get(found.site, []))
        rows, head, channel = (each[: max(0, CUT - kept)] for each in chosen.nonzero().unbind(1))
        places = [Written(of, head, channel) for of in (target[rows], source[rows], rows)]
        factors = [of[place] for of, place in zip((query, key, edge), places, strict=True)]
        writers = [
            self._stream.written(path, factor, place)
            for factor, place in zip(FACTORS, places, strict=True)
        ]
        self._found.setdefault(found.site, []).append(
            Factored(
                placed.graph[rows.to(placed.graph.device)].cpu(),
                torch.stack(factors).detach().double().cpu(),
                values[rows, head, channel].double().cpu(),
                [{name: part.cpu() for name, part in each.items()} for each in writers],
            )
        )

    def _add_typical(self, site: str, factors: Tensor) -> None:
        """Add up the decades of all factors ``[3, E, H, D]`` whose product is not zero."""
        decades = factors.double().abs().log10().flatten(1)
        decades = decades[:, decades.isfinite().all(0)]
        total, number = self._typical.get(site, (torch.zeros(3), 0))
        self._typical[site] = total + decades.sum(1).cpu(), number + decades.size(1)

    def rows(self, scorer: Scorer) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Return a row per site and factor, and one per site, factor and writer.

        Args:
            scorer: gives the intervals over graphs.
        """
        factors: list[dict[str, Any]] = []
        writers: list[dict[str, Any]] = []
        for site in self._sites:
            several = self._found.get(site.name, [])
            if not sum(len(each.score) for each in several):
                continue
            graph = torch.cat([each.graph for each in several]).numpy()
            values = torch.cat([each.values for each in several], 1)
            score = torch.cat([each.score for each in several])
            total, number = self._typical[site.name]
            typical = total / max(number, 1)
            width = site.layer.head_dim
            factors += _factor_rows(site.name, graph, values, score, typical, width, scorer)
            for place, factor in enumerate(FACTORS):
                parts = {
                    name: torch.cat([each.writers[place][name] for each in several])
                    for name in several[0].writers[place]
                }
                row = {"site": site.name, "factor": factor}
                found = _writer_rows(graph, values[place].numpy(), parts, scorer)
                writers += [row | each for each in found]
        return factors, writers


def _factor_rows(
    site: str,
    graph: Ints,
    values: Tensor,
    score: Tensor,
    typical: Tensor,
    width: Any,  # noqa: ANN401  (torch's modules have attributes of any type)
    scorer: Scorer,
) -> Iterator[dict[str, Any]]:
    """Yield how many decades each factor ``[3, k]`` is above the typical one."""
    product = values.prod(0) * float(width) ** -0.5
    error = float(((product - score).abs() / score.abs()).nan_to_num().max())
    decades = (values.abs().log10() - typical.unsqueeze(1)).numpy()
    total = decades.sum(0)
    for factor, of in zip(FACTORS, decades, strict=True):
        row = {"site": site, "factor": factor, "activations": len(score), "error": error}
        row |= interval("decades", _over(graph, of, np.ones(len(of)), scorer), scorer)
        yield row | interval("share", _over(graph, of, total, scorer), scorer)


def _writer_rows(
    graph: Ints, value: Array, parts: Mapping[str, Tensor], scorer: Scorer
) -> Iterator[dict[str, Any]]:
    """Yield which share of a factor ``[k]`` each part ``[k]`` is, with its sign."""
    if not parts:
        return
    size = np.sum([part.abs().numpy() for part in parts.values()], axis=0)
    gap = np.abs(np.sum([part.numpy() for part in parts.values()], axis=0) - value)
    error = float(np.nan_to_num(gap / np.where(size, size, 1)).max())
    for name, part in parts.items():
        along = part.numpy() * np.sign(value)
        row: dict[str, Any] = {"writer": name, "error": error}
        yield row | interval("share", _over(graph, along, np.abs(value), scorer), scorer)


def _over(graph: Ints, part: Array, whole: Array, scorer: Scorer) -> Sample:
    """Return the sum of one number over that of another, by graph."""
    total, count = (
        np.bincount(graph, each, scorer.graphs).astype(np.float64) for each in (part, whole)
    )
    return scorer.ratio(total, count)
