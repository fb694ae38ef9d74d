"""Planted massive activations: how many the calibrated criterion finds, and what KS sees of them.

    python benchmarks/power.py [--data zinc12k --root FOLDER]

An untrained GraphTransformer (10 layers, width 64, 8 heads) stands for the trained one. At one
layer after the other, about 1 edge in 10,000 is given a massive activation, 3 times the threshold
of a rate of 1e-4: by turns one channel of the edge, in ratio, and the whole edge, in magnitude.
Found are those that ``scan.massive()`` lists. The two-sample Kolmogorov-Smirnov test compares the
largest ratio of every edge, and likewise the largest magnitude, with and without them.
"""

import argparse
import warnings
from collections.abc import Callable

import numpy as np
import torch
from _common import published_model
from scipy.stats import kstwobign
from torch import Tensor

import edgescope as es
from edgescope.lib.errors import EdgescopeWarning
from edgescope.scanning.criteria import Bounds

SHARE = 1e-4
RULE = es.Calibrated(rate=SHARE)
"""A rate beyond what ten members support; what is planted lies far enough beyond its thresholds."""
FACTOR = 3.0
MEMBERS = 10
STAND_IN = 10_000
"""Seed of the model that is judged, which is none of the members'."""


class Plant:
    """A forward hook of a score that makes some of its edges massive.

    Args:
        limits: the thresholds of the site.
        random: chooses the edges.

    Attributes:
        edges: per call, the edges that were made massive.
    """

    def __init__(self, limits: Bounds, random: np.random.Generator) -> None:
        self.limits = limits
        self.random = random
        self.edges: list[list[int]] = []

    def __call__(self, _module: object, _inputs: object, score: Tensor) -> Tensor:
        """Return the scores ``[E, H, D]`` with massive ones among them."""
        planted = score.clone().flatten(1)
        magnitude = planted.abs()
        median = magnitude.median(1).values
        possible = (median > 0).nonzero().squeeze(1).numpy()
        number = self.random.poisson(SHARE * len(planted))
        chosen = self.random.choice(possible, min(number, len(possible)), replace=False)
        for turn, edge in enumerate(chosen.tolist()):
            if turn % 2:
                planted[edge] *= FACTOR * self.limits.magnitude / magnitude[edge].max()
            else:
                channel = self.random.integers(planted.size(1))
                planted[edge, channel] = FACTOR * self.limits.ratio * median[edge]
        self.edges.append(chosen.tolist())
        return planted.view_as(score)


def places(loader: es.data.loader, edges: list[list[int]]) -> set[tuple[int, int]]:
    """Return the graph and the position in it of edges that are numbered within their batch."""
    found = set()
    for batch, numbers in zip(loader, edges, strict=True):
        owner = batch.batch[batch.edge_index[0]]
        first = torch.searchsorted(owner, torch.arange(batch.num_graphs))
        for edge in numbers:
            graph = int(owner[edge])
            found.add((int(batch.graph[graph]), edge - int(first[graph])))
    return found


def kolmogorov_smirnov(one: es.Scan, other: es.Scan, site: str, axis: str) -> tuple[float, float]:
    """Return the two-sample distance of the edges' largest values, and its p-value."""
    counts = [scan[site].counts[f"edge_{axis}"].sum(0).numpy() for scan in (one, other)]
    sizes = [of.sum() for of in counts]
    below = [of.cumsum() / size for of, size in zip(counts, sizes, strict=True)]
    distance = float(np.abs(below[0] - below[1]).max())
    return distance, float(kstwobign.sf(distance * np.sqrt(sizes[0] * sizes[1] / sum(sizes))))


def with_hook(model: torch.nn.Module, hook: Plant, action: Callable[[], es.Scan]) -> es.Scan:
    """Run ``action`` while ``hook`` changes what a module returns."""
    handle = model.register_forward_hook(hook)
    try:
        return action()
    finally:
        handle.remove()


def main() -> None:
    """Plant at every layer in turn and print what is found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="solubility", help="a published data set")
    parser.add_argument("--root", help="folder that holds its files")
    parser.add_argument("--part", default="train", help="which part of it")
    parser.add_argument("--repeats", type=int, default=10, help="plantings at every layer")
    options = parser.parse_args()
    warnings.simplefilter("ignore", EdgescopeWarning)  # of that rate
    dataset = getattr(es.data.load(options.data, options.root), options.part)
    loader = es.data.loader(dataset, batch_size=128)
    (model,) = es.Untrained(1, seed=STAND_IN).models(published_model(dataset), loader)
    plain = es.scan(model, loader, baseline=es.Untrained(MEMBERS), criterion=RULE)
    total = hit = 0
    distances, p_values, called = [], [], 0
    print(f"{dataset.name}: {plain[next(iter(plain.sites))].num_edges} edges")
    for number, site in enumerate(plain.sites):
        wanted_here = hit_here = extra = calls = 0
        for repeat in range(options.repeats):
            random = np.random.default_rng([number, repeat])
            hook = Plant(plain.info.criterion.bounds(site), random)
            planted = with_hook(
                model.layers[number].attention.score,
                hook,
                lambda: es.scan(model, loader, baseline=plain.baseline, criterion=RULE),
            )
            rows = planted.massive().filter(site=site)
            listed = set(rows.select("graph", "edge").iter_rows())
            wanted = places(loader, hook.edges)
            wanted_here, hit_here = wanted_here + len(wanted), hit_here + len(wanted & listed)
            extra += len(listed - wanted)
            calls += planted.table().filter(site=site)["massive"][0]
            for axis in Bounds._fields:
                distance, p = kolmogorov_smirnov(plain, planted, site, axis)
                distances.append(distance)
                p_values.append(p)
        total, hit, called = total + wanted_here, hit + hit_here, called + calls
        latest = 2 * options.repeats
        print(
            f"{site}: found {hit_here} of {wanted_here} planted, "
            f"{extra} others; called {calls} of {options.repeats} times; largest KS distance "
            f"{max(distances[-latest:]):.1e}, smallest p {min(p_values[-latest:]):.2f}"
        )
    print(
        f"found {hit} of {total} ({100 * hit / total:.1f} %); sites called {called} of "
        f"{options.repeats * len(plain.sites)} times; largest KS distance {max(distances):.1e}, "
        f"smallest p {min(p_values):.2f}"
    )


if __name__ == "__main__":
    main()
