"""Scanning one model: capture and counting over a loader, shard by shard."""

import time
from collections import defaultdict
from collections.abc import Iterable
from contextlib import nullcontext
from typing import Any

import torch
from torch import nn

from edgescope.capturing import Coverage
from edgescope.capturing.call_stack import layer_at_fault, reason_of
from edgescope.capturing.coverage import layer_of
from edgescope.capturing.edge_columns import NotFollowed
from edgescope.capturing.look import Look
from edgescope.capturing.tape import record
from edgescope.lib.errors import InputError
from edgescope.lib.eval_mode import evaluating
from edgescope.lib.heap import keep_heap
from edgescope.lib.progress import track
from edgescope.scanning.batch_norm import has_statistics
from edgescope.scanning.batches import device_of, on_device
from edgescope.scanning.collector import Collector
from edgescope.scanning.edge_types import NewEdgeType
from edgescope.scanning.loaders import batches_of
from edgescope.scanning.result import Scan, ScanInfo
from edgescope.scanning.scan_sites import Chosen, nothing_left_message
from edgescope.scanning.settings import Settings
from edgescope.scanning.shards import Shard
from edgescope.scanning.site_scan import Rows, held_graphs
from edgescope.scanning.whole_graph import WholeGraph


def scan_model(
    model: nn.Module,
    loader: Iterable[Any],
    chosen: Chosen,
    settings: Settings,
    *,
    look: bool = True,
) -> tuple[Scan, Chosen]:
    """Scan one model over a loader.

    Args:
        model: the model, set back to the mode it was in.
        loader: the batches.
        chosen: the sites to scan.
        settings: what the scans of a model and of its baseline share.
        look: whether to look for attention beside the sites on the first batch.

    Returns:
        The scan; and the sites, with those that the default has left out on the way.

    Raises:
        InputError: if the loader is empty, a site was not run, or a layer that was asked for cannot
            be captured.
    """
    started = time.perf_counter()
    keep_heap()
    shard = settings.shards.of(
        model,
        {
            "sites": [site.name for site in chosen.sites],
            "edge types": settings.types.names,
            "criterion": settings.rule,
            "keep_ratio": settings.keep_ratio,
            "keep_magnitude": settings.keep_magnitude,
            "max_rows": settings.max_rows,
            "joint_budget": settings.joint_budget,
            "inputs": settings.inputs,
            "trust": settings.trust,
            "batches": batches_of(loader),
        },
    )
    chosen = chosen.without(shard.refused, model)
    adaptive = True
    while True:
        looked = Look(model, chosen.found) if look and not shard.resumes else None
        keep = (settings.floor, settings.max_rows, settings.joint_budget)
        collector = Collector(
            settings.types,
            *keep,
            skip_scalars=chosen.by_default,
            whole=WholeGraph(loader),
            joint_floor=shard.joint_floor,
        )
        collector.graphs = shard.begin(settings.types)
        try:
            scope = (model, loader, chosen, settings, collector)
            names = shard.sites(_collect(*scope, shard, looked, adaptive=adaptive))
            break
        except NotFollowed:
            adaptive = False  # a layer was given a copy of the edges after batches without one
            shard.forget()
        except NewEdgeType:
            shard.forget()  # as the sketches must know all types from the start
        except InputError as error:
            path = layer_at_fault(error, chosen.sites) if chosen.by_default else None
            if path is None:
                raise
            chosen = chosen.without({path: reason_of(error)}, model)
            shard.forget()  # as the layer must be left out from the start
            shard.refused = dict(chosen.refused)
    if not collector.graphs:
        raise InputError("the loader gave no batch; pass a loader over at least one graph")
    skipped = shard.skipped(collector.skipped)
    coverage = chosen.coverage(model, skipped)
    chosen = chosen._replace(left_out=[*chosen.left_out, *skipped])
    names = [name for name in names if name not in skipped]
    if not names:
        raise InputError(nothing_left_message(model, chosen.left_out, chosen.refused))
    part = _part(model, loader, settings, collector, started, coverage, looked, chosen.rows)
    shard.keep(part, names, skipped, settings.types)
    whole = shard.join(part)
    for name in names:
        if name not in whole.sites:
            raise InputError(f"the model did not run {name}; leave it out with sites=")
    sites = {name: whole.sites[name] for name in names}
    return Scan(sites, whole.info, whole.names), chosen


def _part(
    model: nn.Module,
    loader: Iterable[Any],
    settings: Settings,
    collector: Collector,
    started: float,
    coverage: Coverage,
    looked: Look | None,
    of: Rows,
) -> Scan:
    """Return what was collected, at every site."""
    results = {site: collector.result(site) for site in collector.sites}
    rows: dict[str, int] = defaultdict(int)
    for site, found in results.items():
        rows[layer_of(site)] += int(found.sketch.counts["edges"].sum())
    coverage = coverage.after(rows)
    info = ScanInfo(
        model=type(model).__name__,
        data=str(getattr(getattr(loader, "dataset", None), "name", "")),
        graphs=collector.graphs,
        edge_type_names=settings.types.names,
        criterion=settings.rule,
        keep_ratio=settings.keep_ratio,
        max_rows=settings.max_rows,
        seconds=time.perf_counter() - started,
        keep_magnitude=settings.keep_magnitude,
        parts=bool(collector.parts),
        arguments=settings.call.arguments,
        types_from=settings.types.source,
        coverage=coverage if looked is None else looked.corrected(coverage),
        batch_norm=has_statistics(model),
        rows=of,
    )
    return Scan(results, info, collector.names().of(held_graphs(results)))


def _collect(
    model: nn.Module,
    loader: Iterable[Any],
    chosen: Chosen,
    settings: Settings,
    collector: Collector,
    shard: Shard,
    looked: Look | None,
    *,
    adaptive: bool,
) -> list[str]:
    """Run the model on every batch and return the names of the sites that were captured."""
    started = time.perf_counter()
    edges = settings.inputs.get("edge_index", "edge_index")
    device = device_of(model)
    with (
        evaluating(model),
        torch.no_grad(),
        record(
            model,
            reduce=collector.reduce,
            inputs=settings.inputs,
            trust=settings.trust,
            adaptive=adaptive,
            found=chosen.sites,
        ) as tape,
    ):
        title = settings.title.format(model=type(model).__name__)
        for batch in track(loader, title, show=settings.progress):
            if shard.counted(batch):
                continue
            collector.start(batch, edges)
            with nullcontext() if looked is None or looked.done else looked.at(batch):
                settings.call(model, on_device(batch, device))
            if shard.due:
                coverage = chosen.coverage(model, collector.skipped)
                scope = (settings, collector, started, coverage, looked, chosen.rows)
                part = _part(model, loader, *scope)
                shard.keep(part, tape.sites, collector.skipped, settings.types)
    return tape.sites
