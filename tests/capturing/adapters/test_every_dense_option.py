"""Dense attention in every configuration: weights are the layer's own, messages its output."""

import inspect

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import edgescope as es
from edgescope.capturing.adapters.registry import find_adapter
from edgescope.lib.errors import InputError
from support.dense_cases import Dense, normal

WIDTH, SIZES = 6, (3, 1, 4)
NODES = max(SIZES)
INF = float("inf")
ATTENTION = {
    "embed_dim": (WIDTH,),
    "num_heads": (2, 1, 3),
    "dropout": (0.0, 0.4),
    "bias": (True, False),
    "add_bias_kv": (False, False, False, True),
    "add_zero_attn": (False, False, False, True),
    "kdim": (None, None, None, 5),
    "vdim": (None, 5),
    "batch_first": (True, False),
    "device": (None,),
    "dtype": (None, torch.float64),
}
ENCODER = {
    "d_model": (WIDTH,),
    "nhead": (2, 1, 3),
    "dim_feedforward": (8,),
    "dropout": (0.0, 0.4),
    "activation": ("relu", "gelu", torch.tanh),
    "layer_norm_eps": (1e-5, 0.1),
    "batch_first": (True, False),
    "norm_first": (False, True),
    "bias": (True, False),
    "device": (None,),
    "dtype": (None, torch.float64),
}
MASKS = ("none", "boolean", "numbers", "by head", "causal")
PADDINGS = ("none", "boolean", "numbers")


def chosen(draw, table):
    return {name: draw(st.sampled_from(values)) for name, values in table.items()}


def built(kind, options):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return normal(kind(**options))


@st.composite
def masks(draw, heads, dtype, kinds=MASKS):
    """Return a mask of pairs and one of padding, as torch takes them together."""
    random = torch.Generator().manual_seed(draw(st.integers(0, 20)))
    kind, padded = draw(st.sampled_from(kinds)), draw(st.sampled_from(PADDINGS))
    own = torch.eye(NODES, dtype=torch.bool)
    forbidden = (torch.rand(NODES, NODES, generator=random) < 0.4) & ~own
    numbers = torch.randn(len(SIZES) * heads, NODES, NODES, generator=random).to(dtype)
    mask = {
        "none": None,
        "boolean": forbidden,
        "numbers": numbers[0].masked_fill(forbidden, -INF),
        "by head": numbers,
        "causal": ~torch.ones(NODES, NODES, dtype=torch.bool).tril(),
    }[kind]
    absent = torch.arange(NODES) >= torch.tensor(SIZES)[:, None]
    as_numbers = torch.zeros(absent.shape, dtype=dtype).masked_fill(absent, -INF)
    if mask is not None and mask.dtype != torch.bool and padded == "boolean":
        padded = "numbers"
    if mask is not None and mask.dtype == torch.bool and padded == "numbers":
        padded = "boolean"
    padding = {"none": None, "boolean": absent, "numbers": as_numbers}[padded]
    return mask, padding, {"is_causal": kind == "causal" and draw(st.booleans())}


def own_weights(attention, x, value, mask, padding):
    """Return the weights that a layer of torch says it has ``[B, H, S, S]``."""
    _, weights = attention(
        x, x, value, padding, need_weights=True, attn_mask=mask, average_attn_weights=False
    )
    return weights


def assert_rows(tape, weights, path):
    """Compare captured weights and logits of all pairs with ``[B, H, S, S]``."""
    found = {site.rpartition(":")[2]: tape[site] for site in tape.sites if path in site}
    at = found["weight"]
    source, target = at.identity.own_source, at.identity.own_target
    expected = weights[at.graph, :, target, source].unsqueeze(-1)
    torch.testing.assert_close(at.values, expected.to(at.values), rtol=1e-4, atol=1e-5)
    group = at.graph * NODES + target
    powers = found["logit"].values.exp()
    total = torch.zeros(group.max() + 1, *powers.shape[1:], dtype=powers.dtype)
    total.index_add_(0, group, powers)
    # So no pair is missing either.
    torch.testing.assert_close(powers / total[group], at.values, rtol=1e-4, atol=1e-5)
    return found, group


