"""Scales are moved where that changes no bit, and nowhere else."""

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import edgescope as es
from edgescope.intervene.number_formats.folded_scales import PROJECTIONS, balance, fold_scales
from edgescope.intervene.number_formats.place_record import Records
from edgescope.models import EdgeAttention


@given(
    largest=arrays.arrays("float32", (3, 5), elements=st.floats(0, 2**20, width=32)),
)
def test_factors_are_powers_of_two_whose_product_is_one(largest):
    largest = torch.from_numpy(largest)
    found = balance(largest)
    assert torch.equal(found.log2(), found.log2().round())
    assert torch.equal(found.prod(0), torch.ones(5))
    known = (largest > 0).all(0)
    assert (found[:, ~known] == 1).all()
    after = (largest * found)[:, known]
    if after.numel():
        # Each of the first two is rounded by half a bit, the third by both.
        assert (after.log2().max(0).values - after.log2().min(0).values).max() <= 1.5 + 1e-4


def run(layer, edges, real=None):
    torch.manual_seed(1)
    node, edge = torch.randn(4, 8), torch.randn(edges.size(1), 8)
    with torch.no_grad():
        return layer(node, edge, edges, real)


def recorded(layer, edges, real=None):
    """Records of what the projections return."""
    records, handles = Records(), []
    for name, module in layer.named_modules():
        if name:
            see = lambda _, __, out, name=name: records.of(name, "module").take(out, 0, 0, None)  # noqa: E731
            handles.append(module.register_forward_hook(see))
    run(layer, edges, real)
    for handle in handles:
        handle.remove()
    return records


@pytest.mark.parametrize("options", [{}, {"use_bias": True}, {"full_graph": True}], ids=str)
def test_scores_and_outputs_stay_to_the_bit_and_projections_become_alike(options):
    torch.manual_seed(0)
    layer = EdgeAttention(8, 2, **options).eval()
    with torch.no_grad():
        layer.query.weight *= torch.logspace(-3, 3, 8).unsqueeze(1)
        layer.edge.weight *= 50
    edges = torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]])
    real = torch.tensor([True, False, True, False]) if layer.full_graph else None
    expected, records = run(layer, edges, real), recorded(layer, edges, real)
    folded = copy.deepcopy(layer)
    number, left = fold_scales(folded, records)
    assert (number > 0, left) == (True, "")
    assert all(torch.equal(a, b) for a, b in zip(run(folded, edges, real), expected, strict=True))
    after = recorded(folded, edges, real)
    spread = torch.stack([after.channels(name) for name in PROJECTIONS[0]]).log2()
    assert (spread.max(0).values - spread.min(0).values).max() < 1.6


@pytest.mark.parametrize(
    ("options", "reason"),
    [({"qk_norm": True}, "normalised"), ({"explicit_bias": "described"}, "bias term")],
)
def test_what_cannot_be_done_exactly_is_left_and_said(options, reason):
    layer = EdgeAttention(8, 2, **options).eval()
    before = copy.deepcopy(layer.state_dict())
    edges = torch.tensor([[0, 1], [1, 0]])
    number, left = fold_scales(layer, recorded(layer, edges))
    assert (number, reason in left) == (0, True)
    assert all(torch.equal(value, before[name]) for name, value in layer.state_dict().items())


def test_other_layers_are_said_to_be_unknown():
    model = es.models.GATv2(
        num_atom_types=3, num_bond_types=2, hidden_dim=8, num_heads=2, num_layers=1
    )
    assert fold_scales(model, Records()) == (
        0,
        "no layer computes its scores as a product of projections in a form that is known",
    )
