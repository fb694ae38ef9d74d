"""Which edges of rewired graphs are not as they were before: added ones, or ones of a new type."""

import json
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from edgescope.data import load
from edgescope.data.edges.directions import edge_graphs
from edgescope.data.graphs import GraphDataset
from edgescope.data.splits import Splits, cut
from edgescope.lib.errors import InputError
from edgescope.study.cells import Cell
from edgescope.study.measures.edge_crossings import graphs_of
from edgescope.study.measures.measured_cell import MeasuredCell


class Changed(NamedTuple):
    """What rewiring did to the edges of a data set."""

    edges: Tensor
    """Which edges it changed ``[E]``, bool."""
    what: str
    """``"added"``; or ``"retyped"`` if it added none, and these have another type than before."""


def changed_edges(of: MeasuredCell) -> Changed | None:
    """Return which edges of the scanned graphs the study's rewiring changed.

    The data are loaded once more without it. Rewiring keeps the positions of a graph's own nodes
    and edges and puts new ones behind them, whatever type they have.

    Returns:
        None if the data were not rewired, or nothing was changed.

    Raises:
        InputError: if a graph's own edges are not those of the data without rewiring.
    """
    dataset = graphs_of(of)
    if dataset is None or not of.cell.source.get("rewire"):
        return None
    original = getattr(_original(*_words(of.cell)), of.cell.scan.split)
    return against(dataset, original)


def against(dataset: GraphDataset, original: GraphDataset) -> Changed | None:
    """Return which edges of rewired graphs are not those of the graphs before it.

    Raises:
        InputError: if the own edges of a graph are others.
    """
    graph = edge_graphs(dataset)
    counts = original.edge_ptr.diff()
    place = torch.arange(len(graph)) - dataset.edge_ptr[graph]
    fits = len(dataset) == len(original)
    own = place < counts[graph] if fits else torch.zeros(0)
    if not (
        fits
        and int(own.sum()) == len(original.edge_attr)
        and torch.equal(dataset.edge_index[:, own], original.edge_index)
    ):
        raise InputError(
            f"the edges of {dataset.name} do not begin with those of {original.name}, so it cannot "
            "be told which of them were added"
        )
    if not bool(own.all()):
        return Changed(~own, "added")
    retyped = dataset.edge_types != original.edge_types
    return Changed(retyped, "retyped") if bool(retyped.any()) else None


def _words(cell: Cell) -> tuple[str, int | None]:
    source = {name: value for name, value in cell.source.items() if name != "rewire"}
    return json.dumps(source), cell.subset


@lru_cache(maxsize=1)
def _original(source: str, subset: int | None) -> Splits:
    splits = load(**json.loads(source), progress=False)
    return splits if subset is None else cut(splits, subset)
