"""One pass over a loader, in which rules see every attention layer that can be captured.

Layers that cannot be captured do not keep the others from it. Of a loader of so few batches that
one is too much, rules see some graphs of a batch.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Sized
from contextlib import nullcontext
from itertools import islice
from typing import Any, NamedTuple

import torch
from torch import nn

from edgescope.capturing.call_stack import layer_at_fault, reason_of
from edgescope.capturing.coverage import Coverage
from edgescope.capturing.forward_pass import Trust
from edgescope.capturing.look import Look
from edgescope.capturing.model_survey import model_coverage
from edgescope.capturing.site_choice import Sites, select_sites
from edgescope.capturing.sites import Site, find_sites
from edgescope.capturing.state_sites import StateAdapter
from edgescope.diagnosis.batch_view import Watch
from edgescope.diagnosis.rules.diagnosis_rule import LayerInfo, Rule, Sample
from edgescope.lib.errors import InputError
from edgescope.lib.eval_mode import evaluating
from edgescope.lib.model_call import Call
from edgescope.lib.progress import track
from edgescope.scanning.batches import device_of, on_device

EVERY = 6
"""One batch in this many is looked at by default, or this part of the graphs where there are fewer
batches. To look at one takes two to four times as long as to run the model on it, with global
attention up to seven times, and diagnosis is to take less than twice a pass over the data.

Example:
    >>> import edgescope as es
    >>> es.diagnosis.EVERY
    6
