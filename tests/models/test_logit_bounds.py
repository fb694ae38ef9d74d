"""Bounds of the logits and the sink: nasty inputs, gradients, and that defaults change nothing."""

import copy

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

import edgescope as es
from edgescope.models import EdgeAttention
from edgescope.models.attention_steps import EdgeWeight
from support.model_cases import batches, random_model, two_graphs

NO_CLAMP = {"logit_limit": None}
CAPPED = {"logit_limit": None, "logit_cap": 2.0}
MEAN = {"mean_attention": True}
FIXED = {"sink": "fixed"}
GATED = {"gated_output": True}
BOUNDS = [
    NO_CLAMP,
    CAPPED,
    {"qk_norm": True},
    {"sink": True},
    NO_CLAMP | {"sink": True},
    FIXED,
    NO_CLAMP | FIXED,
    GATED,
]
OPTIONS = [*BOUNDS, MEAN, MEAN | GATED]

EDGES = torch.tensor([[0, 1, 2, 2, 0, 1], [1, 0, 1, 2, 1, 1]])
"""Three nodes and an isolated one, with a loop and a duplicate."""


def attention(options, dtype=torch.float64, **more):
    torch.manual_seed(0)
    layer = EdgeAttention(4, 2, **options, **more)
    for learnt in (layer.sink if options.get("sink") is True else None, layer.gate):
        for parameter in learnt.parameters() if learnt else ():
            torch.nn.init.normal_(parameter)
    return layer.to(dtype)


def weights_of(layer, node, edge, edge_index):
    """Return normalised weights ``[E, H]``, read off values that are one-hot per node."""
    with torch.no_grad():
        found = []
        for source in range(len(node)):
            chosen = copy.deepcopy(layer)
            chosen.value = torch.nn.Linear(node.size(1), node.size(1), bias=False).to(node)
            torch.nn.init.zeros_(chosen.value.weight)
            chosen.value.register_forward_hook(
                lambda _, __, out, at=source: out.index_fill(0, torch.tensor([at]), 1.0)
            )
            found.append(chosen(node, edge, edge_index)[0].view(len(node), layer.num_heads, -1))
    return torch.stack(found, -1)[:, :, 0]  # [V, H, V]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_gradients_are_those_of_finite_differences(options):
    layer = attention(options)
    torch.manual_seed(1)
    states = [torch.randn(n, 4, dtype=torch.float64, requires_grad=True) for n in (4, 6)]
    names, parameters = zip(*layer.named_parameters(), strict=True)

    def run(node, edge, *values):
        given = dict(zip(names, values, strict=True))
        return torch.func.functional_call(layer, given, (node, edge, EDGES))

    assert torch.autograd.gradcheck(run, (*states, *parameters))


