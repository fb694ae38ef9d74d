"""`edgescope import`: checkpoints of the published code."""

import pickle

import pytest
import torch

import edgescope as es
from support.model_cases import random_model
from support.published_names import published_state
from support.refusals import assert_refused


@pytest.fixture
def checkpoint(tmp_path):
    model = random_model("SAN", readout="sum").float()
    torch.save(published_state(model), tmp_path / "epoch_9.pkl")
    return model, tmp_path / "epoch_9.pkl"


def test_a_checkpoint_becomes_weights_that_load(edgescope, checkpoint, tmp_path):
    model, file = checkpoint
    out = tmp_path / "san.safetensors"
    words = ("--architecture", "SAN", "--heads", 4, "--set", "readout=sum", "--out", out)
    code, printed, _ = edgescope("import", "checkpoint", file, *words)
    assert code == 0
    assert "SAN with" in printed
    loaded = es.models.load(out)
    assert loaded.config == model.config
    for name, value in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value)


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("--architecture", "SUN"), "unknown architecture 'SUN', did you mean 'SAN'?"),
        (("--architecture", "SAN", "--set", "readout"), "expected NAME=VALUE"),
        (("--architecture", "SAN", "--set", "hidden_dim=7"), "but the weights have"),
    ],
)
def test_settings_that_do_not_fit_are_refused(edgescope, checkpoint, tmp_path, words, part):
    out = tmp_path / "san.safetensors"
    told = ("import", "checkpoint", checkpoint[1], "--heads", 4, "--out", out, *words)
    assert_refused(edgescope(*told), part)
    assert not out.exists()


def test_a_checkpoint_that_would_run_something_is_refused(edgescope, tmp_path):
    class Hostile:
        def __reduce__(self):
            return open, (str(tmp_path / "run"), "w")

    (tmp_path / "epoch_9.pkl").write_bytes(pickle.dumps({"weight": Hostile()}, protocol=2))
    words = ("--architecture", "SAN", "--heads", 4, "--out", tmp_path / "out.safetensors")
    refused = edgescope("import", "checkpoint", tmp_path / "epoch_9.pkl", *words)
    assert_refused(refused, "damaged or holds something other than tensors")
    assert not (tmp_path / "run").exists()
