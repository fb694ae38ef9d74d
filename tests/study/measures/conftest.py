"""A cell with one giant channel that is scanned and can be measured; tests must not change it."""

import copy
from types import SimpleNamespace

import pytest
import torch
from torch_geometric.loader import DataLoader

import edgescope as es
from edgescope.study.measures.measured_cell import MeasuredCell
from support.scan_cases import random_graphs

GRAPHS = random_graphs(100)


@pytest.fixture(scope="session")
def measured():
    torch.manual_seed(0)
    untrained = es.models.GraphTransformer(
        num_atom_types=5, num_bond_types=4, hidden_dim=12, num_heads=3, num_layers=2
    ).eval()
    model = copy.deepcopy(untrained)
    with torch.no_grad():
        for layer in model.layers:
            layer.attention.edge.weight[7] *= 400  # head 1, channel 3
    scan = es.scan(
        model,
        DataLoader(GRAPHS, 32),
        baseline=es.Untrained(members=5),
        criterion="calibrated",
        progress=False,
    )
    cell = SimpleNamespace(state="trained", seed=7)
    return MeasuredCell(cell, model, untrained, scan, splits=None, part=GRAPHS, run=None)


@pytest.fixture(scope="session")
def as_untrained(measured):
    """The same scan as that of an untrained cell without a baseline."""
    scan = es.scan(measured.untrained, DataLoader(GRAPHS, 32), progress=False)
    cell = SimpleNamespace(state="untrained", seed=7)
    return MeasuredCell(cell, measured.untrained, measured.untrained, scan, None, GRAPHS, None)
