"""Models and data sets of chemprop."""

import pickle

import pytest
import torch
from torch_geometric.data import Batch
from torch_geometric.loader import DataLoader

import edgescope as es
from edgescope.integrations import chemprop_graphs, chemprop_model
from edgescope.integrations.chemprop_mpnn import _is_harmless
from edgescope.lib.errors import InputError, MissingExtraError
from support.chemprop_like import BondMessagePassing, Predictor, installed, molecules


def test_a_model_is_scanned_for_messages_and_for_states_of_atoms():
    torch.manual_seed(0)
    model = chemprop_model(Predictor(BondMessagePassing(5, 3, 8, depth=2)))
    loader = DataLoader(chemprop_graphs(molecules()), batch_size=4)
    assert not model.training
    scan = es.scan(model, loader, baseline=es.Untrained(2), progress=False)
    path = "mpnn.message_passing"
    assert scan.table()["site"].to_list() == [f"{path}:message", f"{path}@2:message"]
    bonds = sum(graph.num_edges for graph in chemprop_graphs(molecules()))
    assert scan.table()["edges"].to_list() == [bonds, bonds]
    states = es.scan(model, loader, sites="*:state", progress=False)
    assert states.info.rows == "node"


def test_molecules_become_graphs_with_all_that_chemprop_gives():
    items = molecules()
    items[1].V_d, items[1].x_d = items[1].mg.V[:, :2], items[1].mg.V[0]
    graph = chemprop_graphs(items[1:2])[0]
    assert graph.y.tolist() == [[1.0, 2.0]]
    assert graph.V_d.shape == (graph.num_nodes, 2)
    assert graph.X_d.shape == (1, 5)
    assert "V_d" not in chemprop_graphs(items)[0]


def test_bonds_in_another_order_are_refused():
    model = chemprop_model(Predictor(BondMessagePassing(5, 3, 8)))
    batch = Batch.from_data_list(chemprop_graphs(molecules()))
    order = torch.arange(batch.num_edges).roll(1)
    with pytest.raises(InputError, match="as chemprop lists bonds"):
        model(batch.x, batch.edge_index[:, order], batch.edge_attr[order], batch.batch)


def test_a_file_is_read_by_chemprop_if_it_names_its_classes_only(tmp_path):
    model = Predictor(BondMessagePassing(5, 3, 8))
    torch.save({"state_dict": model.state_dict()}, tmp_path / "model.pt")
    asked = []

    def read(path, map_location):
        asked.append((path, map_location))
        return model

    with installed(read):
        assert chemprop_model(tmp_path / "model.pt").mpnn is model
        torch.save({}, tmp_path / "model.ckpt")
        assert chemprop_model(str(tmp_path / "model.ckpt")).mpnn is model
    assert asked == [(tmp_path / f"model.{end}", "cpu") for end in ("pt", "ckpt")]


class Evil:
    def __reduce__(self):
        return (print, ("run",))


@pytest.mark.parametrize(
    ("name", "harmless"),
    [
        ("torch.nn.modules.activation.ReLU", True),
        ("torchmetrics.utilities.data.dim_zero_sum", True),
        ("builtins.print", False),
        ("torch.nn.functional.relu", False),
        ("torch.nn.modules.module.functools.partial", False),
        ("torch.nnx.ReLU", False),
        ("torch.nn.no_such_thing", False),
        ("torchmetrics.metric.inspect.sys.modules", False),
    ],
)
def test_a_name_counts_by_where_it_ends(name, harmless):
    assert _is_harmless(name) == harmless


def test_a_file_that_names_other_code_is_refused_and_not_run(tmp_path, capsys):
    torch.save({"x": Evil()}, tmp_path / "model.pt")
    with installed(lambda *_, **__: pytest.fail("it was read")):
        with pytest.raises(
            InputError, match=r"names .*print.*, which a model of chemprop does not"
        ):
            chemprop_model(tmp_path / "model.pt")
        for damaged in (b"", b"PK\x03\x04", pickle.dumps(3)):
            (tmp_path / "model.pt").write_bytes(damaged)
            with pytest.raises(InputError, match=r"model\.pt"):
                chemprop_model(tmp_path / "model.pt")
        with pytest.raises(InputError, match="there is no file"):
            chemprop_model(tmp_path / "no.pt")
    assert "run" not in capsys.readouterr().out


def test_what_is_no_model_of_chemprop_is_refused():
    with pytest.raises(InputError, match=r"expected a chemprop.models.MPNN"):
        chemprop_model(torch.nn.Linear(2, 2))


def test_a_file_needs_chemprop(tmp_path, monkeypatch):
    import sys

    torch.save({}, tmp_path / "model.pt")
    monkeypatch.setitem(sys.modules, "chemprop", None)
    monkeypatch.setitem(sys.modules, "chemprop.models", None)
    with pytest.raises(MissingExtraError, match=r"needed here: pip install chemprop"):
        chemprop_model(tmp_path / "model.pt")
