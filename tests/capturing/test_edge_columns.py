"""Layers that are each given a copy of the edges get the identity of their own copy."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch_geometric.nn import TransformerConv

import edgescope as es
from edgescope.capturing import edge_columns
from support.graph_cases import EDGE_DIM, WIDTH, graphs


class Copies(nn.Module):
    """Gives every layer a copy of the edges in an order of its own."""

    def __init__(self, orders: list[Tensor]) -> None:
        super().__init__()
        self.orders = orders
        self.layers = nn.ModuleList(TransformerConv(WIDTH, 4, 2, edge_dim=EDGE_DIM) for _ in orders)

    def forward(self, x: Tensor, edge_index: Tensor, edge_attr: Tensor) -> Tensor:
        found = [
            layer(x, edge_index[:, order], edge_attr[order])
            for layer, order in zip(self.layers, self.orders, strict=True)
        ]
        return torch.stack(found).sum(0)


@given(graph=graphs(min_edges=1, max_nodes=2), data=st.data())
def test_copies_with_the_same_numbers_keep_their_own_order(graph, data):
    # Of two nodes many edges are doubles: other orders of them have the same numbers.
    number = graph.edge_index.size(1)
    orders = [torch.tensor(data.draw(st.permutations(range(number)))) for _ in range(3)]
    model = Copies([*orders, orders[0]])
    with torch.no_grad(), es.capture(model, "*:logit") as tape:
        model(graph.x, graph.edge_index, graph.edge_attr)
    for site, order in zip(tape.sites, model.orders, strict=True):
        assert torch.equal(tape[site].identity.input_edge, order)


def test_what_a_copy_is_is_found_out_once(monkeypatch):
    asked = []
    find = edge_columns.find_columns
    monkeypatch.setattr(edge_columns, "find_columns", lambda *all_: asked.append(0) or find(*all_))
    order = torch.tensor([2, 0, 1])
    model = Copies([order] * 5)
    with torch.no_grad(), es.capture(model, "*:logit"):
        model(torch.randn(3, WIDTH), torch.tensor([[0, 1, 2], [1, 2, 0]]), torch.randn(3, EDGE_DIM))
    assert len(asked) == 1
