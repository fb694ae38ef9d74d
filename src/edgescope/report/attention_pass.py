"""The pass that gathers attention weights of the graphs that a report draws."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn

from edgescope.capturing import EdgeActivations, EdgeIdentity, Site
from edgescope.capturing.call_stack import layer_at_fault, reason_of
from edgescope.capturing.coverage import layer_of
from edgescope.capturing.forward_pass import Trust
from edgescope.capturing.tape import record
from edgescope.lib.eager_twin import eager_twin
from edgescope.lib.errors import InputError
from edgescope.lib.eval_mode import evaluating, generators_kept
from edgescope.lib.mistakes import check_inputs
from edgescope.lib.model_call import Call, NotedCall, call_model
from edgescope.report.drawn_attention import SCHEMA, STAGES, AttentionMap, AttentionMaps, mark_of
from edgescope.report.graph_targets import Targets
from edgescope.report.live.drawn_graphs import before_names, drawn_nodes
from edgescope.report.live.linked_rows import linked_rows
from edgescope.scanning.batches import BatchOfGraphs, device_of, on_device
from edgescope.scanning.collector import Repeats, of_call
from edgescope.scanning.first_batch import discover_at_start
from edgescope.scanning.loaders import graph_loader
from edgescope.scanning.result import Scan
from edgescope.scanning.site_scan import SiteEdges

VALUES = 300_000
"""Numbers that are kept, the most massive graphs first: about 0.8 MB in a page."""


def attention_maps(
    scan: Scan,
    model: nn.Module,
    loader: Iterable[Any],
    *,
    inputs: Mapping[str, str] | None = None,
    trust: Trust = (),
    call: Call = call_model,
) -> AttentionMaps:
    """Gather attention weights and logits of the graphs that the report of a scan draws.

    A scan keeps no weights. The model runs once more, in eval mode and without gradients, on the
    batches that hold such graphs; the report then shows, of a graph that is opened alone, who
    attends to whom in every layer and head. Kept are up to :data:`VALUES` numbers, of the most
    massive graphs first, and only between nodes that are drawn.

    Args:
        scan: the scan.
        model: the model that was scanned.
        loader: what was scanned.
        inputs: what the model calls its inputs, as in :func:`edgescope.scan`.
        trust: sites whose edges you vouch for, as there.
        call: how to call the model on a batch, as there.

    Returns:
        The maps; ``left_out`` says which layers have none and why.

    Raises:
        InputError: if the loader gives another number of graphs than were scanned.

    Example:
        >>> import edgescope as es
        >>> graphs = es.data.load("solubility").test[:64]
        >>> model = es.models.GAT(**graphs.model_sizes, hidden_dim=8, num_heads=2, num_layers=1)
        >>> loader = es.data.loader(graphs)
        >>> scan = es.scan(model, loader)
        >>> maps = es.report.attention_maps(scan, model, loader)
        >>> scan.report("report.html", attention=maps)  # doctest: +SKIP
    """
    check_inputs(inputs)
    if reason := _nothing(scan):
        return AttentionMaps(mark_of(scan), pl.DataFrame(schema=SCHEMA), {"": reason})
    model, loader, noted = eager_twin(model), graph_loader(loader), NotedCall(call)
    with generators_kept():
        found = discover_at_start(model, loader, noted, inputs)
        every = [each for each in found if isinstance(each, Site)]
        sites = [site for site in every if site.stage in STAGES]
        with_weights = {site.path for site in sites}
        left_out = {
            site.path: "it has no attention weights"
            for site in every
            if site.path not in with_weights
        }
        while sites:
            pass_ = _Pass(scan)
            try:
                pass_.run(model, loader, sites, noted, inputs, trust)
                break
            except InputError as error:
                if (path := layer_at_fault(error, sites)) is None:
                    raise
                left_out[path] = reason_of(error)
                sites = [site for site in sites if site.path != path]
        else:
            left_out = left_out or {"": f"{type(model).__name__} has no attention weights"}
            return AttentionMaps(mark_of(scan), pl.DataFrame(schema=SCHEMA), left_out)
    left_out |= pass_.left_out
    targets = pass_.targets
    return AttentionMaps(mark_of(scan), pass_.table(), left_out, targets.values, targets.reason)


def _nothing(scan: Scan) -> str:
    """Say why there are no maps of a scan; empty if there can be."""
    if scan.info.rows == "node":
        return "the scan is of nodes"
    if scan.info.parts:
        return (
            "the graph was scanned in parts, and the weights of a part depend on which neighbours "
            "it holds"
        )
    return ""


class _Pass:
    """Gathers the maps of the graphs that are drawn, batch by batch."""

    def __init__(self, scan: Scan) -> None:
        self._scan = scan
        self._nodes = drawn_nodes(scan, linked_rows(scan))
        self._of = {layer_of(site): found.of for site, found in scan.sites.items()}
        self._relations = scan.info.types_from == "relations"
        self._found: dict[int, list[AttentionMap]] = {graph: [] for graph in self._nodes}
        self._sizes = dict.fromkeys(self._nodes, 0)
        self._batch: BatchOfGraphs | None = None
        self._repeats = Repeats()
        self.left_out: dict[str, str] = {}
        self.targets = Targets(self._nodes)

    def run(
        self,
        model: nn.Module,
        loader: Iterable[Any],
        sites: list[Site],
        call: Call,
        inputs: Mapping[str, str] | None,
        trust: Trust,
    ) -> None:
        """Run the model on the batches that hold graphs that are drawn."""
        names = [site.name for site in sites]
        edges, device, graphs = (inputs or {}).get("edge_index", "edge_index"), device_of(model), 0
        options: dict[str, Any] = {"reduce": self._take, "inputs": inputs, "trust": trust}
        with evaluating(model), torch.no_grad(), record(model, names, **options):
            for batch in loader:
                self._batch = BatchOfGraphs(batch, graphs, edges)
                self._repeats = Repeats()
                drawn = not self._nodes.keys().isdisjoint(self._batch.positions)
                if drawn or not self._batch.is_told:
                    output = call(model, on_device(batch, device))
                    self.targets.take(self._batch, batch, output)
                graphs += self._batch.size
        if graphs != self._scan.info.graphs:
            raise InputError(
                f"the loader gave {graphs} graphs, expected the {self._scan.info.graphs} that were "
                "scanned; pass the same loader"
            )

    def table(self) -> pl.DataFrame:
        """Return the rows, of as many graphs as there is room for."""
        frames, room = [], VALUES
        for graph, blocks in self._found.items():
            if self._sizes[graph] <= room:
                room -= self._sizes[graph]
                frames += [_frame(graph, block) for block in blocks]
        return pl.concat([pl.DataFrame(schema=SCHEMA), *frames])

    def _take(self, activations: EdgeActivations) -> None:
        """Take in what a layer has computed of the current batch."""
        assert self._batch is not None
        layer, _, stage = activations.site.rpartition(":")
        number = self._repeats.count(activations.site)
        if activations.values.size(2) > 1:
            self.left_out[layer] = "its weights are several numbers per edge and head"
            return
        identity = of_call(self._batch.identify(activations.identity), number)
        graphs = torch.tensor([*self._nodes], device=identity.graph.device)
        for graph in set(identity.graph[torch.isin(identity.graph, graphs)].tolist()):
            rows = (identity.graph == graph).nonzero().squeeze(1)
            self._add(graph, layer, stage, rows, identity, activations.values[:, :, 0])

    def _add(
        self,
        graph: int,
        layer: str,
        stage: str,
        rows: Tensor,
        identity: EdgeIdentity,
        values: Tensor,
    ) -> None:
        drawn = self._nodes[graph]
        if drawn is not None:  # of a large graph, look at few rows one by one
            numbers = torch.tensor([int(name.rpartition(" ")[2]) for name in drawn])
            numbers = numbers.to(rows.device)
            ends = torch.stack([identity.own_source[rows], identity.own_target[rows]])
            rows = rows[torch.isin(ends, numbers).all(0)]
        names = self._names(layer, identity, rows)
        kept = [at for at, pair in enumerate(names) if drawn is None or drawn.issuperset(pair)]
        own = values[rows[kept]].float().cpu().numpy()
        self._sizes[graph] += own.size
        if own.size and self._sizes[graph] <= VALUES:
            ends_ = [names[at] for at in kept]
            block = AttentionMap(layer, stage, [a for a, _ in ends_], [b for _, b in ends_], own)
            self._found[graph].append(block)

    def _names(self, layer: str, identity: EdgeIdentity, rows: Tensor) -> list[tuple[str, str]]:
        """Return what the nodes at both ends of some rows are called on the page."""
        kinds = identity.relation if identity.relation is not None else identity.edge_type
        names = identity.relations or ()
        own = SiteEdges(two_node_sets=not identity.node_offset[0].equal(identity.node_offset[1]))
        of = self._of.get(layer_of(f"{layer}:"), own)
        numbers = torch.stack([identity.own_source[rows], identity.own_target[rows]]).T.tolist()
        relation = kinds[rows].tolist() if self._relations and kinds is not None else []
        told = [names[kind] if kind >= 0 else "" for kind in relation] or [""] * len(numbers)
        found = []
        for (source, target), kind in zip(numbers, told, strict=True):
            first, second = before_names(kind, of, identity.input)
            found.append((f"{first}{source}", f"{second}{target}"))
        return found


def _frame(graph: int, block: AttentionMap) -> pl.DataFrame:
    edges, heads = block.values.shape
    columns = {
        "layer": [block.layer] * block.values.size,
        "stage": [block.stage] * block.values.size,
        "graph": [graph] * block.values.size,
        "source": [name for name in block.sources for _ in range(heads)],
        "target": [name for name in block.targets for _ in range(heads)],
        "head": np.tile(np.arange(heads), edges),
        "value": block.values.reshape(-1),
    }
    return pl.DataFrame(columns, schema=SCHEMA)
