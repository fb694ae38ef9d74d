"""What a scan collects from the activations of every site."""

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from edgescope.capturing import EdgeActivations, EdgeIdentity
from edgescope.lib.errors import InputError
from edgescope.lib.graph_names import GraphNames
from edgescope.scanning.batches import BatchOfGraphs
from edgescope.scanning.criteria import Bounds
from edgescope.scanning.edge_types import EdgeTypes
from edgescope.scanning.scan_sites import scalar_message
from edgescope.scanning.site_counter import SiteCounter
from edgescope.scanning.site_queue import SiteQueue
from edgescope.scanning.site_scan import SiteEdges, SiteScan, one_graph
from edgescope.scanning.whole_graph import WholeGraph
from edgescope.statistics.counting.edge_labels import EdgeLabels
from edgescope.statistics.sketch_layout import JOINT_FLOOR, SketchLayout

if TYPE_CHECKING:
    from edgescope.capturing.graph_parts import Part


SEVERAL = 2
"""Channels per head that a within-edge ratio needs at least."""

REMEMBERED = 4
"""Kinds of rows that are remembered within a batch: a model rarely has more than two."""


class _Rows(NamedTuple):
    """Rows that sites of a batch share."""

    seen: EdgeIdentity
    """As capture gave them."""
    placed: EdgeIdentity
    """By their place in the data set and their type in the scan."""
    labels: EdgeLabels
    """Type and graph, for counting."""
    of: SiteEdges
    """What the edges are."""


