"""The cost of the statistics of a site against its number of edges.

    python benchmarks/scaling.py

Activations of width 64, products of three Gaussian numbers as edge scores are before training, go
through ``es.MassiveActivations`` in batches of about 128 molecules (6,400 edges of 128 graphs and
4 types), from 10^5 to 10^7 edges. A line is fitted to the logarithms; its slope is 1 if the cost
is proportional to the number of edges.
"""

import time
from statistics import median

import numpy as np
import torch

from edgescope import MassiveActivations

SIZES = (100_000, 300_000, 1_000_000, 3_000_000, 10_000_000)
ROUNDS = 5
BATCH = 6_400
POOL = 16
"""Batches that are made once and counted over and over."""


def main() -> None:
    """Time all sizes in turn and print the fitted exponent."""
    generator = torch.Generator().manual_seed(0)
    values = [torch.randn(3, BATCH, 8, 8, generator=generator).prod(0) for _ in range(POOL)]
    kinds = torch.randint(4, (BATCH,), generator=generator)
    graph = torch.arange(BATCH) // 50

    def count(edges: int) -> float:
        start = time.perf_counter()
        metric = MassiveActivations(heads=8, channels=8, edge_types=4)
        for number in range(edges // BATCH):
            metric.update(values[number % POOL], kinds, graph + 128 * number)
        assert metric.compute().num_edges == edges // BATCH * BATCH
        return time.perf_counter() - start

    count(SIZES[0])  # compiles, or reads what was compiled before
    times = [[count(edges) for edges in SIZES] for _ in range(ROUNDS)]
    seconds = [median(each) for each in zip(*times, strict=True)]
    exponent, _ = np.polyfit(np.log(SIZES), np.log(seconds), 1)
    print(f"width 64, {torch.get_num_threads()} threads, median of {ROUNDS} rounds")
    for edges, taken in zip(SIZES, seconds, strict=True):
        print(f"{edges:12,d} edges {taken:9.4f} s {1e9 * taken / edges:8.1f} ns per edge")
    print(f"exponent {exponent:.3f}")


if __name__ == "__main__":
    main()
