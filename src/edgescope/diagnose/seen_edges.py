"""The edge features that a layer worked with, row by row."""

import torch
from torch import Tensor, nn

from edgescope.diagnose.rules.base import LayerSeen

EDGE_ARGUMENTS = ("edge_attr", "edge", "edge_type", "edge_weight", "edge_real", "factor")
"""What layers call arguments with one row per edge."""


def edge_features(seen: LayerSeen) -> Tensor | None:
    """Return the features of every row ``[E, K]``, as the layer saw them; ``None`` if it has none.

    Self-loops that a layer of PyG adds get the features that it gives them.

    Raises:
        ValueError: if it cannot be told which features belong to which row.
    """
    given = seen.arguments or {}
    found = [given[name] for name in EDGE_ARGUMENTS if isinstance(given.get(name), Tensor)]
    if getattr(seen.layer, "lin_edge", seen) is None:
        return None  # a layer of PyG without edge_dim, which leaves them out
    if not found:
        return None
    rows = torch.cat([_by_row(each).double() for each in found], 1)
    if getattr(seen.layer, "add_self_loops", False):
        rows = _with_loops(seen.layer, given.get("edge_index"), rows, seen)
    if len(rows) != seen.edge_index.size(1):
        raise ValueError("there are not as many edge features as rows")
    return rows


def _by_row(values: Tensor) -> Tensor:
    """Return one row of features per edge ``[E, K]``, also if there is no edge."""
    return values.unsqueeze(1) if values.dim() == 1 else values.flatten(1)


def _with_loops(layer: nn.Module, edges: object, rows: Tensor, seen: LayerSeen) -> Tensor:
    """Drop self-loops and add one per node, as the layer does."""
    from torch_geometric.utils import add_self_loops, remove_self_loops

    if not isinstance(edges, Tensor) or edges.layout != torch.strided:
        raise ValueError("the layer was not given its edges as a tensor")
    others, rows = remove_self_loops(edges, rows)
    nodes = seen.edge_index.size(1) - others.size(1)
    all_edges, rows = add_self_loops(others, rows, getattr(layer, "fill_value", "mean"), nodes)
    if not torch.equal(all_edges, seen.edge_index):
        raise ValueError("the layer saw other edges than it was given")
    return rows
