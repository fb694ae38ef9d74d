"""Weights on disk."""

import pickle

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from edgescope.lib.errors import InputError
from edgescope.models import GraphTransformer, load, save


@pytest.fixture
def model():
    torch.manual_seed(0)
    return GraphTransformer(
        num_atom_types=5, num_bond_types=4, hidden_dim=8, num_heads=2, num_layers=2, readout="sum"
    )


def test_a_saved_model_comes_back_with_its_configuration_and_weights(model, tmp_path):
    loaded = load(save(model, tmp_path / "deep" / "model.safetensors"))
    assert loaded.config == model.config
    assert not loaded.training
    for name, value in model.state_dict().items():
        assert torch.equal(value, loaded.state_dict()[name])


def test_models_of_other_libraries_are_refused(tmp_path):
    with pytest.raises(InputError, match="expected one of edgescope's models"):
        save(nn.Linear(2, 2), tmp_path / "model.safetensors")
    assert not list(tmp_path.iterdir())


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"expected a weights file .* found nothing there"):
        load(tmp_path / "none.safetensors")


def test_a_truncated_file_is_refused(model, tmp_path):
    path = save(model, tmp_path / "model.safetensors")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="not a readable safetensors file"):
        load(path)


def test_a_pickle_is_not_opened(tmp_path):
    path = tmp_path / "model.safetensors"

    class Hostile:
        def __reduce__(self):
            return (path.with_name("owned").write_text, ("yes",))

    path.write_bytes(pickle.dumps(Hostile()))
    with pytest.raises(InputError, match="a pickle, which edgescope does not open"):
        load(path)
    assert not path.with_name("owned").exists()


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        (None, "an unnamed architecture"),
        ({"architecture": "Perceptron", "config": "{}"}, "weights of Perceptron, expected one of"),
        ({"architecture": "GraphTransformer", "config": "{"}, "does not describe"),
        ({"architecture": "GraphTransformer", "config": '{"layers": 3}'}, "does not describe"),
        ({"architecture": "GraphTransformer"}, "does not describe"),
    ],
)
def test_weights_of_something_else_are_refused(tmp_path, metadata, message):
    path = tmp_path / "other.safetensors"
    save_file({"weight": torch.zeros(2)}, path, metadata=metadata)
    with pytest.raises(InputError, match=message):
        load(path)


def test_weights_that_do_not_fit_their_configuration_are_refused(model, tmp_path):
    path = tmp_path / "model.safetensors"
    model.config["hidden_dim"] = 16
    save(model, path)
    with pytest.raises(InputError, match=r"does not fit GraphTransformer: .* is \[.*expected"):
        load(path)


def test_weights_from_before_an_option_existed_still_load(model, tmp_path):
    for option in ("layer_norm", "explicit_bias"):
        del model.config[option]
    loaded = load(save(model, tmp_path / "model.safetensors"))
    assert loaded.config["explicit_bias"] is None
    assert torch.equal(loaded.node_embedding.weight, model.node_embedding.weight)
