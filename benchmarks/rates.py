"""What untrained models that were constructed anew show against the rates that a scan states.

    python benchmarks/rates.py [--cache FOLDER] [--models "GPS around GATv2" ...] [--markdown]

For every architecture of ``_zoo.py``, models are constructed one after the other, as a user would,
and judged by ensembles of re-initialised members, which are disjoint. Models with batch norm are
looked at twice: as made, and with running statistics of the data, as after training. Printed are

- measured over stated: the share of edges over the thresholds, by ratio or by magnitude, over the
  rate: the mean over ensembles, held-out models and sites;
- p < 0.05: the share of sites and axes with such a p-value;
- massive: the share of the models at which some site is called massive at ``fdr=0.05``, and in
  brackets that of the ensemble which calls most.

Intervals are at 95 %, by a bootstrap over ensembles and over held-out models. A mean over models is
often made by few: "decide" is how many, (sum)^2 / sum of squares, at the smallest rate.

With ``--cache``, the histograms of every model are kept there and read again.
"""

import argparse
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from _common import interval
from _zoo import CHOOSING, HEADS, HELD_OUT, KEEP, WIDTH
from numpy.typing import NDArray
from torch import nn

import edgescope as es
from edgescope.lib.errors import EdgescopeWarning
from edgescope.lib.model_call import call_model
from edgescope.scanning.batch_norm import calibrate_batch_norm, has_statistics
from edgescope.scanning.criteria import Bounds, Ensemble
from edgescope.scanning.criteria.calibration import calibrate
from edgescope.scanning.criteria.false_positive_rate import FALSE_DISCOVERY_RATE, SUPPORT
from edgescope.statistics.extremity import judge, top_levels
from edgescope.statistics.sketch import SiteSketch
from edgescope.statistics.sketch_layout import SketchLayout

