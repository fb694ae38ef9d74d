"""Models under the published code's parameter names, against numbers of the published layers."""

import json

import numpy as np
import pytest
import torch

import edgescope as es
from edgescope.errors import InputError
from edgescope.models import from_reference


def tensors(path):
    with np.load(path) as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays.files}


def settings_of(config):
    """Return the configuration from ``hidden_dim`` to ``num_bond_types``."""
    names = list(config)
    chosen = names[names.index("hidden_dim") : names.index("num_bond_types") + 1]
    return {name: config[name] for name in chosen}


@pytest.fixture
def golden(shared):
    folder = shared / "golden" / "gt"
    config = json.loads((folder / "config.json").read_text())
    return config, *(tensors(folder / f"{n}.npz") for n in ("weights", "inputs", "expected"))


def test_every_layer_of_the_graph_transformer_gives_the_published_numbers(golden):
    config, weights, inputs, expected = golden
    model = from_reference(config["architecture"], weights, **settings_of(config))
    graph = (inputs["x"], inputs["edge_index"], inputs["edge_type"], inputs["batch"])
    attended = []
    for layer in model.layers:
        layer.attention.register_forward_hook(lambda _, __, out: attended.append(out[0]))
    with es.capture(model) as tape:
        prediction = model(*graph)
    torch.testing.assert_close(prediction, expected["prediction"], atol=1e-5, rtol=0)
    for number, node_attention in enumerate(attended):
        score = tape[f"layers.{number}.attention:score"].values
        assert score.shape == (214, 4, 4)
        torch.testing.assert_close(
            score.flatten(1), expected[f"edge_score_{number}"], atol=1e-5, rtol=0
        )
        torch.testing.assert_close(
            node_attention, expected[f"node_attention_{number}"], atol=1e-5, rtol=0
        )


def reference_state(**config):
    """Return weights under the published names, made from a model of our own."""
    torch.manual_seed(0)
    model = es.models.GraphTransformer(
        num_atom_types=5, num_bond_types=4, hidden_dim=8, num_heads=2, num_layers=2, **config
    )
    published = {
        "node_embedding": "embedding_h",
        "edge_embedding": "embedding_e",
        "attention.query": "attention.Q",
        "attention.key": "attention.K",
        "attention.value": "attention.V",
        "attention.edge": "attention.proj_e",
        "readout.layers": "MLP_layer.FC_layers",
    }
    parts = {"output": "O_{}", "norm1": "batch_norm1_{}", "norm2": "batch_norm2_{}"}
    parts |= {"expand": "FFN_{}_layer1", "contract": "FFN_{}_layer2"}
    for part, name in parts.items():
        published[f".node.{part}"] = "." + name.format("h")
        published[f".edge.{part}"] = "." + name.format("e")
    state = {}
    for name, value in model.state_dict().items():
        for ours, theirs in published.items():
            name = name.replace(ours, theirs)  # noqa: PLW2901  (one name after the other)
        state[name] = value
    return model.eval(), state


@pytest.mark.parametrize("config", [{}, {"use_bias": True}, {"batch_norm": False}, {"out_dim": 12}])
def test_the_configuration_is_read_off_the_weights(config):
    model, state = reference_state(**config)
    assert "layers.1.FFN_e_layer2.weight" in state
    rebuilt = from_reference("GT", state, num_heads=2)
    assert rebuilt.config == model.config


def test_a_setting_that_contradicts_the_weights_is_refused():
    _, state = reference_state()
    with pytest.raises(InputError, match="received hidden_dim=16, but the weights have 8"):
        from_reference("GT", state, num_heads=2, hidden_dim=16)


def test_weights_of_another_model_are_refused():
    with pytest.raises(InputError, match="expected the parameter names of the published"):
        from_reference("GT", {"conv1.weight": torch.zeros(2, 2)}, num_heads=2)


def test_a_missing_tensor_is_named():
    _, state = reference_state()
    del state["layers.1.O_h.bias"]
    with pytest.raises(InputError, match=r"layers\.1\.node\.output\.bias is missing"):
        from_reference("GT", state, num_heads=2)


@pytest.mark.parametrize("architecture", ["GAT", "gt"])
def test_an_unknown_architecture_is_refused(architecture):
    with pytest.raises(InputError, match="unknown architecture"):
        from_reference(architecture, {}, num_heads=2)


@pytest.mark.parametrize("option", ["explicit_bias", "full_graph"])
def test_variants_that_are_not_built_are_refused(option):
    _, state = reference_state()
    with pytest.raises(InputError, match=f"{option}=True"):
        from_reference("GT", state, num_heads=2, **{option: True})