@settings(deadline=None, max_examples=12)
@given(st.integers(1, 5), st.integers(0, 12), st.integers(0, 99), st.sampled_from([1.0, 30.0]))
def test_without_a_clamp_the_weights_of_a_node_are_scipys_softmax(nodes, edges, seed, size):
    random = torch.Generator().manual_seed(seed)
    edge_index = torch.randint(0, nodes, (2, edges), generator=random)
    node = torch.randn(nodes, 4, dtype=torch.float64, generator=random) * size
    edge = torch.randn(edges, 4, dtype=torch.float64, generator=random)
    layer = attention(NO_CLAMP)
    logit = layer(node, edge, edge_index)[1].sum(-1).detach().numpy()
    expected = np.zeros((nodes, 2, nodes))
    for target in range(nodes):
        into = (edge_index[1] == target).nonzero().squeeze(1).numpy()
        if len(into):
            share = softmax(logit[into], axis=0)
            for row, number in zip(share, into, strict=True):
                expected[target, :, edge_index[0, number]] += row
    found = weights_of(layer, node, edge, edge_index)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("options", BOUNDS, ids=str)
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_logits_of_ten_thousand_leave_outputs_and_gradients_finite(options, dtype):
    layer = attention(options, dtype)
    with torch.no_grad():
        layer.value.weight.mul_(0.01)  # half precision ends at 65,504
    node = (torch.randn(4, 4, generator=torch.Generator().manual_seed(2)) * 300).to(dtype)
    edge = torch.ones(6, 4, dtype=dtype, requires_grad=True)
    attended, score = layer(node, edge, EDGES)
    assert score.sum(-1).abs().max() > (0 if options.get("qk_norm") else 1e4)
    attended.sum().backward()
    assert attended.isfinite().all()
    assert edge.grad.isfinite().all()


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_one_edge_of_any_logit_gets_the_whole_weight_without_a_clamp(sign, dtype):
    layer = attention(NO_CLAMP, dtype)
    for linear in (layer.query, layer.key, layer.value, layer.edge):
        torch.nn.init.eye_(linear.weight)
    node = torch.full((2, 4), 84.0, dtype=dtype)  # logit: 84 * 84 * 2 / sqrt(2) = 9,978
    edge = torch.full((1, 4), float(sign), dtype=dtype)
    attended, score = layer(node, edge, torch.tensor([[0], [1]]))
    assert 9_900 < score.sum(-1).abs().min() < 10_050
    assert torch.equal(attended, torch.tensor([[0.0] * 4, [84.0] * 4], dtype=dtype))


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_a_node_without_edges_attends_to_nothing(options):
    attended, score = attention(options)(
        torch.randn(3, 4).double(), torch.zeros(0, 4).double(), torch.zeros(2, 0).long()
    )
    assert not attended.any()
    assert score.shape == (0, 2, 2)


def test_a_capped_edge_keeps_a_gradient_where_a_clamped_one_has_none():
    logit = torch.tensor([[4.0]], requires_grad=True)
    for module, alive in ((EdgeWeight(2.0), False), (EdgeWeight(None, 2.0), True)):
        (grad,) = torch.autograd.grad(module(logit).sum(), logit)
        assert bool(grad.any()) is alive


def test_normalised_queries_and_keys_make_scores_blind_to_the_size_of_nodes():
    layer = attention({"qk_norm": True})
    node, edge = torch.randn(4, 4).double() + 1, torch.randn(6, 4).double()
    small, large = (layer(node * size, edge, EDGES)[1] for size in (1e3, 1e6))
    torch.testing.assert_close(small, large, rtol=1e-4, atol=1e-6)
    bound = layer.head_dim**0.5 * layer.edge(edge).view(6, 2, 2).abs().amax(-1)
    assert (large.sum(-1).abs() <= bound).all()


def test_a_sink_takes_weight_from_a_node_whose_edges_say_little():
    layer = attention(NO_CLAMP | {"sink": True})
    torch.nn.init.zeros_(layer.sink.logit)
    node, edge = torch.randn(4, 4).double(), torch.zeros(6, 4).double()  # all logits 0
    found = weights_of(layer, node, edge, EDGES).sum(-1)
    edges = torch.tensor([1, 4, 1, 0]).double().unsqueeze(1).expand(4, 2)
    torch.testing.assert_close(found, edges / (edges + 1))


def test_pairs_whose_factor_is_zero_neither_count_nor_overflow():
    layer = attention(NO_CLAMP, full_graph=True)
    node, edge = torch.randn(4, 4).double(), torch.randn(6, 4).double() * 1e4
    real = torch.tensor([True, True, True, False, False, True])
    factor = real.double().unsqueeze(1)
    both = layer(node, edge, EDGES, real, factor)[0]
    alone = layer(node, edge[real], EDGES[:, real], real[real], factor[real])[0]
    torch.testing.assert_close(both, alone)


