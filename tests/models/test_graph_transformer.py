"""GraphTransformer as a whole."""

import pytest
import torch

from edgescope.lib.errors import InputError
from edgescope.models import GraphTransformer

SIZES = {"num_atom_types": 5, "num_bond_types": 4, "hidden_dim": 16, "num_heads": 4}


def two_graphs():
    x = torch.tensor([0, 1, 2, 3, 4])
    edge_index = torch.tensor([[0, 1, 1, 2, 3, 4], [1, 0, 2, 1, 4, 3]])
    edge_attr = torch.tensor([1, 1, 2, 2, 3, 3])
    return x, edge_index, edge_attr, torch.tensor([0, 0, 0, 1, 1])


@pytest.mark.parametrize("readout", ["mean", "sum"])
def test_a_batch_gives_what_its_graphs_give_alone(readout):
    torch.manual_seed(0)
    model = GraphTransformer(**SIZES, num_layers=3, readout=readout).eval()
    x, edge_index, edge_attr, batch = two_graphs()
    together = model(x, edge_index, edge_attr, batch)
    first = model(x[:3], edge_index[:, :4], edge_attr[:4])
    second = model(x[3:], edge_index[:, 4:] - 3, edge_attr[4:])
    torch.testing.assert_close(together, torch.cat([first, second]))


def test_every_parameter_but_the_last_edge_update_is_trained():
    torch.manual_seed(0)
    model = GraphTransformer(**SIZES, num_layers=3, use_bias=True)
    model(*two_graphs()).sum().backward()
    unused = {name for name, value in model.named_parameters() if value.grad is None}
    assert unused == {
        f"layers.2.{n}" for n, _ in model.layers[2].named_parameters() if n.startswith("edge.")
    }


@pytest.mark.parametrize("option", [{"residual": False}, {"batch_norm": False}, {"out_dim": 12}])
def test_variants_predict_every_graph(option):
    model = GraphTransformer(**SIZES, num_layers=2, **option)
    assert model(*two_graphs()).shape == (2, option.get("out_dim", 1))


def test_dropout_acts_in_training_only():
    torch.manual_seed(0)
    model = GraphTransformer(**SIZES, num_layers=2, dropout=0.5, batch_norm=False)
    graph = two_graphs()
    assert not torch.equal(model(*graph), model(*graph))
    model.eval()
    assert torch.equal(model(*graph), model(*graph))


def test_types_may_come_as_a_column():
    model = GraphTransformer(**SIZES, num_layers=1).eval()
    x, edge_index, edge_attr, batch = two_graphs()
    column = model(x.unsqueeze(1), edge_index, edge_attr.unsqueeze(1), batch)
    assert torch.equal(column, model(x, edge_index, edge_attr, batch))


def test_an_unknown_atom_type_is_named():
    model = GraphTransformer(**SIZES, num_layers=1)
    _, edge_index, edge_attr, batch = two_graphs()
    with pytest.raises(InputError, match=r"unknown node type in x: received \[9\].*knows 0 to 4"):
        model(torch.tensor([0, 1, 9, 3, 4]), edge_index, edge_attr, batch)


def test_an_unknown_bond_type_is_named():
    model = GraphTransformer(**SIZES, num_layers=1)
    x, edge_index, _, batch = two_graphs()
    with pytest.raises(InputError, match=r"unknown edge type in edge_attr: received \[4, 7\]"):
        model(x, edge_index, torch.tensor([1, 4, 7, 2, 3, 3]), batch)


def test_an_unknown_readout_is_refused():
    with pytest.raises(ValueError, match="'mean', 'sum' or 'node', received 'max'"):
        GraphTransformer(**SIZES, readout="max")


def test_real_features_of_edges_enter_as_weighted_sums_of_embeddings():
    torch.manual_seed(0)
    by_type = GraphTransformer(**SIZES, num_layers=2).eval()
    by_feature = GraphTransformer(**SIZES | {"num_bond_types": None}, edge_dim=4, num_layers=2)
    state = by_type.state_dict()
    state["edge_embedding.weight"] = state["edge_embedding.weight"].t().clone()
    state["edge_embedding.bias"] = torch.zeros(16)
    by_feature.load_state_dict(state)
    x, edge_index, edge_attr, batch = two_graphs()
    one_hot = torch.eye(4)[edge_attr]
    found = by_feature.eval()(x, edge_index, one_hot, batch)
    torch.testing.assert_close(found, by_type(x, edge_index, edge_attr, batch))


@pytest.mark.parametrize("given", [{}, {"num_bond_types": 4, "edge_dim": 8}])
def test_edges_have_either_types_or_features(given):
    with pytest.raises(ValueError, match=r"either num_bond_types .* or edge_dim"):
        GraphTransformer(num_atom_types=5, num_layers=1, **given)


def test_a_read_out_per_node_gives_one_node_what_its_mean_would():
    torch.manual_seed(0)
    model = GraphTransformer(**SIZES, num_layers=1, out_dim=3, readout="node").eval()
    x, edge_index, edge_attr, batch = two_graphs()
    by_node = model(x, edge_index, edge_attr, batch)
    model.readout.readout = "mean"
    every_node_a_graph = model(x, edge_index, edge_attr, torch.arange(5))
    assert torch.equal(by_node, every_node_a_graph)
