"""One pass over a loader, in which rules see every attention layer.

One pass over a loader, in which rules see every attention layer.

Some graphs of a batch, for loaders of so few batches that one is too much.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Sized
from contextlib import nullcontext
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import nn

from edgescope.capturing.forward_pass import Trust
from edgescope.capturing.look import Look
from edgescope.capturing.site_choice import Sites, select_sites
from edgescope.diagnosis.batch_view import Watch
from edgescope.diagnosis.rules.diagnosis_rule import LayerInfo, Rule, Sample
from edgescope.lib.errors import InputError
from edgescope.lib.eval_mode import evaluating
from edgescope.lib.model_call import Call
from edgescope.lib.progress import track
from edgescope.scanning.batches import device_of, on_device

if TYPE_CHECKING:
    from edgescope.capturing.sites import Site


EVERY = 6
"""One batch in this many is looked at by default, or this part of the graphs where there are fewer
batches. To look at one takes two to four times as long as to run the model on it, with global
attention up to seven times, and diagnosis is to take less than twice a pass over the data."""

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
    paths = {site.path for site in select_sites(model, wanted)}
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
