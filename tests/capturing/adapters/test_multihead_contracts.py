"""MultiheadAttention: the same bits with and without capture, and what is refused."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

import edgescope as es
from edgescope.lib.errors import InputError
from support.dense_cases import (
    LONGEST,
    MASKS,
    SQUARE,
    WIDTH,
    additive,
    attention,
    call,
    capture,
    graphs,
    padded,
    random_bias,
)

with_masks = pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)


AUTOCAST = {"device_type": "cpu", "dtype": torch.bfloat16}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("autocast", [True, False])
@pytest.mark.parametrize("need_weights", [True, False])
def test_outputs_gradients_and_random_state_are_bit_identical(training, autocast, need_weights):
    layer = attention(dropout=0.3).train(training)
    twin = copy.deepcopy(layer)
    dense, padding = padded(graphs())
    results = []
    for each, captured in ((twin, False), (layer, True)):
        torch.manual_seed(4)
        options = {"key_padding_mask": padding, "need_weights": need_weights}
        x = dense.clone().requires_grad_()
        with torch.autocast(**AUTOCAST, enabled=autocast):
            output = capture(each, x, **options)[1] if captured else call(each, x, **options)
        output[~padding].float().square().sum().backward()
        gradients = [parameter.grad for parameter in each.parameters()]
        results.append([output, x.grad, *gradients, torch.get_rng_state()])
        assert each.training is training
    for expected, found in zip(*results, strict=True):
        assert torch.equal(found, expected)


@with_masks
def test_the_native_kernel_is_still_taken_and_its_output_bit_identical(mask, native):
    layer = attention()
    dense, padding = padded(graphs())
    options = {"attn_mask": mask, "key_padding_mask": padding, "need_weights": False}
    boolean = mask is None or mask.dtype == torch.bool
    if not boolean:
        options["key_padding_mask"] = additive(padding)
    with torch.no_grad():
        expected = call(layer, dense, **options)
        assert len(native) == boolean  # torch gives its kernel no float masks
        _, found = capture(layer, dense, **options)
    assert len(native) == 2 * boolean
    assert torch.equal(found[~padding], expected[~padding])


def test_queries_that_are_not_the_keys_are_refused():
    x, y = torch.randn(2, 1, 3, WIDTH)
    with pytest.raises(InputError, match=r"a query other than its key.*out with sites="):
        capture(attention(), x, y, call=lambda layer, x, y: layer(x, y, y)[0])
    with pytest.raises(InputError, match="a query other than its key"):
        capture(attention(), x, y, call=lambda layer, x, y: layer(x, y[:, :2], y[:, :2])[0])


def test_padding_between_the_nodes_is_refused():
    x = torch.randn(2, 3, WIDTH)
    padding = torch.tensor([[False, False, True], [False, True, False]])
    with pytest.raises(InputError, match=r"padding between the nodes.*to_dense_batch"):
        capture(attention(), x, key_padding_mask=padding)


def test_padding_may_stand_before_the_nodes():
    x = torch.randn(2, 3, WIDTH)
    padding = torch.tensor([[False, False, True], [True, False, False]])
    behind = torch.tensor([[False, False, True], [False, False, True]])
    layer = attention()
    before, _ = capture(layer, x, key_padding_mask=padding)
    moved = torch.stack([x[0], x[1].roll(-1, 0)])
    after, _ = capture(layer, moved, key_padding_mask=behind)
    for site in after.sites:
        assert torch.equal(before[site].identity.edge_index, after[site].identity.edge_index)
        torch.testing.assert_close(before[site].values, after[site].values)


def test_a_causal_hint_that_contradicts_the_mask_is_refused():
    with pytest.raises(InputError, match=r"is_causal=True and a mask that is not causal"):
        capture(
            attention(),
            torch.randn(1, LONGEST, WIDTH),
            attn_mask=random_bias(*SQUARE),
            is_causal=True,
            need_weights=False,
        )


class Own(nn.MultiheadAttention):
    def forward(self, *args, **options):
        return super().forward(*args, **options)


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (nn.MultiheadAttention(4, 2, add_bias_kv=True), "build it without add_bias_kv"),
        (nn.MultiheadAttention(4, 2, add_zero_attn=True), "build it without add_zero_attn"),
        (nn.MultiheadAttention(4, 2, kdim=3), "keys are wider or narrower than its queries"),
        (Own(4, 2), "overrides forward of MultiheadAttention.*es.capture.register"),
        (
            parametrizations.spectral_norm(nn.MultiheadAttention(4, 2), "in_proj_weight"),
            "parametrised.*remove_parametrizations",
        ),
    ],
)
def test_what_cannot_be_captured_is_refused_with_reason_and_remedy(layer, reason):
    model = nn.ModuleList([layer, nn.MultiheadAttention(4, 2)])
    table = es.capture.sites(model)
    assert table["site"].to_list() == ["0", "1:score", "1:logit", "1:weight", "1:message"]
    with pytest.raises(InputError, match=f"no site matches '0:score'.*{reason}"):
        es.capture(model, "0:score").__enter__()