AXES = Bounds._fields
RATES = (1e-2, 1e-3, 1e-4)
SMALL_P = 0.05
FIRST_HELD_OUT = 10_000
"""Seed of the first model that is judged."""
LAYOUT = SketchLayout(heads=HEADS, channels=WIDTH // HEADS)

Array = NDArray[np.float64]
Counts = dict[str, NDArray[np.int64]]
"""Histograms ``[models, B]`` by site and axis, as ``site|axis``."""


def histograms(models: Iterator[nn.Module], batch: object) -> Counts:
    """Scan models one after the other and keep what the criterion needs."""
    found: dict[str, list[NDArray[np.int64]]] = {}
    for model in models:
        scan = es.scan(model, [batch], progress=False)
        for site in scan.sites:
            for axis in AXES:
                counts = scan[site].counts[f"edge_{axis}"].sum(0).numpy()
                found.setdefault(f"{site}|{axis}", []).append(counts)
    return {name: np.stack(parts) for name, parts in found.items()}


def cached(path: Path | None, make: Callable[[], Counts]) -> Counts:
    """Return what is in a file, or make it and write it there."""
    if path is None:
        return make()
    if not path.exists():
        np.savez_compressed(path, **make())
    with np.load(path) as found:
        return dict(found)


def construct(make: Callable[[int], nn.Module], atoms: int, seed: int, data: object) -> nn.Module:
    """Return a new model; with ``data``, its batch norm has running statistics of it."""
    torch.manual_seed(seed)
    model = make(atoms).eval()
    if data is not None:
        calibrate_batch_norm(model, [data], call_model, torch.device("cpu"))
    return model


def sketches(counts: Counts, number: int) -> dict[str, SiteSketch]:
    """Return, by site, a sketch of one model that holds what the criterion needs."""
    return {
        site: SiteSketch(
            LAYOUT,
            {
                f"edge_{axis}": torch.from_numpy(counts[f"{site}|{axis}"][number].astype(np.int64))[
                    None
                ]
                for axis in AXES
            },
            torch.zeros(2, 1),
        )
        for site in dict.fromkeys(name.rpartition("|")[0] for name in counts)
    }


def exceedance(held: Counts, ensemble: Ensemble, rate: float) -> Array:
    """Return the share of every model's edges over the thresholds, over the rate ``[models]``.

    The shares by ratio and by magnitude are added up, and averaged over sites.
    """
    total = 0.0
    for axis in AXES:
        bins, found = getattr(LAYOUT, axis), calibrate(ensemble, axis, rate / len(AXES))
        shares = []
        for site in ensemble:
            counts = held[f"{site}|{axis}"]
            first = np.searchsorted(bins.edges, found[site].threshold)
            shares.append(counts[:, first:].sum(1) / counts.sum(1).clip(min=1))
        total = total + np.mean(shares, axis=0) / rate
    return total


def measure(members: Counts, held: Counts, size: int, rate: float) -> list[str]:
    """Return the cells of a row: measured over stated at every rate, p-values, calls, decide."""
    models = len(next(iter(held.values())))
    judged, everyone = [
        [sketches(counts, number) for number in range(len(next(iter(counts.values()))))]
        for counts in (held, members)
    ]
    levels = {
        (site, axis): top_levels([one[site] for one in judged + everyone], axis, rate)
        for site in judged[0]
        for axis in AXES
    }
    over: dict[float, list[Array]] = {stated: [] for stated in RATES}
    small, called = [], []
    for first in range(0, len(next(iter(members.values()))) - size + 1, size):
        part = slice(first, first + size)
        ensemble = {site: [member[site] for member in everyone[part]] for site in judged[0]}
        for stated, found in over.items():
            found.append(exceedance(held, ensemble, stated))
        rare = [
            judge(
                {
                    test: np.concatenate([of[[number]], of[models:][part]])
                    for test, of in levels.items()
                }
            ).values()
            for number in range(models)
        ]
        small.append([np.mean([test.p < SMALL_P for test in tests]) for tests in rare])
        called.append([any(t.q <= FALSE_DISCOVERY_RATE for t in tests) for tests in rare])
    cells = []
    for found in over.values():
        low, high = interval(np.array(found))
        cells.append(f"{np.mean(found):.2f} [{low:.2f}, {high:.2f}]")
    for found in (small, called):
        low, high = interval(np.array(found, dtype=float))
        cells.append(f"{100 * np.mean(found):.1f} % [{100 * low:.1f}, {100 * high:.1f}]")
    cells[-1] += f" ({100 * np.mean(called, axis=1).max():.0f} %)"
    each = np.mean(over[RATES[-1]], axis=0)
    decide = each.sum() ** 2 / (each**2).sum() if each.any() else 0.0
    return [*cells, f"{decide:.0f} of {len(each)}"]


def main() -> None:
    """Judge held-out models of every architecture."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="solubility", help="a published data set")
    parser.add_argument("--root", help="folder that holds its files")
    parser.add_argument("--molecules", type=int, default=128, help="how many of its test split")
    parser.add_argument("--models", nargs="+", default=[*CHOOSING, *HELD_OUT])
    parser.add_argument("--members", type=int, default=10, help="per ensemble")
    parser.add_argument("--ensembles", type=int, default=6)
    parser.add_argument("--held-out", type=int, default=60, help="models that are judged")
    parser.add_argument("--rate", type=float, help="of the p-values; by default the supported one")
    parser.add_argument("--cache", type=Path, help="folder for the histograms of every model")
    parser.add_argument("--markdown", action="store_true", help="print a table for the page")
    options = parser.parse_args()
    warnings.simplefilter("ignore", EdgescopeWarning)  # of layers without vectors
    test = es.data.load(options.data, options.root).test
    atoms = len(test.vocabulary)
    batch = next(iter(es.data.loader(test, batch_size=options.molecules)))
    total = options.members * options.ensembles
    of_p_values = options.rate or SUPPORT / options.members
    title = [
        "architecture",
        "batch norm",
        *(f"measured over stated, {rate:.0e}" for rate in RATES),
        "p < 0.05",
        "called massive",
        "decide",
    ]
    mark = " | " if options.markdown else "; "
    print(
        f"{test.name}: {batch.num_graphs} graphs, {batch.num_edges} directed edges; "
        f"{options.ensembles} ensembles of {options.members}, {options.held_out} models each"
    )
    print(mark.join(title))
    for name in options.models:
        make = (CHOOSING | HELD_OUT)[name]
        normed = has_statistics(construct(make, atoms, 0, None)) is not None
        for state in ("as made", "with statistics") if normed else ("none",):
            data = batch if state == "with statistics" else None
            key = f"{name}, {state}, {options.molecules} of {test.name}".replace(" ", "_").replace(
                "/", "-"
            )
            folder = options.cache
            members = cached(
                folder and folder / f"{key},{total}_members.npz",
                lambda make=make, data=data, name=name: histograms(
                    es.Untrained(total, keep=KEEP.get(name, ())).models(
                        construct(make, atoms, 0, data), [batch]
                    ),
                    batch,
                ),
            )
            held = cached(
                folder and folder / f"{key},{options.held_out}_held_out.npz",
                lambda make=make, data=data: histograms(
                    (
                        construct(make, atoms, FIRST_HELD_OUT + number, data)
                        for number in range(options.held_out)
                    ),
                    batch,
                ),
            )
            cells = measure(members, held, options.members, of_p_values / len(AXES))
            which = name if name in HELD_OUT else f"({name})"
            print(mark.join([which, state, *cells]), flush=True)


if __name__ == "__main__":
    main()
