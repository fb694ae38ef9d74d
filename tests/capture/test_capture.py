"""Capture: the model runs as if nobody watched, and every row says which edge it is."""

import copy
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch_geometric.data import Batch, Data

import edgescope as es
from edgescope.errors import InputError

SITES = ["layers.0.attention:score", "layers.1.attention:score"]


@pytest.fixture
def model():
    torch.manual_seed(0)
    return es.models.GraphTransformer(
        num_atom_types=6, num_bond_types=4, hidden_dim=8, num_heads=2, num_layers=2, dropout=0.1
    )


@st.composite
def graphs(draw):
    """Graphs with self-loops, duplicate edges, isolated nodes and no edges at all."""
    nodes = draw(st.integers(1, 5))
    end = st.integers(0, nodes - 1)
    edges = draw(st.lists(st.tuples(end, end), max_size=8))
    types = draw(st.lists(st.integers(0, 3), min_size=len(edges), max_size=len(edges)))
    return Data(
        x=torch.tensor(draw(st.lists(st.integers(0, 5), min_size=nodes, max_size=nodes))),
        edge_index=torch.tensor(edges, dtype=torch.int64).reshape(-1, 2).t().contiguous(),
        edge_attr=torch.tensor(types, dtype=torch.int64),
    )


def run(model, data):
    return model(data.x, data.edge_index, data.edge_attr, getattr(data, "batch", None))


def small_graph():
    return Data(
        x=torch.tensor([0, 1, 2]),
        edge_index=torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]]),
        edge_attr=torch.tensor([1, 1, 2, 2]),
    )


def hooks_of(model):
    return sum(
        len(hooks)
        for module in model.modules()
        for name, hooks in vars(module).items()
        if name.endswith("_hooks") and hooks
    )


@pytest.mark.parametrize("training", [True, False])
def test_outputs_gradients_and_random_state_are_bit_identical(model, training):
    model.train(training)
    twin = copy.deepcopy(model)
    graph = small_graph()
    torch.manual_seed(1)
    expected = run(twin, graph)
    expected.sum().backward()
    state = torch.get_rng_state()
    torch.manual_seed(1)
    with es.capture(model):
        found = run(model, graph)
    found.sum().backward()
    assert torch.equal(found, expected)
    assert torch.equal(torch.get_rng_state(), state)
    assert model.training is training
    for ours, theirs in zip(model.parameters(), twin.parameters(), strict=True):
        assert (ours.grad is None and theirs.grad is None) or torch.equal(ours.grad, theirs.grad)


def test_sites_are_listed_and_hold_a_vector_per_edge_and_head(model):
    with es.capture(model) as tape:
        run(model, small_graph())
    assert tape.sites == SITES
    for site in SITES:
        assert tape[site].values.shape == (4, 2, 4)
        assert not tape[site].values.requires_grad


@settings(deadline=None, max_examples=50)
@given(st.lists(graphs(), min_size=1, max_size=4))
def test_a_batch_is_captured_as_its_graphs_one_by_one(data):
    torch.manual_seed(0)
    model = es.models.GraphTransformer(
        num_atom_types=6, num_bond_types=4, hidden_dim=8, num_heads=2, num_layers=2
    ).eval()
    with es.capture(model) as together:
        run(model, Batch.from_data_list(data))
    start = 0
    for number, graph in enumerate(data):
        with es.capture(model) as alone:
            run(model, graph)
        rows = slice(start, start + graph.num_edges)
        start += graph.num_edges
        for site in together.sites:
            batched, single = together[site], alone[site]
            torch.testing.assert_close(batched.values[rows], single.values, atol=1e-5, rtol=1e-4)
            assert torch.equal(batched.input_edge[rows], single.input_edge)
            assert torch.equal(batched.edge_type[rows], single.edge_type)
            local = batched.edge_index[:, rows] - batched.identity.node_offset[rows]
            assert torch.equal(local, single.edge_index)
            assert (batched.graph[rows] == number).all()
    assert together[SITES[0]].values.size(0) == start


def test_edges_of_a_batch_may_come_in_any_order(model):
    batch = Batch.from_data_list([small_graph(), small_graph()])
    order = torch.tensor([5, 0, 7, 3, 2, 6, 1, 4])
    with es.capture(model.eval()) as tape:
        model(batch.x, batch.edge_index[:, order], batch.edge_attr[order], batch.batch)
    found = tape[SITES[0]]
    assert found.graph.tolist() == [1, 0, 1, 0, 0, 1, 0, 1]
    # The n-th edge of a graph is the n-th that was given.
    assert found.input_edge.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]


