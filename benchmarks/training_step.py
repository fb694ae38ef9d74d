"""One training step over its own matrix products.

    python benchmarks/training_step.py [--data zinc12k --root FOLDER]

A step is forward, L1 loss, backward and Adam on a batch of 128 molecules, with each of the three
architectures in its published ZINC configuration: 10 layers, width 64 (SAN: 56), 8 heads. Its
products are listed below one by one; each is run forward once and backward twice (for the input
and for the weight), which is what a step cannot do without. Both are timed in turn, and the ratio
of the medians is printed, with a profile of the rest.
"""

from collections.abc import Callable
from itertools import pairwise

import torch
import torch.nn.functional as F
from _common import alternate, load_data
from torch.profiler import ProfilerActivity, profile

import edgescope as es

GRAPHS = 128
ARCHITECTURES = ("GraphTransformer", "SAN", "GraphiT")


def products(
    nodes: int, edges: int, graphs: int, width: int, layers: int, edge_stream: bool
) -> list[tuple[int, ...]]:
    """Return rows, inputs and outputs of every matrix product of a forward pass."""
    found = []
    for layer in range(layers):
        found += [(nodes, width, width)] * 4  # query, key, value, output
        found += [(nodes, width, 2 * width), (nodes, 2 * width, width)]  # feed-forward
        found += [(edges, width, width)]  # edge projection
        if edge_stream and layer < layers - 1:  # nothing reads the last layer's edge states
            found += [(edges, width, width)]  # output of the edge stream
            found += [(edges, width, 2 * width), (edges, 2 * width, width)]  # feed-forward
    widths = (width, width // 2, width // 4, 1)
    found += [(graphs, *pair) for pair in pairwise(widths)]
    return found


def run_products(shapes: list[tuple[int, ...]]) -> Callable[[], None]:
    """Return an action that runs every product forward once and backward twice."""
    operands = [
        (torch.randn(rows, inner), torch.randn(outer, inner), torch.randn(rows, outer))
        for rows, inner, outer in shapes
    ]

    def action() -> None:
        for state, weight, gradient in operands:
            F.linear(state, weight)
            gradient @ weight
            gradient.t() @ state

    return action


def print_rest(step: Callable[[], None], repetitions: int = 5) -> None:
    """Print what a step spends its time on besides matrix products, by operation."""
    with profile(activities=[ProfilerActivity.CPU]) as record:
        for _ in range(repetitions):
            step()
    spent = {
        entry.key: entry.self_cpu_time_total / 1e3 / repetitions for entry in record.key_averages()
    }
    total = sum(spent.values())
    rest = {name: ms for name, ms in spent.items() if name not in {"aten::mm", "aten::addmm"}}
    print(f"under the profiler a step takes {total:.1f} ms, {sum(rest.values()):.1f} ms of them:")
    for name, ms in sorted(rest.items(), key=lambda item: -item[1])[:12]:
        print(f"  {ms:6.2f} ms  {ms / total:5.1%}  {name}")


def measure(architecture: str, dataset: es.data.MoleculeDataset) -> None:
    """Time a step of one architecture and its products, and print the ratio and the rest."""
    settings = es.train.recipe(f"{architecture.lower()}-zinc").model
    batch = dataset.batch(range(GRAPHS))
    torch.manual_seed(0)
    model = es.models.build(
        architecture,
        num_atom_types=len(dataset.vocabulary),
        num_bond_types=len(dataset.edge_type_names),
        **settings.arguments(),
    )
    optimiser = torch.optim.Adam(model.parameters(), lr=7e-4, fused=True)

    def step() -> None:
        optimiser.zero_grad()
        prediction = model(batch.x, batch.edge_index, batch.edge_attr, batch.batch)
        (prediction - batch.y).abs().mean().backward()
        optimiser.step()

    size = settings.hidden_dim, settings.num_layers
    stream = architecture == "GraphTransformer"
    shapes = products(batch.num_nodes, batch.num_edges, GRAPHS, *size, edge_stream=stream)
    matrices, whole = alternate(run_products(shapes), step)
    print(
        f"{architecture} on {dataset.name}: {batch.num_nodes} atoms, {batch.num_edges} directed "
        f"edges, {torch.get_num_threads()} threads\n"
        f"training step {whole * 1e3:.1f} ms, its {3 * len(shapes)} matrix products "
        f"{matrices * 1e3:.1f} ms, ratio {whole / matrices:.2f}"
    )
    print_rest(step)


def main() -> None:
    """Measure every architecture."""
    train = load_data(__doc__).train
    for architecture in ARCHITECTURES:
        measure(architecture, train)


if __name__ == "__main__":
    main()
