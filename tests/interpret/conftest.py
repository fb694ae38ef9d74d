"""Molecules, a model with planted massive activations, and its scan."""

import pytest
import torch

import edgescope as es

RATIO = 20.0


@pytest.fixture(scope="package")
def molecules():
    return es.data.load("solubility", progress=False).test[:40]


@pytest.fixture(scope="package")
def model(molecules):
    torch.manual_seed(0)
    made = es.models.GraphTransformer(
        num_atom_types=len(molecules.vocabulary),
        num_bond_types=4,
        hidden_dim=16,
        num_heads=2,
        num_layers=2,
    )
    made.layers[1].attention.edge.weight.data[5] *= 500
    return made.eval()


@pytest.fixture(scope="package")
def rule():
    return es.Criterion("large", ratio=RATIO)


@pytest.fixture(scope="package")
def scan(model, molecules, rule):
    loader = es.data.loader(molecules, batch_size=16)
    return es.scan(model, loader, criterion=rule, progress=False)


@pytest.fixture(scope="package")
def ratios(model, molecules):
    """The ratio of every activation ``[E, H, D]``, from one graph at a time."""
    found = {}
    for graph in range(len(molecules)):
        batch = molecules.batch([graph])
        with torch.no_grad(), es.capture(model) as tape:
            model(batch.x, batch.edge_index, batch.edge_attr, batch.batch)
        for site in ("layers.0.attention:score", "layers.1.attention:score"):
            values = tape[site].values.abs()
            median = values.flatten(1).median(dim=1).values
            found.setdefault(site, []).append(values / median[:, None, None])
    return {site: torch.cat(parts) for site, parts in found.items()}
