"""What in an unknown module speaks for attention: what it is called, and what it calls."""

import pytest
import torch
import torch_geometric.nn as geometric
from torch import nn
from torch_geometric.nn import MessagePassing

from edgescope.capturing.attention_signs import called_by, says_attention, signs_of
from edgescope.capturing.sites import Refused, find_sites
from support.coverage_cases import ByExp, Helped, Net, OwnMessages, Uniform, read_out


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("GATv2Layer", True),
        ("MyGAT", True),
        ("gat_1", True),
        ("att_src", True),
        ("SelfAttn", True),
        ("MultiHeadAttention", True),
        ("edge_attention", True),
        ("GraphTransformerLayer", True),
        ("Graphormer", True),
        ("MHSA", True),
        ("GatedGraphConv", False),
        ("gate_nn", False),
        ("Aggregator", False),
        ("Attribute", False),
        ("edge_attr", False),
        ("Attenuation", False),
        ("Transform", False),
        ("Latent", False),
        ("GCNConv", False),
        ("Performance", False),
    ],
)
def test_names_are_read_word_by_word(name, expected):
    assert says_attention(name) is expected


@pytest.mark.parametrize(
    ("kind", "call"),
    [
        (Uniform, "softmax"),
        (Helped, "softmax"),
        (ByExp, ""),
        (geometric.AGNNConv, "softmax"),
        (geometric.GCNConv, ""),
        (geometric.DenseGATConv, "softmax"),
    ],
)
def test_calls_are_followed_through_methods_and_functions(kind, call):
    assert called_by(kind) == call


class Classifier(nn.Module):
    def forward(self, x):
        return torch.log_softmax(x, -1)


class OnlyInTraining(nn.Module):
    def forward(self, x):
        return x

    def loss(self, x):
        return torch.softmax(x, -1)


class OwnSoftmax(nn.Module):
    def forward(self, x):
        return self.softmax(x)

    def softmax(self, x):
        return x / x.sum()


@pytest.mark.parametrize("kind", [Classifier, OnlyInTraining, OwnSoftmax])
def test_what_a_classifier_or_its_loss_calls_is_no_sign(kind):
    assert not signs_of("head", kind())


def test_a_softmax_module_is_a_sign_of_what_holds_it():
    class Holder(nn.Module):
        def __init__(self):
            super().__init__()
            self.normalise = nn.Softmax(-1)

        def forward(self, x):
            return self.normalise(x)

    assert signs_of("x", Holder()).call == "Softmax"


WITHOUT = ("GCNConv", "GINConv", "SAGEConv", "GraphConv", "ChebConv", "SGConv", "TAGConv")
"""Convolutions of PyG that compute no attention, of the common ones."""


@pytest.mark.parametrize("name", WITHOUT)
def test_convolutions_without_attention_are_only_message_passing(name):
    layer = getattr(geometric, name)
    if name == "GINConv":
        model = Net(layer(nn.Linear(8, 8)))
    else:
        model = Net(layer(8, 8, 2) if name == "ChebConv" else layer(8, 8))
    assert [found.kind for found in find_sites(model)] == ["message passing"]


def test_the_convolutions_of_pyg_that_call_a_softmax_are_found():
    calls = [
        kind
        for name in dir(geometric.conv)
        if isinstance(kind := getattr(geometric.conv, name), type)
        and issubclass(kind, MessagePassing)
        and called_by(kind)
    ]
    names = {kind.__name__ for kind in calls}
    assert {"AGNNConv", "FeaStConv", "GATConv", "HEATConv", "PointTransformerConv"} <= names


def test_a_users_message_passing_is_perhaps_attention():
    (found,) = find_sites(Net(OwnMessages()))
    assert isinstance(found, Refused)
    assert found.kind == "perhaps"


def test_a_read_out_that_attends_to_nodes_is_named_as_one():
    (found,) = find_sites(Net(read_out=read_out()))
    assert (found.path, found.kind) == ("read_out", "attention")
    assert found.reason.startswith("it is a read-out")


def test_the_aggregation_of_a_known_layer_is_no_part_of_its_own():
    model = Net(geometric.GENConv(8, 8), geometric.GATConv(8, 8, aggr="softmax"))
    assert not any(isinstance(found, Refused) for found in find_sites(model))


def test_a_module_is_named_and_not_what_holds_it():
    class GATBlock(nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.attention = inner

        def forward(self, x, edge_index):
            return self.attention(x, edge_index)

    model = Net(GATBlock(Uniform()), GATBlock(geometric.GATConv(8, 8)))
    refused = [found.path for found in find_sites(model) if isinstance(found, Refused)]
    assert refused == ["layers.0.attention"]


def test_compiled_parts_are_judged_by_their_originals():
    parts = {
        "plain": nn.Linear(8, 8),
        "gat": geometric.GATConv(8, 8),
        "own": Classifier(),
        "uniform": Uniform(),
    }
    eager = nn.ModuleDict(parts)
    model = nn.ModuleDict({name: torch.compile(part) for name, part in parts.items()})
    found, expected = (
        [(each.path, getattr(each, "kind", "seen")) for each in find_sites(of)]
        for of in (model, eager)
    )
    assert found == expected
    assert {"gat", "uniform"} <= {path for path, _ in found}
