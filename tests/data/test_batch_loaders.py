"""Batches of graphs, and of a large graph with a sample of neighbours."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some
from hypothesis import strategies as st

from edgescope.data import NeighborBatches, load, loader
from edgescope.data.node_dataset import Incoming
from edgescope.lib.errors import InputError
from edgescope.models import GraphTransformer
from support.data_layouts import proteins


@pytest.fixture(scope="module")
def part(tmp_path_factory):
    return load("ogbn-proteins", proteins(tmp_path_factory.mktemp("proteins"))).train


@settings(deadline=None)
@given(st.data())
def test_a_sample_holds_different_edges_into_each_node_and_as_many_as_asked(data):
    nodes = data.draw(st.integers(1, 12))
    pairs = st.tuples(*[st.integers(0, nodes - 1)] * 2)
    edge_index = torch.tensor(data.draw(st.lists(pairs, max_size=60))).view(-1, 2).T.long()
    wanted = np.array(data.draw(st.lists(st.integers(0, nodes - 1), unique=True)), dtype=np.int64)
    most = data.draw(st.sampled_from([-1, 1, 2, 5, 100]))
    incoming = Incoming(edge_index, nodes)
    drawn = incoming.sample(wanted, most, np.random.default_rng(data.draw(st.integers(0, 9))))
    assert len(set(drawn.tolist())) == len(drawn)
    degree = np.bincount(edge_index[1], minlength=nodes)[wanted]
    expected = degree if most < 0 else np.minimum(degree, most)
    found = np.bincount(edge_index[1].numpy()[drawn], minlength=nodes)
    assert np.array_equal(found[wanted], expected)
    assert found.sum() == expected.sum()


def test_every_choice_of_edges_is_as_likely():
    incoming = Incoming(torch.tensor([[0, 1, 2, 3, 4], [0] * 5]), 5)
    random, node = np.random.default_rng(0), np.array([0])
    counts: dict[tuple[int, ...], int] = {}
    for _ in range(5000):
        drawn = tuple(sorted(incoming.sample(node, 3, random).tolist()))
        counts[drawn] = counts.get(drawn, 0) + 1
    assert len(counts) == 10
    # Five standard deviations of a binomial count with mean 500.
    assert all(abs(count - 500) < 5 * 21.3 for count in counts.values())


def test_a_batch_says_which_nodes_and_edges_of_the_whole_it_holds(part):
    seeds = []
    for batch in NeighborBatches(part, batch_size=7, fanouts=(2, 3)):
        ends = part.edge_index[:, batch.e_id]
        assert torch.equal(batch.n_id[batch.edge_index], ends)
        assert torch.equal(batch.edge_attr, part.edge_attr[batch.e_id])
        assert torch.equal(batch.x, part.x[batch.n_id])
        assert len(batch.n_id.unique()) == len(batch.n_id)
        assert torch.equal(batch.y[: batch.num_seeds], part.y[batch.n_id[: batch.num_seeds]])
        assert batch.y[batch.num_seeds :].isnan().all()
        seeds += batch.n_id[: batch.num_seeds].tolist()
    assert seeds == part.mask.nonzero().flatten().tolist()


def test_with_all_neighbours_of_every_layer_seeds_are_predicted_as_in_the_whole(part):
    torch.manual_seed(0)
    sizes = {"hidden_dim": 8, "num_heads": 2, "num_layers": 2, "readout": "node"}
    model = GraphTransformer(**part.model_sizes, **sizes).eval()
    with torch.no_grad():
        whole = model(part.x, part.edge_index, part.edge_attr)
        for batch in NeighborBatches(part, batch_size=7, fanouts=(-1, -1)):
            seeds = slice(batch.num_seeds)
            found = model(batch.x, batch.edge_index, batch.edge_attr, batch.batch)[seeds]
            torch.testing.assert_close(found, whole[batch.n_id[seeds]], rtol=1e-4, atol=1e-5)


def test_batches_depend_on_seed_and_epoch_alone(part):
    def edges(epoch, seed=0):
        loader = NeighborBatches(part, 7, shuffle=True, seed=seed, fanouts=(2, 2))
        loader.set_epoch(epoch)
        first = [batch.e_id.tolist() for batch in loader]
        assert first == [batch.e_id.tolist() for batch in loader]
        assert len(first) == len(loader)
        return first

    assert edges(3) == edges(3)
    assert edges(3) != edges(4)
    assert edges(3) != edges(3, seed=1)


@pytest.mark.parametrize("wrong", [{"batch_size": 0}, {"fanouts": ()}, {"fanouts": (5, 0)}])
def test_sizes_that_make_no_batch_are_refused(part, wrong):
    with pytest.raises(InputError, match="received "):
        NeighborBatches(part, **wrong)


def order(batches):
    return [position for batch in batches for position in batch.graph.tolist()]


def test_a_pass_without_shuffling_keeps_the_order_and_a_smaller_last_batch(diverse):
    batches = loader(diverse, batch_size=15)
    assert len(batches) == 3
    assert [batch.num_graphs for batch in batches] == [15, 15, len(diverse) - 30]
    assert order(batches) == list(range(len(diverse)))


def test_the_order_depends_on_seed_and_epoch_alone(diverse):
    first = loader(diverse, 10, shuffle=True, seed=3, epoch=4)
    torch.rand(5)  # no hidden state is touched or used
    again = loader(diverse, 10, shuffle=True, seed=3)
    again.set_epoch(4)
    assert order(first) == order(again) == order(again)
    assert sorted(order(first)) == list(range(len(diverse)))


def test_another_seed_or_epoch_gives_another_order(diverse):
    orders = {
        tuple(loader(diverse, shuffle=True, seed=seed, epoch=epoch).order().tolist())
        for seed in range(3)
        for epoch in range(3)
    }
    assert len(orders) == 9


def test_a_batch_size_below_one_is_refused(diverse):
    with pytest.raises(InputError, match="received batch_size=0, expected 1 or more"):
        loader(diverse, batch_size=0)


@given(some.integers(1, 50), some.integers(1, 5), some.integers(0, 3))
def test_the_shares_of_all_processes_make_up_every_batch(diverse, size, processes, epoch):
    whole = loader(diverse, size, shuffle=True, epoch=epoch)
    shares = [replace(whole, rank=rank, processes=processes) for rank in range(processes)]
    passes = zip(whole, *shares, strict=True)  # all have the same number of batches
    for batch, *parts in passes:
        counted = [part.graph[~part.y.isnan().all(dim=1)] for part in parts]
        known = batch.graph[~batch.y.isnan().all(dim=1)]
        assert torch.cat(counted).sort().values.equal(known.sort().values)
        there = [part.num_graphs for part in parts]
        assert max(there) - min(there) <= 1


def test_a_share_without_graphs_has_no_target(diverse):
    (batch,) = replace(loader(diverse[:2], 2), rank=2, processes=3)
    assert batch.num_graphs == 1
    assert batch.y.isnan().all()
    assert not diverse[:2].y.isnan().all()


@pytest.mark.parametrize(("rank", "processes"), [(2, 2), (-1, 2), (0, 0)])
def test_a_rank_that_is_none_of_the_processes_is_refused(diverse, rank, processes):
    with pytest.raises(InputError, match=f"received rank={rank} of {processes} processes"):
        replace(loader(diverse), rank=rank, processes=processes)
