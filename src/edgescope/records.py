"""What was scanned, and what was found at one site."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import NamedTuple

import polars as pl
import torch

from edgescope.statistics.criteria import Rule
from edgescope.statistics.sketch import SiteSketch


@dataclass(frozen=True)
class ScanInfo:
    """What was scanned, and how.

    Attributes:
        model: class of the model.
        data: name of the data set, if it has one.
        graphs: number of graphs.
        edge_type_names: name of each edge type; the last is ``"added"`` if layers compute rows
            that are no edge of the input.
        criterion: rule that calls an activation massive.
        keep_ratio: activations with a larger ratio were kept one by one; None if it is what the
            criterion asks for, which differs between sites.
        max_rows: how many of them were kept per site at most.
        seconds: how long the scan took.
        keep_magnitude: activations with a larger magnitude were kept whatever their ratio;
            infinite if none were, None if it is what the criterion asks for.
        parts: whether the batches were parts of one large graph, so that ``graphs`` is 1.
        batch_norm: whether some normalisation layer of the model had running statistics of data;
            False if all were as they were made, None if the model keeps none.
    """

    model: str
    data: str
    graphs: int
    edge_type_names: tuple[str, ...]
    criterion: Rule
    keep_ratio: float | None
    max_rows: int
    seconds: float
    keep_magnitude: float | None = inf
    parts: bool = False
    batch_norm: bool | None = None


class SiteScan(NamedTuple):
    """What a scan found at one site."""

    sketch: SiteSketch
    """Histograms, counts and maxima."""
    rows: pl.DataFrame
    """Activations that exceed :meth:`Scan.floor`, largest ratio first."""
    extremes: pl.DataFrame
    """The activations with the largest ratio and the largest magnitude."""
    nonfinite: pl.DataFrame
    """Graphs with edges that hold a NaN or an infinity."""
    seen: int
    """How many activations exceeded :meth:`Scan.floor`, kept or not."""


def one_graph(found: SiteScan, members: Sequence[SiteSketch] = ()) -> SiteScan:
    """Count the maximum of one graph once, and not once per part that it was scanned in.

    Args:
        found: what was found at one site in the parts.
        members: the same site in the several models that ``found`` was merged from, if it was:
            each then counts once.
    """
    sketch = found.sketch
    counts = dict(sketch.counts)
    for row, name in enumerate(("ratio", "magnitude")):
        counter = torch.zeros_like(counts[f"graph_{name}"])
        if members:
            counter += sum(member.counts[f"graph_{name}"] for member in members)
        elif bool(counts[f"edge_{name}"].any()):
            bins = sketch.layout.ratio if name == "ratio" else sketch.layout.magnitude
            counter[int(bins.index(sketch.maxima[row].max().view(1)))] = 1
        counts[f"graph_{name}"] = counter
    return found._replace(sketch=SiteSketch(sketch.layout, counts, sketch.maxima))
