"""How often held-out untrained members exceed calibrated thresholds, over the stated rate.

    python benchmarks/calibration.py [--data zinc12k --root FOLDER] [--members 10 100]

For GraphTransformer (10 layers) and stacks of four GATConv, GATv2Conv and TransformerConv, many
untrained members see the same molecules. Disjoint ensembles of them give thresholds at the sites
that a scan takes by default; the share of the edges of all other members that exceed these, by
ratio or by magnitude, is divided by the stated rate: 1 is right. It is the mean over ensembles,
held-out members and sites; the interval is that of a bootstrap over ensembles and over members.

Such a mean is made by few members, those with all their edges high, and fewer the smaller the
rate. "decide" is how many members make it, (sum)^2 / sum of squares: below ten or so, even the
interval means little, as the members that matter may not have been drawn at all. "by law" is the
same rate without counting: every level of the held-out members follows a Pearson III law with
their own mean, spread and skewness there. The two agree where many members decide.
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
from edgescope.statistics.calibration import calibrate, cells
from edgescope.statistics.new_member import pearson_sf
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


def thresholds(tops: dict[str, Array], members: int, ensembles: int, rate: float) -> Array:
    """Return the thresholds of every ensemble, site and axis ``[ensembles, S, 2]``."""
    found = []
    for number in range(ensembles):
        part = slice(number * members, (number + 1) * members)
        ensemble = {name: [sketch(one) for one in site[part]] for name, site in tops.items()}
        by_axis = [calibrate(ensemble, axis, rate / len(AXES)) for axis in AXES]
        found.append([[one[name].threshold for one in by_axis] for name in tops])
    return np.array(found)


def exceedance(held: Array, limits: Array) -> Array:
    """Return the share of a site's edges over thresholds ``[3, ensembles, held out]``.

    The first axis is: by ratio, by magnitude, by one of them.

    Args:
        held: largest ratios and magnitudes ``[held out, 2, E]``.
        limits: thresholds ``[ensembles, 2]``.
    """
    lowest = limits.min(0).astype(np.float32)
    member, edge = np.nonzero((held[:, 0] > lowest[0]) | (held[:, 1] > lowest[1]))
    values = held[member, :, edge]  # [n, 2]
    shares = np.empty((3, len(limits), len(held)))
    for number, limit in enumerate(limits):
        over = values > limit.astype(np.float32)
        for kind, which in enumerate((over[:, 0], over[:, 1], over.any(1))):
            shares[kind, number] = np.bincount(member[which], minlength=len(held))
    return shares / held.shape[2]


def by_law(held: Array, limits: Array) -> float:
    """Return the share over thresholds, summed over axes and averaged over ensembles, by law."""
    edges = held.shape[2]
    ends = cells(edges)
    number = np.append(1, np.ceil(np.sqrt(ends[1:-1] * ends[2:]) * edges)).astype(int)
    total = 0.0
    for axis in range(len(AXES)):
        ranked = np.stack([np.sort(member)[::-1] for member in held[:, axis]])
        levels = np.log(ranked[:, number - 1])
        mean, spread = levels.mean(0), levels.std(0)
        skewness = (((levels - mean) / spread) ** 3).mean(0)
        away = (np.log(limits[:, axis])[:, None] - mean) / spread
        total += float((pearson_sf(away, skewness) @ np.diff(ends)).mean())
    return total


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
            limits = thresholds(tops, members, ensembles, rate)
            last = [site[drawn - held :] for site in tops.values()]
            mean = sum(exceedance(site, limits[:, n]) for n, site in enumerate(last)) / len(last)
            mean = mean / rate
            low, high = interval(mean[2])
            each = mean[2].mean(0)
            law = np.mean([by_law(site, limits[:, n]) for n, site in enumerate(last)]) / rate
            print(
                f"{name:16} {members:8} {ensembles:9} {rate:8.0e} {mean[2].mean():11.2f} "
                f"[{low:5.2f}, {high:5.2f}] {each.sum() ** 2 / max((each**2).sum(), 1e-30):6.0f} "
                f"{law:6.2f} {np.median(mean[2].mean(1)):6.2f} "
                f"{2 * mean[0].mean():8.2f} {2 * mean[1].mean():12.2f}",
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
    parser.add_argument(
        "--members", type=int, nargs="+", default=[10, 30, 100], help="per ensemble"
    )
    parser.add_argument("--inside", type=int, default=600, help="members of all ensembles")
    parser.add_argument("--held-out", type=int, default=3000, help="members that judge them")
    parser.add_argument(
        "--seed",
        type=int,
        default=210_000,
        help="of the first member; those from 0 to 1,999, from 100,000 to 101,999 and from "
        "200,000 to 202,999 were looked at to choose constants",
    )
    options = parser.parse_args()
    test = es.data.load(options.data, options.root).test
    batch = next(iter(es.data.loader(test, batch_size=options.molecules)))
    print(
        f"{test.name}: {batch.num_graphs} graphs, {batch.num_edges} directed edges; "
        f"{options.held_out} held-out members\n"
        f"{'model':16} {'members':>8} {'ensembles':>9} {'nominal':>8} {'measured/nominal':>27} "
        f"{'decide':>6} {'by law':>6} {'median':>6} {'by ratio':>8} {'by magnitude':>12}"
    )
    models = {"GraphTransformer": published_model(test)}
    models |= {name: build(name, len(test.vocabulary)) for name in LAYERS}
    for name, model in models.items():
        drawn = options.inside + options.held_out
        tops = tops_of_members(model, [batch], drawn, options.seed)
        report(name, tops, options.members, options.held_out)


if __name__ == "__main__":
    main()
