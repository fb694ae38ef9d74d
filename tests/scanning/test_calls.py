"""What a scan can be called with: models left as they were, and clear refusals."""

import copy

import pytest
import torch
from torch import nn
from torch_geometric.loader import DataLoader

import edgescope as es
from edgescope.lib.errors import InputError
from support.scan_cases import SITES


def test_the_model_is_left_as_it_was(untrained, graphs):
    model = copy.deepcopy(untrained).train()
    model.layers[1].eval()
    modes = [module.training for module in model.modules()]
    state = {name: value.clone() for name, value in model.state_dict().items()}
    es.scan(model, DataLoader(graphs[:3], 2))
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert not any(module._forward_hooks for module in model.modules())


def test_a_site_that_the_model_does_not_run_is_named(model, graphs):
    class Shallow(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = copy.deepcopy(model)
            self.unused = es.models.EdgeAttention(8, 2)

        def forward(self, x, edge_index, edge_attr, batch):
            return self.inner(x, edge_index, edge_attr, batch)

    with pytest.raises(InputError, match="did not run unused:score; leave it out with sites="):
        es.scan(Shallow(), DataLoader(graphs, 16))


def test_a_model_that_takes_the_batch_whole_is_scanned(model, graphs, scan):
    class Whole(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = model

        def forward(self, data):
            return self.inner(data.x, data.edge_index, data.edge_attr, data.batch)

    whole = es.scan(Whole(), DataLoader(graphs, 16))
    assert whole.massive()["ratio"].equals(scan.massive()["ratio"])


def test_a_baseline_of_another_architecture_is_refused(model, graphs):
    deeper = es.models.GraphTransformer(
        num_atom_types=5, num_bond_types=4, hidden_dim=12, num_heads=3, num_layers=3
    )
    with pytest.raises(InputError, match=r"the baseline has sites .* scan the same architecture"):
        es.scan(model, DataLoader(graphs, 16), baseline=deeper)


def test_an_empty_loader_is_refused(model):
    with pytest.raises(InputError, match="the loader gave no batch"):
        es.scan(model, DataLoader([], 4), edge_type_names=["a", "b", "c"])


def test_a_loader_that_can_be_used_only_once_is_refused(model, graphs):
    with pytest.raises(InputError, match="received a generator, which can be iterated only"):
        es.scan(model, (batch for batch in DataLoader(graphs, 16)))


def test_a_threshold_of_zero_is_refused(scan):
    with pytest.raises(InputError, match="received the threshold 0, expected a positive"):
        scan.by_edge_type(0)


def test_an_edge_type_beyond_the_named_ones_is_refused(model, graphs):
    with pytest.raises(InputError, match="received edge types from 0 to 2, expected 0 to 1"):
        es.scan(model, DataLoader(graphs, 16), edge_type_names=["none", "single"])


def test_unknown_names_are_refused(scan):
    with pytest.raises(InputError, match=r"the scan has no site 'layers\.9'"):
        scan["layers.9"]
    with pytest.raises(InputError, match="unknown edge type 'triple'"):
        scan.heat_map(SITES[0], edge_type="triple")
