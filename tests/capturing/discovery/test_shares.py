"""Shares of a node's edges are told from what only looks like them."""

import pytest
import torch

from edgescope.capturing.discovery.shares import is_share

NODE = torch.tensor([0, 0, 1, 1, 1, 3])


def shares(power, *, extra=0.0):
    total = torch.zeros(4, *power.shape[1:]).index_add(0, NODE, power) + extra
    return power / total[NODE]


@pytest.fixture
def power():
    return torch.rand(6, 2, 1, generator=torch.Generator().manual_seed(0)) + 0.1


@pytest.mark.parametrize("extra", [0.0, 1e-16, 1.0], ids=["softmax", "with eps", "off by one"])
def test_shares_are_shares(power, extra):
    assert is_share(shares(power, extra=extra), power, NODE)


def test_shares_of_nothing_are_shares():
    zero = torch.zeros(6, 2, 1)
    assert is_share(shares(zero, extra=1e-16), zero, NODE)


def test_what_is_not_finite_is_left_out(power):
    power[1] = torch.inf
    weight = shares(power)
    assert weight.isnan().any()
    assert is_share(weight, power, NODE)


def test_what_is_divided_by_another_node_is_no_share(power):
    total = torch.zeros(4, 2, 1).index_add(0, NODE, power) + 5
    assert not is_share(power / total[NODE.flip(0)], power, NODE)


def test_what_sums_to_more_than_one_or_is_negative_is_no_share(power):
    assert not is_share(2 * shares(power), power, NODE)
    assert not is_share(-shares(power), power, NODE)


def test_without_edges_nothing_is_known():
    assert not is_share(torch.zeros(0, 2, 1), torch.zeros(0, 2, 1), NODE[:0])
