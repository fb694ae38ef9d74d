"""Models that PyG's mixin has saved for the Hugging Face Hub."""

import json

import pytest
import torch
from torch_geometric.nn import GATConv
from torch_geometric.nn.model_hub import PyGModelHubMixin

import edgescope as es
from edgescope.integrations import hub_model
from edgescope.lib.errors import InputError


class Net(torch.nn.Module, PyGModelHubMixin):
    """As PyG's documentation says to write a model for the hub."""

    def __init__(self, model_name, dataset_name, model_kwargs):
        torch.nn.Module.__init__(self)
        PyGModelHubMixin.__init__(self, model_name, dataset_name, model_kwargs)
        width = model_kwargs["width"]
        self.conv = GATConv(3, width, heads=model_kwargs.get("heads", 1))
        self.norm = torch.nn.BatchNorm1d(width) if model_kwargs.get("norm") else None

    def forward(self, x, edge_index):
        return self.conv(x, edge_index)


@pytest.fixture
def folder(tmp_path):
    torch.manual_seed(0)
    Net("net", "data", {"width": 4, "heads": 2}).save_pretrained(tmp_path / "net")
    return tmp_path / "net"


def test_a_saved_model_is_opened_as_it_was(folder):
    torch.manual_seed(0)
    expected = Net("net", "data", {"width": 4, "heads": 2}).eval()
    model = hub_model(Net, folder)
    assert not model.training
    x, edge_index = torch.rand(4, 3), torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]])
    assert torch.equal(model(x, edge_index), expected(x, edge_index))
    with es.capture(model) as tape:
        model(x, edge_index)
    assert "conv:weight" in tape.sites


def test_a_class_with_plain_arguments_is_made_of_them(tmp_path):
    class Plain(torch.nn.Linear):
        def __init__(self, width):
            super().__init__(width, 1)

    torch.save(Plain(3).state_dict(), tmp_path / "model.pth")
    (tmp_path / "config.json").write_text("{}")
    assert hub_model(Plain, tmp_path, width=3).in_features == 3
    with pytest.raises(InputError, match=r"Plain cannot be made .*width.* pass what is missing"):
        hub_model(Plain, tmp_path)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"norm": 1}, r"5 missing \(norm.bias, .*\)"),
        ({"heads": 3}, r"of another shape \(conv.att_dst, .*\)"),
    ],
)
def test_weights_that_do_not_fit_are_listed(folder, arguments, said):
    with pytest.raises(InputError, match=said):
        hub_model(Net, folder, **arguments)


def test_what_is_no_saved_model_is_refused(folder, capsys):
    class Evil:
        def __reduce__(self):
            return (print, ("run",))

    with pytest.raises(InputError, match="expected the class"):
        hub_model("Net", folder)
    torch.save({"conv.bias": Evil()}, folder / "model.pth")
    with pytest.raises(InputError, match=r"model\.pth cannot be read"):
        hub_model(Net, folder)
    torch.save([1], folder / "model.pth")
    with pytest.raises(InputError, match="expected a state dict"):
        hub_model(Net, folder)
    (folder / "config.json").write_text(json.dumps([1]))
    with pytest.raises(InputError, match="expected a JSON object"):
        hub_model(Net, folder)
    (folder / "config.json").unlink()
    with pytest.raises(InputError, match=r"has no config\.json"):
        hub_model(Net, folder)
    assert "run" not in capsys.readouterr().out
