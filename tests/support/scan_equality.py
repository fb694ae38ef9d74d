"""Whether two scans hold exactly the same; and a small model and graphs to scan."""

import copy

import torch
from torch import nn
from torch_geometric.data import Data
from torch_geometric.loader import DataLoader

import edgescope as es


def numbered_graphs(number, seed=0):
    """Graphs that know their position; half of them are copies, so that many ratios are equal."""
    random = torch.Generator().manual_seed(seed)
    graphs = []
    for position in range(number):
        nodes = int(torch.randint(2, 9, (1,), generator=random))
        edges = int(torch.randint(1, 20, (1,), generator=random))
        graph = Data(
            x=torch.randint(0, 5, (nodes,), generator=random),
            edge_index=torch.randint(0, nodes, (2, edges), generator=random),
            edge_attr=torch.randint(0, 3, (edges,), generator=random),
            smiles="C" * nodes,
        )
        if position % 2:
            graph = copy.copy(graphs[-1])
        graph.graph = position
        graph.identifiers = {"mol_id": f"M{position}", "edge": None if position % 3 else "third"}
        graphs.append(graph)
    return graphs


class RoundedLinear(nn.Linear):
    """A linear layer whose result does not depend on what else is in the batch.

    Matrix products of another size, or on more threads, add up in another order and differ in the
    last bits; computed in double precision, the rounded result is the same.
    """

    def forward(self, values):
        bias = None if self.bias is None else self.bias.double()
        return nn.functional.linear(values.double(), self.weight.double(), bias).to(values.dtype)


def small_model(seed=0, factor=1.0):
    """A GraphTransformer in which one channel is ``factor`` times as large as it was."""
    torch.manual_seed(seed)
    model = es.models.GraphTransformer(
        num_atom_types=5, num_bond_types=4, hidden_dim=12, num_heads=3, num_layers=2
    )
    with torch.no_grad():
        for layer in model.layers:
            layer.attention.edge.weight[7] *= factor
    for module in model.modules():
        if type(module) is nn.Linear:
            module.__class__ = RoundedLinear
    return model.eval()


def small_scan(model, graphs, batch_size=4, **options):
    """Scan with the options that scans of parts must share."""
    options = {"keep_ratio": 50.0, "edge_type_names": ["a", "b", "c"], "progress": False} | options
    return es.scan(model, DataLoader(graphs, batch_size), **options)


def differences(one, other):
    """Names of what differs between two scans, but for the time they took; empty if nothing."""
    found = [
        name
        for name in one.info.__dataclass_fields__
        if name != "seconds" and getattr(one.info, name) != getattr(other.info, name)
    ]
    if list(one.sites) != list(other.sites):
        return [*found, "sites"]
    for site, (first, second) in zip_sites(one, other):
        if first.sketch.layout != second.sketch.layout:
            return [*found, f"{site} layout"]
        counters = first.sketch.counts, second.sketch.counts
        found += [f"{site} {k}" for k in counters[0] if not counters[0][k].equal(counters[1][k])]
        if not first.sketch.maxima.equal(second.sketch.maxima):
            found.append(f"{site} maxima")
        for name in ("rows", "extremes", "nonfinite"):
            if not getattr(first, name).equals(getattr(second, name)):
                found.append(f"{site} {name}")
        if first.seen != second.seen:
            found.append(f"{site} seen")
    found += [n for n in ("smiles", "identifiers") if getattr(one, n) != getattr(other, n)]
    baselines = one.baseline, other.baseline
    if None in baselines:
        return found + ["baseline"] * (baselines[0] is not baselines[1])
    return found + [f"baseline {name}" for name in differences(*baselines)]


def zip_sites(one, other):
    """Pairs of what two scans found, by site."""
    return {site: (found, other.sites[site]) for site, found in one.sites.items()}.items()
