"""TransformerEncoderLayer: the same bits and no hook left, with and without the fused kernel."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.modules import module as torch_module

import edgescope as es
from edgescope.lib.errors import InputError
from support.dense_cases import HEADS, WIDTH, Dense, call, capture, encoder_layer, graphs, padded
from support.dense_reference import STAGES, assert_matches, attend_batch

SITES = [f"layer.self_attn:{stage}" for stage in STAGES]

pytestmark = pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")


def hooks_of_all_modules():
    return [
        len(hooks)
        for name, hooks in vars(torch_module).items()
        if name.startswith("_global") and isinstance(hooks, dict)
    ]


def everything(layer, dense, padding, captured, gradients=True):
    """Run a layer and return its output, all gradients and the state of the random numbers."""
    torch.manual_seed(2)
    x = dense.clone().requires_grad_(gradients)
    run_it = (lambda *a, **k: capture(*a, **k)[1]) if captured else call
    with torch.set_grad_enabled(gradients):
        output = run_it(layer, x, src_key_padding_mask=padding)
    found = [output, torch.get_rng_state()]
    if gradients:
        output[~padding].float().square().sum().backward()
        found += [x.grad, *(parameter.grad for parameter in layer.parameters())]
    return found


@pytest.mark.parametrize("norm_first", [True, False])
@pytest.mark.parametrize(
    ("training", "gradients", "autocast"),
    [
        (True, True, False),
        (True, True, True),
        (True, False, True),
        (False, True, True),
        (False, True, False),
        (False, False, False),  # with autocast torch's fused kernel itself raises on the CPU
    ],
)
def test_outputs_gradients_and_random_state_are_bit_identical(
    norm_first, training, gradients, autocast, fused
):
    plain = nn.TransformerEncoder(
        encoder_layer(norm_first=norm_first), 2, enable_nested_tensor=not norm_first
    ).train(training)
    twin = copy.deepcopy(plain)
    dense, padding = padded(graphs())
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        expected = everything(twin, dense, padding, captured=False, gradients=gradients)
        taken = len(fused)
        found = everything(plain, dense, padding, captured=True, gradients=gradients)
    assert taken == (0 if training or gradients else 2)
    assert len(fused) == 2 * taken
    assert plain.training is training
    for ours, theirs in zip(found, expected, strict=True):
        assert torch.equal(ours, theirs)


def test_the_layer_and_its_parts_get_no_hook():
    model = Dense(encoder_layer(), call)
    with es.capture(model):
        assert not any(
            module._forward_hooks or module._forward_pre_hooks for module in model.layer.modules()
        )


class Fails(nn.Linear):
    def forward(self, *_):
        raise RuntimeError("mine")


def test_no_global_hook_is_left_whatever_happens():
    before = hooks_of_all_modules()
    model = Dense(encoder_layer(), call)
    x = graphs()[0][None]
    with es.capture(model):
        model(x)
        assert sum(hooks_of_all_modules()) == sum(before) + 3  # one is marked as having kwargs
    assert hooks_of_all_modules() == before
    model.layer.linear1 = Fails(WIDTH, 16)
    with pytest.raises(RuntimeError, match="mine"), es.capture(model):
        model(x)
    assert hooks_of_all_modules() == before
    with pytest.raises(InputError, match="no site matches"), es.capture(model, "nothing"):
        pass
    assert hooks_of_all_modules() == before
    with pytest.raises(InputError, match="padding between"), es.capture(model):
        model(x, src_key_padding_mask=torch.tensor([[False, True, False]]))
    assert hooks_of_all_modules() == before


def test_a_pass_that_failed_half_way_does_not_hide_the_next(fused):
    layer = encoder_layer()
    model = Dense(layer, call).eval()
    linear = layer.linear1
    x = graphs()[0][None]
    with es.capture(model) as tape:
        layer.linear1 = Fails(WIDTH, 16)
        with pytest.raises(RuntimeError, match="mine"):
            model(x)
        layer.linear1 = linear
        with torch.no_grad():
            model(graphs()[2][None])
    assert fused
    assert_matches(tape, attend_batch(layer.self_attn, graphs()[2:]), "layer.self_attn")


def test_layers_that_share_their_attention_are_told_apart():
    first, second = encoder_layer(), encoder_layer()
    second.self_attn = first.self_attn
    model = nn.Sequential(first, second)
    x = graphs()[0][None]
    with es.capture(model) as tape:
        model(x)
    assert not any("@" in site for site in tape.sites)
    assert_matches(tape, attend_batch(first.self_attn, graphs()[:1]), "0.self_attn")
    expected = attend_batch(first.self_attn, [first(x)[0]])
    assert_matches(tape, expected, "1.self_attn")


class WithPositions(nn.TransformerEncoderLayer):
    """Adds positions to queries and keys, as DETR does."""

    def _sa_block(self, x, *_, **__):
        place = torch.arange(x.size(1))[:, None] / x.size(1)
        found = self.self_attn(x + place, x + place, x, need_weights=False)[0]
        return self.dropout1(found)


def test_a_subclass_is_captured_as_it_calls_its_attention():
    layer = encoder_layer(WithPositions)
    tape, _ = capture(layer, graphs()[2][None])
    placed = graphs()[2] + torch.arange(4)[:, None] / 4
    expected = attend_batch(layer.self_attn, [placed], graphs()[2:])
    assert_matches(tape, expected, "layer.self_attn")


class Doubles(nn.TransformerEncoderLayer):
    def forward(self, src, **options):
        return super().forward(2 * src, **options)


def test_a_subclass_that_hides_the_input_of_the_fused_kernel_is_refused_there_only(fused):
    layer = encoder_layer(Doubles)
    tape, _ = capture(layer, graphs()[0][None])
    expected = attend_batch(layer.self_attn, [2 * graphs()[0]])
    assert_matches(tape, expected, "layer.self_attn")
    with torch.no_grad(), pytest.raises(InputError, match=r"Doubles overrides forward.*fastpath"):
        capture(layer, graphs()[0][None])
    assert fused


def test_a_layer_that_is_the_whole_model_is_refused_with_the_remedy():
    layer = encoder_layer()
    reason = r"fused kernel.*capture a module that holds it, such as torch.nn.Sequential\(layer\)"
    with pytest.raises(InputError, match=reason):
        es.capture(layer).__enter__()
    assert es.capture.sites(layer)["site"].to_list() == ["(the model)"]
    with es.capture(nn.Sequential(layer)) as tape:
        assert tape.sites == [site.replace("layer", "0") for site in SITES]


def test_what_its_attention_is_refused_for_is_refused_under_the_path_of_the_attention():
    layer = encoder_layer()
    layer.self_attn = nn.MultiheadAttention(WIDTH, HEADS, add_zero_attn=True, batch_first=True)
    other = encoder_layer()
    other.self_attn = nn.Identity()
    table = es.capture.sites(nn.ModuleList([layer, other]))
    assert table["site"].to_list() == ["0.self_attn", "1.self_attn"]
    assert "build it without add_zero_attn" in table["reason"][0]
    assert "its self_attn is of class Identity" in table["reason"][1]


def test_the_decoder_of_a_transformer_is_refused_for_its_cross_attention_only():
    model = Dense(nn.Transformer(WIDTH, HEADS, 1, 1, 16, batch_first=True), call).eval()
    x, y = torch.randn(2, 1, 3, WIDTH)
    with pytest.raises(InputError, match="cross-attention"), es.capture(model):
        model(x, y)
    with es.capture(model, "*.self_attn:*") as tape:
        model(x, y)
    assert len(tape["layer.decoder.layers.0.self_attn:weight"].values) == 3 * 3