class Collector:
    """Takes in the activations of one site after the other, batch by batch.

    Args:
        types: numbers the edge types.
        keep_ratio: activations with a larger ratio are kept one by one; or a function of the
            site, that returns a ratio and a magnitude of which one must be exceeded.
        max_rows: how many of them are kept per site.
        joint_budget: bytes for each of a site's two joint histograms.
        skip_scalars: whether a site that turns out to hold one number per edge and head is
            skipped rather than refused.
        whole: the large graph that the batches are parts of, if they are.
        joint_floor: ratio above which the joint histograms count.

    Attributes:
        parts: whether the batches are parts of one large graph; ``None`` before the first.
        skipped: sites that were skipped.
    """

    def __init__(
        self,
        types: EdgeTypes,
        keep_ratio: float | Callable[[str], Bounds],
        max_rows: int,
        joint_budget: int,
        skip_scalars: bool,
        whole: WholeGraph | None = None,
        joint_floor: float = JOINT_FLOOR,
    ) -> None:
        self._before = 0
        self.parts: bool | None = None
        self.skipped: list[str] = []
        self._types = types
        self._floors = keep_ratio if callable(keep_ratio) else lambda _: Bounds(ratio=keep_ratio)
        self._max_rows = max_rows
        self._joint = (joint_budget, joint_floor)
        self._skip_scalars = skip_scalars
        self._whole = WholeGraph(()) if whole is None else whole
        self._shapes: dict[str, torch.Size] = {}
        self._of: dict[str, SiteEdges] = {}
        self._counters: dict[str, SiteCounter] = {}
        self._queue = SiteQueue()
        self._names = self._batch_names = GraphNames()
        self._forget_above = 2 * max_rows
        self._batch: BatchOfGraphs | Part | None = None
        self._known: list[_Rows] = []
        self._repeats = Repeats()

    @property
    def graphs(self) -> int:
        """Number of graphs so far; those of the last batch may become more while the model runs."""
        if isinstance(self._batch, BatchOfGraphs):
            return self._before + self._batch.size
        return self._before if self._batch is None else 1

    @graphs.setter
    def graphs(self, before: int) -> None:
        self._before = before

    @property
    def sites(self) -> list[str]:
        """The sites with activations so far."""
        return list(self._shapes)

    def start(self, batch: Any, edges: str) -> None:  # noqa: ANN401  (any PyG batch)
        """Note what the batch holds of the data set; it calls ``edge_index`` ``edges``.

        Raises:
            InputError: if it does not say so clearly, or if some batches hold whole graphs and
                others parts of one.
        """
        self._take(self._queue.flush())
        part = self._whole.part(batch, edges)
        if self.parts not in {None, part is not None}:
            raise InputError(
                "received batches of whole graphs and batches that are parts of one large graph "
                "(with e_id and n_id); scan them separately"
            )
        self.parts = part is not None
        before = self.graphs
        self._batch = BatchOfGraphs(batch, before, edges) if part is None else part
        self._before = before
        self._batch_names = self._batch.names()
        self._names.take(self._batch_names, ())  # columns, also if nothing of them will be kept
        self._known = []
        self._repeats = Repeats()

    def reduce(self, activations: EdgeActivations) -> None:
        """Count a site's activations of the current batch, and keep the most massive.

        Raises:
            InputError: if the site has one number per edge and head and was asked for, or its
                layer has turned its flow.
        """
        site, values, identity = activations.site, activations.above_floor, activations.identity
        call = self._repeats.count(site)
        if values.size(2) < SEVERAL:
            if not self._skip_scalars:
                raise InputError(scalar_message(site))
            self.skipped = list(dict.fromkeys([*self.skipped, site]))
            return
        self._shapes[site] = values.shape[1:]
        if not values.size(0):
            return
        rows = self._identify(identity)
        if call > 1:
            again = of_call(rows.placed, call)
            rows = rows._replace(placed=again, of=rows.of._replace(inputs=(again.input,)))
        self._note(site, rows.of)
        if site not in self._counters:
            self._open(site, values.device)
        placed = EdgeActivations(site, values, rows.placed)
        self._take(self._queue.add(self._counters[site], placed, rows.labels))

    def _take(self, kept: set[int]) -> None:
        """Take over the names of graphs of the batch of which something was kept."""
        self._names.take(self._batch_names, kept, "received batches")
        if self._names.size > self._forget_above:
            held = set().union(*(each.graphs() for each in self._counters.values()))
            self._names = self._names.of(held)
            self._forget_above = 2 * max(self._max_rows, self._names.size)

    def result(self, site: str) -> SiteScan:
        """Return what was found at a site.

        Raises:
            InputError: if the model did not run it.
        """
        self._take(self._queue.flush())
        if site not in self._shapes:
            raise InputError(f"the model did not run {site}; leave it out with sites=")
        if site not in self._counters:  # there was no edge
            self._open(site, torch.device("cpu"))
        found = self._counters[site].result(self._of.get(site))
        return one_graph(found) if self.parts else found

    def names(self) -> GraphNames:
        """Return the names of the graphs that hold kept activations, and perhaps of others."""
        self._take(self._queue.flush())
        return self._names

    def _identify(self, identity: EdgeIdentity) -> _Rows:
        """Find out what the rows are in the data set and in the scan."""
        # The sites of a layer, and most layers of a model, share their rows.
        for rows in self._known:
            if rows.seen is identity:
                return rows
        assert self._batch is not None
        placed = self._batch.identify(identity)
        placed = placed._replace(edge_type=self._types.number(placed))
        graph = placed.graph
        labels = EdgeLabels(
            len(graph), graph.device, len(self._types.names), placed.edge_type, graph
        )
        of = SiteEdges(
            placed.target_row,
            (placed.input,) if placed.input else (),
            not placed.node_offset[0].equal(placed.node_offset[1]),
        )
        rows = _Rows(identity, placed, labels, of)
        self._known = [*self._known[1 - REMEMBERED :], rows]
        return rows

    def _note(self, site: str, of: SiteEdges) -> None:
        """Note what the edges of a site are."""
        known = self._of.setdefault(site, of)
        if known.target_row != of.target_row:
            raise InputError(
                f"the layer of {site} changed its flow between two batches, so which end of an "
                "edge attends would differ within one table; scan with one flow at a time"
            )
        self._of[site] = known.joined(of)

    def _open(self, site: str, device: torch.device) -> None:
        heads, channels = self._shapes[site]
        layout = SketchLayout(heads, channels, len(self._types.names), *self._joint)
        self._counters[site] = SiteCounter(layout, self._floors(site), self._max_rows, device)


class Repeats:
    """Tells apart what the calls of a model on one batch computed.

    A layer that runs several times within a call has a site for each; what comes twice under one
    name comes from two calls, perhaps on different graphs.
    """

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def count(self, site: str) -> int:
        """Return which call this is, from 1; to be asked once for each, also without rows."""
        self._seen[site] += 1
        return self._seen[site]


def of_call(identity: EdgeIdentity, number: int) -> EdgeIdentity:
    """Return the same rows with the call as part of their ``input``, after the first call."""
    if number == 1:
        return identity
    call = f"call {number}"
    return identity._replace(input=f"{identity.input}, {call}" if identity.input else call)