@settings(deadline=None, max_examples=50)
@given(graphs(), st.data())
def test_changing_the_type_of_one_edge_changes_its_own_row_of_the_first_layer_only(graph, data):
    if not graph.num_edges:
        return
    torch.manual_seed(0)
    model = es.models.GraphTransformer(
        num_atom_types=6, num_bond_types=4, hidden_dim=8, num_heads=2, num_layers=1
    ).eval()
    edge = data.draw(st.integers(0, graph.num_edges - 1))
    changed = graph.clone()
    changed.edge_attr[edge] = (graph.edge_attr[edge] + 1) % 4
    found = []
    for version in (graph, changed):
        with es.capture(model) as tape:
            run(model, version)
        found.append(tape[SITES[0]])
    differs = (found[0].values != found[1].values).flatten(1).any(1)
    assert torch.equal(differs, found[0].input_edge == edge)


def test_no_hook_is_left_after_the_block(model):
    with es.capture(model):
        run(model, small_graph())
        assert hooks_of(model) > 0
    assert hooks_of(model) == 0


def test_no_hook_is_left_when_the_model_raises(model):
    with pytest.raises(InputError), es.capture(model):
        model(torch.tensor([99]), torch.zeros(2, 0).long(), torch.zeros(0).long())
    assert hooks_of(model) == 0


def test_no_hook_is_left_when_the_block_raises(model):
    def fail():
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"), es.capture(model):
        fail()
    assert hooks_of(model) == 0


def test_captures_may_be_nested(model):
    model.eval()
    with es.capture(model) as outer, es.capture(model, SITES[1]) as inner:
        run(model, small_graph())
    assert torch.equal(outer[SITES[1]].values, inner[SITES[1]].values)
    assert hooks_of(model) == 0


def test_a_model_can_be_copied_and_pickled_afterwards(model):
    with es.capture(model.eval()):
        expected = run(model, small_graph())
    again = pickle.loads(pickle.dumps(copy.deepcopy(model)))  # noqa: S301  (our own bytes)
    assert torch.equal(run(again, small_graph()), expected)


def test_sites_are_chosen_by_name_and_by_pattern(model):
    with es.capture(model, "layers.1.*") as tape:
        run(model, small_graph())
    assert tape.sites == [SITES[1]]
    with pytest.raises(KeyError, match="was not captured"):
        tape[SITES[0]]


def test_a_pattern_without_a_site_is_refused_with_the_sites_there_are(model):
    with pytest.raises(InputError, match=rf"no site matches 'layer.*'.*{SITES[0]}"):
        es.capture(model, "layer*.attn").__enter__()


def test_a_site_that_has_not_run_says_so(model):
    with es.capture(model) as tape, pytest.raises(KeyError, match="not been computed yet"):
        tape[SITES[0]]


def test_reduce_replaces_the_activations_by_what_it_returns(model):
    with es.capture(model, reduce=lambda found: found.values.abs().max()) as tape:
        run(model, small_graph())
    assert tape[SITES[0]].shape == ()


def test_a_model_without_known_layers_is_refused():
    with pytest.raises(InputError, match="no layer whose edges can be captured"):
        es.capture(nn.Linear(2, 2)).__enter__()


def test_edges_are_found_by_name_and_inside_a_data_object(model):
    class Wrapper(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = model

        def forward(self, data):
            return run(self.inner, data)

    with es.capture(Wrapper().eval()) as tape:
        run_wrapped = tape.sites[0]
        assert run_wrapped == f"inner.{SITES[0]}"
    wrapper = Wrapper().eval()
    with es.capture(wrapper) as tape:
        wrapper(small_graph())
    assert tape[f"inner.{SITES[0]}"].edge_type.tolist() == [1, 1, 2, 2]


def test_a_layer_that_sees_other_edges_than_the_model_was_given_is_refused(model):
    class Reverses(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = model

        def forward(self, x, edge_index, edge_attr):
            return self.inner(x, edge_index.flip(1), edge_attr.flip(0))

    graph = small_graph()
    wrapper = Reverses()
    with (
        pytest.raises(InputError, match="which row belongs to which edge cannot be told"),
        es.capture(wrapper),
    ):
        wrapper(graph.x, graph.edge_index, graph.edge_attr)


def test_running_a_part_of_the_model_is_refused(model):
    with pytest.raises(InputError, match="outside a call of the captured model"), es.capture(model):
        model.layers[0](torch.randn(2, 8), torch.randn(1, 8), torch.tensor([[0], [1]]))


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
