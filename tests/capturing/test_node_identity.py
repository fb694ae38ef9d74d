"""Which node a row of node states is: right, or refused with the reason."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch_geometric.data import Batch, Data
from torch_geometric.nn import GATConv, SAGPooling, TopKPooling
from torch_geometric.utils import add_self_loops

import edgescope as es
from edgescope.lib.errors import InputError
from support.graph_cases import WIDTH, graphs

EDGES = torch.tensor([[0, 1, 2, 3, 3], [1, 2, 3, 0, 3]])


def gat(channels=4):
    return GATConv(channels, channels, add_self_loops=False)


class Changing(nn.Module):
    """One layer, whose states and edges are made of those given by a function."""

    def __init__(self, change, layer=None):
        super().__init__()
        self.conv = gat() if layer is None else layer
        self.change = change

    def forward(self, x, edge_index, batch=None):  # noqa: ARG002  (read by capture)
        return self.conv(*self.change(x, edge_index))


def states(change, x=None, edge_index=EDGES, sites="conv.in:state", layer=None, **options):
    model = Changing(change, layer).eval()
    x = torch.randn(4, 4) if x is None else x
    with torch.no_grad(), es.capture(model, sites, **options) as tape:
        model(x, edge_index)
    return tape[tape.sites[0]]


def pooled(x, edge_index):
    pool = TopKPooling(4, ratio=0.99)
    found = pool(x, edge_index)
    return found[0], found[1]


def with_virtual_node(x, edge_index):
    new = torch.stack([torch.arange(len(x)), torch.full((len(x),), len(x))])
    return torch.cat([x, x.mean(0, keepdim=True)]), torch.cat([edge_index, new], 1)


def permuted(x, edge_index):
    order = torch.tensor([2, 0, 1, 3])
    place = torch.empty_like(order)
    place[order] = torch.arange(4)
    return x[order], place[edge_index]


REFUSED = {
    "pooled, with as many nodes": (pooled, "computed anew|renumbered"),
    "permuted": (permuted, "renumbered on the way"),
    "a virtual node": (with_virtual_node, "5 rows, the model was given 4 nodes: more are usually"),
    "fewer nodes": (lambda x, e: (x[:3], e[:, :2]), "3 rows.*4 nodes: fewer are usually"),
    "edges of its own": (lambda x, _: (x, torch.tensor([[0], [1]])), "do not come from those"),
    "only loops of its own": (
        lambda x, e: (x, add_self_loops(e[:, :0], num_nodes=4)[0]),
        "do not come from|none of its edges is one of the input",
    ),
    "a copy without edges": (lambda x, e: (x, e[:, e[0] > 9]), "given no edge, by which"),
    "two states of every node": (
        lambda x, e: ((x, 2 * x), e),
        "two states of every node",
    ),
    "targets that are some of the nodes": (
        lambda x, e: ((x, x[:2] + 0), e[:, :1]),
        "two states of every node",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_certain_is_refused(name):
    change, reason = REFUSED[name]
    with pytest.raises(
        InputError, match=rf"which row of conv.in:state belongs to which node.*({reason})"
    ):
        states(change)


def test_a_pooled_graph_without_edges_is_not_taken_for_the_input():
    # All nodes are kept, in another order, and no edge gives that away.
    with pytest.raises(InputError, match="given no edge"):
        states(pooled, edge_index=EDGES[:, :0])


def test_sampled_targets_are_refused_where_they_leave_and_known_where_they_enter():
    def sampled(x, e):
        return (x, x[:2]), e[:, :1]

    x = torch.randn(4, 4)
    assert torch.equal(states(sampled, x).values[:, 0], x)
    with pytest.raises(InputError, match=r"conv:state.*2 rows, the model was given 4 nodes"):
        states(sampled, x, sites="conv:state")


CERTAIN = {
    "as given": lambda x, e: (x, e),
    "a pair of one tensor": lambda x, e: ((x, x), e),
    "edges dropped": lambda x, e: (x, e[:, torch.tensor([True, False, True, True, False])]),
    "edges sorted": lambda x, e: (x, e[:, e[0].argsort(descending=True)]),
    "edges turned around": lambda x, e: (x, e.flip(0)),
    "edges both ways": lambda x, e: (x, torch.cat([e, e.flip(0)], 1)),
    "loops added": lambda x, e: (x, add_self_loops(e, num_nodes=4)[0]),
}


@pytest.mark.parametrize("name", CERTAIN)
def test_nodes_are_known_whatever_becomes_of_the_edges(name):
    x = torch.randn(4, 4)
    found = states(CERTAIN[name], x)
    assert found.node.tolist() == [0, 1, 2, 3]
    assert torch.equal(found.values[:, 0], x)


@settings(max_examples=30, deadline=None)
@given(st.lists(graphs(), min_size=1, max_size=4))
def test_a_graph_has_the_same_rows_in_any_batch(given_graphs):
    torch.manual_seed(0)
    model = Changing(lambda x, e: (x, e), GATConv(WIDTH, 3, heads=2)).eval()

    def rows(data, batch):
        with torch.no_grad(), es.capture(model, "conv*:state") as tape:
            model(data.x, data.edge_index, batch)
        return [tape[site] for site in tape.sites]

    together = Batch.from_data_list(given_graphs)
    for number, alone in enumerate(given_graphs):
        pairs = zip(rows(alone, None), rows(together, together.batch), strict=True)
        for own, batched in pairs:
            mine = batched.graph == number
            assert batched.node[mine].equal(own.node)
            assert own.node.equal(torch.arange(alone.num_nodes))
            assert torch.allclose(batched.values[mine], own.values, atol=1e-5)


def test_the_number_of_nodes_must_be_known():
    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = gat()

        def forward(self, h, edge_index):
            return self.conv(h, edge_index)

    model, x = Named().eval(), torch.randn(4, 4)
    reason = r"how many nodes.*inputs=\{'x': ...\}"
    with pytest.raises(InputError, match=reason), es.capture(model, "*:state"):
        model(x, EDGES)
    with torch.no_grad(), es.capture(model, "*:state", inputs={"x": "h"}) as tape:
        model(x, EDGES)
    assert torch.equal(tape["conv.in:state"].values[:, 0], x)


def test_who_vouches_for_edges_vouches_for_nodes():
    def copied(x, e):
        return x, torch.tensor(e.tolist())

    with pytest.raises(InputError, match="vouch for them with trust="):
        states(copied)
    assert states(copied, trust="*:state").node.tolist() == [0, 1, 2, 3]


def test_two_sets_of_nodes():
    class Bipartite(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = GATConv((4, 4), 4, add_self_loops=False)

        def forward(self, x_s, x_t, edge_index, x_s_batch, x_t_batch):
            del x_s_batch, x_t_batch  # read by capture
            return self.conv((x_s, x_t), edge_index)

    model = Bipartite().eval()
    inputs = {
        "x_s": torch.randn(2, 4),
        "x_t": torch.randn(5, 4),
        "edge_index": torch.tensor([[0, 0, 1], [0, 1, 4]]),
        "x_s_batch": torch.tensor([0, 1]),
        "x_t_batch": torch.tensor([0, 0, 1, 1, 1]),
    }
    reason = "two sets of nodes, whose numbers are the same"
    with pytest.raises(InputError, match=reason), es.capture(model, "conv.in:state"):
        model(**inputs)
    with torch.no_grad(), es.capture(model, "conv:state") as tape:
        out = model(**inputs)
    assert torch.equal(tape["conv:state"].values[:, 0], out)
    assert tape["conv:state"].graph.tolist() == [0, 0, 1, 1, 1]
    assert tape["conv:state"].node.tolist() == [0, 1, 0, 1, 2]


def test_several_graphs_in_one_call():
    class Pair(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = gat()

        def forward(self, x, edge_index, x2, edge_index2):
            return self.conv(x, edge_index), self.conv(x2, edge_index2)

    model, x, x2 = Pair().eval(), torch.randn(4, 4), torch.randn(6, 4)
    with torch.no_grad(), es.capture(model, "conv.in:state") as tape:
        model(x, EDGES, x2, EDGES.clone())
    first, second = tape["conv.in:state"], tape["conv.in@2:state"]
    assert (first.identity.input, second.identity.input) == ("edge_index", "edge_index2")
    assert torch.equal(first.values[:, 0], x)
    assert torch.equal(second.values[:, 0], x2)


def test_nodes_of_a_batch_that_is_not_sorted_by_graph():
    model = Changing(lambda x, e: (x, e)).eval()
    x, batch = torch.randn(4, 4), torch.tensor([1, 0, 1, 0])
    edge_index = torch.tensor([[0, 1], [2, 3]])
    with torch.no_grad(), es.capture(model, "conv:state") as tape:
        model(x, edge_index, batch)
    assert tape["conv:state"].graph.tolist() == [1, 0, 1, 0]
    assert tape["conv:state"].node.tolist() == [0, 0, 1, 1]


def test_a_pooling_model_is_seen_up_to_where_it_pools():
    class Pooling(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = gat(), gat()
            self.pool = SAGPooling(4, ratio=0.5)

        def forward(self, x, edge_index, batch):
            x = self.first(x, edge_index)
            x, edge_index, *_ = self.pool(x, edge_index, batch=batch)
            return self.second(x, edge_index)

    model = Pooling().eval()
    data = Batch.from_data_list([Data(x=torch.randn(4, 4), edge_index=EDGES) for _ in range(2)])
    inputs = (data.x, data.edge_index, data.batch)
    with torch.no_grad(), es.capture(model, "first*:state") as tape:
        model(*inputs)
    assert tape["first:state"].node.tolist() == [0, 1, 2, 3] * 2
    reason = r"second.in:state belongs to which node.*leave this site"
    with pytest.raises(InputError, match=reason), es.capture(model, "second*:state"):
        model(*inputs)


def test_an_edge_has_two_nodes():
    model = Changing(lambda x, e: (x, e)).eval()
    with torch.no_grad(), es.capture(model, "conv:weight") as tape:
        model(torch.randn(4, 4), EDGES)
    with pytest.raises(InputError, match="a row of this site is an edge"):
        _ = tape["conv:weight"].node
