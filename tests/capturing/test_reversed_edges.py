"""Layers that hand the user's edges on reversed, selected or in another order: which is which."""

import pytest
import torch
from torch import nn
from torch_geometric.data import Batch, Data
from torch_geometric.nn import (
    AGNNConv,
    AntiSymmetricConv,
    DeepGCNLayer,
    DirGNNConv,
    FeaStConv,
    GATConv,
    GATv2Conv,
    GENConv,
    GeneralConv,
    LayerNorm,
    ResGatedGraphConv,
    Sequential,
    SuperGATConv,
    TransformerConv,
)

import edgescope as es
from edgescope.lib.errors import InputError
from support.layer_reference import MULTIGRAPH, NODE_DIM

BEFORE_SOFTMAX = {"score", "logit"}
ISOLATED = 4
LAYERS = {
    "GATConv": lambda: GATConv(NODE_DIM, 3, heads=2),
    "GATv2Conv": lambda: GATv2Conv(NODE_DIM, 3, heads=2),
    "TransformerConv": lambda: TransformerConv(NODE_DIM, 3, heads=2),
    "SuperGATConv": lambda: SuperGATConv(NODE_DIM, 3, heads=2),
    "GENConv": lambda: GENConv(NODE_DIM, 3),
    "AGNNConv": AGNNConv,
    "FeaStConv": lambda: FeaStConv(NODE_DIM, 3, heads=2),
    "GeneralConv": lambda: GeneralConv(NODE_DIM, 3, attention=True, attention_type="dot_product"),
    "ResGatedGraphConv": lambda: ResGatedGraphConv(NODE_DIM, 3),
}
layers = pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)


class Called(nn.Module):
    """A model that calls one layer in its own way."""

    def __init__(self, conv, call=lambda conv, x, edge_index: conv(x, edge_index)):
        super().__init__()
        self.conv = conv
        self.call = call

    def forward(self, x, edge_index):
        return self.call(self.conv, x, edge_index)


def captured(model, edge_index, x=MULTIGRAPH.x):
    with torch.no_grad(), es.capture(model) as tape:
        output = model(x, edge_index)
    with torch.no_grad():
        assert torch.equal(output, model(x, edge_index))
    return {site: tape[site] for site in tape.sites}


def both_ways(make):
    torch.manual_seed(0)
    return Called(DirGNNConv(make(), root_weight=False)).eval()


@layers
def test_edges_both_ways_are_the_users_with_ends_as_the_layer_saw_them(make):
    edges = MULTIGRAPH.edge_index
    found = captured(both_ways(make), edges)
    assert {site.rpartition(":")[0] for site in found} == {"conv.conv_in", "conv.conv_out"}
    for site, stage in found.items():
        turned = "conv_out" in site
        assert torch.equal(stage.edge_index, edges.flip(0) if turned else edges)
        assert torch.equal(stage.input_edge, torch.arange(edges.size(1)))
        assert torch.equal(stage.source, edges[1 if turned else 0])
        assert torch.equal(stage.target, edges[0 if turned else 1])


@layers
@pytest.mark.parametrize("end", [0, 1])
def test_moving_one_end_of_an_edge_both_ways_changes_its_own_row_alone(make, end):
    edges, model = MULTIGRAPH.edge_index, both_ways(make)
    before = captured(model, edges)
    hidden = 0
    for edge in range(edges.size(1)):
        moved = edges.clone()
        moved[end, edge] = ISOLATED
        after = captured(model, moved)
        for site, stage in before.items():
            if site.rpartition(":")[2] not in BEFORE_SOFTMAX:
                continue
            rows = (stage.values != after[site].values).flatten(1).any(1)
            changed = stage.input_edge[rows].tolist()
            source_moved = end == (1 if "conv_out" in site else 0)
            if make is LAYERS["GENConv"] and not source_moved:  # which knows no target
                assert not changed
            else:
                assert changed == [edge] or (make is LAYERS["GENConv"] and not changed)
                hidden += not changed
    assert hidden < edges.size(1)


def ordered(edges):
    return torch.argsort(edges[0] * 10 + edges[1], stable=True)


def selected(edges):
    return (edges[0] != edges[1]).nonzero().flatten()


ON_THE_WAY = {
    "stacked": (lambda e: torch.stack([e[1], e[0]]), None, True),
    "indexed": (lambda e: e[[1, 0]], None, True),
    "flipped twice": (lambda e: e.flip(0).flip([0]), None, False),
    "columns reversed": (lambda e: e.flip(1), lambda e: torch.arange(e.size(1)).flip(0), False),
    "in order, reversed": (lambda e: e[:, ordered(e)].flip(0), ordered, True),
    "without loops, reversed": (lambda e: e[:, selected(e)].flip(0), selected, True),
}


@pytest.mark.parametrize(("change", "which", "turned"), ON_THE_WAY.values(), ids=ON_THE_WAY)
def test_edges_that_a_model_reverses_selects_or_sorts_are_known(change, which, turned):
    edges = MULTIGRAPH.edge_index
    torch.manual_seed(0)
    conv = GATv2Conv(NODE_DIM, 3, add_self_loops=False)
    model = Called(conv, lambda conv, x, e: conv(x, change(e))).eval()
    position = torch.arange(edges.size(1)) if which is None else which(edges)
    for stage in captured(model, edges).values():
        assert torch.equal(stage.input_edge, position)
        ends = edges[:, position]
        assert torch.equal(stage.edge_index, ends.flip(0) if turned else ends)


