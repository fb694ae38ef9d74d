"""What the benchmarks share: their data and model, and timing of two things in turn."""

import argparse
import time
from collections.abc import Callable
from statistics import median

import numpy as np
import torch
from numpy.typing import NDArray

import edgescope as es

ROUNDS = 9
WARM_UP = 2
RESAMPLES = 2000


def load_data(doc: str | None) -> es.data.Splits:
    """Read ``--data`` and ``--root`` from the command line and load that data set."""
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="solubility", help="a published data set")
    parser.add_argument("--root", help="folder that holds its files")
    options = parser.parse_args()
    return es.data.load(options.data, options.root)


def published_model(dataset: es.data.MoleculeDataset) -> es.models.GraphTransformer:
    """Build the GraphTransformer of the published ZINC recipe: 10 layers, width 64, 8 heads."""
    torch.manual_seed(0)
    return es.models.GraphTransformer(
        num_atom_types=len(dataset.vocabulary), num_bond_types=4, num_layers=10, hidden_dim=64
    )


def alternate(*actions: Callable[[], object], rounds: int = ROUNDS) -> list[float]:
    """Return the median seconds of each action over ``rounds``, run A B A B ..."""
    return [median(times) for times in alternating_times(*actions, rounds=rounds)]


def alternating_times(
    *actions: Callable[[], object],
    rounds: int = ROUNDS,
    clock: Callable[[], float] = time.perf_counter,
) -> list[list[float]]:
    """Return the seconds of each action in each of ``rounds``, run A B A B ...

    In turn, so that a machine that slows down slows both. On one thread ``time.process_time`` is a
    clock that does not count what other processes take.
    """
    times: list[list[float]] = [[] for _ in actions]
    for number in range(WARM_UP + rounds):
        for action, kept in zip(actions, times, strict=True):
            start = clock()
            action()
            if number >= WARM_UP:
                kept.append(clock() - start)
    return times


def interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the 95 % interval of the mean of ``[ensembles, models]``, resampling both."""
    random = np.random.default_rng(0)
    ensembles, models = values.shape
    means = []
    for _ in range(RESAMPLES):
        first = np.bincount(random.integers(ensembles, size=ensembles), minlength=ensembles)
        second = np.bincount(random.integers(models, size=models), minlength=models)
        means.append(first @ values @ second / values.size)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)
