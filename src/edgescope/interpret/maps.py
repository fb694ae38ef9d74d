"""Heat maps over heads and channels for every group of edges, at any threshold."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from edgescope.capturing import EdgeIdentity
from edgescope.capturing.site_choice import Sites
from edgescope.data.graphs import GraphDataset
from edgescope.interpret.groups import EdgeGroups
from edgescope.interpret.kinds import Kind
from edgescope.interpret.scan_edges import check_edges, turned
from edgescope.lib.eager_twin import eager_twin
from edgescope.lib.errors import InputError
from edgescope.lib.model_call import Call, NotedCall, call_model
from edgescope.scanning import SHARD_EVERY
from edgescope.scanning.criteria import PAPER_RATIO, Criterion
from edgescope.scanning.edge_types import EdgeTypes
from edgescope.scanning.loaders import graph_loader
from edgescope.scanning.one_model import scan_model
from edgescope.scanning.result import Scan
from edgescope.scanning.scan_sites import choose_sites
from edgescope.scanning.settings import Settings
from edgescope.scanning.shards import Shards
from edgescope.statistics.sketch_layout import JOINT_BUDGET

MAX_COMBINATIONS = 32
"""Combinations of groups that are counted apart where groups overlap."""

_TYPES = 8
"""Edge types that share one joint budget; with more of them it grows, so that bins stay fine."""


@dataclass(frozen=True)
class HeatMaps:
    """Which heads and channels are massive on the edges of every group.

    Attributes:
        kind: the groups.
        scan: the histograms, whose edge types are the combinations of groups that occur.
        combinations: which combination holds which group of ``counted`` ``[C, G]``, bool.
        counted: the groups that were counted: those of ``kind`` or, of directions, all.

    Example:
        >>> import edgescope as es
        >>> molecules = es.data.load("solubility").test[:20]
        >>> groups = es.interpret.edge_groups(molecules, by=["ring"])
        >>> sizes = {"hidden_dim": 8, "num_heads": 2, "num_layers": 1}
        >>> model = es.models.GATv2(**molecules.model_sizes, **sizes)
        >>> loader = es.data.loader(molecules)
        >>> maps = es.interpret.heat_maps(model, loader, groups, "ring")
        >>> maps.kind.name
        'ring'
    """

    kind: Kind
    scan: Scan
    combinations: NDArray[np.bool_]
    counted: Kind

    def at(
        self, site: str, group: str, threshold: float = PAPER_RATIO, axis: str = "ratio"
    ) -> NDArray[np.float64]:
        """Return the share of the edges of a group that exceed a threshold, per head and channel.

        Args:
            site: name of the site.
            group: name of the group.
            threshold: the ratio or magnitude to exceed; the nearest edge of the bins is used.
            axis: ``"ratio"`` or ``"magnitude"``.

        Returns:
            Shares ``[H, D]``; NaN if the group has no edges.

        Raises:
            InputError: if there is no such site or group, or a ratio is too low; see
                :meth:`~edgescope.statistics.SiteSketch.heat_map`, also for which magnitudes count.
        """
        return self.scan[site].heat_map(threshold, self._types(site, group), axis)[0]

    def prevalence(self, threshold: float = PAPER_RATIO, axis: str = "ratio") -> pl.DataFrame:
        """Return, per site and group, how many edges exceed a threshold in some channel.

        Columns: site, group, edges (with a defined ratio; for the axis ``"magnitude"``, all that
        are finite), over, rate, threshold (at which the counts are exact, at most 0.4 % off).

        Args:
            threshold: the ratio or magnitude to exceed.
            axis: ``"ratio"`` or ``"magnitude"``.
        """
        rows = []
        for site, found in self.scan.sites.items():
            over, exact = found.sketch.edges_over(threshold, axis)
            edges = found.sketch.counted_edges(axis)
            for group in self.kind.names:
                types = self._types(site, group)
                n, k = int(edges[types].sum()), int(over[types].sum())
                rate = k / n if n else float("nan")
                rows.append((site, group, n, k, rate, exact))
        schema = ["site", "group", "edges", "over", "rate", "threshold"]
        return pl.DataFrame(rows, schema=schema, orient="row")

    def _types(self, site: str, group: str) -> list[int]:
        """Return the combinations that a group is in, by the direction of messages at a site."""
        if group not in self.kind.names:
            raise InputError(
                f"unknown group {group!r} of {self.kind.name}, expected one of "
                f"{', '.join(self.kind.names)}"
            )
        against = site in turned(self.scan)
        place = self.counted.place(group, turned=against)
        held: list[int] = np.flatnonzero(self.combinations[:, place]).tolist()
        return held


def heat_maps(
    model: nn.Module,
    loader: Iterable[Any],
    groups: EdgeGroups,
    kind: str,
    *,
    only: Sequence[str] | None = None,
    sites: Sites = None,
    inputs: Mapping[str, str] | None = None,
    call: Call = call_model,
    progress: bool = True,
) -> HeatMaps:
    """Count the activations of every group of edges, in one pass over a loader.

    It is a scan with groups in the place of edge types: the model runs as in
    :func:`edgescope.scan`, and any threshold can be asked for afterwards.

    Args:
        model: the model.
        loader: whole graphs of ``groups.dataset``; batches that do not say in ``graph`` ``[G]``
            which they are hold them in order.
        groups: the groups.
        kind: name of the kind to tell apart.
        only: names of the groups wanted; all by default. Where groups overlap, at most
            ``MAX_COMBINATIONS`` combinations of them may occur.
        sites: the sites to count, as in a scan.
        inputs: as in a scan.
        call: as in a scan.
        progress: whether to show a progress bar.

    Raises:
        InputError: if there is no such kind or group, groups overlap in too many ways, or the
            loader holds other graphs.

    Example:
        >>> import edgescope as es
        >>> molecules = es.data.load("solubility").test[:20]
        >>> groups = es.interpret.edge_groups(molecules, by=["ring"])
        >>> sizes = {"hidden_dim": 8, "num_heads": 2, "num_layers": 1}
        >>> model = es.models.GATv2(**molecules.model_sizes, **sizes)
        >>> loader = es.data.loader(molecules)
        >>> maps = es.interpret.heat_maps(model, loader, groups, "ring", only=["ring"])
        >>> list(maps.scan.sites)
        ['layers.0.conv:score']
    """
    model = eager_twin(model)
    loader = graph_loader(loader)
    chosen_kind = counted = _chosen(groups[kind], only)
    if chosen_kind.null == "reversal":
        counted = groups[kind]  # a layer of reversed flow needs the opposite of a direction
    combinations, codes = torch.unique(counted.member, dim=0, return_inverse=True)
    if chosen_kind.overlapping and len(combinations) > MAX_COMBINATIONS:
        raise InputError(
            f"the {len(chosen_kind.names)} groups of {kind} overlap in {len(combinations)} ways, "
            f"expected {MAX_COMBINATIONS} at most; name fewer groups with only="
        )
    chosen = choose_sites(model, sites)
    settings = Settings(
        types=_GroupTypes(groups.dataset, codes, len(combinations), chosen.add_edges),
        inputs=dict(inputs or {}),
        call=NotedCall(call),
        rule=Criterion("paper2025"),
        keep_ratio=PAPER_RATIO,
        keep_magnitude=None,
        max_rows=1,
        joint_budget=JOINT_BUDGET * max(1, -(-len(combinations) // _TYPES)),
        shards=Shards(None, SHARD_EVERY),
        progress=progress,
        title=f"counting {kind} in {{model}}",
    )
    scan, _ = scan_model(model, loader, chosen, settings)
    check_edges(scan, groups.dataset)
    return HeatMaps(chosen_kind, scan, combinations.numpy(), counted)


def _chosen(kind: Kind, only: Sequence[str] | None) -> Kind:
    """Keep some groups of a kind."""
    if only is None:
        return kind
    unknown = [name for name in only if name not in kind.names]
    if unknown or not only:
        raise InputError(f"received only={list(only)}, expected some of {', '.join(kind.names)}")
    places = [kind.names.index(name) for name in only]
    return Kind(kind.name, tuple(only), kind.member[:, places], kind.applicable, kind.null)


class _GroupTypes(EdgeTypes):
    """Numbers rows by the group of their edge in the data set.

    Args:
        dataset: the graphs.
        codes: number of every edge ``[E]``.
        size: how many numbers there are.
        added: whether layers are known to add rows.
    """

    def __init__(self, dataset: GraphDataset, codes: Tensor, size: int, added: bool) -> None:
        super().__init__((), [f"combination {number}" for number in range(size)], None, added)
        self._dataset = dataset
        self._codes = codes

    def number(self, identity: EdgeIdentity) -> Tensor:
        """Return the number of every row ``[E]``.

        Raises:
            InputError: if the rows are no edges of the data set.
            NewEdgeType: if the names are others than before, because of these rows.
        """
        place = self._places(identity).to(identity.input_edge.device)
        codes = torch.cat([self._codes, self._codes.new_tensor([-1])]).to(place.device)
        return super().number(identity._replace(edge_type=codes[place], relations=None))

    def _places(self, identity: EdgeIdentity) -> Tensor:
        """Return the position in the data set of every row's edge ``[E]``, -1 for added rows."""
        dataset, real = self._dataset, identity.input_edge.cpu() >= 0
        graph, edge = identity.graph.cpu(), identity.input_edge.cpu()
        known = graph < len(dataset)
        graph = graph.where(known, 0) if len(dataset) else graph
        place = dataset.edge_ptr[graph] + edge
        known &= place < dataset.edge_ptr[graph + 1]
        place = place.where(known & real, -1)
        # Row by row as the data set has them, whichever end attends.
        ends = (identity.edge_index - identity.node_offset).cpu()
        ends = ends.flip(0) if identity.turned else ends
        fits = known & (dataset.edge_index[:, place] == ends).all(0) if bool(real.any()) else known
        if not bool(fits[real].all()):
            raise InputError(
                f"the loader gave edges that {dataset.name} lacks; give a loader over the "
                "data set that the groups are of, in its order"
            )
        return place