def test_all_options_and_arguments_of_the_installed_version_are_known():
    for kind, table in ((nn.MultiheadAttention, ATTENTION), (nn.TransformerEncoderLayer, ENCODER)):
        layer = built(kind, {name: values[0] for name, values in table.items()})
        adapter, _ = find_adapter(layer)
        assert set(inspect.signature(kind.__init__).parameters) - {"self"} == set(table)
        assert adapter.options == set(table)
        assert adapter.arguments == set(inspect.signature(kind.forward).parameters) - {"self"}


@given(data=st.data())
def test_pairs_of_attention_are_those_of_the_layer(data):
    options = data.draw(st.composite(chosen)(ATTENTION))
    layer = built(nn.MultiheadAttention, options)
    dtype = options["dtype"] or torch.float32
    model = Dense(layer, lambda layer, x, value, **more: layer(x, x, value, **more)[0])
    if options["add_bias_kv"] or options["add_zero_attn"] or options["kdim"] is not None:
        with pytest.raises(InputError, match=r"no node of the graph|wider or narrower"):
            es.capture(model, discover=False).__enter__()
        return
    mask, padding, more = data.draw(masks(options["num_heads"], dtype))
    layer.train(data.draw(st.booleans()))
    random = torch.Generator().manual_seed(0)
    x = torch.randn(len(SIZES), NODES, WIDTH, generator=random).to(dtype)
    value = torch.randn(len(SIZES), NODES, options["vdim"] or WIDTH, generator=random).to(dtype)
    if not options["batch_first"]:
        x, value = x.transpose(0, 1), value.transpose(0, 1)
    more["need_weights"] = data.draw(st.booleans())
    more["average_attn_weights"] = data.draw(st.booleans())
    given = {"attn_mask": mask, "key_padding_mask": padding, **more}
    if mask is None:
        given["is_causal"] = False
    with torch.set_grad_enabled(data.draw(st.booleans())), es.capture(model) as tape:
        output = model(x, value, **given)
    dropped = layer.training and options["dropout"]
    layer.eval()
    with torch.no_grad():
        weights = own_weights(layer, x, value, mask, padding)
        found, group = assert_rows(tape, weights, "layer")
        if dropped:  # messages are those before dropout
            return
        message = found["message"].values
        total = torch.zeros(len(SIZES) * NODES, *message.shape[1:], dtype=message.dtype)
        total.index_add_(0, group, message)
        expected = layer.out_proj(total.flatten(1))
    output = output if options["batch_first"] else output.transpose(0, 1)
    rows = group.unique()
    torch.testing.assert_close(output.flatten(0, 1)[rows], expected[rows], rtol=1e-4, atol=1e-5)


@pytest.mark.filterwarnings("ignore:.*fused TransformerEncoderLayer:Warning")
@given(data=st.data())
def test_pairs_of_an_encoder_layer_are_those_of_its_attention(data):
    options = data.draw(st.composite(chosen)(ENCODER))
    layer = built(nn.TransformerEncoderLayer, options).train(data.draw(st.booleans()))
    dtype = options["dtype"] or torch.float32
    # Masks that hold numbers are another thing to the fused kernel: see test_encoder_layer.py.
    mask, padding, _ = data.draw(masks(options["nhead"], dtype, ("none", "boolean", "causal")))
    if padding is not None:
        padding = padding if padding.dtype == torch.bool else padding != 0
    x = torch.randn(len(SIZES), NODES, WIDTH, generator=torch.Generator().manual_seed(0)).to(dtype)
    x = x if options["batch_first"] else x.transpose(0, 1)
    model = Dense(layer, lambda layer, x, **more: layer(x, **more))
    with torch.set_grad_enabled(data.draw(st.booleans())), es.capture(model) as tape:
        model(x, src_mask=mask, src_key_padding_mask=padding)
    layer.eval()
    with torch.no_grad():
        states = layer.norm1(x) if options["norm_first"] else x
        weights = own_weights(layer.self_attn, states, states, mask, padding)
        assert_rows(tape, weights, "self_attn")
