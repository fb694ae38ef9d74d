"""What was scanned, and what was found at one site."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Literal, NamedTuple, Protocol

import polars as pl
import torch

from edgescope.capturing.coverage import Coverage
from edgescope.capturing.pins import Pins
from edgescope.scanning.criteria import Rule
from edgescope.statistics.sketch import SiteSketch

Rows = Literal["edge", "node"]
"""What a row of a scan's sites is; at sites of node states it is a node."""


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
        arguments: names of the arguments that the model was given, or that it was given the whole
            batch, or what ``call=`` says; empty in a scan of an older version.
        types_from: what the edge types were read from, such as ``"edge_attr"``; empty if the
            edges have none, or in a scan of an older version.
        coverage: which attention of the model was looked at and which not; ``None`` if that is not
            known, as of a scan that was saved by an earlier version.
        batch_norm: whether some normalisation layer of the model had running statistics of data;
            False if all were as they were made, None if the model keeps none.
        data_fingerprint: of the graphs that were scanned, as in
            :class:`edgescope.data.fingerprint.Fingerprint`; empty if the loader had no data set
            that has one, or in a scan of an older version.
        rows: what its sites have a row for, ``"edge"`` or ``"node"``; then ``edge_type_names`` are
            the names of node types.
        pins: what was discovered in the model, for :meth:`es.capture.pin
            <edgescope.capturing._Capture.pin>`; ``None`` if nothing was.
            A saved scan has them in a file of their own, ``pins.json``.
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
    arguments: tuple[str, ...] = ()
    types_from: str = ""
    coverage: Coverage | None = None
    batch_norm: bool | None = None
    data_fingerprint: str = ""
    rows: Rows = "edge"
    pins: Pins | None = None

    def is_of_other_graphs(self, fingerprint: str) -> bool:
        """Say whether other graphs than those of a fingerprint were scanned, as far as is known."""
        return bool(self.data_fingerprint and fingerprint) and self.data_fingerprint != fingerprint


class SiteEdges(NamedTuple):
    """What the edges of a site are, as far as its tables do not say it row by row."""

    target_row: int = 1
    """Row of the layer's ``edge_index`` that holds ``target``, the end that attends: 1, or 0 with
    ``flow="target_to_source"``. Scans of earlier versions have row 1 there, whatever the flow."""
    inputs: tuple[str, ...] = ()
    """The inputs of the model's call whose edges the site computed, in the order in which they
    came; empty if the model was given one graph at a time."""
    two_node_sets: bool = False
    """Whether sources and targets are known to be different nodes, each numbered by itself."""

    def joined(self, other: "SiteEdges") -> "SiteEdges":
        """Return what the edges of both are; they must have the same ``target_row``."""
        return SiteEdges(
            self.target_row,
            tuple(dict.fromkeys([*self.inputs, *other.inputs])),
            self.two_node_sets or other.two_node_sets,
        )


class SiteScan(NamedTuple):
    """What a scan found at one site."""

    sketch: SiteSketch
    """Histograms, counts and maxima."""
    rows: pl.DataFrame
    """Activations that exceed :meth:`edgescope.Scan.floor`, largest ratio first."""
    extremes: pl.DataFrame
    """The activations with the largest ratio and the largest magnitude."""
    nonfinite: pl.DataFrame
    """Graphs with edges that hold a NaN or an infinity."""
    seen: int
    """How many activations exceeded :meth:`edgescope.Scan.floor`, kept or not."""
    of: SiteEdges = SiteEdges()
    """What the edges are."""


class ScannedSites(Protocol):
    """What a scan is to a table over its sites."""

    info: ScanInfo
    sites: dict[str, SiteScan]

    @property
    def baseline(self) -> "ScannedSites | None":
        """The scan to compare with."""

    def __getitem__(self, site: str) -> SiteSketch:
        """Return the sketch of a site."""


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


def held_graphs(sites: Mapping[str, SiteScan]) -> set[int]:
    """Return the graphs that the tables of a scan's sites name."""
    tables = (t for found in sites.values() for t in (found.rows, found.extremes, found.nonfinite))
    return {graph for table in tables for graph in table["graph"].unique().to_list()}
