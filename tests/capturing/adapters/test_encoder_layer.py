"""TransformerEncoderLayer: captured whether or not torch takes its fused kernel."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from edgescope.lib.errors import EdgescopeWarning
from support.dense_cases import (
    CAUSAL,
    HEADS,
    LONGEST,
    SIZES,
    WIDTH,
    capture,
    encoder_layer,
    graphs,
    padded,
)
from support.dense_reference import STAGES, assert_matches, attend_batch
from support.layer_reference import numbers

SITES = [f"layer.self_attn:{stage}" for stage in STAGES]

pytestmark = pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")


def normalised(layer, states):
    """Return layer norm of states ``[n, F]`` from its definition."""
    values = numbers(states)
    spread = np.sqrt(values.var(1, keepdims=True) + layer.norm1.eps)
    values = (values - values.mean(1, keepdims=True)) / spread
    return torch.tensor(values * numbers(layer.norm1.weight) + numbers(layer.norm1.bias))


@pytest.mark.parametrize("norm_first", [True, False])
@pytest.mark.parametrize("gradients", [True, False])
def test_every_stage_follows_its_definition_with_and_without_the_fused_kernel(
    norm_first, gradients, fused
):
    layer = encoder_layer(norm_first=norm_first)
    dense, padding = padded(graphs())
    with torch.set_grad_enabled(gradients):
        tape, _ = capture(layer, dense, src_key_padding_mask=padding)
    assert len(fused) == (not gradients)
    assert tape.sites == SITES
    states = [normalised(layer, x) if norm_first else x for x in graphs()]
    assert_matches(tape, attend_batch(layer.self_attn, states), "layer.self_attn")


@pytest.mark.parametrize("norm_first", [True, False])
def test_nested_tensors_follow_the_definition(norm_first, fused):
    layer = encoder_layer(norm_first=norm_first)
    with torch.no_grad():
        tape, _ = capture(layer, torch.nested.nested_tensor(graphs()))
    assert fused
    states = [normalised(layer, x) if norm_first else x for x in graphs()]
    assert_matches(tape, attend_batch(layer.self_attn, states), "layer.self_attn")


@pytest.mark.parametrize("gradients", [True, False])
@pytest.mark.parametrize("shape", ["shared", "per head"])
def test_masks_follow_the_definition(gradients, shape, fused):
    layer = encoder_layer()
    dense, padding = padded(graphs())
    mask = CAUSAL if shape == "shared" else CAUSAL.expand(len(SIZES) * HEADS, -1, -1)
    with torch.set_grad_enabled(gradients):
        tape, _ = capture(layer, dense, src_mask=mask, src_key_padding_mask=padding)
    assert len(fused) == (not gradients)
    added = torch.zeros(len(SIZES), HEADS, LONGEST, LONGEST).masked_fill(CAUSAL, -math.inf)
    assert_matches(tape, attend_batch(layer.self_attn, graphs(), added=added), "layer.self_attn")


@pytest.mark.parametrize("which", ["mask", "padding", "both"])
def test_a_float_mask_is_read_as_the_fused_kernel_reads_it_and_that_is_told(which, fused):
    layer = encoder_layer()
    dense = torch.randn(2, 4, WIDTH)
    mask = torch.zeros(4, 4)
    mask[0, 1], mask[2, 3], mask[1, 2] = 0.5, -0.7, -math.inf
    padding = torch.tensor([[0, 0, 0.7, 0], [0, 0, 0, -math.inf]])
    options = {}
    if which != "padding":
        options["src_mask"] = mask
    if which != "mask":
        options["src_key_padding_mask"] = padding
    with torch.no_grad(), pytest.warns(EdgescopeWarning, match="set_fastpath_enabled"):
        tape, output = capture(layer, dense, **options)
    assert fused
    message = tape["layer.self_attn:message"]
    total = torch.zeros(2 * 4, WIDTH)
    nodes = message.identity.node_offset[1] * 0 + message.graph * 4
    local = message.edge_index[1] - message.identity.node_offset[1]
    total.index_add_(0, nodes + local, message.values.flatten(1))
    state = layer.norm1(dense + layer.self_attn.out_proj(total).view_as(dense))
    expected = layer.norm2(state + layer.linear2(F.relu(layer.linear1(state))))
    present = torch.ones(2, 4, dtype=torch.bool)
    present[1, 3] = which == "mask"
    torch.testing.assert_close(output[present], expected[present], atol=1e-4, rtol=1e-4)


def test_a_float_mask_is_added_where_the_fused_kernel_is_not_taken():
    layer = encoder_layer()
    mask = torch.randn(3, 3)
    tape, _ = capture(layer, graphs()[0][None], src_mask=mask)
    expected = attend_batch(layer.self_attn, graphs()[:1], added=mask.expand(1, HEADS, 3, 3))
    assert_matches(tape, expected, "layer.self_attn")


@pytest.mark.parametrize("gradients", [True, False])
@pytest.mark.parametrize("nested", [True, False])
def test_each_layer_of_an_encoder_is_captured_from_its_own_input(gradients, nested, fused):
    encoder = nn.TransformerEncoder(encoder_layer(), 2, enable_nested_tensor=nested).eval()
    for number, layer in enumerate(encoder.layers):
        nn.init.normal_(layer.self_attn.in_proj_weight, std=0.3 + number)
    dense, padding = padded(graphs())
    with torch.set_grad_enabled(gradients):
        tape, _ = capture(encoder, dense, src_key_padding_mask=padding)
    assert len(fused) == 2 * (not gradients)
    first, second = encoder.layers
    states = [first(x[None])[0] for x in graphs()]
    for number, layer, given in ((0, first, graphs()), (1, second, states)):
        expected = attend_batch(layer.self_attn, given)
        assert_matches(tape, expected, f"layer.layers.{number}.self_attn", 1e-4)
