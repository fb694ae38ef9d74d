"""What discovery costs: the run that discovers, and a capture and a scan of what it found.

    python benchmarks/discovery.py [--data zinc12k --root FOLDER]

A graph transformer of ten layers, width 64 and 8 heads that no adapter knows, written by hand with
index_add, on 128 molecules as one batch, in eval mode without gradients. Each is timed over a plain
forward pass of the same round: the median of the ratios, with the quartiles. Scans are of the
scores in eight batches, as many as the test split of ZINC-12k has. "published model" is the graph
transformer of the same size that has edge states as well, scanned by its adapter, and by discovery
alone as if no adapter were known: its forward pass takes about one and a half times as long, and as
many numbers are counted. "more than an adapter" is what the scan of the model written by hand costs
on top of that by the adapter, both without their forward passes, over a forward pass. "enter" is
the time of an empty block with ten layers. Without --data the molecules are random graphs of the
sizes of ZINC.
"""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from statistics import median, quantiles

import torch
from _common import alternating_times
from torch import Tensor, nn
from torch_geometric.data import Batch, Data

import edgescope as es
from edgescope.capturing import EdgeActivations
from edgescope.capturing.adapters import registry

GRAPHS = 128
BATCHES = 8
LAYERS = 10
WIDTH = 64
HEADS = 8
ROUNDS = 15


