"""Stand-ins of chemprop's modules, by its published equations, for machines that lack the package.

`scripts.real_chemprop` runs the same checks on the real one.
"""

import sys
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace

import numpy as np
import torch
from torch import nn

MODULE = "chemprop.nn.message_passing.base"


class _Steps(nn.Module):
    """What both ways of passing messages share: depth, activation and dropout."""

    atoms: bool

    def __init__(self, d_v, d_e, d_h, depth=3, dropout=0.0):
        super().__init__()
        self.W_i = nn.Linear(d_v if self.atoms else d_v + d_e, d_h)
        self.W_h = nn.Linear(d_h + d_e if self.atoms else d_h, d_h)
        self.W_o = nn.Linear(d_v + d_h, d_h)
        self.depth, self.tau, self.dropout = depth, nn.ReLU(), nn.Dropout(dropout)

    def initialize(self, bmg):
        source = bmg.V[bmg.edge_index[0]]
        return self.W_i(source if self.atoms else torch.cat([source, bmg.E], 1))

    def message(self, states, bmg):
        sent = torch.cat([states, bmg.E], 1) if self.atoms else states
        source, target = bmg.edge_index
        total = sent.new_zeros(len(bmg.V), sent.size(1)).index_add(0, target, sent)[source]
        return total if self.atoms else total - sent[bmg.rev_edge_index]

    def update(self, received, first):
        return self.dropout(self.tau(first + self.W_h(received)))

    def forward(self, bmg, V_d=None):
        assert V_d is None
        first = self.initialize(bmg)
        states = self.tau(first)
        for _ in range(1, self.depth):
            states = self.update(self.message(states, bmg), first)
        total = states.new_zeros(len(bmg.V), states.size(1))
        total = total.index_add(0, bmg.edge_index[1], states)
        return self.dropout(self.tau(self.W_o(torch.cat([bmg.V, total], 1))))


class BondMessagePassing(_Steps):
    atoms = False


class AtomMessagePassing(_Steps):
    atoms = True


for _kind in (BondMessagePassing, AtomMessagePassing):
    _kind.__module__ = MODULE


class Predictor(nn.Module):
    """A model of chemprop: message passing, the mean over atoms, a linear read-out."""

    def __init__(self, message_passing):
        super().__init__()
        self.message_passing = message_passing
        self.predictor = nn.Linear(message_passing.W_o.out_features, 1)

    def forward(self, bmg, V_d=None, X_d=None):
        assert X_d is None
        states = self.message_passing(bmg, V_d)
        sums = states.new_zeros(len(bmg), states.size(1)).index_add(0, bmg.batch, states)
        return self.predictor(sums / bmg.batch.bincount(minlength=len(bmg)).unsqueeze(1))


def by_hand(block, x, edge_index, edge_attr, *, atoms):
    """Return the states of bonds at every step, and of atoms, worked out edge by edge."""
    source, target = edge_index.tolist()
    relu = torch.relu
    rows = [x[a] if atoms else torch.cat([x[a], e]) for a, e in zip(source, edge_attr, strict=True)]
    first = [block.W_i(row) for row in rows]
    steps = [[relu(row) for row in first]]
    for _ in range(1, block.depth):
        states = []
        for edge, row in enumerate(first):
            total = torch.zeros(block.W_h.in_features)
            for other in range(len(source)):
                back = source[other] == target[edge] and target[other] == source[edge]
                if target[other] == source[edge] and (atoms or not back):
                    sent = steps[-1][other]
                    total = total + (torch.cat([sent, edge_attr[other]]) if atoms else sent)
            states.append(relu(row + block.W_h(total)))
        steps.append(states)
    out = []
    for atom, own in enumerate(x):
        total = torch.zeros(block.W_i.out_features)
        for edge, end in enumerate(target):
            total = total + (steps[-1][edge] if end == atom else 0)
        out.append(relu(block.W_o(torch.cat([own, total]))))
    return [torch.stack(each) for each in steps], torch.stack(out)


def molecules(number=6, seed=0):
    """Return items of a data set: random trees, bonds in pairs, one molecule of a single atom."""
    random = np.random.default_rng(seed)
    items = []
    for size in [1, *random.integers(2, 9, number - 1)]:
        bonds = [(int(random.integers(atom)), atom) for atom in range(1, size)]
        pairs = [end for one, other in bonds for end in ((one, other), (other, one))]
        features = np.repeat(random.normal(size=(len(bonds), 3)), 2, axis=0)
        molecule = SimpleNamespace(
            V=random.normal(size=(size, 5)),
            E=features,
            edge_index=np.array(pairs, dtype=np.int64).reshape(-1, 2).T,
        )
        items.append(SimpleNamespace(mg=molecule, V_d=None, x_d=None, y=np.array([1.0, 2.0])))
    return items


@contextmanager
def installed(read):
    """Put a package ``chemprop`` in place whose models are read by a function."""
    models = ModuleType("chemprop.models")
    models.MPNN = SimpleNamespace(load_from_file=read, load_from_checkpoint=read)
    package = ModuleType("chemprop")
    package.models = models
    before = {name: sys.modules.get(name) for name in ("chemprop", "chemprop.models")}
    sys.modules |= {"chemprop": package, "chemprop.models": models}
    try:
        yield
    finally:
        for name, module in before.items():
            sys.modules.pop(name)
            if module is not None:
                sys.modules[name] = module
