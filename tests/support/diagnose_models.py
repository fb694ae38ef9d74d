"""Small models with one fault in their attention, and graphs to diagnose them on."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch_geometric.data import Batch, Data, HeteroData
from torch_geometric.nn import GATConv, GATv2Conv, HGTConv, TransformerConv

import edgescope as es

WIDTH = 8
HEADS = 2


def graphs(number: int = 6, nodes: int = 12, seed: int = 0, edge_dim: int = 3) -> Batch:
    """Return random graphs with real features, without self-loops."""
    random = torch.Generator().manual_seed(seed)
    made = []
    for _ in range(number):
        source = torch.randint(0, nodes, (4 * nodes,), generator=random)
        step = torch.randint(1, nodes, (4 * nodes,), generator=random)
        made.append(
            Data(
                x=torch.randn(nodes, WIDTH, generator=random),
                edge_index=torch.stack([source, (source + step) % nodes]),
                edge_attr=torch.randn(4 * nodes, edge_dim, generator=random),
            )
        )
    return Batch.from_data_list(made)


class Stack(nn.Module):
    """Layers one after the other, with a residual around each if asked for."""

    def __init__(self, *layers: nn.Module, residual: bool = False, edges: bool = False) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.residual = residual
        self.edges = edges

    def forward(
        self,
        x: Tensor,
        edge_index: Tensor,
        edge_attr: Tensor,
        batch: Tensor | None = None,  # noqa: ARG002  (read by capture)
    ) -> Tensor:
        for layer in self.layers:
            new = layer(x, edge_index, edge_attr) if self.edges else layer(x, edge_index)
            x = x + new if self.residual else new
        return x


class Hetero(nn.Module):
    """One HGTConv that gets its relations in an order of its own."""

    def __init__(self, order: list[int]) -> None:
        super().__init__()
        self.relations = [("a", "r0", "b"), ("b", "r1", "a"), ("a", "r2", "b")]
        self.conv = HGTConv(WIDTH, WIDTH, (["a", "b"], self.relations), heads=HEADS)
        self.order = order

    def forward(self, x_dict: dict[str, Tensor], edge_index_dict: dict[Any, Tensor]) -> Any:
        chosen = [self.relations[number] for number in self.order]
        return self.conv(x_dict, {relation: edge_index_dict[relation] for relation in chosen})


def hetero() -> HeteroData:
    random = torch.Generator().manual_seed(0)
    data = HeteroData()
    data["a"].x = torch.randn(5, WIDTH, generator=random)
    data["b"].x = torch.randn(7, WIDTH, generator=random)
    for kind, sizes in ((("a", "r0", "b"), (5, 7)), (("b", "r1", "a"), (7, 5))):
        ends = [torch.randint(0, size, (9,), generator=random) for size in sizes]
        data[kind].edge_index = torch.stack(ends)
    data["a", "r2", "b"].edge_index = torch.tensor([[0, 1, 2], [3, 4, 5]])
    return data


def gat(**options: Any) -> GATConv:
    return GATConv(WIDTH, WIDTH // HEADS, heads=HEADS, **options)


def gatv2(**options: Any) -> GATv2Conv:
    return GATv2Conv(WIDTH, WIDTH // HEADS, heads=HEADS, **options)


def transformer(**options: Any) -> TransformerConv:
    return TransformerConv(WIDTH, WIDTH // HEADS, heads=HEADS, **options)


def changed(layer: nn.Module, **parameters: Callable[[Tensor], Any]) -> nn.Module:
    """Return a layer with parameters changed in place; ``__`` stands for a dot."""
    for name, change in parameters.items():
        with torch.no_grad():
            change(layer.get_parameter(name.replace("__", ".")))
    return layer


def scaled(by: float) -> Callable[[Tensor], Any]:
    return lambda parameter: parameter.mul_(by)


def first_head_to_zero(parameter: Tensor) -> None:
    parameter.view(HEADS, -1)[0] = 0


def heads_alike(parameter: Tensor) -> None:
    parameter.view(HEADS, -1)[1] = parameter.view(HEADS, -1)[0]


def blind() -> nn.Module:
    return changed(transformer(), lin_value__weight=scaled(0), lin_value__bias=lambda b: b.fill_(1))


def one_channel_large(parameter: Tensor) -> None:
    parameter.view(-1, parameter.size(-1))[0] *= 1e6


def sink(batch: Batch) -> Batch:
    """Make the first node of every graph attract all attention of a layer from :func:`sinking`."""
    batch = batch.clone()
    batch.x[:, 0] = 0
    batch.x[batch.ptr[:-1], 0] = 30
    first, size = batch.ptr[:-1], batch.num_nodes // batch.num_graphs
    others = torch.arange(batch.num_nodes)
    toward = torch.stack([first.repeat_interleave(size), others])
    toward = toward[:, toward[0] != toward[1]]
    batch.edge_index = torch.cat([batch.edge_index, toward], dim=1)
    batch.edge_attr = torch.cat([batch.edge_attr, torch.randn(toward.size(1), 3)])
    return batch


def sinking() -> nn.Module:
    layer = GATConv(WIDTH, WIDTH // HEADS, heads=HEADS)
    with torch.no_grad():
        layer.lin.weight.zero_()
        layer.lin.weight[0, 0] = layer.lin.weight[WIDTH // HEADS, 0] = 1
        layer.att_src.fill_(1)
        layer.att_dst.fill_(0)
    return layer


def looped(batch: Batch) -> Batch:
    """Add every self-loop twice."""
    batch = batch.clone()
    loops = torch.arange(batch.num_nodes).repeat(2, 2)
    batch.edge_index = torch.cat([batch.edge_index, loops], dim=1)
    batch.edge_attr = torch.cat([batch.edge_attr, torch.zeros(loops.size(1), 3)])
    return batch


def averaging() -> nn.Module:
    """Return a layer that is the mean over neighbours."""
    layer = GATConv(WIDTH, WIDTH, heads=1, bias=False)
    with torch.no_grad():
        layer.lin.weight.copy_(torch.eye(WIDTH))
        layer.att_src.zero_()
        layer.att_dst.zero_()
    return layer


def onto_one_direction(layer: nn.Module) -> nn.Module:
    with torch.no_grad():
        layer.lin_value.weight.copy_(torch.ones(WIDTH, 1) * layer.lin_value.weight[:1])
        layer.lin_value.bias.zero_()
    return layer


def edge_transformer() -> nn.Module:
    return es.models.GraphTransformer(
        num_atom_types=5, num_bond_types=4, hidden_dim=WIDTH, num_heads=HEADS, num_layers=2
    )


def typed(batch: Batch) -> Batch:
    """Give a batch types of atoms and bonds in place of features."""
    random = torch.Generator().manual_seed(1)
    batch = batch.clone()
    batch.x = torch.randint(0, 5, (batch.num_nodes,), generator=random)
    batch.edge_attr = torch.randint(0, 4, (batch.num_edges,), generator=random)
    return batch


def first_to_nan(parameter: Tensor) -> None:
    parameter.view(-1)[0] = torch.nan


def build(make: Callable[[], nn.Module], seed: int = 0) -> nn.Module:
    """Return a model with weights that depend on the seed only."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return make()


def check_alike(one: Any, two: Any, rel: float = 1e-4, absolute: float = 1e-6) -> None:
    """Check that two values of evidence are the same: numbers nearly, all else exactly."""
    if isinstance(one, dict):
        assert one.keys() == two.keys()
        for name, value in one.items():
            check_alike(value, two[name], rel, absolute)
    elif isinstance(one, list):
        assert len(one) == len(two)
        for left, right in zip(one, two, strict=True):
            check_alike(left, right, rel, absolute)
    elif isinstance(one, float):
        assert two == pytest.approx(one, rel=rel, abs=absolute)
    else:
        assert one == two
