"""MultiheadAttention: every pair of nodes, as the definition of attention has it."""

import pytest
import torch
import torch.nn.functional as F

from support.dense_cases import (
    CAUSAL,
    HEADS,
    INF,
    LONGEST,
    MASKS,
    SIZES,
    WIDTH,
    additive,
    attention,
    by_head,
    call,
    capture,
    graphs,
    padded,
)
from support.dense_reference import assert_matches, attend_batch

with_masks = pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)


@with_masks
@pytest.mark.parametrize("gradients", [True, False])
@pytest.mark.parametrize("batch_first", [True, False])
def test_every_stage_follows_its_definition_under_every_mask(mask, gradients, batch_first):
    layer = attention(batch_first=batch_first)
    dense, padding = padded(graphs())
    kinds_agree = mask is None or mask.dtype == torch.bool
    with torch.set_grad_enabled(gradients):
        tape, _ = capture(
            layer,
            dense if batch_first else dense.transpose(0, 1),
            attn_mask=mask,
            key_padding_mask=padding if kinds_agree else additive(padding),
            is_causal=mask is CAUSAL,
        )
    assert_matches(tape, attend_batch(layer, graphs(), added=by_head(mask)))


@pytest.mark.parametrize("options", [{"bias": False}, {"vdim": 5}, {"vdim": 5, "bias": False}])
def test_separate_projections_and_missing_biases_follow_the_definition(options):
    layer = attention(**options)
    values = graphs(width=options.get("vdim", WIDTH))
    dense, padding = padded(graphs())
    tape, _ = capture(
        layer,
        dense,
        padded(values)[0],
        call=lambda layer, x, value: layer(x, x, value, key_padding_mask=padding)[0],
    )
    assert_matches(tape, attend_batch(layer, graphs(), values))


def test_keys_and_queries_with_positions_may_differ_from_the_values():
    layer = attention()
    positions = [torch.randn_like(x) for x in graphs()]
    placed = [x + position for x, position in zip(graphs(), positions, strict=True)]
    dense, padding = padded(graphs())
    shift, _ = padded(positions)

    def placing(layer, x):
        return layer(x + shift, x + shift, x, key_padding_mask=padding)[0]

    tape, _ = capture(layer, dense, call=placing)
    assert_matches(tape, attend_batch(layer, placed, graphs()))


@pytest.mark.parametrize("batch_first", [True, False])
def test_a_graph_without_a_batch_dimension_follows_the_definition(batch_first):
    layer = attention(batch_first=batch_first)
    graph = graphs()[2]
    padding = torch.tensor([False, False, False, True])
    for mask in (None, padding):
        tape, _ = capture(layer, graph, key_padding_mask=mask)
        nodes = graph if mask is None else graph[:3]
        assert_matches(tape, attend_batch(layer, [nodes]))


@pytest.mark.parametrize("gradients", [True, False])
def test_a_float_padding_mask_is_added_to_the_logits(gradients):
    layer = attention()
    dense, padding = padded(graphs())
    bias = torch.randn(padding.shape).masked_fill(padding, INF)
    with torch.set_grad_enabled(gradients):
        tape, _ = capture(layer, dense, key_padding_mask=bias)
    added = bias[:, None, None].expand(-1, HEADS, LONGEST, -1)
    assert_matches(tape, attend_batch(layer, graphs(), added=added))


def test_padding_may_be_in_the_mask_alone():
    layer = attention()
    dense, padding = padded(graphs())
    mask = padding[:, None, None].expand(-1, HEADS, LONGEST, -1).flatten(0, 1)
    tape, _ = capture(layer, dense, attn_mask=mask)
    assert_matches(tape, attend_batch(layer, graphs()))


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_a_nested_tensor_is_its_graphs():
    layer = attention()
    with torch.no_grad():
        tape, _ = capture(layer, torch.nested.nested_tensor(graphs()), need_weights=False)
    assert_matches(tape, attend_batch(layer, graphs()))


@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    [(torch.float64, 1e-12), (torch.float16, 1e-2), (torch.bfloat16, 8e-2)],
)
def test_half_precision_is_computed_in_float32_and_float64_is_kept(dtype, tolerance):
    layer = attention().to(dtype)
    dense, padding = padded(graphs(dtype))
    tape, _ = capture(layer, dense, key_padding_mask=padding)
    kept = torch.promote_types(dtype, torch.float32)
    assert {tape[site].values.dtype for site in tape.sites} == {kept}
    assert_matches(tape, attend_batch(layer, graphs(dtype)), tolerance=tolerance)


def test_products_that_overflow_half_precision_are_captured():
    layer = attention().half()
    dense = torch.full((1, 2, WIDTH), 300.0, dtype=torch.float16)
    tape, _ = capture(layer, dense, sites="*:score")
    score = tape["layer:score"].values
    assert score.isfinite().all()
    assert score.abs().max() > torch.finfo(torch.float16).max


def test_weights_are_those_that_the_layer_returns_when_it_is_asked():
    layer = attention()
    dense, padding = padded(graphs())
    tape, _ = capture(layer, dense, key_padding_mask=padding, need_weights=False)
    found = tape["layer:weight"]
    _, asked = layer(dense, dense, dense, key_padding_mask=padding, average_attn_weights=False)
    key, query = found.edge_index - found.identity.node_offset
    torch.testing.assert_close(found.values.squeeze(-1), asked[found.graph, :, query, key])


@with_masks
def test_messages_add_up_to_the_output(mask):
    layer = attention()
    dense, padding = padded(graphs())
    if mask is not None and mask.dtype != torch.bool:
        padding = additive(padding)
    tape, output = capture(
        layer, dense, attn_mask=mask, key_padding_mask=padding, need_weights=False
    )
    message = tape["layer:message"]
    total = torch.zeros(sum(SIZES), HEADS, WIDTH // HEADS)
    total.index_add_(0, message.edge_index[1], message.values)
    nodes = padding == 0
    torch.testing.assert_close(layer.out_proj(total.flatten(1)), output[nodes])


def test_the_score_adds_up_to_the_logit():
    tape, _ = capture(attention(), *graphs()[2:])
    torch.testing.assert_close(
        tape["layer:score"].values.sum(-1, keepdim=True), tape["layer:logit"].values
    )


def test_a_head_that_may_attend_to_nothing_has_weights_of_zero():
    mask = torch.zeros(HEADS, 3, 3, dtype=torch.bool)
    mask[0, 1] = True  # head 0 of node 1
    tape, _ = capture(attention(), graphs()[0][None], attn_mask=mask, need_weights=False)
    found = tape["layer:weight"]
    assert found.values.isfinite().all()
    assert (found.values[found.edge_index[1] == 1][:, 0] == 0).all()
    assert (tape["layer:logit"].values[found.edge_index[1] == 1][:, 0] == INF).all()


def test_only_what_is_asked_for_is_computed(monkeypatch):
    computed = []
    linear = F.linear
    monkeypatch.setattr(F, "linear", lambda *args: computed.append(1) or linear(*args))
    x = graphs()[0][None]
    call(attention(), x, need_weights=False)
    own = len(computed)
    capture(attention(), x, sites="*:weight", need_weights=False)
    assert len(computed) == own + own + 2  # queries and keys, but no values
