"""A scan over the plain forward passes on the same batches.

    python benchmarks/scan.py [--data zinc12k --root FOLDER]

The model is the published GraphTransformer (10 layers, width 64, 8 heads), the batch size 128,
the split the test split. The scan includes capture at all ten sites, ratios, histograms by type
and channel, maxima and kept rows; the table adds the ten gamma fits. Beside both, the same passes
with capture alone show what of the difference are not statistics. Afterwards one scan is
profiled: what remains, in the package's own functions.
"""

import cProfile
import pstats
from statistics import median, quantiles

import torch
from _common import ROUNDS, alternating_times, load_data, published_model

import edgescope as es

SHOWN = 12


def main() -> None:
    """Time forward passes, capture, the scan and its table, and print the ratios."""
    test = load_data(__doc__).test
    model = published_model(test).eval()
    loader = es.data.loader(test, batch_size=128)

    def forward() -> None:
        with torch.no_grad():
            for batch in loader:
                model(batch.x, batch.edge_index, batch.edge_attr, batch.batch)

    def capture() -> None:
        with es.capture(model, "*:score", reduce=lambda _: None):
            forward()

    def scan() -> es.Scan:
        return es.scan(model, loader, progress=False)

    actions = {"capture": capture, "scan": scan, "scan and table": lambda: scan().table()}
    plain, *times = alternating_times(forward, *actions.values(), rounds=ROUNDS)
    print(
        f"{test.name}: {len(test)} graphs, {test.edge_attr.numel():,} edges, "
        f"{torch.get_num_threads()} threads, {ROUNDS} rounds\n"
        f"forward {median(plain):.3f} s"
    )
    for name, taken in zip(actions, times, strict=True):
        # Within a round, so that a slow moment of the machine is in both.
        low, middle, high = quantiles((a / b for a, b in zip(taken, plain, strict=True)), n=4)
        print(
            f"{name:15s} {median(taken):.3f} s, ratio of medians "
            f"{median(taken) / median(plain):.3f}, ratio within a round {middle:.3f} "
            f"({low:.3f} to {high:.3f})"
        )
    profiler = cProfile.Profile()
    profiler.runcall(lambda: scan().table())
    show(pstats.Stats(profiler))


def show(stats: pstats.Stats) -> None:
    """Print the functions of the package that take longest, by themselves and with what they call.

    The model's own are left out.
    """
    rows = [
        (own, total, calls, f"{file.rpartition('edgescope/')[2]}:{name}")
        for (file, _, name), (_, calls, own, total, _) in stats.stats.items()  # type: ignore[attr-defined]
        if "edgescope/" in file and "edgescope/models/" not in file
    ]
    print(f"\n{'own ms':>8s} {'with calls':>10s} {'calls':>6s}  function")
    for own, total, calls, name in sorted(rows, reverse=True)[:SHOWN]:
        print(f"{1e3 * own:8.1f} {1e3 * total:10.1f} {calls:6d}  {name}")


if __name__ == "__main__":
    main()
