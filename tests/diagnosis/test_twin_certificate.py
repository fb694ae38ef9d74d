"""The certificate is exact: it says that outputs are equal if, and only if, they are."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch_geometric.nn import GATConv

import edgescope as es
from edgescope.diagnosis.twin_certificate import Regions, regions
from edgescope.lib.errors import InputError

EXACT = 1e-12
GRAPHS = 400
TWINS = 26


def graph_of_twins(generator, sources, heads, slope, edge_dim):
    """Return a layer in double precision and a graph in which all targets are twins."""
    layer = GATConv(
        3, 2, heads=heads, negative_slope=slope, add_self_loops=False, edge_dim=edge_dim
    ).double()
    x = torch.randn(sources + TWINS, 3, dtype=torch.float64, generator=generator)
    source = torch.arange(sources).repeat(TWINS)
    target = torch.arange(sources, sources + TWINS).repeat_interleave(sources)
    attr = torch.randn(sources, edge_dim or 1, dtype=torch.float64, generator=generator)
    return layer, x, torch.stack([source, target]), attr.repeat(TWINS, 1) if edge_dim else None


def certified(layer, x, edge_index, edge_attr, pairs):
    """Return the certificate of the pairs, and how far their outputs are apart by head."""
    with es.capture(layer, "*:logit") as tape, torch.no_grad():
        out = layer(x, edge_index, edge_attr).view(len(x), layer.heads, -1)
    found = tape[":logit"]
    place = regions(found.values[:, :, 0], found.edge_index[1], len(x), layer.negative_slope)
    return place.certify(pairs), (out[pairs[0]] - out[pairs[1]]).abs().amax(-1)


def test_the_certificate_is_exact_over_ten_thousand_pairs_of_twins():
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    holds, apart = [], []
    for number in range(GRAPHS):
        sources, heads = 2 + number % 4, 1 + number % 3
        slope = (0.2, 0.01, 0.0, 1.0, 3.0)[number % 5]
        case = graph_of_twins(generator, sources, heads, slope, 2 if number % 2 else None)
        first = torch.arange(sources, sources + TWINS - 1)
        proof, distance = certified(*case, torch.stack([first, first + 1]))
        holds.append(proof.holds.flatten())
        apart.append(distance.flatten())
    holds, apart = torch.cat(holds), torch.cat(apart)
    assert len(holds) >= 10_000
    assert 0.2 < holds.double().mean() < 0.9
    assert apart[holds].max() <= EXACT
    assert not holds[apart > EXACT].any()
    # The converse, which needs no coincidence: equal outputs are certified.
    assert holds[apart <= EXACT].all()


def test_twins_on_different_sides_are_linear_each_and_yet_differ():
    conv = GATConv(1, 1, add_self_loops=False, bias=False).double()
    with torch.no_grad():
        for parameter in (conv.lin.weight, conv.att_src, conv.att_dst):
            parameter.fill_(1)
    x = torch.tensor([[1.0], [2], [5], [-5]], dtype=torch.float64)
    edges = torch.tensor([[0, 1, 0, 1], [2, 2, 3, 3]])
    proof, apart = certified(conv, x, edges, None, torch.tensor([[2], [3]]))
    place = regions(F.leaky_relu(torch.tensor([[6.0], [7], [-4], [-3]]), 0.2), edges[1], 4, 0.2)
    assert place.linear[2:].all()
    assert not proof.holds.any()
    assert apart > 0.1


def test_uniform_attention_ties_twins_on_different_sides():
    logit = torch.tensor([[0.3], [0.3], [-0.1], [-0.1]])
    place = regions(logit, torch.tensor([0, 0, 1, 1]), 2, 0.2)
    proof = place.certify(torch.tensor([[0], [1]]))
    assert proof.uniform.all()
    assert not proof.linear.any()


@given(
    sums=st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from([-2.0, -1.0, 0.0, 1.0, 2.0])), max_size=12
    ),
    slope=st.sampled_from([0.2, 1.5]),
)
def test_regions_are_those_of_a_loop_over_nodes(sums, slope):
    target = torch.tensor([node for node, _ in sums], dtype=torch.long)
    before = torch.tensor([value for _, value in sums]).reshape(-1, 1)
    place = regions(F.leaky_relu(before, slope), target, 4, slope)
    for node in range(4):
        own = [value for at, value in sums if at == node]
        assert place.above[node].item() == (bool(own) and min(own) >= 0)
        assert place.below[node].item() == (bool(own) and max(own) <= 0)
        assert place.uniform[node].item() == (len(set(own)) == 1)


def test_a_slope_of_one_is_linear_everywhere():
    place = regions(torch.tensor([[-1.0], [1.0]]), torch.tensor([0, 0]), 1, 1.0)
    assert place.certify(torch.tensor([[0], [0]])).linear.all()


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
def test_logits_that_are_not_finite_certify_nothing(bad):
    place = regions(torch.tensor([[1.0], [bad]]), torch.tensor([0, 0]), 1, 0.2)
    assert not (place.linear | place.uniform).any()


def test_a_negative_slope_below_zero_is_refused():
    with pytest.raises(InputError, match=r"negative_slope=-0\.5"):
        Regions.from_range(torch.zeros(1), torch.zeros(1), -0.5)
