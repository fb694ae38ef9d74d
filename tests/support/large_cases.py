"""Graphs and models for what works through edges in pieces."""

import pytest
import torch
from hypothesis import strategies as st

import edgescope as es


@st.composite
def graphs(draw, features=None):
    """Node types, edges and edge types (or features): loops, duplicates, a hub, isolated nodes."""
    random = torch.Generator().manual_seed(draw(st.integers(0, 2**16)))
    nodes, edges = draw(st.integers(1, 12)), draw(st.integers(0, 60))
    x = torch.randint(0, 5, (nodes,), generator=random)
    edge_index = torch.randint(0, nodes, (2, edges), generator=random)
    if draw(st.booleans()):
        edge_index[1, : edges // 2] = 0  # more edges than fit into a piece
    if features:
        return x, edge_index, torch.rand(edges, features, generator=random)
    return x, edge_index, torch.randint(0, 3, (edges,), generator=random)


def random_model(dtype=torch.float32, features=None, seed=0, **options):
    """A small GraphTransformer whose batch norms have statistics of their own."""
    torch.manual_seed(seed)
    edges = {"edge_dim": features} if features else {"num_bond_types": 4}
    options = {"hidden_dim": 8, "num_heads": 2, "num_layers": 3, "out_dim": 3} | options
    model = es.models.GraphTransformer(num_atom_types=5, **edges, **options).to(dtype)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm1d):
                module.weight.normal_()
                module.bias.normal_()
                module.running_mean.normal_()
                module.running_var.uniform_(0.5, 2)
            elif isinstance(module, torch.nn.Linear):
                module.weight.mul_(1.5)
    return model.eval()


@pytest.fixture(scope="module", autouse=True)
def small_pieces():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("edgescope.large.passes.PIECE", 7)
        patch.setattr("edgescope.large.limits.CACHED_EDGES", 3)
        yield


@pytest.fixture(params=[1, 2], ids=["one thread", "two threads"])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)
