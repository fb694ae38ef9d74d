"""What watching a training costs, as a share of its steps.

    python benchmarks/monitor.py [--data zinc12k --root FOLDER] [--layers 10] [--rounds 7]

A block of steps, twice as many as lie between two records, is trained with and without a monitor,
in turn and on the same batches, from the same weights: forward, L1 loss, backward and Adam on 128
molecules, with a GraphTransformer of the published ZINC width, 4 layers deep unless said, and with
a GATv2 of three. The ratio is that of each pair of blocks; the median, and the least and the
largest of them are printed, with what a record adds to the step that it is made in.
"""

import argparse
import copy
import time
from collections.abc import Sequence
from contextlib import nullcontext
from statistics import median
from typing import Any

import torch

import edgescope as es

GRAPHS = 128


def block(model: torch.nn.Module, batches: Sequence[Any], steps: int, every: int | None) -> float:
    """Train a copy of a model for so many steps, and return the CPU seconds of the process."""
    model = copy.deepcopy(model).train()
    optimiser = torch.optim.Adam(model.parameters(), lr=7e-4, fused=True)
    watch = nullcontext() if every is None else es.monitor(model, every=every, limit=None)
    start = time.process_time()
    with watch:
        for step in range(steps):
            batch = batches[step % len(batches)]
            optimiser.zero_grad()
            prediction = model(batch.x, batch.edge_index, batch.edge_attr, batch.batch)
            (prediction - batch.y).abs().mean().backward()
            optimiser.step()
    return time.process_time() - start


def measure(
    name: str, model: torch.nn.Module, batches: Sequence[Any], options: argparse.Namespace
) -> None:
    """Time pairs of blocks and print the ratios."""
    steps = 2 * options.every
    pairs = []
    for number in range(options.rounds + 1):
        order = [None, options.every] if number % 2 else [options.every, None]
        seconds = {every: block(model, batches, steps, every) for every in order}
        if number:  # the first warms up
            pairs.append((seconds[None], seconds[options.every]))
    ratios = sorted(watched / plain - 1 for plain, watched in pairs)
    step = median(plain for plain, _ in pairs) / steps
    print(
        f"{name}: a step takes {step * 1e3:.1f} ms; a record every {options.every} steps adds "
        f"{median(ratios):+.1%} (of {len(ratios)} pairs, {ratios[0]:+.1%} to {ratios[-1]:+.1%}), "
        f"a record {median(ratios) * options.every:.0%} of its step"
    )


def main() -> None:
    """Measure both models."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="solubility", help="a published data set")
    parser.add_argument("--root", help="folder that holds its files")
    parser.add_argument("--every", type=int, default=50, help="steps between two records")
    parser.add_argument("--layers", type=int, default=4, help="of the GraphTransformer")
    parser.add_argument("--rounds", type=int, default=7, help="pairs of blocks")
    options = parser.parse_args()
    torch.set_num_threads(1)
    train = es.data.load(options.data, options.root).train
    batches = list(es.data.loader(train, batch_size=GRAPHS))[:8]
    torch.manual_seed(0)
    sizes = train.model_sizes
    models = {
        "GraphTransformer": es.models.GraphTransformer(
            **sizes, hidden_dim=64, num_layers=options.layers
        ),
        "GATv2": es.models.GATv2(**sizes, hidden_dim=64, num_layers=3),
    }
    for name, model in models.items():
        measure(name, model, batches, options)


if __name__ == "__main__":
    main()