WRAPPERS = {
    "AntiSymmetricConv": lambda: AntiSymmetricConv(NODE_DIM, plain()),
    "DeepGCNLayer": lambda: DeepGCNLayer(plain(), LayerNorm(NODE_DIM), nn.ReLU()),
    "Sequential": lambda: Sequential("x, edge_index", [(plain(), "x, edge_index -> x")]),
}


def plain(width=NODE_DIM):
    return GATv2Conv(width, width, add_self_loops=False)


@pytest.mark.parametrize("make", WRAPPERS.values(), ids=WRAPPERS)
def test_wrappers_that_hand_the_edges_on_as_they_are(make):
    edges = MULTIGRAPH.edge_index
    torch.manual_seed(0)
    for stage in captured(Called(make()).eval(), edges).values():
        assert torch.equal(stage.edge_index, edges)
        assert torch.equal(stage.input_edge, torch.arange(edges.size(1)))


def test_edges_both_ways_in_one_tensor_have_two_rows_each():
    edges = MULTIGRAPH.edge_index
    torch.manual_seed(0)
    doubled = Called(plain(), lambda conv, x, e: conv(x, torch.cat([e, e.flip(0)], 1))).eval()
    for stage in captured(doubled, edges).values():
        assert torch.equal(stage.input_edge, torch.arange(edges.size(1)).repeat(2))
        assert torch.equal(stage.edge_index, torch.cat([edges, edges.flip(0)], 1))


class Sides(Data):
    """Two sets of nodes, as on PyG's page on batching."""

    def __inc__(self, key, value, *args, **kwargs):
        if key == "edge_index":
            return torch.tensor([[len(self.x_s)], [len(self.x_t)]])
        return super().__inc__(key, value, *args, **kwargs)


def sides(first, second):
    random = torch.Generator().manual_seed(10 * first + second)
    ends = [torch.randint(size, (6,), generator=random) for size in (first, second)]
    x_s, x_t = (torch.randn(size, NODE_DIM, generator=random) for size in (first, second))
    return Sides(x_s=x_s, x_t=x_t, edge_index=torch.stack(ends), num_nodes=first + second)


@pytest.mark.parametrize("sizes", [[(3, 4), (4, 3)], [(3, 4), (3, 5)], [(5, 2), (3, 3)]])
def test_edges_back_between_two_sets_have_each_end_numbered_in_its_own_set(sizes):
    graphs = [sides(*each) for each in sizes]

    class Back(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = plain()

        def forward(self, data):
            return self.conv((data.x_t, data.x_s), data.edge_index.flip(0))

    model = Back().eval()
    with torch.no_grad(), es.capture(model) as tape:
        model(Batch.from_data_list(graphs))
    for stage in (tape[site] for site in tape.sites):
        assert stage.input_edge.tolist() == [*range(6)] * 2
        assert stage.graph.tolist() == [0] * 6 + [1] * 6
        own = torch.cat([graph.edge_index for graph in graphs], 1)
        assert torch.equal(stage.identity.own_source, own[1])
        assert torch.equal(stage.identity.own_target, own[0])


def test_between_two_sets_edges_in_both_directions_at_once_are_refused():
    class Mixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = plain()

        def forward(self, data):
            x = torch.cat([data.x_s, data.x_t])
            edges = torch.cat([data.edge_index, data.edge_index.flip(0)], 1)
            return self.conv(x, edges)

    model = Mixed().eval()
    with pytest.raises(InputError, match="in both directions at once"), es.capture(model):
        model(Batch.from_data_list([sides(3, 3)]))


@pytest.mark.parametrize("told", [True, False])
def test_a_scan_knows_reversed_edges_of_several_graphs(told):
    graphs = es.data.planted("marked", 60).test
    torch.manual_seed(0)

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(64, NODE_DIM)
            self.conv = DirGNNConv(plain())

        def forward(self, x, edge_index, batch=None):  # noqa: ARG002  (read by capture)
            return self.conv(self.embed(x), edge_index)

    def call(model, data):
        return model(data.x, data.edge_index, *([data.batch] if told else []))

    loader = es.data.loader(graphs, batch_size=4)
    low = es.Criterion("low", ratio=2)
    scan = es.scan(Model().eval(), loader, call=call, criterion=low, keep_ratio=2.0, progress=False)
    rows = scan.massive()
    assert {site.split(":")[0] for site in rows["site"].unique()} == {
        "conv.conv_in",
        "conv.conv_out",
    }
    for row in rows.iter_rows(named=True):
        ends = graphs[row["graph"]].edge_index[:, row["edge"]].tolist()
        turned = "conv_out" in row["site"]
        assert [row["source"], row["target"]] == (ends[::-1] if turned else ends)


def test_one_of_an_edge_and_its_reverse_with_others_merged_into_it_is_refused():
    from torch_geometric.utils import to_undirected

    model = Called(plain(), lambda conv, x, e: conv(x, to_undirected(e))).eval()
    with pytest.raises(InputError, match="cannot be told"), es.capture(model):
        model(MULTIGRAPH.x, MULTIGRAPH.edge_index)
