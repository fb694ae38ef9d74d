"""What layers compute, without a word on whose edges their rows are."""

import pytest
import torch
from torch import nn
from torch_geometric.nn import GATv2Conv

import edgescope as es
from edgescope.capturing.site_choice import select_sites
from edgescope.capturing.site_values import taking
from edgescope.lib.errors import InputError
from support.hooks_of import hooks_of


class Twice(nn.Module):
    """One layer that runs twice, the second time on edges that the model makes."""

    def __init__(self, *, anew):
        super().__init__()
        self.conv = GATv2Conv(4, 2, heads=2)
        self.anew = anew

    def forward(self, x, edge_index):
        x = self.conv(x, edge_index)
        return self.conv(x, torch.tensor([[0, 1, 2], [1, 2, 0]]) if self.anew else edge_index)


def run(model):
    torch.manual_seed(3)
    return model(torch.randn(5, 4), torch.randint(0, 5, (2, 12)))


def taken(model):
    found = {}
    with taking(model, select_sites(model, None), lambda each: found.update({each.name: each})):
        out = run(model)
    return found, out


def test_they_are_what_capture_records_under_the_same_names():
    torch.manual_seed(0)
    model = Twice(anew=False).train()
    with es.capture(model) as tape:
        run(model)
    found, _ = taken(model)
    assert list(found) == tape.sites
    assert all(found[site].values.equal(tape[site].values) for site in tape.sites)
    assert all(found[site].rows.edge_index.equal(tape[site].edge_index) for site in tape.sites)


def test_edges_that_no_one_can_identify_are_no_reason_to_refuse():
    torch.manual_seed(0)
    model = Twice(anew=True).train()
    with pytest.raises(InputError, match="cannot be told"), es.capture(model):
        run(model)
    found, out = taken(model)
    assert found["conv@2:score"].values.shape == (3 + 5, 2, 2)
    assert out.equal(run(model))
    assert hooks_of(model) == []
