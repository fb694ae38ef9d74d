"""How far predictions move without added edges, and without as many of a graph's own."""

import numpy as np
import polars as pl
import torch
from torch import Tensor

from edgescope.attribute.bonds import Bonds, Bools, Ints, bonds, without_bonds
from edgescope.attribute.fidelity import predict
from edgescope.data.graphs import GraphDataset
from edgescope.statistics.bootstrap import mean_over_graphs
from edgescope.study.measures.edge_crossings import drawn_graphs, graphs_of
from edgescope.study.measures.measured_cell import MeasuredCell
from edgescope.study.measures.original_edges import changed_edges

GRAPHS = 250
"""Graphs whose edges are removed, the same in all cells of a data set."""

DRAWS = 4
"""Draws of the edges that are removed."""

_SCHEMA = {
    "group": pl.String,
    "amount": pl.String,
    "edges_removed_per_graph": pl.Float64,
    "graphs": pl.Int64,
    "change": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
}


def importance(of: MeasuredCell) -> dict[str, pl.DataFrame]:
    """Return the mean change of predictions when edges of one group are removed.

    ``group`` is ``added`` and ``own`` (``retyped`` and ``kept`` where rewiring adds none), and
    every type of edge. An edge is removed with its other direction, and counts once. ``amount``
    says how many of a graph: ``one``, or ``half`` as many as the smaller of the two first groups
    has there. That is the same number for both of them in every graph, on average
    ``edges_removed_per_graph``; graphs that lack one of the two are left out for both.

    ``change`` is the magnitude by which the model's outputs change, in their unit, logits for
    labels: the mean over columns, over :data:`DRAWS` random draws of the edges, and over graphs,
    with a 95 % interval over graphs. No table if the data were not rewired.
    """
    dataset, changed = graphs_of(of), changed_edges(of)
    if dataset is None or changed is None:
        return {}
    drawn = drawn_graphs(dataset, GRAPHS)
    some = dataset.subset(drawn)
    marks = torch.cat([changed.edges[each] for each in _edges_of(dataset, drawn)])
    held = bonds(some)
    groups = _groups(some, held, held.any_direction(marks), changed.what)
    whole = predict(of.model, some)
    rows = []
    for (name, amount), (group, count) in groups.items():
        random = np.random.default_rng(of.cell.seed)
        moved = np.zeros(len(some))
        for _ in range(DRAWS):
            removed = drawn_bonds(held, group, count, random)
            found = predict(of.model, without_bonds(some, held, removed))
            moved += (found - whole).abs().mean(1).numpy() / DRAWS
        used = count > 0
        mean = mean_over_graphs(np.where(used, moved, np.nan), seed=of.cell.seed)
        rows.append(
            {
                "group": name,
                "amount": amount,
                "edges_removed_per_graph": float(count[used].mean()) if used.any() else None,
                "graphs": mean.graphs,
                "change": mean.value,
                "low": mean.low,
                "high": mean.high,
            }
        )
    table = pl.DataFrame(rows, schema=_SCHEMA)
    return {"importance": table.with_columns(pl.col(pl.Float64).fill_nan(None))}


def _edges_of(dataset: GraphDataset, graphs: Tensor) -> list[slice]:
    ptr = dataset.edge_ptr.tolist()
    return [slice(ptr[graph], ptr[graph + 1]) for graph in graphs.tolist()]


def _groups(
    dataset: GraphDataset, held: Bonds, marked: Bools, what: str
) -> dict[tuple[str, str], tuple[Bools, Ints]]:
    """Return by group and amount which bonds are of the group, and how many of a graph go."""
    names = ("added", "own") if what == "added" else ("retyped", "kept")
    pair = dict(zip(names, (marked, ~marked), strict=True))
    smaller = np.minimum(*(_per_graph(held, group) for group in pair.values()))
    amounts = {"one": np.minimum(smaller, 1), "half": (smaller + 1) // 2}
    found = {
        (name, amount): (group, count)
        for amount, count in amounts.items()
        for name, group in pair.items()
    }
    for number, name in enumerate(dataset.edge_type_names):
        group = held.any_direction(dataset.edge_types == number)
        if group.any():
            found[name, "one"] = group, np.minimum(_per_graph(held, group), 1)
    return found


def _per_graph(held: Bonds, group: Bools) -> Ints:
    return np.bincount(held.graph[group], minlength=held.graphs)


def drawn_bonds(held: Bonds, group: Bools, count: Ints, random: np.random.Generator) -> Bools:
    """Draw ``count`` ``[G]`` bonds of a group in every graph, and return which they are ``[B]``."""
    members = np.flatnonzero(group)
    members = members[np.lexsort((random.random(len(members)), held.graph[members]))]
    sizes = _per_graph(held, group)
    place = np.arange(len(members)) - np.repeat(sizes.cumsum() - sizes, sizes)
    chosen = np.zeros(len(group), dtype=bool)
    chosen[members[place < count[held.graph[members]]]] = True
    return chosen
