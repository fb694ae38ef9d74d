"""Are edges of a type massive more often than other edges between the same two elements?"""

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor

from edgescope.data.edges.directions import batched_edges
from edgescope.data.graphs import GraphDataset
from edgescope.interpret.kinds import Kind
from edgescope.interpret.permutation import Tested, permutation_tests
from edgescope.interpret.topology import Ints
from edgescope.statistics.bootstrap import Bootstrap, bootstrap
from edgescope.study.measures.edge_crossings import Crossing, crossings, edge_clusters, graphs_of
from edgescope.study.measures.element_triples import elements
from edgescope.study.measures.measured_cell import MeasuredCell
from edgescope.study.measures.site_counts import Limit

PERMUTATIONS = 499

Array = NDArray[np.float64]

_SCHEMA = {
    "site": pl.String,
    "layer": pl.Int64,
    "rule": pl.String,
    "threshold": pl.Float64,
    "edge_type": pl.String,
    "edges": pl.Int64,
    "massive": pl.Int64,
    "observed": pl.Float64,
    "expected": pl.Float64,
    "difference": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "exchangeable": pl.Int64,
    "p": pl.Float64,
}


def type_tests(of: MeasuredCell) -> dict[str, pl.DataFrame]:
    """Return how often edges of every type are massive, beside edges of the same two elements.

    ``observed`` is the share of the type's edges that are massive. ``expected`` is that share if
    every edge were massive as often as all edges with its source and target element, whatever
    their type (indirect standardisation). ``low`` and ``high`` bound their ``difference`` at 95 %,
    graphs resampled in groups; null for fewer than 8 groups.

    ``p`` is two-sided, of permutations in which bonds of the same two elements and of one molecule
    exchange what is massive on them, so that it holds however massive edges cluster by molecule.
    ``exchangeable`` counts the edges that permutations can change something about; with 0 of them
    p is 1 and says nothing. A threshold that no edge of a site exceeds has no rows there.
    """
    dataset = graphs_of(of)
    if dataset is None:
        return {}
    element, names = elements(dataset)
    kind = Kind.of_codes("edge_type", dataset.edge_type_names, dataset.edge_types)
    found = [
        (crossing, limit, massive)
        for crossing in crossings(of)
        for limit, massive in zip(crossing.limits, crossing.massive, strict=True)
        if bool(massive.any())
    ]
    if not found:
        return {"type_tests": pl.DataFrame(schema=_SCHEMA)}
    tested = permutation_tests(
        dataset,
        [kind],
        torch.stack([massive for *_, massive in found]),
        permutations=PERMUTATIONS,
        seed=of.cell.seed,
        held=element,
        progress=False,
    )["edge_type"]
    source, target = element[batched_edges(dataset).numpy()]
    pair = torch.from_numpy(source * len(names) + target)
    tables = [
        _table(dataset, each, pair, tested, number, of.cell.seed)
        for number, each in enumerate(found)
    ]
    return {"type_tests": pl.concat(tables)}


def _table(
    dataset: GraphDataset,
    found: tuple[Crossing, Limit, Tensor],
    pair: Tensor,
    tested: Tested,
    number: int,
    seed: int,
) -> pl.DataFrame:
    """Return the rows of one site and threshold, the ``number``-th that was tested."""
    crossing, limit, massive = found
    counts = _counts(dataset, pair, crossing.defined, massive)
    shares = bootstrap(counts, standardised, generator=np.random.default_rng(seed))
    edges, over = counts.sum((0, 1)).T
    table = pl.DataFrame(
        {
            "edge_type": dataset.edge_type_names,
            "edges": edges.astype(np.int64),
            "massive": over.astype(np.int64),
            **_columns(shares),
            "exchangeable": tested.exchangeable[number],
            "p": tested.p[number],
        }
    ).with_columns(
        **{name: pl.lit(value) for name, value in crossing.key.items()},
        rule=pl.lit(limit.rule),
        threshold=pl.lit(limit.threshold),
    )
    table = table.filter(pl.col("edges") > 0).select(list(_SCHEMA)).cast(pl.Schema(_SCHEMA))
    return table.with_columns(pl.col(pl.Float64).fill_nan(None))


def _counts(dataset: GraphDataset, pair: Tensor, defined: Tensor, massive: Tensor) -> Ints:
    """Return edges and massive ones by group of graphs, pair of elements, and type ``[..., 2]``."""
    cluster, groups = edge_clusters(dataset)
    place = torch.unique(pair, return_inverse=True)[1]
    pairs, types = int(place.max()) + 1, len(dataset.edge_type_names)
    cell = (cluster * pairs + place) * types + dataset.edge_types
    size = groups * pairs * types
    both = [cell[chosen].bincount(minlength=size) for chosen in (defined, massive)]
    return torch.stack(both, dim=-1).view(groups, pairs, types, 2).numpy()


def standardised(counts: Array) -> Array:
    """Return observed and expected share of every type and their difference ``[R, T, 3]``.

    Args:
        counts: edges and massive edges by pair of elements and type ``[R, P, T, 2]``.
    """
    edges, massive = counts[..., 0], counts[..., 1]
    of_pair = edges.sum(-1, keepdims=True)
    with np.errstate(invalid="ignore"):  # pairs and types that a resample lacks
        rate = np.where(of_pair > 0, massive.sum(-1, keepdims=True) / of_pair, 0.0)
        observed = massive.sum(1) / edges.sum(1)
        expected = (edges * rate).sum(1) / edges.sum(1)
    return np.stack([observed, expected, observed - expected], axis=-1)


def _columns(shares: Bootstrap) -> dict[str, Array]:
    """Return the columns of shares; where nothing can vary there is no interval."""
    observed, expected, difference = shares.estimate.T
    return {
        "observed": observed,
        "expected": expected,
        "difference": difference,
        "low": shares.low[:, 2],
        "high": shares.high[:, 2],
    }
