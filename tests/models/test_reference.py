"""Models under the published code's parameter names, against numbers of the published layers."""

import json

import numpy as np
import pytest
import torch

import edgescope as es
from edgescope.lib.errors import InputError
from edgescope.models import from_reference, import_checkpoint
from support.model_cases import random_model
from support.published_names import published_state


def tensors(path):
    with np.load(path) as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays.files}


def settings_of(config):
    """Return the configuration from ``hidden_dim`` to ``num_bond_types``."""
    names = list(config)
    chosen = names[names.index("hidden_dim") : names.index("num_bond_types") + 1]
    return {name: config[name] for name in chosen}


FOLDERS = [
    "gt",
    "gt-ebt",
    "san",
    "san-ebt",
    "san-full",
    "san-lspe-full",
    "graphit",
    "graphit-ebt",
    "graphit-full",
]


@pytest.fixture(params=FOLDERS)
def golden(request, shared):
    folder = shared / "golden" / request.param
    config = json.loads((folder / "config.json").read_text())
    return config, *(tensors(folder / f"{n}.npz") for n in ("weights", "inputs", "expected"))


def assert_published(model, graph, expected, **full):
    """Compare every layer and the prediction with the published numbers."""
    attended = []
    for layer in model.layers:
        layer.attention.register_forward_hook(lambda _, __, out: attended.append(out[0]))
    with es.capture(model) as tape:
        prediction = model(*graph, **full)
    torch.testing.assert_close(prediction, expected["prediction"], atol=1e-5, rtol=0)
    for number, node_attention in enumerate(attended):
        score = tape[f"layers.{number}.attention:score"].values
        assert score.shape[1:] == (4, 4)
        found = score.flatten(1)
        torch.testing.assert_close(found, expected[f"edge_score_{number}"], atol=1e-5, rtol=0)
        torch.testing.assert_close(
            node_attention, expected[f"node_attention_{number}"], atol=1e-5, rtol=0
        )


def test_every_layer_gives_the_published_numbers(golden):
    config, weights, inputs, expected = golden
    model = from_reference(config["architecture"], weights, **settings_of(config))
    graph = (inputs["x"], inputs["edge_index"], inputs["edge_type"], inputs["batch"])
    full = {}
    if config["full_graph"]:
        kernel = inputs["random_walk_kernel"]
        full = {"edge_real": inputs["is_real_edge"], "edge_kernel": kernel}
    assert_published(model, graph, expected, **full)


@pytest.mark.parametrize("golden", [f for f in FOLDERS if f.endswith("full")], indirect=True)
def test_a_full_graph_that_the_model_makes_itself_gives_the_published_prediction(golden):
    config, weights, inputs, expected = golden
    model = from_reference(config["architecture"], weights, **settings_of(config))
    real = inputs["is_real_edge"] != 0
    edges = inputs["edge_index"][:, real], inputs["edge_type"][real]
    found = model(inputs["x"], *edges, inputs["batch"])
    torch.testing.assert_close(found, expected["prediction"], atol=1e-5, rtol=0)


@pytest.mark.parametrize("architecture", ["SAN", "GraphiT"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"explicit_bias": "released", "use_bias": True},
        {"full_graph": True},
        {"edge_dim": 8, "readout": "node", "residual": False},
        {"num_atom_types": [3, 4, 5], "num_bond_types": [2, 6]},
        {"layer_norm": True, "batch_norm": False},
        {"layer_norm": False, "batch_norm": False},
    ],
)
def test_san_and_graphit_come_from_the_published_names(architecture, options):
    model = random_model(architecture, **options)
    state = published_state(model, "layer" if options.get("layer_norm") else "batch")
    shown = {name: model.config[name] for name in ("readout", "residual")}
    rebuilt = from_reference(architecture, state, num_heads=4, **shown)
    assert rebuilt.config == model.config
    for name, value in model.state_dict().items():
        assert torch.equal(value, rebuilt.state_dict()[name])


def test_positional_encodings_come_from_the_published_names():
    options = {"laplacian_eigenvectors": 4, "lpe_dim": 4, "lpe_heads": 2, "lpe_layers": 2}
    model = random_model("SAN", **options)
    shown = {"laplacian_eigenvectors": 4, "lpe_heads": 2}
    assert (
        from_reference("SAN", published_state(model), num_heads=4, **shown).config == model.config
    )


