"""How often held-out untrained members exceed calibrated thresholds, over the stated rate.

    python benchmarks/calibration.py [--data zinc12k --root FOLDER] [--members 10 100]

For GraphTransformer (10 layers) and stacks of four GATConv, GATv2Conv and TransformerConv, many
untrained members see the same molecules. Disjoint ensembles of them give thresholds at the sites
that a scan takes by default; the share of the edges of all other members that exceed these, by
ratio or by magnitude, is divided by the stated rate: 1 is right. It is the mean over ensembles,
held-out members and sites; the interval is that of a bootstrap over ensembles and over members.
"""

import argparse
from collections.abc import Iterable

import numpy as np
import torch
from _common import published_model
from _layers import build
from numpy.typing import NDArray
from torch import nn

import edgescope as es
from edgescope.calling import call_model
from edgescope.capture import EdgeActivations
from edgescope.scanning.sites import choose_sites
from edgescope.statistics.calibration import calibrate
from edgescope.statistics.ratio import edge_ratios
from edgescope.statistics.sketch import SiteSketch, SketchLayout

AXES = ("ratio", "magnitude")
RATES = (1e-3, 1e-4, 1e-5)
LAYERS = ("GATConv", "GATv2Conv", "TransformerConv")
RESAMPLES = 2000
LAYOUT = SketchLayout(heads=8, channels=8)

Array = NDArray[np.float64]


def tops_of_members(
    model: nn.Module, loader: Iterable, members: int, seed: int
) -> dict[str, Array]:
    """Return, by site, the largest ratio and magnitude of every edge ``[members, 2, E]``."""
    names = {site.name for site in choose_sites(model, None).sites}
    found: dict[str, list[Array]] = {name: [] for name in names}
    for member in es.Untrained(members, seed).models(model, loader):
        seen: dict[str, list[Array]] = {name: [] for name in names}

        def keep(activations: EdgeActivations, seen: dict = seen) -> None:
            ratios = edge_ratios(activations.values)
            both = torch.stack([ratios.top_ratio, ratios.top_magnitude])
            seen[activations.site].append(both.numpy())

        with torch.no_grad(), es.capture(member, lambda site: site.name in names, reduce=keep):
            for batch in loader:
                call_model(member, batch)
        for name, parts in seen.items():
            found[name].append(np.concatenate(parts, axis=1))
    return {name: np.stack(parts) for name, parts in found.items()}


def sketch(tops: Array) -> SiteSketch:
    """Return a sketch of one member's edges ``[2, E]`` that holds what calibration needs."""
    counts = {}
    for axis, values in zip(AXES, tops, strict=True):
        bins = getattr(LAYOUT, axis)
        number = bins.index(torch.from_numpy(values.copy())).long()
        counts[f"edge_{axis}"] = torch.bincount(number, minlength=bins.size)[None]
    return SiteSketch(LAYOUT, counts, torch.zeros(2, 1))


def exceedance(tops: Array, members: int, ensembles: int, rate: float) -> Array:
    """Return the share of edges over the thresholds ``[ensembles, held out, 3]``.

    The last axis is: by ratio, by magnitude, by one of them.
    """
    inside, held = tops[: members * ensembles], tops[members * ensembles :]
    found = []
    for number in range(ensembles):
        part = inside[number * members : (number + 1) * members]
        sketches = [sketch(one) for one in part]
        limits = [calibrate(sketches, axis, rate / len(AXES)).threshold for axis in AXES]
        over = held > np.array(limits, dtype=np.float32)[:, None]  # [held, 2, E]
        found.append(np.stack([*over.mean(2).T, over.any(1).mean(1)], axis=1))
    return np.stack(found)


def interval(shares: Array) -> tuple[float, float]:
    """Return the 95 % interval of the mean of ``[ensembles, held out]``, resampling both."""
    random = np.random.default_rng(0)
    ensembles, held = shares.shape
    means = [
        shares[random.integers(ensembles, size=ensembles)]
        .mean(0)[random.integers(held, size=held)]
        .mean()
        for _ in range(RESAMPLES)
    ]
    return tuple(np.quantile(means, [0.025, 0.975]))


def report(name: str, tops: dict[str, Array], sizes: list[int], held: int) -> None:
    """Print a line for every size of ensemble and rate."""
    drawn = next(iter(tops.values())).shape[0]
    for members in sizes:
        ensembles = (drawn - held) // members
        for rate in RATES:
            every = [exceedance(site, members, ensembles, rate) for site in tops.values()]
            mean = np.mean(every, axis=0) / rate  # over sites
            low, high = interval(mean[:, :, 2])
            by_ensemble = mean[:, :, 2].mean(1)
            halves = 2 * mean.mean((0, 1))  # half the rate is the share of each axis
            print(
                f"{name:16} {members:8} {ensembles:9} {rate:8.0e} {mean[:, :, 2].mean():11.2f} "
                f"[{low:5.2f}, {high:5.2f}] {np.median(by_ensemble):9.2f} "
                f"{halves[0]:8.2f} {halves[1]:10.2f}",
                flush=True,
            )


def main() -> None:
    """Draw members of every model, calibrate on some and judge the others."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="solubility", help="a published data set")
    parser.add_argument("--root", help="folder that holds its files")
    parser.add_argument("--molecules", type=int, default=128, help="how many of its test split")
    parser.add_argument("--members", type=int, nargs="+", default=[10, 100], help="per ensemble")
    parser.add_argument("--inside", type=int, default=1000, help="members of all ensembles")
    parser.add_argument("--held-out", type=int, default=1000, help="members that judge them")
    parser.add_argument(
        "--seed",
        type=int,
        default=100_000,
        help="of the first member; those from 0 to 1,999 were looked at to choose constants",
    )
    options = parser.parse_args()
    test = es.data.load(options.data, options.root).test
    batch = next(iter(es.data.loader(test, batch_size=options.molecules)))
    print(
        f"{test.name}: {batch.num_graphs} graphs, {batch.num_edges} directed edges; "
        f"{options.held_out} held-out members\n"
        f"{'model':16} {'members':>8} {'ensembles':>9} {'nominal':>8} {'measured/nominal':>27} "
        f"{'median':>9} {'by ratio':>8} {'by magnitude':>12}"
    )
    models = {"GraphTransformer": published_model(test)}
    models |= {name: build(name, len(test.vocabulary)) for name in LAYERS}
    for name, model in models.items():
        drawn = options.inside + options.held_out
        tops = tops_of_members(model, [batch], drawn, options.seed)
        report(name, tops, options.members, options.held_out)


if __name__ == "__main__":
    main()
