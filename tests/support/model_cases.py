"""Graphs and models for the published architectures, nasty ones among them."""

import torch
from hypothesis import strategies as st
from torch import nn

import edgescope as es
from edgescope.models.logit_bounds import AttentionSink, OutputGate

ATOMS, BONDS = 5, 4


@st.composite
def batches(draw, columns=None):
    """Draw batches of graphs: without edges, with isolated nodes, duplicates, loops, one node."""
    random = torch.Generator().manual_seed(draw(st.integers(0, 2**16)))
    sizes = draw(st.lists(st.integers(1, 5), min_size=1, max_size=3))
    batch = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes))
    edges, start = [], 0
    for size in sizes:
        count = draw(st.integers(0, 8))
        edges.append(start + torch.randint(0, size, (2, count), generator=random))
        start += size
    edge_index = torch.cat(edges, 1)
    shape = () if columns is None else (columns,)
    x = torch.randint(0, ATOMS, (len(batch), *shape), generator=random)
    edge_attr = torch.randint(0, BONDS, (edge_index.size(1), *shape), generator=random)
    return x, edge_index, edge_attr, batch


def random_model(architecture, seed=0, scale=1.5, **options):
    """Return a small model in float64 and eval mode whose norms have statistics of their own."""
    torch.manual_seed(seed)
    options = {"hidden_dim": 16, "num_heads": 4, "num_layers": 2, "out_dim": 3} | options
    types = {"num_atom_types": ATOMS}
    if "edge_dim" not in options:
        types["num_bond_types"] = BONDS
    model = es.models.build(architecture, **types | options).double()
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.BatchNorm1d | nn.LayerNorm):
                module.weight.normal_()
                module.bias.normal_()
            if isinstance(module, nn.BatchNorm1d):
                module.running_mean.normal_()
                module.running_var.uniform_(0.5, 2)
            elif isinstance(module, nn.RMSNorm | AttentionSink | OutputGate):
                for parameter in module.parameters():
                    parameter.normal_()
            elif isinstance(module, nn.Linear):
                module.weight.mul_(scale)
        for layer in list(model.readout.layers)[:-1]:
            layer.bias.fill_(3.0)  # narrow layers would often be dead, and hide every difference
    return model.eval()


def two_graphs():
    """Return a batch of two graphs, of three and of two nodes."""
    x = torch.tensor([0, 1, 2, 3, 4])
    edge_index = torch.tensor([[0, 1, 1, 2, 3, 4], [1, 0, 2, 1, 4, 3]])
    return x, edge_index, torch.tensor([1, 1, 2, 2, 3, 3]), torch.tensor([0, 0, 0, 1, 1])