@settings(deadline=None, max_examples=10)
@given(graph=batches())
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_captured_weights_and_messages_add_up_to_the_output(options, graph):
    model = random_model("GraphTransformer", num_layers=1, **options)
    layer, seen = model.layers[0].attention, {}
    layer.register_forward_hook(lambda _, __, out: seen.update(out=out[0]))
    if layer.gate is not None:
        layer.gate.register_forward_hook(lambda _, __, gate: seen.update(gate=gate))
    with torch.no_grad(), es.capture(model, "*:message") as tape:
        model(*graph)
    message = tape["layers.0.attention:message"].values.flatten(1)
    total = torch.zeros_like(seen["out"]).index_add(0, graph[1][1], message)
    if layer.gate is not None:
        total = total * seen["gate"]
    torch.testing.assert_close(total, seen["out"], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("options", "stage", "formula"),
    [
        ({}, "weight", "exp(clamp(logit)) / (its sum over j + 1e-06)"),
        ({"logit_limit": 3.0}, "logit", "sum_d score, clamped to +-3 only afterwards"),
        (NO_CLAMP, "logit", "sum_d score"),
        (MEAN, "logit", "0: not of the score, which reaches no prediction"),
        (NO_CLAMP, "weight", "exp(logit) / its sum over j"),
        (CAPPED, "weight", "exp(2 tanh(logit / 2)) / its sum over j"),
        (
            {"sink": True},
            "weight",
            "exp(clamp(logit)) / (its sum over j + exp(z) + 1e-06), z the sink's logit",
        ),
        (GATED, "message", "weight * V h_j, before the sum is multiplied by the gate"),
        ({"qk_norm": True}, "score", "(rms(K h_j) * rms(Q h_i)) / sqrt(D) * W e_ij"),
    ],
)
def test_a_site_says_the_formula_of_its_layer(options, stage, formula):
    model = random_model("SAN", num_layers=1, **options)
    listed = es.capture.sites(model).filter(pl.col("site") == f"layers.0.attention:{stage}")
    assert listed["formula"].to_list() == [formula]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_a_saved_model_is_the_same_with_its_options(options, tmp_path):
    model = random_model("GraphiT", **options)
    same = es.models.load(es.models.save(model.float(), tmp_path / "model.safetensors"))
    assert same.config == model.config
    assert torch.equal(same(*two_graphs()), model(*two_graphs()))


@settings(deadline=None, max_examples=25)
@given(graph=batches(), kind=st.sampled_from(["GraphTransformer", "SAN"]))
def test_mean_attention_gives_the_mean_of_the_neighbours_and_the_same_scores(graph, kind):
    model, other = (random_model(kind, num_layers=1, **options) for options in (MEAN, {}))
    layer, seen = model.layers[0].attention, {}
    layer.register_forward_hook(lambda _, args, out: seen.update(args=args, out=out[0]))
    with torch.no_grad(), es.capture(model, "*:score") as tape:
        model(*graph)
    with torch.no_grad(), es.capture(other, "*:score") as theirs:
        other(*graph)
    (source, target), value = graph[1], layer.value(seen["args"][0])
    for node in range(len(value)):
        into = source[target == node]
        mean = value[into].mean(0) if len(into) else torch.zeros_like(value[0])
        torch.testing.assert_close(seen["out"][node], mean, rtol=2e-6, atol=1e-9)
    site = "layers.0.attention:score"
    assert torch.equal(tape[site].values, theirs[site].values)


def test_scores_take_no_part_in_mean_attention_but_feed_the_edge_states():
    model = random_model("GraphTransformer", num_layers=3, **MEAN)
    model(*two_graphs()).sum().backward()
    silent = {n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()}
    blocks = {name.split(".")[2] + "." + name.split(".")[3] for name in silent if "layers" in name}
    assert {"attention.query", "attention.key", "attention.edge"} <= blocks
    assert not any("attention.value" in name or "node" in name for name in silent)
    with torch.no_grad(), es.capture(model, "*:score") as tape:
        model(*two_graphs())
        before = tape["layers.1.attention:score"].values.clone()
    with torch.no_grad(), es.capture(model, "*:score") as tape:
        model.layers[0].attention.edge.weight *= 2
        model(*two_graphs())
    assert not torch.equal(tape["layers.1.attention:score"].values, before)


