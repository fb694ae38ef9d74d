"""Counting, capturing and scanning with two versions of the package, in one run.

    python benchmarks/_versions.py OTHER/src [--data zinc12k --root FOLDER --rounds 9]

``OTHER/src`` is the source folder of the other version, such as that of a git worktree. Each
version runs in a process of its own, and the two work in turn, so that a machine that slows down
slows both. The model and the data are those of ``scan.py``; counting is that of one of its batches,
at one site, through :class:`edgescope.MassiveActivations`. It needs another version, so
``make bench`` leaves it out.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles

WARM_UP = 2
SITE = "layers.0.attention:score"
COUNTED = 20
"""Batches that are counted at a time."""


def main() -> None:
    """Time both versions and print the ratio of this one to the other."""
    options = _options()
    if options.other == "-":
        serve(options)
        return
    here = str(Path(__file__).resolve().parent.parent / "src")
    with version(here, options) as this, version(options.other, options) as other:
        for name in ("count", "capture", "scan"):
            times = [(this(name), other(name)) for _ in range(WARM_UP + options.rounds)][WARM_UP:]
            own, others = (median(taken) for taken in zip(*times, strict=True))
            low, middle, high = quantiles((a / b for a, b in times), n=4)
            print(
                f"{name:8s} {1e3 * own:8.1f} ms here, {1e3 * others:8.1f} ms there, ratio within "
                f"a round {middle:.3f} ({low:.3f} to {high:.3f})"
            )


@contextmanager
def version(source: str, options: argparse.Namespace) -> Iterator[Callable[[str], float]]:
    """Start a version; return what times an action in it, in seconds."""
    command = [sys.executable, __file__, "-", "--data", options.data]
    command += ["--root", options.root] if options.root else []
    process = subprocess.Popen(  # noqa: S603  (this file)
        command,
        env={**os.environ, "PYTHONPATH": str(Path(source).resolve())},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None

    def timed(name: str) -> float:
        print(name, file=process.stdin, flush=True)
        return float(process.stdout.readline())

    with process:
        yield timed
        process.stdin.close()


def serve(options: argparse.Namespace) -> None:
    """Do the actions that are asked for, and say how long they took."""
    import torch
    from _common import published_model

    import edgescope as es

    test = es.data.load(options.data, options.root).test
    model = published_model(test).eval()
    loader = es.data.loader(test, batch_size=128)
    batch = next(iter(loader))
    edges = batch.edge_index.size(1)
    with torch.no_grad(), es.capture(model, SITE) as captured:
        model(batch.x, batch.edge_index, batch.edge_attr, batch.batch)
    values = captured[SITE].values
    kinds, graph = batch.edge_attr.view(edges), batch.batch[batch.edge_index[0]]

    def count() -> None:
        metric = es.MassiveActivations(*values.shape[1:], edge_types=int(kinds.max()) + 1)
        for _ in range(COUNTED):
            metric.update(values, kinds, graph)

    def capture() -> None:
        for _ in range(COUNTED):
            with torch.no_grad(), es.capture(model, SITE):
                model(batch.x, batch.edge_index, batch.edge_attr, batch.batch)

    actions = {
        "count": count,
        "capture": capture,
        "scan": lambda: es.scan(model, loader, progress=False),
    }
    for line in sys.stdin:
        start = time.perf_counter()
        actions[line.strip()]()
        print(time.perf_counter() - start, flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("other", help="source folder of the other version")
    parser.add_argument("--data", default="solubility", help="a published data set")
    parser.add_argument("--root", help="folder that holds its files")
    parser.add_argument("--rounds", type=int, default=9)
    return parser.parse_args()


if __name__ == "__main__":
    main()
