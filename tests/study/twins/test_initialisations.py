"""Layers drawn side by side against PyG's, one by one."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch_geometric.nn import GATConv, GATv2Conv

from edgescope.lib.errors import InputError
from edgescope.study.twins.initialisations import (
    CHUNK,
    Setting,
    attend,
    draw_features,
    draw_ties,
    draw_weights,
)

DRAWS = 4

some_setting = st.builds(
    Setting,
    layer=st.sampled_from(["GAT", "GATv2"]),
    heads=st.integers(1, 3),
    channels=st.integers(1, 4),
    in_channels=st.integers(1, 4),
    neighbours=st.integers(2, 5),
    self_loops=st.booleans(),
    slope=st.sampled_from([0.0, 0.2, 1.0]),
    init=st.sampled_from(["glorot", "kaiming", "normal"]),
    features=st.sampled_from(["normal", "positive", "negative", "fixed"]),
)


def as_conv(setting, weights, number):
    """Return one of the drawn layers as PyG's."""
    kind = GATConv if setting.layer == "GAT" else GATv2Conv
    conv = kind(
        setting.in_channels,
        setting.channels,
        heads=setting.heads,
        negative_slope=setting.slope,
        add_self_loops=False,
        bias=setting.layer == "GATv2",
    ).double()
    one = {name: value[number] for name, value in weights._asdict().items()}
    with torch.no_grad():
        if setting.layer == "GAT":
            conv.lin.weight.copy_(one["source"].flatten(0, 1))
            conv.att_src.copy_(one["att_src"][None])
            conv.att_dst.copy_(one["att_dst"][None])
        else:
            for linear, end in ((conv.lin_l, "source"), (conv.lin_r, "target")):
                linear.weight.copy_(one[end].flatten(0, 1))
                linear.bias.copy_(one[f"{end}_bias"].flatten())
            conv.att.copy_(one["att_src"][None])
            conv.bias.zero_()
    return conv


def outputs(setting, x, weights, number):
    """Return the outputs of the twins of one draw by PyG ``[2, H, D]``."""
    twins = torch.tensor([setting.nodes - 2, setting.nodes - 1])
    source = torch.arange(setting.neighbours).repeat(2)
    edges = torch.stack([source, twins.repeat_interleave(setting.neighbours)])
    with torch.no_grad():
        found = as_conv(setting, weights, number)(x[number], edges)
    return found[twins].view(2, setting.heads, setting.channels)


@given(setting=some_setting, seed=st.integers(0, 1000))
def test_outputs_are_those_of_pyg(setting, seed):
    generator = torch.Generator().manual_seed(seed)
    x = draw_features(setting, DRAWS, generator)
    weights = draw_weights(setting, DRAWS, generator)
    found = attend(setting, weights, x[:, : setting.neighbours], x[:, -2:])
    ours = torch.einsum("smnh,snhd->smhd", found.logit.softmax(2), found.source)
    for number in range(DRAWS):
        expected = outputs(setting, x, weights, number)
        assert torch.allclose(ours[number], expected, atol=1e-10)


@given(setting=some_setting, seed=st.integers(0, 1000))
def test_what_is_certified_is_tied_in_gat_and_in_gatv2(setting, seed):
    for found in draw_ties(setting, 100, seed):
        assert found.tied[found.certified].all()
        assert not (found.linear & found.uniform).any()


@pytest.mark.parametrize("layer", ["GAT", "GATv2"])
def test_glorot_draws_as_pyg_does(layer):
    setting = Setting(layer=layer, heads=2, channels=3, in_channels=5)
    weights = draw_weights(setting, 3_000, torch.Generator().manual_seed(0))
    kind = GATConv if layer == "GAT" else GATv2Conv
    torch.manual_seed(0)
    convs = [kind(5, 3, heads=2) for _ in range(400)]
    pairs = (
        [("source", "lin.weight"), ("att_src", "att_src"), ("att_dst", "att_dst")]
        if layer == "GAT"
        else [("source", "lin_l.weight"), ("target_bias", "lin_r.bias"), ("att_src", "att")]
    )
    for ours, theirs in pairs:
        drawn = getattr(weights, ours)
        expected = torch.stack([conv.get_parameter(theirs) for conv in convs]).detach()
        assert drawn.abs().max() == pytest.approx(expected.abs().max().item(), rel=0.02)
        assert drawn.std() == pytest.approx(expected.std().item(), rel=0.1)


def test_fixed_features_are_the_same_in_all_draws_and_random_ones_are_not():
    generator = torch.Generator().manual_seed(0)
    fixed = draw_features(Setting(features="fixed"), 3, generator)
    random = draw_features(Setting(), 3, generator)
    assert torch.equal(fixed[0], fixed[2])
    assert not torch.equal(random[0], random[2])


def test_chunks_hold_all_draws():
    sizes = [len(found.tied) for found in draw_ties(Setting(), CHUNK + 7, 0)]
    assert sizes == [CHUNK, 7]


def test_a_slope_of_one_ties_every_pair():
    found = next(draw_ties(replace(Setting(), slope=1.0), 200, 0))
    assert found.certified.all()
    assert found.tied.all()


@pytest.mark.parametrize(
    "wrong",
    [{"heads": 0}, {"neighbours": 1, "self_loops": True}, {"features": "tutorial"}],
)
def test_sizes_that_make_no_sense_are_refused(wrong):
    with pytest.raises(InputError):
        Setting(**wrong)


def test_no_draws_are_refused():
    with pytest.raises(InputError, match="draws=0"):
        next(draw_ties(Setting(), 0, 0))