def test_eigenvectors_come_from_the_published_names():
    model, state = reference_state(laplacian_eigenvectors=3)
    state = {
        name.replace("positions.project", "embedding_lap_pos_enc"): v for name, v in state.items()
    }
    assert from_reference("GT", state, num_heads=2).config == model.config


def test_an_encoding_needs_its_number_of_eigenpairs():
    state = published_state(random_model("SAN", laplacian_eigenvectors=4))
    with pytest.raises(InputError, match="laplacian_eigenvectors=, which the weights do not show"):
        from_reference("SAN", state, num_heads=4)


def test_a_learnt_gamma_is_one_parameter_though_the_published_code_names_it_in_every_layer():
    model = random_model("SAN", full_graph=True, learned_gamma=True)
    state = published_state(model)
    state |= {f"layers.{n}.attention_h.gamma": state["gamma"] for n in (0, 1)}
    assert from_reference("SAN", state, num_heads=4).config == model.config


def test_a_learnt_gamma_that_nothing_uses_is_left_out():
    model = random_model("SAN")
    state = published_state(model) | {"gamma": torch.tensor([0.1])}
    assert from_reference("SAN", state, num_heads=4).config == model.config


def test_the_explicit_bias_may_be_opened_as_described():
    state = published_state(random_model("SAN", explicit_bias="released"))
    model = from_reference("SAN", state, num_heads=4, explicit_bias="described")
    assert model.layers[0].attention.explicit_bias == "described"


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


@pytest.mark.parametrize("architecture", ["GAT", "gt", "SAN "])
def test_an_unknown_architecture_is_refused(architecture):
    with pytest.raises(InputError, match="unknown architecture"):
        from_reference(architecture, {}, num_heads=2)


def test_an_explicit_bias_that_the_weights_have_not_got_is_refused():
    _, state = reference_state()
    with pytest.raises(InputError, match="explicit_bias=True, but the weights have None"):
        from_reference("GT", state, num_heads=2, explicit_bias=True)


def test_a_full_graph_of_the_graph_transformer_is_refused():
    _, state = reference_state()
    with pytest.raises(InputError, match="full_graph=True for GraphTransformer"):
        from_reference("GT", state, num_heads=2, full_graph=True)


def test_embeddings_that_are_not_as_wide_as_the_layers_are_refused():
    _, state = reference_state()
    state["embedding_h.weight"] = state["embedding_h.weight"][:, :2]
    with pytest.raises(InputError, match=r"node_embedding\.weight is \[5, 2\], expected \[5, 8\]"):
        from_reference("GT", state, num_heads=2)


def test_a_checkpoint_file_is_opened_as_its_weights(tmp_path):
    model, state = reference_state()
    torch.save(state, tmp_path / "epoch_7.pkl")
    opened = import_checkpoint(tmp_path / "epoch_7.pkl", "GT", num_heads=2)
    assert opened.config == model.config
    assert torch.equal(opened.node_embedding.weight, model.node_embedding.weight)


def test_a_malicious_checkpoint_is_refused_and_nothing_is_executed(tmp_path):
    class Hostile:
        def __reduce__(self):
            return (tmp_path.joinpath("owned").write_text, ("yes",))

    torch.save({"embedding_h.weight": Hostile()}, tmp_path / "epoch_7.pkl")
    with pytest.raises(InputError, match="holds something other than tensors") as caught:
        import_checkpoint(tmp_path / "epoch_7.pkl", "GT", num_heads=2)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("content", [[1, 2], {"a": 1}, torch.zeros(2)])
def test_a_file_that_holds_no_weights_by_name_is_refused(content, tmp_path):
    torch.save(content, tmp_path / "epoch_7.pkl")
    with pytest.raises(InputError, match="expected a state dict, tensors by parameter name"):
        import_checkpoint(tmp_path / "epoch_7.pkl", "GT", num_heads=2)


@pytest.mark.parametrize("cut", [0, 10, 300])
def test_a_truncated_checkpoint_is_refused(cut, tmp_path):
    _, state = reference_state()
    path = tmp_path / "epoch_7.pkl"
    torch.save(state, path)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(InputError, match=r"epoch_7\.pkl") as caught:
        import_checkpoint(path, "GT", num_heads=2)
    assert "\n" not in str(caught.value)


def test_a_missing_checkpoint_is_named(tmp_path):
    with pytest.raises(InputError, match=r"expected a checkpoint .* found nothing there"):
        import_checkpoint(tmp_path / "none.pkl", "GT", num_heads=2)
