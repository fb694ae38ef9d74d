"""A site that is a function of types is enumerated; of another the reason is given."""

import copy

import pytest
import torch
from torch import nn
from torch_geometric.data import Data
from torch_geometric.loader import DataLoader
from torch_geometric.nn import GATv2Conv, TransformerConv

import edgescope as es
from edgescope.intervene.origins.type_triples import upstream
from edgescope.lib.errors import EdgescopeWarning
from edgescope.lib.model_call import call_model
from support.planted_causes import (
    ARCHITECTURES,
    SIZES,
    Attends,
    graphs,
    loader,
    traced,
    trained_from,
)


def of(make, where=3, batches=None, **options):
    torch.manual_seed(0)
    untrained = make().eval()
    model = trained_from(untrained, by=0.5)
    return traced(model, untrained, batches, where=where, levels=["layer"], **options)


def test_what_a_score_depends_on_is_told_by_autograd():
    model = ARCHITECTURES["GraphTransformer"]().eval()
    batch = next(iter(loader()))
    found = upstream(model, batch, "layers.0.attention:score", call_model, None)
    names = {f"layers.0.attention.{each}.weight" for each in ("query", "key", "edge")}
    assert set(found) == {"node_embedding.weight", "edge_embedding.weight", *names}
    later = upstream(model, batch, "layers.1.attention:score", call_model, None)
    assert {"layers.0.node.norm1.running_mean", "layers.0.attention.value.weight"} <= set(later)
    assert not any(name.startswith(("readout", "layers.1.node")) for name in later)
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_added_pairs_are_kinds_of_their_own():
    types = of(ARCHITECTURES["SAN"]).table("types")
    batch = next(iter(loader(batch_size=9)))
    added = types.filter(edge="added")
    pairs = sum(int(size) ** 2 for size in batch.batch.bincount())
    assert added.height
    assert types["edges"].sum() >= pairs - batch.num_nodes
    assert types.filter(types["edge"] != "added")["edges"].sum() == batch.num_edges


def test_types_are_compared_whatever_the_batches():
    one, many = (of(ARCHITECTURES["GraphTransformer"], batches=loader(9, n)) for n in (9, 2))
    order = ["source", "target", "edge"]
    first, second = (each.table("types").sort(order) for each in (one, many))
    assert first.select(*order, "edges", "massive").equals(
        second.select(*order, "edges", "massive")
    )


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (
            lambda: es.models.GraphTransformer(**SIZES, hidden_dim=8, laplacian_eigenvectors=2),
            "edges of the same types differ there",
        ),
        (
            lambda: Attends(lambda: GATv2Conv(8, 4, heads=2, edge_dim=3)),
            "edges of the same types differ there",  # added self-loops have the mean of others
        ),
    ],
    ids=["positions", "self-loops"],
)
def test_where_something_else_enters_the_reason_is_given(make, reason):
    found = of(make)
    assert reason in found.info.exact
    assert not found.table("types").height


def test_real_features_are_no_types():
    changed = copy.deepcopy(graphs())
    for graph in changed:
        graph.edge_attr = torch.rand(graph.num_edges, 3)

    def make():
        sizes = {"num_atom_types": 5, "edge_dim": 3, "num_heads": 2, "num_layers": 1}
        return es.models.GraphTransformer(**sizes, hidden_dim=8)

    found = of(make, batches=changed)
    assert "edge_attr holds real numbers" in found.info.exact


def made_massive(make):
    untrained = make().eval()
    model = copy.deepcopy(untrained)
    with torch.no_grad():
        model.convs[0].lin_edge.weight[3] *= 1e4
    return model, untrained


def transformer():
    torch.manual_seed(0)
    return Attends(lambda: TransformerConv(8, 4, heads=2, edge_dim=3))


def lonely():
    """Graphs without an edge, in a batch of their own."""
    return [
        Data(
            x=graph.x, edge_index=torch.zeros(2, 0).long(), edge_attr=graph.edge_attr[:0], y=graph.y
        )
        for graph in graphs(3)
    ]


def test_a_batch_without_edges_to_which_loops_are_added_has_types_too():
    def make():
        return Attends(lambda: GATv2Conv(8, 4, heads=2, edge_dim=3, fill_value=1.0))

    batches = DataLoader(lonely() + graphs(6), batch_size=3)
    found = traced(*made_massive(make), batches, where=100, levels=["layer"])
    assert found.info.exact == ""
    assert found.table("types").filter(edge="added").height


@pytest.mark.parametrize("kind", ["twice", "integers", "compiled"])
def test_the_first_site_is_enumerated_also_of(kind):
    model, untrained = made_massive(transformer)
    if kind == "integers":
        for each in (model, untrained):
            each.code = nn.Parameter(torch.tensor([1, 2]), requires_grad=False)
    if kind == "twice":
        for each in (model, untrained):
            each.convs[1] = each.convs[0]
    if kind == "compiled":
        model.convs[0] = torch.compile(model.convs[0], backend="eager")
        with pytest.warns(EdgescopeWarning, match="convs.0 is compiled") as warned:
            found = traced(model, untrained, where=100, levels=["layer"])
        assert len(warned) == 1  # not of the copy again
    else:
        found = traced(model, untrained, where=100, levels=["layer"])
    exact = found.table("sets").filter(level="exact at convs.0:score")
    assert exact["units"].to_list() == ["convs.0.lin_edge.weight"] * 2


def test_a_choice_that_is_none_of_types_is_not_enumerated():
    model, untrained = made_massive(transformer)

    def in_some_graphs(found):
        return (found.values.abs() > 100) & (found.graph < 2)[:, None, None]

    found = traced(model, untrained, where=in_some_graphs, levels=["layer"])
    assert "of edges of the same types some are massive" in found.info.exact
