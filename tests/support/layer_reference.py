"""A layer alone, observed, and what its numbers are held against: formulas in plain numpy."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch_geometric.data import Data
from torch_geometric.utils import scatter

import edgescope as es
from edgescope.capturing.activations import EdgeActivations

NODE_DIM, EDGE_DIM = 4, 3
TOLERANCE = {torch.float32: 1e-5, torch.float16: 0.01, torch.bfloat16: 0.08}
Array = np.ndarray


def _graph(nodes: int, edges: list[tuple[int, int]]) -> Data:
    generator = torch.Generator().manual_seed(len(edges))
    return Data(
        x=torch.randn(nodes, NODE_DIM, generator=generator),
        edge_index=torch.tensor(edges, dtype=torch.int64).reshape(-1, 2).t().contiguous(),
        edge_attr=torch.randn(len(edges), EDGE_DIM, generator=generator),
        edge_type=torch.arange(len(edges)) % 3,
    )


# The last node is isolated.
MULTIGRAPH = _graph(5, [(0, 0), (0, 1), (1, 2), (0, 1), (3, 0), (2, 2), (0, 2), (2, 2), (3, 2)])
GRAPHS = {
    "loops, duplicates, an isolated node": MULTIGRAPH,
    "no edges": _graph(3, []),
    "one node with a loop": _graph(1, [(0, 0)]),
    "one node alone": _graph(1, []),
}
_SOURCES = _graph(5, [(0, 0), (4, 2), (4, 2), (1, 1)])
_SOURCES.x = (_SOURCES.x, torch.randn(3, 2, generator=torch.Generator().manual_seed(0)))
BIPARTITE = {"from one kind of nodes to another": _SOURCES}


class Observed(NamedTuple):
    """What one call of a layer gave."""

    stages: dict[str, EdgeActivations]
    """The captured stages by name."""
    output: Any
    """What the layer returned."""
    aggregated: tuple[Tensor, ...] = ()
    """What the layer made of its messages, each time that it passed them, before it added a bias
    or a residual."""


class Alone(nn.Module):
    """A model that is one layer."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.conv = layer

    def forward(
        self,
        x: Any,
        edge_index: Tensor,
        edge_attr: Any = None,
        *,
        edge_type: Any = None,
        **rest: Any,
    ) -> Any:
        if rest.keys() & {"x_0", "node_type", "pos"}:  # which come between the others
            rest |= {} if edge_type is None else {"edge_type": edge_type}
            rest |= {} if edge_attr is None else {"edge_attr": edge_attr}
            return self.conv(x, edge_index=edge_index, **rest)
        if edge_type is None:
            return self.conv(x, edge_index, *([] if edge_attr is None else [edge_attr]), **rest)
        return self.conv(x, edge_index, edge_type, edge_attr, **rest)


def observe(
    layer: nn.Module, *args: Any, model: nn.Module | None = None, **options: Any
) -> Observed:
    """Call a layer of PyG once, in a model of its own, and return all its stages."""
    aggregated: list[Tensor] = []

    def keep(_: nn.Module, __: Any, out: Tensor) -> None:
        aggregated.append(out)

    hook = layer.register_aggregate_forward_hook(keep)
    try:
        found = observe_model(Alone(layer) if model is None else model, *args, **options)
    finally:
        hook.remove()
    return found._replace(aggregated=tuple(aggregated))


def observe_model(model: nn.Module, *args: Any, **options: Any) -> Observed:
    """Call a model with one attention layer once and return all its stages."""
    with torch.no_grad(), es.capture(model) as tape:
        output = model(*args, **options)
    return Observed({site.partition(":")[2]: tape[site] for site in tape.sites}, output)


def numbers(tensor: Tensor) -> Array:
    """Return a tensor as float64."""
    return tensor.detach().double().numpy()


def softmax(logit: Array, target: Array) -> Array:
    """Return the softmax of ``logit`` ``[E, ...]`` over the edges of each target."""
    weight = np.empty_like(logit)
    for node in np.unique(target):
        rows = target == node
        powers = np.exp(logit[rows] - logit[rows].max(0))
        weight[rows] = powers / powers.sum(0)
    return weight


def linear(layer: nn.Module, states: Tensor | Array) -> Array:
    """Return what a linear layer makes of states ``[N, F]``."""
    states = numbers(states) if isinstance(states, Tensor) else states
    bias = 0 if layer.bias is None else numbers(layer.bias)
    return states @ numbers(layer.weight).T + bias


def leaky_relu(values: Array, slope: float = 0.2) -> Array:
    return np.where(values > 0, values, slope * values)


def per_head(values: Array, heads: int) -> Array:
    """View ``[N, H * D]`` as ``[N, H, D]``."""
    return values.reshape(len(values), heads, values.shape[1] // heads)


def per_edge(size: int, shape: tuple[int, ...], formula: Any) -> Array:
    """Return ``formula(edge)`` for one edge after the other ``[E, *shape]``."""
    return np.array([formula(edge) for edge in range(size)]).reshape(size, *shape)


def with_loops(
    edge_index: Tensor, edge_attr: Tensor | None, nodes: int, fill: Array | float | str = "mean"
) -> tuple[Array, Array | None, Array]:
    """Return edges, their features and their position in the input, self-loops replaced.

    As the layers of PyG document it: the input's loops go, and every node gets one at the end,
    whose features are a constant, or the mean over the edges of its node.
    """
    edges = edge_index.numpy()
    kept = np.flatnonzero(edges[0] != edges[1])
    loops = np.stack([np.arange(nodes)] * 2)
    position = np.concatenate([kept, np.full(nodes, -1)])
    features = None
    if edge_attr is not None:
        given = numbers(edge_attr if edge_attr.dim() > 1 else edge_attr[:, None])
        added = np.zeros((nodes, given.shape[1]))
        for node in range(nodes):
            own = given[kept][edges[1, kept] == node]
            added[node] = (own.mean(0) if len(own) else 0) if isinstance(fill, str) else fill
        features = np.concatenate([given[kept], added])
    return np.concatenate([edges[:, kept], loops], axis=1), features, position


def assert_stages(
    observed: Observed,
    expected: Mapping[str, Array],
    dtype: torch.dtype = torch.float32,
    tolerance: float | None = None,
) -> None:
    """Compare every captured stage with its formula; there must be one for each."""
    tolerance = TOLERANCE[dtype] if tolerance is None else tolerance
    assert observed.stages.keys() == expected.keys()
    for stage, values in expected.items():
        found = observed.stages[stage].values
        assert found.dtype == dtype
        assert found.dim() == 3
        wanted = values if values.ndim == 3 else values.reshape(*values.shape[:2], -1)
        np.testing.assert_allclose(
            numbers(found), wanted, rtol=tolerance, atol=tolerance, err_msg=stage
        )


def assert_edges(observed: Observed, edges: Array, position: Array | None = None) -> None:
    """Check which edge every row is; by default the edges are as given."""
    position = np.arange(edges.shape[1]) if position is None else position
    for stage in observed.stages.values():
        assert np.array_equal(stage.edge_index.numpy(), edges)
        assert np.array_equal(stage.input_edge.numpy(), position)


def assert_messages_add_up(observed: Observed, side: int = 1, reduce: str = "sum") -> None:
    """Check that the messages of a target add up to what the layer made of them."""
    message, (aggregated,) = observed.stages["message"], observed.aggregated
    target = message.edge_index[side]
    total = scatter(message.values, target, dim_size=len(aggregated), reduce=reduce)
    torch.testing.assert_close(total.flatten(), aggregated.flatten(), equal_nan=True)
