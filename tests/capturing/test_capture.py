"""Capture as a user meets it: a model of ours, a tape, and which row is which edge."""

import pytest
import torch
from torch import nn
from torch_geometric.data import Batch, Data
from torch_geometric.utils import sort_edge_index

import edgescope as es
from edgescope.lib.errors import InputError

STAGES = ("score", "logit", "weight", "message")
SCORES = ["layers.0.attention:score", "layers.1.attention:score"]


@pytest.fixture
def model():
    torch.manual_seed(0)
    return es.models.GraphTransformer(
        num_atom_types=6, num_bond_types=4, hidden_dim=8, num_heads=2, num_layers=2, dropout=0.1
    )


def run(model, data):
    return model(data.x, data.edge_index, data.edge_attr, getattr(data, "batch", None))


def small_graph():
    return Data(
        x=torch.tensor([0, 1, 2]),
        edge_index=torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]]),
        edge_attr=torch.tensor([1, 1, 2, 2]),
    )


def test_every_stage_of_every_layer_is_a_site(model):
    with es.capture(model) as tape:
        run(model, small_graph())
    assert tape.sites == [f"layers.{n}.attention:{stage}" for n in range(2) for stage in STAGES]


def test_values_have_a_vector_per_edge_and_head_or_a_number(model):
    with es.capture(model) as tape:
        run(model, small_graph())
    shapes = {stage: tuple(tape[f"layers.1.attention:{stage}"].values.shape) for stage in STAGES}
    assert shapes == {
        "score": (4, 2, 4),
        "logit": (4, 2, 1),
        "weight": (4, 2, 1),
        "message": (4, 2, 4),
    }


def test_the_table_of_sites_says_what_is_computed_there(model):
    table = es.capture.sites(model)
    assert table["site"].to_list()[:1] == SCORES[:1]
    assert table["formula"][0] == "(K h_j * Q h_i) / sqrt(D) * W e_ij"
    assert table["reason"].null_count() == len(table)


def test_edges_of_a_batch_may_come_in_any_order(model):
    batch = Batch.from_data_list([small_graph(), small_graph()])
    order = torch.tensor([5, 0, 7, 3, 2, 6, 1, 4])
    with es.capture(model.eval()) as tape:
        model(batch.x, batch.edge_index[:, order], batch.edge_attr[order], batch.batch)
    found = tape[SCORES[0]]
    assert found.graph.tolist() == [1, 0, 1, 0, 0, 1, 0, 1]
    # The n-th edge of a graph is the n-th that was given.
    assert found.input_edge.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]


def test_a_layer_that_sees_the_edges_in_another_order_is_followed_there():
    class Sorts(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = es.models.EdgeAttention(8, 2)

        def forward(self, x, edge_index, edge_attr):
            edges, features = sort_edge_index(edge_index, edge_attr)
            return self.attention(x, features, edges)[0]

    model = Sorts()
    edges = torch.tensor([[2, 0, 3, 1], [0, 1, 1, 2]])
    with es.capture(model) as tape:
        model(torch.randn(4, 8), edges, torch.randn(4, 8))
    assert tape["attention:score"].edge_index.tolist() == [[0, 1, 2, 3], [1, 2, 0, 1]]
    assert tape["attention:score"].input_edge.tolist() == [1, 3, 0, 2]


class Joined(nn.Module):
    """Joins something to the edges that it was given."""

    def __init__(self, model, join):
        super().__init__()
        self.inner, self.join = model, join

    def forward(self, x, edge_index, edge_attr):
        both = torch.cat([edge_index, self.join(edge_index)], dim=1)
        return self.inner(x, both, edge_attr.repeat(2))


def test_an_edge_that_is_reversed_is_still_that_edge(model):
    wrapper = Joined(model, lambda edges: edges.flip(0)).eval()
    with es.capture(wrapper) as tape:
        wrapper(torch.tensor([0, 1]), torch.tensor([[0], [1]]), torch.tensor([1]))
    found = tape[f"inner.{SCORES[0]}"]
    assert found.edge_index.tolist() == [[0, 1], [1, 0]]
    assert found.input_edge.tolist() == [0, 0]


def test_a_layer_that_sees_an_edge_that_was_not_given_is_refused(model):
    wrapper = Joined(model, lambda edges: 1 - edges)
    with (
        pytest.raises(InputError, match="saw an edge from 1 to 0 that was not given"),
        es.capture(wrapper),
    ):
        wrapper(torch.tensor([0, 1]), torch.tensor([[0], [1]]), torch.tensor([1]))


def test_edges_are_found_inside_a_data_object(model):
    class Wrapper(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = model

        def forward(self, data):
            return run(self.inner, data)

    wrapper = Wrapper().eval()
    with es.capture(wrapper) as tape:
        wrapper(small_graph())
    assert tape[f"inner.{SCORES[0]}"].edge_type.tolist() == [1, 1, 2, 2]


def test_edges_without_an_integer_type_have_none():
    class Continuous(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = es.models.EdgeAttention(8, 2)

        def forward(self, x, edge_index, edge_attr):
            return self.attention(x, edge_attr, edge_index)[0]

    model = Continuous()
    with es.capture(model) as tape:
        model(torch.randn(3, 8), torch.tensor([[0, 1], [1, 2]]), torch.randn(2, 8))
    assert tape["attention:score"].edge_type is None


def test_a_site_that_has_not_run_says_so(model):
    with es.capture(model) as tape, pytest.raises(KeyError, match="not been computed yet"):
        tape[SCORES[0]]


def test_a_site_that_was_not_captured_says_so(model):
    with es.capture(model, "layers.1.*") as tape:
        run(model, small_graph())
    with pytest.raises(KeyError, match="was not captured"):
        tape[SCORES[0]]


def test_captured_values_are_not_changed_by_the_model_afterwards():
    class InPlace(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = es.models.EdgeAttention(8, 2)

        def forward(self, x, edge_index, edge_attr):
            _, score = self.attention(x, edge_attr, edge_index)
            return score.zero_()

    model = InPlace()
    with torch.no_grad(), es.capture(model, "*:score") as tape:
        model(torch.randn(3, 8), torch.tensor([[0, 1], [1, 2]]), torch.randn(2, 8))
    assert tape["attention:score"].values.abs().min() > 0


def test_a_layer_may_see_the_first_nodes_and_a_view_of_the_first_edges():
    class Trims(nn.Module):
        def __init__(self):
            super().__init__()
            self.outer, self.inner = es.models.EdgeAttention(8, 2), es.models.EdgeAttention(8, 2)

        def forward(self, x, edge_index, edge_attr):
            x = self.outer(x, edge_attr, edge_index)[0]
            return self.inner(x.narrow(0, 0, 2), edge_attr[:2], edge_index.narrow(1, 0, 2))[0]

    model = Trims()
    edges = torch.tensor([[1, 0, 2, 3], [0, 0, 1, 2]])
    with es.capture(model, "*:score") as tape:
        model(torch.randn(4, 8), edges, torch.randn(4, 8))
    assert tape["inner:score"].input_edge.tolist() == [0, 1]
