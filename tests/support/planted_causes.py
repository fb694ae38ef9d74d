"""Models whose massive activations come from known tensors, small graphs, and what is traced."""

import copy
from functools import cache

import torch
from torch import nn
from torch_geometric.data import Data
from torch_geometric.loader import DataLoader

import edgescope as es
from edgescope.lib.model_call import call_model

SCALE = 1e5
"""What the planted tensor is multiplied by."""

SIZES = {"num_atom_types": 5, "num_bond_types": 4, "num_heads": 2, "num_layers": 2}

ARCHITECTURES = {
    "GraphTransformer": lambda: es.models.GraphTransformer(**SIZES, hidden_dim=8),
    "SAN": lambda: es.models.SAN(**SIZES, hidden_dim=8, full_graph=True),
    "GraphiT": lambda: es.models.GraphiT(**SIZES, hidden_dim=8),
    "GATv2": lambda: es.models.GATv2(**SIZES, hidden_dim=8),
}


def graphs(number=9, seed=0):
    """Rings with types of nodes and edges, self-loops and parallel edges among them."""
    random = torch.Generator().manual_seed(seed)
    made = []
    for position in range(number):
        size = 3 + position % 3
        ring = torch.arange(size)
        edge_index = torch.stack([ring, (ring + 1) % size])
        more = torch.randint(0, size, (2, 3), generator=random)
        edge_index = torch.cat([edge_index, edge_index.flip(0), more, more[:, :1]], 1)
        made.append(
            Data(
                x=torch.randint(0, 5, (size,), generator=random),
                edge_index=edge_index,
                edge_attr=torch.randint(0, 4, (edge_index.size(1),), generator=random),
                y=torch.rand(1, 1, generator=random),
            )
        )
    return made


def loader(number=9, batch_size=5):
    return DataLoader(graphs(number), batch_size=batch_size)


def trained_from(untrained, seed=0, by=0.05):
    """A model all of whose parameters and running statistics have moved a little."""
    random = torch.Generator().manual_seed(seed)
    model = copy.deepcopy(untrained)
    with torch.no_grad():
        for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
            if tensor.is_floating_point():
                noise = torch.randn(tensor.shape, generator=random).abs()
                tensor.mul_(1 + by * noise)
                if not name.endswith("running_var"):
                    tensor.add_(0.01 * noise)
    return model.eval()


def planted(architecture, seed):
    """A trained and an untrained model, the name of the planted tensor, and a criterion.

    Only a tensor that makes something massive is a plant; which, is drawn at random.
    """
    torch.manual_seed(seed)
    untrained = ARCHITECTURES[architecture]().eval()
    model = trained_from(untrained, seed)
    limit = 30 * max(largest(model), largest(untrained))
    names = [name for name, _ in model.named_parameters()]
    order = torch.randperm(len(names), generator=torch.Generator().manual_seed(seed))
    for at in order.tolist():
        tensor = dict(model.named_parameters())[names[at]]
        with torch.no_grad():
            tensor.mul_(SCALE)
            if largest(model) > limit:
                return model, untrained, names[at], es.Criterion("m", ratio=0, magnitude=limit)
            tensor.div_(SCALE)
    raise AssertionError("no tensor makes anything massive")


def largest(model):
    """The largest magnitude at the sites that a scan takes."""
    batch = next(iter(loader(batch_size=9)))
    with torch.no_grad(), es.capture(model, "*:score") as tape:
        call_model(model, batch)
    return max(float(tape[site].values.abs().max()) for site in tape.sites)


@cache
def two_tensors():
    """A model two of whose tensors make something massive only together, and as it was."""
    torch.manual_seed(1)
    untrained = ARCHITECTURES["GraphTransformer"]().eval()
    model = trained_from(untrained)
    with torch.no_grad():
        model.layers[0].attention.query.weight[3] *= 1000
        model.layers[0].attention.key.weight[3] *= 1000
    return model, untrained


def other_inputs():
    """The same graphs with other types of nodes."""
    changed = graphs()
    for graph in changed:
        graph.x = (graph.x + 1) % 5
    return DataLoader(changed, batch_size=5)


def traced(model, untrained, batches=None, **options):
    options = {"metric": "none", "patches": False, "progress": False} | options
    batches = loader(batch_size=9) if batches is None else batches
    return es.causes(model, untrained, batches, **options)


@cache
def all_of_two_tensors():
    """Everything that is traced of :func:`two_tensors`."""
    options = {"where": 100_000, "patches": True, "metric": "mae", "donor": other_inputs()}
    return traced(*two_tensors(), loader(), **options)


def finest(found, level="tensor"):
    """The sets of a level, by what they do."""
    rows = found.table("sets").filter(level=level).rows(named=True)
    return {row["does"]: row for row in rows}


class Attends(nn.Module):
    """Layers of PyG's on types, for every graph."""

    def __init__(self, make):
        super().__init__()
        self.atom, self.bond = nn.Embedding(5, 8), nn.Embedding(4, 3)
        self.convs = nn.ModuleList(make() for _ in range(2))
        self.read = nn.Linear(8, 1)

    def forward(self, x, edge_index, edge_attr, batch):
        x, edge = self.atom(x), self.bond(edge_attr)
        for conv in self.convs:
            x = conv(x, edge_index, edge).relu()
        return self.read(x.new_zeros(int(batch.max()) + 1, x.size(1)).index_add(0, batch, x))
