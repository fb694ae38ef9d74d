"""Messages of chemprop along directed bonds, step by step, and the states of atoms."""

import pytest
import torch
from torch_geometric.data import Batch

import edgescope as es
from edgescope.integrations import ChempropModel, chemprop_graphs
from support.chemprop_like import (
    AtomMessagePassing,
    BondMessagePassing,
    Predictor,
    by_hand,
    molecules,
)


@pytest.fixture
def batch():
    return Batch.from_data_list(chemprop_graphs(molecules()))


@pytest.mark.parametrize("kind", [BondMessagePassing, AtomMessagePassing])
@pytest.mark.parametrize("depth", [1, 3])
def test_every_step_is_a_site_and_every_row_its_bond(batch, kind, depth):
    torch.manual_seed(0)
    model = ChempropModel(Predictor(kind(5, 3, 8, depth, dropout=0.5))).eval()
    path = "mpnn.message_passing"
    with torch.no_grad():
        args = batch.x, batch.edge_index, batch.edge_attr
        with es.capture(model) as tape:
            model(*args, batch.batch)
        with es.capture(model, "*:state") as states:
            model(*args, batch.batch)
        expected, atoms = by_hand(model.mpnn.message_passing, *args, atoms=kind.atoms)
    names = [path if step == 0 else f"{path}@{step + 1}" for step in range(depth)]
    assert tape.sites == [f"{name}:message" for name in names]
    for site, values in zip(tape.sites, expected, strict=True):
        found = tape[site]
        torch.testing.assert_close(found.values, values.unsqueeze(1))
        assert torch.equal(found.identity.edge_index, batch.edge_index)
        assert torch.equal(found.identity.graph, batch.batch[batch.edge_index[0]])
    assert states.sites == [f"{path}.in:state", f"{path}:state"]
    torch.testing.assert_close(states[f"{path}:state"].values, atoms.unsqueeze(1))
    torch.testing.assert_close(states[f"{path}.in:state"].values, batch.x.unsqueeze(1))


def test_hooks_are_gone_after_a_capture(batch):
    model = ChempropModel(Predictor(BondMessagePassing(5, 3, 8))).eval()
    with es.capture(model, ["*:message", "*:state"]):
        model(batch.x, batch.edge_index, batch.edge_attr, batch.batch)
    for module in model.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks


def test_a_block_that_passes_messages_in_another_way_is_refused():
    class Own(BondMessagePassing):
        def update(self, received, first):
            return super().update(received, first) * 2

    model = ChempropModel(Predictor(Own(5, 3, 8)))
    reasons = es.capture.sites(model)["reason"].to_list()
    assert len(reasons) == 1
    assert "update" in reasons[0]
