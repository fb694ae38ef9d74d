"""Passes over a data set."""

import pytest
import torch

from edgescope.data import loader
from edgescope.errors import InputError


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