def test_a_fixed_sink_is_a_softmax_with_one_more_term_of_one():
    layer = attention(NO_CLAMP | FIXED)
    assert not any(
        "sink" in name for name in [*layer.state_dict(), *dict(layer.named_parameters())]
    )
    torch.manual_seed(3)
    node, edge = torch.randn(4, 4).double() * 9, torch.randn(6, 4).double()
    logit = layer(node, edge, EDGES)[1].sum(-1).detach().numpy()
    found = weights_of(layer, node, edge, EDGES).sum(-1).numpy()
    for target in range(4):
        into = (EDGES[1] == target).nonzero().squeeze(1).numpy()
        one_more = softmax(np.concatenate([logit[into], np.zeros((1, 2))]), axis=0)
        np.testing.assert_allclose(found[target], 1 - one_more[-1], rtol=1e-9, atol=1e-12)


def test_a_learnt_sink_starts_as_the_fixed_one():
    layers = [EdgeAttention(4, 2, sink=sink) for sink in (True, "fixed")]
    layers[1].load_state_dict(layers[0].state_dict(), strict=False)
    node, edge = torch.randn(4, 4), torch.randn(6, 4)
    assert torch.equal(*(layer(node, edge, EDGES)[0] for layer in layers))


@pytest.mark.parametrize("sink", ["learnt", 1, None])
def test_an_unknown_sink_is_refused(sink):
    with pytest.raises(ValueError, match=r"sink must be False, True \(learnt\) or 'fixed'"):
        EdgeAttention(4, 2, sink=sink)


def test_all_gates_start_half_open_and_draw_no_random_numbers():
    torch.manual_seed(0)
    plain, after = EdgeAttention(4, 2), torch.rand(1)
    torch.manual_seed(0)
    gated = EdgeAttention(4, 2, **GATED)
    assert torch.equal(torch.rand(1), after)
    node, edge = torch.randn(4, 4), torch.randn(6, 4)
    assert torch.equal(gated(node, edge, EDGES)[0], plain(node, edge, EDGES)[0] / 2)
    gated(node, edge, EDGES)[0].square().sum().backward()
    assert gated.gate.weight.grad.any()


def test_a_gate_is_a_sigmoid_of_the_node_that_attends_and_of_no_other():
    layer, other = attention(GATED), attention({})
    node, edge = torch.randn(4, 4).double(), torch.randn(6, 4).double()
    rows = [
        [1 / (1 + np.exp(-(w @ h + b))) for w, b in zip(*map(numbers, gate(layer)), strict=True)]
        for h in node.numpy()
    ]
    expected = other(node, edge, EDGES)[0].detach().numpy() * np.array(rows)
    np.testing.assert_allclose(layer(node, edge, EDGES)[0].detach(), expected, rtol=1e-12)


def gate(layer):
    return layer.gate.weight, layer.gate.bias


def numbers(tensor):
    return tensor.detach().double().numpy()


@pytest.mark.parametrize(
    "more", [{"sink": True}, {"sink": "fixed"}, {"explicit_bias": "described"}], ids=str
)
def test_a_mean_with_something_added_is_refused(more):
    with pytest.raises(ValueError, match="mean_attention=True is a mean"):
        attention(MEAN, **more)


def test_an_untrained_baseline_sets_gains_and_sinks_back():
    model = random_model("SAN", qk_norm=True, sink=True, gated_output=True)
    (fresh,) = es.Untrained(1, calibrate_batch_norm=False).models(model, [])
    for layer in fresh.layers:
        assert not layer.attention.sink.logit.any()
        assert not any(parameter.any() for parameter in gate(layer.attention))
        assert (layer.attention.query_norm.weight == 1).all()
