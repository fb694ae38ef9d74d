"""A scan that is interrupted at a certain batch; run as a script, it signals its own process."""

import os
import signal
import sys

from torch_geometric.data import Batch

import edgescope as es
from support.scan_equality import numbered_graphs, small_model

MODEL = {"factor": 3000.0}
BATCHES = 6


class InterruptedScanError(Exception):
    """Stands for whatever ends a process."""


class Loader:
    """Six batches; ``at(number)`` is called as each one is asked for, counted over all passes."""

    def __init__(self, at=None, seed=0):
        graphs = numbered_graphs(3 * BATCHES, seed)
        parts = [graphs[start : start + 3] for start in range(0, len(graphs), 3)]
        self.batches = [Batch.from_data_list(part) for part in parts]
        self.at = at
        self.given = 0

    def __len__(self):
        return len(self.batches)

    def __iter__(self):
        for batch in self.batches:
            self.given += 1
            if self.at is not None:
                self.at(self.given)
            yield batch


def run(loader, shards=None, shard_every=0.0, **options):
    """Scan a model against another; few rows, so that it matters which are kept."""
    return es.scan(
        small_model(**MODEL),
        loader,
        edge_type_names=["a", "b", "c"],
        shards=shards,
        shard_every=shard_every,
        progress=False,
        **({"baseline": small_model(seed=1), "keep_ratio": 50.0, "max_rows": 9} | options),
    )


if __name__ == "__main__":
    folder, number, what = sys.argv[1], int(sys.argv[2]), signal.Signals[sys.argv[3]]
    run(Loader(lambda given: os.kill(os.getpid(), what) if given == number else None), folder)
