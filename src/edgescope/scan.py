"""Scan: capture and statistics over a loader, in one pass."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from contextlib import contextmanager
from typing import Any, NamedTuple
from warnings import warn

import torch
from torch import nn

from edgescope._progress import track
from edgescope.calling import Call, call_model
from edgescope.capture import capture
from edgescope.capture.select import Sites
from edgescope.errors import EdgescopeWarning, InputError
from edgescope.results import Scan, ScanInfo
from edgescope.scanning.batches import on_device
from edgescope.scanning.collector import Collector
from edgescope.scanning.edge_types import EdgeTypes, NewEdgeType
from edgescope.scanning.sites import (
    Chosen,
    choose_sites,
    left_out_message,
    nothing_left_message,
)
from edgescope.statistics.criteria import Criterion
from edgescope.statistics.criteria import criterion as find_criterion
from edgescope.statistics.sketch import JOINT_BUDGET
from edgescope.storage import load_scan

__all__ = ["Scan", "load_scan", "scan"]

MAX_ROWS = 200_000
"""Activations kept one by one per site: about 30 MB at the most."""


def scan(
    model: nn.Module,
    loader: Iterable[Any],
    *,
    baseline: nn.Module | Scan | None = None,
    criterion: str | Criterion = "paper2025",
    sites: Sites = None,
    edge_type_names: Sequence[str] | None = None,
    inputs: Mapping[str, str] | None = None,
    call: Call = call_model,
    keep_ratio: float | None = None,
    max_rows: int = MAX_ROWS,
    joint_budget: int = JOINT_BUDGET,
    progress: bool = True,
) -> Scan:
    """Scan every edge of a loader's graphs, at every site of a model.

    The model runs in eval mode without gradients, on the device it is on, and is left as it was.
    Memory depends on the number of sites and on the largest batch, not on the number of graphs.

    By default one site of every layer is scanned: its score, which is what the published study
    measures, or its message where it has no score. A layer with one channel, such as the last one
    of a classifier, has neither in a form that a within-edge ratio could compare; it is left out
    with a warning. A layer that runs several times in a forward pass has a site for every call,
    such as ``conv@2:score``.

    Args:
        model: the model to scan.
        loader: yields batches of whole graphs (PyG ``Batch``), or single graphs (``Data``).
            Graphs are numbered in the order in which they come, unless a batch says their
            positions in ``batch.graph`` ``[G]``.
        baseline: what to compare with: usually the same model before training, which is then
            scanned on the same graphs; or a scan.
        criterion: rule that calls an activation massive, or the name of a preset.
        sites: names or patterns of the sites to scan, such as ``"*:message"``, or a function that
            takes a :class:`~edgescope.capture.Site` and says yes or no. ``es.capture.sites(model)``
            lists them. Sites with one number per edge and head have no ratio and are refused.
        edge_type_names: name of each edge type, in order; by default those of
            ``loader.dataset.edge_type_names``, or plain numbers after looking through the loader.
            The types are the integers that the model is given as ``edge_type`` or ``edge_attr``;
            without any, all edges are of the type ``"edge"``. In a heterogeneous graph they are the
            relations, such as ``"author writes paper"``. Rows that are no edge of the input are of
            the type ``"added"``: self-loops that a layer adds, and pairs of nodes without an edge
            in global attention.
        inputs: what the model's ``forward`` calls ``edge_index``, ``edge_attr``, ``edge_type``,
            ``batch`` and ``x``, where it differs; as in :func:`edgescope.capture`.
        call: how to call the model on a batch; by default the batch's attributes are matched
            with the names of ``forward``.
        keep_ratio: activations with a larger ratio are kept one by one, for :meth:`Scan.massive`;
            the criterion's ratio by default.
        max_rows: how many of them are kept per site, the largest ratios first.
        joint_budget: bytes for each of a site's two joint histograms over type and channel.
        progress: whether to show a progress bar.

    Raises:
        InputError: if the model has no site or does not run one, if a site that was asked for has
            no vectors, if its edges cannot be identified, or if the loader is empty or can be gone
            through only once.
    """
    if isinstance(loader, Iterator):
        raise InputError(
            f"received a {type(loader).__name__}, which can be gone through only once; "
            "pass a loader or a list of batches"
        )
    rule = find_criterion(criterion)
    chosen = choose_sites(model, sites)
    settings = _Settings(
        EdgeTypes(loader, edge_type_names, inputs, chosen.add_edges),
        dict(inputs or {}),
        call,
        rule,
        rule.ratio if keep_ratio is None else keep_ratio,
        max_rows,
        joint_budget,
        progress,
    )
    if isinstance(baseline, nn.Module):
        baseline, _ = _scan(baseline, loader, choose_sites(baseline, sites), settings)
    found, left_out = _scan(model, loader, chosen, settings, baseline)
    if left_out:
        warn(left_out_message(left_out), EdgescopeWarning, stacklevel=2)
    return found


class _Settings(NamedTuple):
    """What the scans of a model and of its baseline share."""

    types: EdgeTypes
    inputs: Mapping[str, str]
    call: Call
    rule: Criterion
    keep_ratio: float
    max_rows: int
    joint_budget: int
    progress: bool


def _scan(
    model: nn.Module,
    loader: Iterable[Any],
    chosen: Chosen,
    settings: _Settings,
    baseline: Scan | None = None,
) -> tuple[Scan, list[str]]:
    """Scan one model; return also the sites that the default leaves out."""
    started = time.perf_counter()
    while True:
        keep = (settings.keep_ratio, settings.max_rows, settings.joint_budget)
        collector = Collector(settings.types, *keep, skip_scalars=chosen.by_default)
        try:
            names = _collect(model, loader, chosen, settings, collector)
            break
        except NewEdgeType:
            continue  # as the sketches must know all types from the start
    if not collector.graphs:
        raise InputError("the loader gave no batch; pass a loader over at least one graph")
    left_out = [*chosen.left_out, *collector.skipped]
    names = [name for name in names if name not in collector.skipped]
    if not names:
        raise InputError(nothing_left_message(model, left_out))
    results = {name: collector.result(name) for name in names}
    info = ScanInfo(
        model=type(model).__name__,
        data=str(getattr(getattr(loader, "dataset", None), "name", "")),
        graphs=collector.graphs,
        edge_type_names=settings.types.names,
        criterion=settings.rule,
        keep_ratio=settings.keep_ratio,
        max_rows=settings.max_rows,
        seconds=time.perf_counter() - started,
    )
    return Scan(results, info, collector.smiles(), baseline), left_out


def _collect(
    model: nn.Module,
    loader: Iterable[Any],
    chosen: Chosen,
    settings: _Settings,
    collector: Collector,
) -> list[str]:
    """Run the model on every batch and return the names of the sites that were captured."""
    wanted = {site.name for site in chosen.sites}
    edges = settings.inputs.get("edge_index", "edge_index")
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    total = len(loader) if isinstance(loader, Sized) else None
    with (
        _evaluating(model),
        capture(
            model,
            lambda site: site.name in wanted,
            reduce=collector.reduce,
            inputs=settings.inputs,
        ) as tape,
    ):
        for batch in track(loader, f"scanning {type(model).__name__}", total, settings.progress):
            collector.start(batch, edges)
            settings.call(model, on_device(batch, device))
    return tape.sites


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """Run in eval mode without gradients, then set every module's mode back."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, mode in modes.items():
            module.training = mode