class Layer(nn.Module):
    """Attention along edges, and a feed-forward network."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(WIDTH, WIDTH) for _ in range(3))
        self.edge, self.out = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.norms = nn.ModuleList([nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)])
        self.network = nn.Sequential(
            nn.Linear(WIDTH, 2 * WIDTH), nn.ReLU(), nn.Linear(2 * WIDTH, WIDTH)
        )

    def forward(self, x: Tensor, edge_index: Tensor, edge: Tensor) -> Tensor:
        """Update the states of nodes ``[V, F]``."""
        source, target = edge_index
        shape = (-1, HEADS, WIDTH // HEADS)
        query, key = self.query(x).view(shape)[target], self.key(x).view(shape)[source]
        score = query * key * self.edge(edge).view(shape)
        power = (score.sum(-1) / (WIDTH // HEADS) ** 0.5).clamp(-5, 5).exp()
        total = power.new_zeros(x.size(0), HEADS).index_add(0, target, power)
        weight = power / (total[target] + 1e-16)
        sent = weight.unsqueeze(-1) * self.value(x).view(shape)[source]
        found = torch.zeros_like(x).view(shape).index_add(0, target, sent)
        x = self.norms[0](x + self.out(found.flatten(1)))
        return self.norms[1](x + self.network(x))


class Transformer(nn.Module):
    """Ten such layers."""

    def __init__(self) -> None:
        super().__init__()
        self.atom, self.bond = nn.Embedding(32, WIDTH), nn.Embedding(8, WIDTH)
        self.layers = nn.ModuleList([Layer() for _ in range(LAYERS)])
        self.head = nn.Linear(WIDTH, 1)

    def forward(self, x: Tensor, edge_index: Tensor, edge_attr: Tensor, batch: Tensor) -> Tensor:
        """Return a number for every graph ``[B, 1]``."""
        x, edge = self.atom(x.view(-1)), self.bond(edge_attr.view(-1))
        for layer in self.layers:
            x = layer(x, edge_index, edge)
        graphs = int(batch.max()) + 1
        return self.head(x.new_zeros(graphs, WIDTH).index_add(0, batch, x))


def random_molecules() -> list[Data]:
    """Return random trees with a few rings, of the sizes of ZINC."""
    random = torch.Generator().manual_seed(0)
    graphs = []
    for _ in range(GRAPHS):
        nodes = int(torch.randint(16, 31, (1,), generator=random))
        ends = [(int(torch.randint(i, (1,), generator=random)), i) for i in range(1, nodes)]
        ends += [(i, (i + 5) % nodes) for i in range(2)]
        one = torch.tensor(ends).t()
        edge_index = torch.cat([one, one.flip(0)], dim=1)
        graphs.append(
            Data(
                x=torch.randint(28, (nodes, 1), generator=random),
                edge_index=edge_index,
                edge_attr=torch.randint(4, (edge_index.size(1), 1), generator=random),
            )
        )
    return graphs


def reduce(found: EdgeActivations) -> Tensor:
    """Return the largest magnitude of every edge ``[E]``."""
    return found.values.abs().amax(dim=(1, 2))


@contextmanager
def no_adapters() -> Iterator[None]:
    """Know no adapter in a block, so that every layer is discovered."""
    known = registry.ADAPTERS[:]
    registry.ADAPTERS.clear()
    try:
        yield
    finally:
        registry.ADAPTERS[:] = known


def ratio(times: list[float], plain: list[float]) -> str:
    """Return the median of the ratios within a round, and their quartiles."""
    low, middle, high = quantiles((a / b for a, b in zip(times, plain, strict=True)), n=4)
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def main() -> None:
    """Time the model plain, while it is discovered, captured and scanned."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", help="a published data set")
    parser.add_argument("--root", help="folder that holds its files")
    options = parser.parse_args()
    if options.data:
        batch = es.data.load(options.data, options.root).train.batch(range(GRAPHS))
    else:
        batch = Batch.from_data_list(random_molecules())
    torch.manual_seed(0)
    torch.set_num_threads(1)  # several would add the noise of their scheduling to small ratios
    model = Transformer().eval()
    inputs = {name: batch[name] for name in ("x", "edge_index", "edge_attr", "batch")}

    published = es.models.GraphTransformer(
        num_atom_types=32, num_bond_types=8, num_layers=LAYERS, hidden_dim=WIDTH, num_heads=HEADS
    ).eval()
    twin = deepcopy(published)
    known = [f"layers.{n}.attention:score" for n in range(LAYERS)]

    def forward() -> None:
        with torch.no_grad():
            model(**inputs)

    def published_forward() -> None:
        with torch.no_grad():
            published(**inputs)

    def discover() -> None:
        es.capture.discover(model, batch)

    def capture(sites: list[str]) -> None:
        with es.capture(model, sites, reduce=reduce):
            forward()

    def enter() -> None:
        with es.capture(model, scores, reduce=reduce):
            pass

    found = es.capture.discover(model, batch)
    scores = [site for site in found.sites if site.endswith(":score")]
    batches = [batch] * BATCHES

    def by_discovery() -> None:
        with no_adapters():
            es.scan(twin, batches, sites=known_scores, progress=False)

    with no_adapters():
        sites = es.capture.discover(twin, batch).sites
        known_scores = [site for site in sites if site.endswith(":score")]
    times = alternating_times(
        forward,
        discover,
        lambda: es.scan(model, batches, sites=scores, progress=False),
        lambda: capture(scores),
        lambda: capture(list(found.sites)),
        published_forward,
        lambda: es.scan(published, batches, sites=known, progress=False),
        by_discovery,
        enter,
        rounds=ROUNDS,
    )
    plain, discovering, scanned, vectors, everything, own, by_adapter, unknown, entering = times
    print(f"{batch.num_graphs} molecules ({batch.num_nodes} atoms, {batch.num_edges} edges)")
    print(f"{len(found.sites)} sites; forward {median(plain) * 1e3:.1f} ms")
    print(f"{len(known_scores)} of the published model; forward {median(own) * 1e3:.1f} ms")
    all_of, own_all = ([BATCHES * each for each in times] for times in (plain, own))
    rows = {
        "discover": (discovering, plain),
        "capture of scores": (vectors, plain),
        "capture of all sites": (everything, plain),
        "scan of scores": (scanned, all_of),
        "published model, by its adapter": (by_adapter, own_all),
        "published model, by discovery": (unknown, own_all),
    }
    for name, (times, base) in rows.items():
        print(f"{name:31s} {ratio(times, base)}")
    above = [
        (s - p - (a - o)) / BATCHES
        for s, p, a, o in zip(scanned, all_of, by_adapter, own_all, strict=True)
    ]
    print(f"{'more than an adapter':31s} {ratio(above, plain)}")
    print(f"{'enter':31s} {median(entering) * 1e3:.2f} ms")


if __name__ == "__main__":
    main()
