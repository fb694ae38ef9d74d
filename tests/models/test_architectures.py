"""The three published architectures against their equations, in numpy and pair by pair."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import edgescope as es
from edgescope.lib.errors import InputError
from support.model_cases import BONDS, batches, random_model, two_graphs
from support.model_reference import predict

VARIANTS = [
    ("GraphTransformer", {}),
    ("GraphTransformer", {"explicit_bias": "released", "use_bias": True}),
    ("GraphTransformer", {"layer_norm": True, "batch_norm": False, "residual": False}),
    ("SAN", {}),
    ("SAN", {"explicit_bias": "released", "use_bias": True}),
    ("SAN", {"explicit_bias": "described"}),
    ("SAN", {"full_graph": True, "gamma": 0.3}),
    ("SAN", {"full_graph": True, "learned_gamma": True, "use_bias": True}),
    ("GraphiT", {"readout": "node"}),
    ("GraphiT", {"explicit_bias": "released"}),
    ("GraphiT", {"explicit_bias": "described", "use_bias": True}),
    ("GraphiT", {"full_graph": True, "kernel_steps": 3}),
    ("GraphiT", {"batch_norm": False, "residual": False, "readout": "mean"}),
    ("GraphTransformer", {"logit_limit": None}),
    ("GraphTransformer", {"logit_limit": None, "logit_cap": 2.0}),
    ("GraphTransformer", {"qk_norm": True}),
    ("GraphTransformer", {"sink": True, "logit_limit": 1.5}),
    ("SAN", {"logit_limit": None, "explicit_bias": "released", "qk_norm": True}),
    ("SAN", {"logit_limit": None, "full_graph": True, "gamma": 0.0, "sink": True}),
    ("SAN", {"full_graph": True, "learned_gamma": True, "qk_norm": True, "sink": True}),
    ("GraphiT", {"logit_limit": None, "full_graph": True, "kernel_steps": 1}),
    ("GraphTransformer", {"gated_output": True, "sink": "fixed"}),
    ("GraphTransformer", {"norm_first": True}),
    ("GraphTransformer", {"norm_first": True, "batch_norm": False, "layer_norm": True}),
    ("SAN", {"norm_first": True, "full_graph": True, "gated_output": True}),
    ("GraphiT", {"sink": "fixed", "logit_limit": None, "norm_first": True, "qk_norm": True}),
    ("GraphiT", {"logit_limit": None, "logit_cap": 3.0, "explicit_bias": "described"}),
]


def assert_agrees(model, graph, blank=()):
    """Compare predictions and captured scores with the reference."""
    with torch.no_grad(), es.capture(model) as tape:
        found = model(*graph)
    model.config["blank"] = blank  # the shape of an edge's attributes
    expected, scores = predict(model, *graph)
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-10)
    for number, score in enumerate(scores):
        captured = tape[f"layers.{number}.attention:score"]
        real = captured.identity.input_edge >= 0
        np.testing.assert_allclose(captured.values[real], score, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize(("architecture", "options"), VARIANTS)
@settings(deadline=None, max_examples=15)
@given(graph=batches(), scale=st.sampled_from([1.0, 4.0]))
def test_the_model_is_what_the_equations_say(architecture, options, graph, scale):
    assert_agrees(random_model(architecture, scale=scale, **options), graph)


@pytest.mark.parametrize("architecture", ["GraphTransformer", "SAN", "GraphiT"])
@settings(deadline=None, max_examples=15)
@given(graph=batches(columns=3))
def test_several_columns_of_types_are_embedded_each_and_summed(architecture, graph):
    full = {} if architecture == "GraphTransformer" else {"full_graph": True}
    options = {"num_atom_types": [5, 6, 7], "num_bond_types": (4, 5, 6), **full}
    assert_agrees(random_model(architecture, **options), graph, blank=(3,))


@pytest.mark.parametrize("architecture", ["SAN", "GraphiT"])
def test_edges_may_have_real_features(architecture):
    graph = list(two_graphs())
    graph[2] = torch.randn(6, 8, dtype=torch.float64)
    assert_agrees(random_model(architecture, edge_dim=8, readout="node"), graph)


@settings(deadline=None, max_examples=12)
@given(graph=batches(), bias=st.sampled_from([None, "released", "described"]))
def test_san_and_graphit_are_one_function_on_the_given_edges(graph, bias):
    options = {"explicit_bias": bias, "readout": "sum"}
    one, other = (
        random_model(name, seed, **options) for seed, name in enumerate(("SAN", "GraphiT"))
    )
    other.load_state_dict(one.state_dict())
    assert torch.equal(one(*graph), other(*graph))


def test_san_and_graphit_differ_on_the_full_graph():
    one, other = (random_model(name, full_graph=True, readout="sum") for name in ("SAN", "GraphiT"))
    other.load_state_dict(one.state_dict())
    assert not torch.allclose(one(*two_graphs()), other(*two_graphs()))


def gradients(architecture, variant):
    """Return the attention weights and the gradients of what the scores are made of."""
    model = random_model(architecture, explicit_bias=variant, num_layers=1, use_bias=True)
    with es.capture(model, "layers.0.attention:weight") as tape:
        model(*two_graphs()).sum().backward()
    attention = model.layers[0].attention
    grads = [getattr(attention, name).weight.grad for name in ("key", "edge")]
    return tape["layers.0.attention:weight"].values, grads


@pytest.mark.parametrize("architecture", ["SAN", "GraphiT"])
def test_as_released_attention_is_uniform_and_the_scores_get_no_gradient(architecture):
    weight, grads = gradients(architecture, "released")
    _, edge_index, *_ = two_graphs()
    share = 1.0 / edge_index[1].bincount()[edge_index[1]].double()
    torch.testing.assert_close(weight, share.view(-1, 1, 1).expand_as(weight), atol=1e-3, rtol=0)
    assert all(grad is None or not grad.any() for grad in grads)


@pytest.mark.parametrize(
    ("architecture", "variant"),
    [
        ("SAN", "described"),
        ("GraphiT", "described"),
        ("GraphTransformer", "released"),
        ("GraphTransformer", "described"),
    ],
)
def test_otherwise_the_scores_decide_the_attention_and_get_gradients(architecture, variant):
    weight, grads = gradients(architecture, variant)
    assert not torch.allclose(weight[0], weight[3], atol=1e-3)  # the two edges into node 1
    assert all(grad is not None and grad.any() for grad in grads)


def test_both_explicit_bias_terms_are_one_in_the_graph_transformer():
    models = [random_model("GraphTransformer", explicit_bias=b) for b in ("released", "described")]
    assert torch.equal(models[0](*two_graphs()), models[1](*two_graphs()))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"explicit_bias": "both"}, "None, 'released' or 'described', received 'both'"),
        ({"explicit_bias": "released", "full_graph": True}, "for the given edges only"),
        ({"layer_norm": True}, "batch_norm=True and layer_norm=True"),
        ({"hidden_dim": 10, "num_heads": 4}, "multiple of num_heads, received 10 and 4"),
        ({"gamma": 1.5}, "gamma must be from 0 to 1, received 1.5"),
        ({"learned_gamma": True}, "needs full_graph=True"),
        ({"gamme": 1}, "unexpected keyword argument 'gamme'"),
        ({"sink": "off"}, "sink must be False, True .learnt. or 'fixed', received 'off'"),
        ({"norm_first": True, "residual": False}, "without residual=True to go around"),
        ({"norm_first": True, "batch_norm": False}, "without a normalisation to put first"),
        ({"logit_cap": 5.0}, "logit_limit=5.0 and logit_cap=5.0, expected one of them or none"),
        ({"logit_limit": 0.0}, "logit_limit must be above 0 and at most 50, .* received 0.0"),
        ({"logit_limit": 88.0}, "logit_limit must be above 0 and at most 50, .* received 88.0"),
        ({"logit_limit": None, "logit_cap": -1.0}, "logit_cap must be a finite .* received -1.0"),
    ],
)
def test_settings_that_do_not_fit_are_refused(options, message):
    with pytest.raises(InputError, match=message) as caught:
        es.models.build("SAN", num_atom_types=5, num_bond_types=BONDS, **options)
    assert "\n" not in str(caught.value)


def test_an_unknown_architecture_is_answered_with_the_nearest():
    with pytest.raises(InputError, match="'graphit', did you mean 'GraphiT'"):
        es.models.build("graphit")


def test_another_number_of_columns_is_refused():
    model = random_model("SAN", num_atom_types=[5, 5])
    with pytest.raises(InputError, match="1 columns of node type in x, the model was built for 2"):
        model(*two_graphs())


def test_an_unknown_type_is_named_with_its_column():
    model = random_model("SAN", num_atom_types=[5, 2])
    x, *rest = two_graphs()
    with pytest.raises(InputError, match=r"node type in x \(column 1\): received \[2, 3, 4\]"):
        model(torch.stack([x, x], 1), *rest)


@pytest.mark.parametrize(("architecture", "options"), VARIANTS)
def test_weights_on_disk_come_back_as_the_same_function(architecture, options, tmp_path):
    model = random_model(architecture, **options)
    loaded = es.models.load(es.models.save(model, tmp_path / "model.safetensors")).double()
    assert loaded.config == model.config
    # Weights are kept in their own type, and the model takes them as float32.
    torch.testing.assert_close(loaded(*two_graphs()), model(*two_graphs()), atol=1e-3, rtol=1e-3)


def test_a_learnt_gamma_is_trained_and_reset():
    model = random_model("SAN", full_graph=True, learned_gamma=True, gamma=0.25)
    model(*two_graphs()).sum().backward()
    assert model.gamma.grad.abs() > 0
    with torch.no_grad():
        model.gamma.fill_(0.9)
    model.reset_parameters()
    assert float(model.gamma) == 0.25
