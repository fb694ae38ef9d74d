"""Property models of PyG's layers."""

import subprocess
import sys

import pytest
import torch

import edgescope as es
from edgescope.lib.errors import InputError
from support.model_cases import random_model, two_graphs

NAMES = ["GAT", "GATv2", "TransformerConv", "GPS"]
SITES = {
    "GAT": "layers.0.conv:message",
    "GATv2": "layers.0.conv:score",
    "TransformerConv": "layers.0.conv:score",
    "GPS": "layers.0.conv.attn:score",
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("readout", ["mean", "sum"])
def test_a_batch_gives_what_its_graphs_give_alone(name, readout):
    model = random_model(name, readout=readout)
    x, edge_index, edge_attr, _ = two_graphs()
    first = model(x[:3], edge_index[:, :4], edge_attr[:4])
    second = model(x[3:], edge_index[:, 4:] - 3, edge_attr[4:])
    torch.testing.assert_close(model(*two_graphs()), torch.cat([first, second]))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "options",
    [
        {"batch_norm": False, "layer_norm": True},
        {"batch_norm": False},
        {"readout": "node", "dropout": 0.5},
        {"num_atom_types": [5, 6], "num_bond_types": [4, 4]},
    ],
)
def test_every_option_trains_all_parameters(name, options):
    model = random_model(name, **options).train()
    x, edge_index, edge_attr, batch = two_graphs()
    if "num_atom_types" in options:
        x, edge_attr = (torch.stack([types, types], 1) for types in (x, edge_attr))
    found = model(x, edge_index, edge_attr, batch)
    assert found.shape == (5 if options.get("readout") == "node" else 2, 3)
    found.square().sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


@pytest.mark.parametrize("name", NAMES)
def test_its_attention_is_captured(name):
    model = random_model(name)
    with es.capture(model) as tape:
        model(*two_graphs())
    assert SITES[name] in tape.sites
    identity = tape[SITES[name]].identity
    assert set(identity.input_edge.tolist()) >= {0, 1, 2, 3}


@pytest.mark.parametrize("name", NAMES)
def test_weights_on_disk_come_back_as_the_same_function(name, tmp_path):
    model = random_model(name).float()
    loaded = es.models.load(es.models.save(model, tmp_path / "model.safetensors"))
    assert loaded.config == model.config
    torch.testing.assert_close(loaded(*two_graphs()), model(*two_graphs()))


@pytest.mark.parametrize("name", NAMES)
def test_the_model_has_the_name_of_its_architecture(name):
    assert getattr(es.models, name).__name__ == name


def test_the_residuals_of_gps_cannot_be_left_out():
    with pytest.raises(InputError, match="cannot build GPS: received residual=False"):
        random_model("GPS", residual=False)


def test_a_width_that_heads_do_not_divide_is_refused():
    with pytest.raises(InputError, match="multiple of num_heads, received 16 and 5"):
        random_model("GAT", num_heads=5)


def test_models_on_edgescopes_own_core_do_not_import_pyg():
    code = "import sys, edgescope.models; print('torch_geometric' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "False"


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'GATv3'"):
        es.models.GATv3  # noqa: B018  (looking it up is what raises)
