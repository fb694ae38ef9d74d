"""Scanning one model: capture and counting over a loader, shard by shard."""

import time
from collections.abc import Iterable, Sized
from typing import Any

import torch
from torch import nn

from edgescope._modes import evaluating
from edgescope._progress import track
from edgescope.capture import capture
from edgescope.errors import InputError
from edgescope.results import Scan, ScanInfo
from edgescope.scanning.batch_norm import has_statistics
from edgescope.scanning.batches import device_of, on_device
from edgescope.scanning.collector import Collector
from edgescope.scanning.edge_types import NewEdgeType
from edgescope.scanning.settings import Settings
from edgescope.scanning.shards import Shard
from edgescope.scanning.sites import Chosen, nothing_left_message
from edgescope.scanning.whole import WholeGraph


def scan_model(
    model: nn.Module,
    loader: Iterable[Any],
    chosen: Chosen,
    settings: Settings,
    baseline: Scan | None = None,
) -> tuple[Scan, list[str]]:
    """Scan one model over a loader.

    Args:
        model: the model, set back to the mode it was in.
        loader: the batches.
        chosen: the sites to scan.
        settings: what the scans of a model and of its baseline share.
        baseline: the scan to compare with.

    Returns:
        The scan, and the sites that the default leaves out.

    Raises:
        InputError: if the loader is empty, or a site was not run.
    """
    started = time.perf_counter()
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
            "batches": len(loader) if isinstance(loader, Sized) else None,
        },
    )
    while True:
        keep = (settings.floor, settings.max_rows, settings.joint_budget)
        collector = Collector(
            settings.types, *keep, skip_scalars=chosen.by_default, whole=WholeGraph(loader)
        )
        collector.graphs = shard.begin(settings.types)
        try:
            names = shard.sites(_collect(model, loader, chosen, settings, collector, shard))
            break
        except NewEdgeType:
            shard.forget()  # as the sketches must know all types from the start
    if not collector.graphs:
        raise InputError("the loader gave no batch; pass a loader over at least one graph")
    skipped = shard.skipped(collector.skipped)
    left_out = [*chosen.left_out, *skipped]
    names = [name for name in names if name not in skipped]
    if not names:
        raise InputError(nothing_left_message(model, left_out))
    part = _part(model, loader, settings, collector, started)
    shard.keep(part, names, skipped, settings.types)
    whole = shard.join(part)
    for name in names:
        if name not in whole.sites:
            raise InputError(f"the model did not run {name}; leave it out with sites=")
    sites = {name: whole.sites[name] for name in names}
    return Scan(sites, whole.info, whole.smiles, baseline), left_out


def _part(
    model: nn.Module,
    loader: Iterable[Any],
    settings: Settings,
    collector: Collector,
    started: float,
) -> Scan:
    """Return what was collected, at every site."""
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
        batch_norm=has_statistics(model),
    )
    results = {site: collector.result(site) for site in collector.sites}
    return Scan(results, info, collector.smiles())


def _collect(
    model: nn.Module,
    loader: Iterable[Any],
    chosen: Chosen,
    settings: Settings,
    collector: Collector,
    shard: Shard,
) -> list[str]:
    """Run the model on every batch and return the names of the sites that were captured."""
    started = time.perf_counter()
    wanted = {site.name for site in chosen.sites}
    edges = settings.inputs.get("edge_index", "edge_index")
    device = device_of(model)
    with (
        evaluating(model),
        torch.no_grad(),
        capture(
            model,
            lambda site: site.name in wanted,
            reduce=collector.reduce,
            inputs=settings.inputs,
        ) as tape,
    ):
        title = settings.title.format(model=type(model).__name__)
        for batch in track(loader, title, show=settings.progress):
            if shard.counted(batch):
                continue
            collector.start(batch, edges)
            settings.call(model, on_device(batch, device))
            if shard.due:
                part = _part(model, loader, settings, collector, started)
                shard.keep(part, tape.sites, collector.skipped, settings.types)
    return tape.sites
