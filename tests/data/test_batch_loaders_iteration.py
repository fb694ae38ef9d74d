"""Passes over a data set."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as some

from edgescope.data import loader
from edgescope.lib.errors import InputError


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
