"""Diagnosis over one plain pass of the model, on the same batches.

    python benchmarks/diagnose.py [--data zinc12k --root FOLDER] [--part test] [--batch-size 128]

For GAT, GPS and GraphTransformer (10 layers, width 64, 8 heads), both are timed in turn, and the
medians and their ratio are printed. A diagnosis is to take less than twice the time of a pass.
With ``--profile`` one diagnosis of each model is profiled: what it spends in the package's own
functions. With ``--run RUN`` the trained model of a run folder is taken instead, and what
``edgescope diagnose RUN`` spends beside, loading the model and the data, is printed too.
"""

import argparse
import cProfile
import pstats
import time
from collections.abc import Iterable
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import torch
from _common import alternating_times
from scan import show
from torch import nn

import edgescope as es
from edgescope.lib.model_call import call_model

MODELS = ("GAT", "GPS", "GraphTransformer")
ROUNDS = 5


def compared(model: nn.Module, loader: Iterable[Any], name: str, every: int, profile: bool) -> None:
    """Time passes and diagnoses in turn, and print the ratio."""

    def forward() -> None:
        with torch.no_grad():
            for batch in loader:
                call_model(model, batch)

    def diagnose() -> object:
        return es.diagnose(model, loader, every=every, progress=False)

    plain, taken = alternating_times(forward, diagnose, rounds=ROUNDS)
    # Within a round, so that a slow moment of the machine is in both.
    low, middle, high = quantiles((a / b for a, b in zip(taken, plain, strict=True)), n=4)
    print(
        f"{name:18s} pass {median(plain):.3f} s, diagnosis {median(taken):.3f} s, ratio of "
        f"medians {median(taken) / median(plain):.2f}, within a round {middle:.2f} "
        f"({low:.2f} to {high:.2f})",
        flush=True,
    )
    if profile:
        profiler = cProfile.Profile()
        profiler.runcall(diagnose)
        show(pstats.Stats(profiler))


def main() -> None:
    """Compare every model, or that of a run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="solubility", help="a published data set")
    parser.add_argument("--root", help="folder that holds its files")
    parser.add_argument("--part", default="test", help="train, val or test")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--layers", type=int, default=10)
    parser.add_argument("--model", action="append", help=f"of {', '.join(MODELS)}; may be repeated")
    parser.add_argument("--every", type=int, default=6, help="look at one batch in this many")
    parser.add_argument("--profile", action="store_true", help="say where the time goes")
    parser.add_argument("--run", type=Path, help="folder of a trained run")
    options = parser.parse_args()
    started = time.perf_counter()
    folder = es.train.RunFolder(options.run) if options.run else None
    vocabulary = {} if folder is None else {"vocabulary": folder.vocabulary}
    dataset = getattr(es.data.load(options.data, options.root, **vocabulary), options.part)
    models = {}
    if folder is not None:
        models = {options.run.name: folder.model("trained")}
        print(f"loading the model and the data {time.perf_counter() - started:.2f} s")
    else:
        sizes = {"hidden_dim": 64, "num_heads": 8, "num_layers": options.layers}
        for name in options.model or MODELS:
            torch.manual_seed(0)
            models[name] = es.models.build(name, **dataset.model_sizes, **sizes)
    loader = es.data.loader(dataset, batch_size=options.batch_size)
    print(
        f"{dataset.name} {options.part}: {len(dataset):,} graphs in {len(loader)} batches, "
        f"{torch.get_num_threads()} threads, {ROUNDS} rounds"
    )
    for name, model in models.items():
        compared(model.eval(), loader, name, options.every, options.profile)


if __name__ == "__main__":
    main()
