"""The edge scores of a scan, which the published study measures, and their layers."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from edgescope.study.measures.measured_cell import MeasuredCell

if TYPE_CHECKING:
    from edgescope.scanning.result import Scan
    from edgescope.statistics.sketch import SiteSketch


def score_sites(scan: "Scan") -> dict[str, int]:
    """Return the scan's sites that are edge scores, each with the number of its layer.

    Layers count from 0. Where a name has no number, it counts by its place among the sites.
    """
    names = [site for site in scan.sites if site.endswith(":score")]
    numbers = [re.search(r"\d+", name) for name in names]
    return {
        name: place if number is None else int(number.group())
        for place, (name, number) in enumerate(zip(names, numbers, strict=True))
    }


def states_of(of: MeasuredCell, site: str) -> Iterator[tuple[str, "SiteSketch"]]:
    """Yield the states in which a site was scanned, ``untrained`` and ``trained``.

    The untrained one of a trained cell is the scan's baseline: the members of the ensemble
    together, where the scan is calibrated.
    """
    if of.cell.state == "untrained":
        yield "untrained", of.scan[site]
        return
    if of.scan.baseline is not None:
        yield "untrained", of.scan.baseline[site]
    yield "trained", of.scan[site]
