"""How often held-out untrained members exceed calibrated thresholds, over the stated rate.

    python benchmarks/calibration.py [--data zinc12k --root FOLDER] [--members 10 100]
    python benchmarks/calibration.py --held-out 30000 --seed 300000  # the figures of the docs

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
from _common import interval, published_model
from _layers import build
from numpy.typing import NDArray
from torch import nn

import edgescope as es
from edgescope.capturing import EdgeActivations
from edgescope.lib.model_call import call_model
from edgescope.scanning.batch_norm import calibrate_batch_norm
from edgescope.scanning.criteria.calibration import calibrate, cells
from edgescope.scanning.scan_sites import choose_sites
from edgescope.statistics.new_member import pearson_sf
from edgescope.statistics.ratio import edge_ratios
from edgescope.statistics.sketch import SiteSketch
from edgescope.statistics.sketch_layout import SketchLayout

AXES = ("ratio", "magnitude")
RATES = (1e-3, 1e-4, 1e-5)
MODELS = ("GraphTransformer", "GATConv", "GATv2Conv", "TransformerConv")
BLOCK = 500
"""Held-out members whose edges are in memory at once."""
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


class Judge:
    """Counts how often held-out members exceed the thresholds of ensembles, block by block.

    Args:
        limits: thresholds ``[ensembles, S, 2]`` by members per ensemble and rate.
    """

    def __init__(self, limits: dict[tuple[int, float], Array]) -> None:
        self._limits = limits
        self._shares: dict[tuple[int, float], list[Array]] = {key: [] for key in limits}
        self._levels: list[Array] = []
        self._widths = np.zeros(0)

    def add(self, tops: dict[str, Array]) -> None:
        """Count the edges of some members ``[members, 2, E]`` by site."""
        sites = list(tops.values())
        for key, limits in self._limits.items():
            every = [exceedance(site, limits[:, n]) for n, site in enumerate(sites)]
            self._shares[key].append(np.mean(every, axis=0).astype(np.float32))
        edges = sites[0].shape[2]
        ends = cells(edges)
        number = np.append(1, np.ceil(np.sqrt(ends[1:-1] * ends[2:]) * edges)).astype(int)
        # -np.sort(-x) sorts from the largest.
        levels = [np.log(-np.sort(-site, axis=2)[:, :, number - 1]) for site in sites]
        self._levels.append(np.stack(levels))  # [S, members, 2, L]
        self._widths = np.diff(ends)

    def by_law(self, limits: Array) -> float:
        """Return the share over thresholds, summed over axes and averaged over ensembles."""
        levels = np.concatenate(self._levels, axis=1, dtype=np.float64)
        mean, spread = levels.mean(1), levels.std(1)  # [S, 2, L]
        skewness = np.stack([(((s - s.mean(0)) / s.std(0)) ** 3).mean(0) for s in levels])
        away = (np.log(limits)[..., None] - mean) / spread  # [ensembles, S, 2, L]
        beyond: Array = pearson_sf(away, skewness) @ self._widths
        return float(beyond.sum(2).mean())

    def report(self, name: str) -> None:
        """Print a line for every size of ensemble and rate."""
        for (members, rate), limits in self._limits.items():
            mean = np.concatenate(self._shares[members, rate], axis=2, dtype=np.float64) / rate
            low, high = interval(mean[2])
            each = mean[2].mean(0)
            law = self.by_law(limits) / rate
            print(
                f"{name:16} {members:8} {len(limits):9} {rate:8.0e} {each.mean():11.2f} "
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
    parser.add_argument("--members", type=int, nargs="+", default=[10, 100], help="per ensemble")
    parser.add_argument("--models", nargs="+", default=MODELS, choices=MODELS)
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
    for name in options.models:
        model = published_model(test) if name == MODELS[0] else build(name, len(test.vocabulary))
        # Members normalise as the model does: as after training.
        calibrate_batch_norm(model, [batch], call_model, torch.device("cpu"))
        inside = tops_of_members(model, [batch], options.inside, options.seed)
        judge = Judge(
            {
                (size, rate): thresholds(inside, size, options.inside // size, rate)
                for size in options.members
                for rate in RATES
            }
        )
        first, end = (options.seed + options.inside + more for more in (0, options.held_out))
        for seed in range(first, end, BLOCK):
            judge.add(tops_of_members(model, [batch], min(BLOCK, end - seed), seed))
        judge.report(name)


if __name__ == "__main__":
    main()
