"""How much memory a scan takes, of 1,000 and of 10,000 graphs.

    python benchmarks/memory.py [--data zinc12k --root FOLDER]

Every scan runs in a process of its own, which loads the same data and then scans the first graphs
of its training split (over and over if it has fewer) with the published GraphTransformer (10
layers, width 64, 8 heads). What is printed is by how much the resident memory at its peak exceeds
that before the scan. Linux only.
"""

import argparse
import re
import subprocess
import sys
from itertools import chain, repeat
from pathlib import Path
from statistics import median

from _common import published_model

import edgescope as es

SIZES = (1_000, 10_000)
ROUNDS = 5
BATCH = 128
MEBIBYTE = 2**20


def resident(field: str) -> float:
    """Return ``VmRSS`` or ``VmHWM``, the peak of the former, in MiB."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    found = re.search(rf"{field}:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) * 1024 / MEBIBYTE


def growth(data: str, root: str | None, graphs: int) -> float:
    """Scan and return the growth of the peak, in MiB."""
    train = es.data.load(data, root).train
    model = published_model(train)
    order = list(range(len(train)))
    positions = list(chain.from_iterable(repeat(order, -(-graphs // len(order)))))[:graphs]

    class Loader:
        """Makes one batch at a time."""

        dataset = train

        def __iter__(self):  # noqa: ANN204  (an iterator of batches)
            return (
                train.batch(positions[start : start + BATCH]) for start in range(0, graphs, BATCH)
            )

    es.scan(model, [train.batch(positions[:BATCH])], progress=False)  # what is loaded once
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # forget the peak
    before = resident("VmRSS")
    found = es.scan(model, Loader(), progress=False)
    assert found.info.graphs == graphs
    return resident("VmHWM") - before


def main() -> None:
    """Scan both sizes in turn, each in a child, and print the growth."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="solubility", help="a published data set")
    parser.add_argument("--root", help="folder that holds its files")
    parser.add_argument("--graphs", type=int, help=argparse.SUPPRESS)  # in a child
    options = parser.parse_args()
    if options.graphs:
        print(growth(options.data, options.root, options.graphs))
        return
    found: dict[int, list[float]] = {size: [] for size in SIZES}
    for _ in range(ROUNDS):
        for size in SIZES:
            command = [sys.executable, __file__, *sys.argv[1:], "--graphs", str(size)]
            ended = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
            found[size].append(float(ended.stdout.splitlines()[-1]))
    print(f"{options.data}, growth of the peak during a scan, median of {ROUNDS} (all)")
    for size, growths in found.items():
        every = ", ".join(f"{value:.1f}" for value in growths)
        print(f"{size:7,d} graphs {median(growths):7.1f} MiB ({every})")
    print(f"10,000 over 1,000 graphs: {median(found[10_000]) - median(found[1_000]):+.1f} MiB")


if __name__ == "__main__":
    main()
