"""Data that the tests of scanning share; tests must not change it."""

import copy

import pytest
import torch
from torch_geometric.loader import DataLoader

import edgescope as es
from support.scan_cases import random_graphs


@pytest.fixture(scope="session")
def molecules():
    return es.data.load("solubility", progress=False).test[:20]


@pytest.fixture(scope="session")
def untrained():
    torch.manual_seed(0)
    return es.models.GraphTransformer(
        num_atom_types=5, num_bond_types=4, hidden_dim=12, num_heads=3, num_layers=2
    )


@pytest.fixture(scope="session")
def model(untrained):
    """A model with one giant channel: head 1, channel 3."""
    grown = copy.deepcopy(untrained)
    with torch.no_grad():
        for layer in grown.layers:
            layer.attention.edge.weight[7] *= 3000
    return grown


@pytest.fixture(scope="session")
def graphs():
    return random_graphs(40)


@pytest.fixture(scope="session")
def scan(model, untrained, graphs):
    return es.scan(model, DataLoader(graphs, 16), baseline=untrained)
