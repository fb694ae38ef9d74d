"""A part of the graphs of a batch is a batch of these graphs."""

import pytest
import torch
from hypothesis import given as drawn
from hypothesis import strategies as st
from torch_geometric.data import Batch, Data

import edgescope as es
from edgescope.diagnosis.observation import thinned
from support.diagnose_models import Stack, build, gatv2, graphs


@drawn(st.integers(1, 20), st.floats(0.01, 1.0), st.integers(1, 20))
def test_what_is_left_are_graphs_of_the_batch_in_order(number, share, least):
    whole = graphs(number, nodes=4)
    part = thinned(whole, share, least)
    left = [each.x for each in part.to_data_list()]
    assert min(number, least) <= len(left) <= number
    assert len(left) >= share * number - 1e-9
    places = [
        next(n for n, g in enumerate(whole.to_data_list()) if torch.equal(g.x, x)) for x in left
    ]
    assert places == sorted(set(places))


def test_the_graphs_of_a_data_set_can_be_taken_out_of_its_batches():
    (whole,) = es.data.loader(es.data.load("solubility").test[:40], batch_size=40)
    part = thinned(whole, 0.5, least=1)
    assert part.num_graphs == 20
    assert torch.equal(part.reverse_edge[part.reverse_edge], torch.arange(part.num_edges))


@pytest.mark.parametrize(
    "batch",
    [
        Data(x=torch.zeros(3, 1), edge_index=torch.zeros(2, 0, dtype=torch.long)),
        Batch(x=torch.zeros(3, 1), batch=torch.tensor([0, 1, 2])),
        {"x": torch.zeros(3, 1)},
    ],
    ids=["one graph", "made by hand", "no batch of PyG"],
)
def test_what_cannot_be_taken_apart_stays_whole(batch):
    assert thinned(batch, 0.1, least=1) is batch


@pytest.mark.parametrize(("every", "seen"), [(6, 32), (2, 60), (1, 120)])
def test_of_a_single_batch_a_part_is_looked_at(every, seen):
    model, batch = build(lambda: Stack(gatv2())), graphs(120, nodes=4)
    found = es.diagnose(model, [batch], every=every, select="dead-head")
    assert (found.batches, found.graphs) == (1, seen)