"""

SAMPLE_SHARE = 10
"""One batch in this many, and one at least, is a sample on which rules may run the model again."""

SAMPLE_MOST = 4
"""How many batches such a sample holds at most."""


def layers_of(model: nn.Module, wanted: Sites = None) -> list[LayerInfo]:
    """Return the attention layers of a model to observe, in their order.

    Args:
        model: the model.
        wanted: a layer is observed, in all its stages, if one of its sites is; all by default.

    Raises:
        InputError: if the model has none, or ``wanted`` takes none.
    """
    chosen = [(site, site.adapter) for site in select_sites(model, wanted)]
    paths = {a.edges_at if isinstance(a, StateAdapter) else site.path for site, a in chosen}
    found: dict[str, list[Site]] = defaultdict(list)
    for site in select_sites(model, None):
        if site.path in paths:
            found[site.path].append(site)
    return [
        LayerInfo(path, sites[0].layer, sites[0].adapter, tuple(site.stage for site in sites))
        for path, sites in found.items()
    ]


class Observed(NamedTuple):
    """What was looked at in a pass."""

    batches: int
    """How many batches."""
    graphs: int
    """How many graphs in them."""
    ran: dict[str, int | None]
    """Path of every layer that ran to how many of its rows were captured, if any were."""
    look: Look
    """What the model computes beside these layers."""


def observe(
    model: nn.Module,
    loader: Iterable[Any],
    rules: Sequence[Rule],
    layers: Sequence[LayerInfo],
    *,
    call: Call,
    inputs: Mapping[str, str] | None = None,
    trust: Trust = (),
    every: int = EVERY,
    max_batches: int | None = None,
    seed: int = 0,
    progress: bool = True,
) -> Observed:
    """Run a model over a loader, in eval mode and without gradients, and let rules watch.

    Args:
        model: the model, left as it was.
        loader: the batches.
        rules: they are begun here, and see everything in the order in which it happens.
        layers: the attention layers of the model.
        call: how to call the model on a batch.
        inputs: what the model calls the parts of the graph, as in :func:`edgescope.capture`.
        trust: sites whose edges the user vouches for.
        every: the first batch and each ``every``-th after it are looked at, the others are skipped.
            Of a loader of fewer batches it is that part of the first one's graphs.
        max_batches: how many batches to take from the loader at most; all without it.
        seed: what rules may draw at random.
        progress: whether to show a bar.

    Returns:
        What was looked at.

    Raises:
        InputError: if the loader is empty.
    """
    for rule in rules:
        rule.start(layers)
    total = len(loader) if isinstance(loader, Sized) else None
    if max_batches is not None:
        total = max_batches if total is None else min(total, max_batches)
        loader = islice(loader, max_batches)
    share = 1.0 if total is None else min(1.0, total / every)
    most = min(SAMPLE_MOST, max(1, (total or 1) // SAMPLE_SHARE))
    batches: list[Any] = []
    outputs: list[Any] = []
    device = device_of(model)
    looked = graphs = 0
    look = Look(model)
    ran: dict[str, int | None] = {}
    with evaluating(model), torch.no_grad():
        title = f"diagnosing {type(model).__name__}"
        for number, given in enumerate(track(loader, title, total, progress)):
            if number % every:
                continue
            part = thinned(given, share)
            batch = on_device(part, device)
            watching = [rule for rule in rules if looked < most or not rule.sampled]
            watch = Watch(watching, layers, number, batch)
            first = nullcontext() if look.done else look.at(batch)
            with watch.watching(model, inputs, trust), first:
                output = call(model, batch)
            watch.flush()
            for path, rows in watch.ran.items():
                before = ran.get(path)
                ran[path] = before if rows is None else (before or 0) + rows
            if len(batches) < most:
                batches.append(on_device(part, device))
                outputs.append(output)
            looked += 1
            graphs += getattr(part, "num_graphs", 1)
        if not looked:
            raise InputError("the loader gave no batch; pass a loader over at least one graph")
        sample = Sample(model, call, batches, outputs, seed, inputs)
        for rule in rules:
            if rule.samples:
                rule.probe(sample)
    return Observed(looked, graphs, ran, look)


LEAST_GRAPHS = 32
"""Graphs that are left at least: with fewer, time goes into the calls and no longer into the
graphs, and counts get too small to say anything."""


def thinned(batch: Any, share: float, least: int = LEAST_GRAPHS) -> Any:  # noqa: ANN401  (any PyG batch)
    """Return a batch of a share of the graphs of a batch, at equal steps.

    Args:
        batch: the batch. What is no batch of graphs that PyG can take apart stays whole.
        share: how many of its graphs to keep, between 0 and 1, rounded up.
        least: how many are kept at least.
    """
    from torch_geometric.data import Batch

    if not isinstance(batch, Batch) or not hasattr(batch, "_slice_dict"):
        return batch
    graphs = batch.num_graphs
    kept = max(math.ceil(share * graphs), least)
    if kept >= graphs:
        return batch
    chosen = torch.linspace(0, graphs - 1, kept).round().long()
    return Batch.from_data_list(batch.index_select(chosen))


def observe_what_can_be(
    model: nn.Module,
    loader: Iterable[Any],
    rules: Sequence[Rule],
    layers: Sequence[LayerInfo],
    *,
    by_default: bool,
    **options: Any,
) -> tuple[Observed, list[LayerInfo], dict[str, str]]:
    """Let rules watch a model run, if need be without the layers that cannot be captured then.

    Args:
        model: the model.
        loader: the batches.
        rules: the rules, which begin anew if a layer is left out.
        layers: the layers to watch.
        by_default: whether nobody asked for these layers; else none of them is left out.
        **options: those of :func:`edgescope.diagnosis.observation.observe`.

    Returns:
        What was looked at, the layers without those left out, and path of each of these to the
        reason.

    Raises:
        InputError: if no layer is left or ran, or one that was asked for cannot be captured.
    """
    layers = list(layers)
    refused: dict[str, str] = {}
    while True:
        try:
            seen = observe(model, loader, rules, layers, **options)
            break
        except InputError as error:
            path = layer_at_fault(error, _sites(model)) if by_default else None
            if path is None:
                raise
            refused[path] = reason_of(error)
            layers = [info for info in layers if info.path != path]
            if not layers:
                raise InputError(_nothing_message(model, layers, refused)) from error
    if not any(info.path in seen.ran for info in layers):
        raise InputError(_nothing_message(model, layers, refused))
    return seen, layers, refused


def coverage_of(
    model: nn.Module, layers: Sequence[LayerInfo], seen: Observed, refused: Mapping[str, str]
) -> Coverage:
    """Return which attention of a model rules have looked at, and which not and why.

    Args:
        model: the model.
        layers: the layers that were watched.
        seen: what was looked at.
        refused: path of a layer that was left out to the reason.
    """
    return seen.look.corrected(_planned(model, layers, refused).after(seen.ran))


def left_out_message(path: str, reason: str) -> str:
    """Say that a layer is left out."""
    return f"{path or 'the model'} is left out, since it cannot be captured: {reason}"


def _planned(model: nn.Module, layers: Sequence[LayerInfo], refused: Mapping[str, str]) -> Coverage:
    paths = {info.path for info in layers}
    return model_coverage(model, [s for s in _sites(model) if s.path in paths], refused)


def _nothing_message(
    model: nn.Module, layers: Sequence[LayerInfo], refused: Mapping[str, str]
) -> str:
    """Say that no layer was looked at, and why not."""
    gaps = _planned(model, layers, refused).after({}).gaps()
    return f"no attention of {type(model).__name__} was looked at: {'; '.join(gaps)}"


def _sites(model: nn.Module) -> list[Site]:
    return [found for found in find_sites(model) if isinstance(found, Site)]
