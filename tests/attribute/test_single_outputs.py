"""One node's or one link's prediction is what is explained, and nothing of the others."""

import pytest
import torch
from torch import nn

import edgescope as es
from edgescope.attribute import LinkOutput, NodeOutput
from edgescope.lib.errors import InputError

METHODS = ["occlusion", "integrated_gradients"]


@pytest.fixture(scope="module")
def graphs():
    return es.data.planted("marked", 60).test[:5]


@pytest.fixture(scope="module")
def model(graphs):
    torch.manual_seed(0)
    sizes = {"hidden_dim": 8, "num_heads": 2, "num_layers": 1, "readout": "node"}
    return es.models.GATv2(**graphs.model_sizes, **sizes).eval()


def explained(model, graphs, call, methods=METHODS):
    found = es.attribute.importances(
        model, graphs, methods, merge="none", call=call, batch_size=2, progress=False
    )
    return [found[name].edge for name in methods]


def dot(first, second):
    return (first * second).sum(-1)


def test_of_one_layer_only_edges_at_the_node_matter_and_those_into_it_do(model, graphs):
    nodes = torch.arange(len(graphs)) % 3
    target = graphs.edge_index[1]
    own = torch.repeat_interleave(nodes, graphs.edge_ptr.diff())
    at = (graphs.edge_index == own).any(0)
    occluded, gradients = explained(model, graphs, NodeOutput(nodes))
    assert not occluded[~at].any()
    assert not gradients[target != own].any()
    assert gradients[target == own].any()


def test_a_graph_is_explained_as_if_it_were_alone(model, graphs):
    nodes, links = [2, 0, 1, 3, 0], [[0, 1], [1, 2], [3, 0], [2, 2], [0, 3]]
    whole = explained(model, graphs, NodeOutput(nodes))
    joined = explained(model, graphs, LinkOutput(links, dot))
    for graph, (node, link) in enumerate(zip(nodes, links, strict=True)):
        place = slice(*graphs.edge_ptr[graph : graph + 2].tolist())

        def one(model, batch, node=node):
            return model(batch.x, batch.edge_index, batch.edge_attr, batch.batch)[
                batch.ptr[:-1] + node
            ]

        def pair(model, batch, link=link):
            states = model(batch.x, batch.edge_index, batch.edge_attr, batch.batch)
            return dot(*(states[batch.ptr[:-1] + end] for end in link)).unsqueeze(1)

        for call, found in ((one, whole), (pair, joined)):
            for expected, each in zip(explained(model, graphs[[graph]], call), found, strict=True):
                torch.testing.assert_close(each[place], expected)


def test_a_model_of_links_is_given_them_by_the_name_that_pyg_has_for_them(model, graphs):
    class Links(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = model

        def forward(self, x, edge_index, edge_attr, edge_label_index, batch):
            states = self.encoder(x, edge_index, edge_attr, batch)
            return dot(*states[edge_label_index])

    links = torch.tensor([[0, 1], [1, 2], [3, 0], [2, 2], [0, 3]])
    found = explained(Links(), graphs, LinkOutput(links), METHODS[:1])
    expected = explained(model, graphs, LinkOutput(links, dot), METHODS[:1])
    torch.testing.assert_close(found, expected)
    removal = es.attribute.Removal(Links(), graphs, task="regression", call=LinkOutput(links))
    assert removal.whole.shape == (5, 1)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (NodeOutput([0, 0]), "nodes of 2 graphs, but the data has graph"),
        (NodeOutput([0, 99, 0, 0, 0]), "node 99 of graph 1, which has"),
        (LinkOutput([[0, -1]] * 5, dot), "node -1 of graph 0"),
        (LinkOutput([[0, 1]] * 5), "expected a row per link"),
        (NodeOutput([0] * 5, call=lambda *_: None), "NoneType, expected a row per node"),
    ],
    ids=["few", "no such node", "negative", "no links", "no tensor"],
)
def test_what_is_not_there_is_refused(model, graphs, call, said):
    with pytest.raises(InputError, match=said):
        explained(model, graphs, call)
