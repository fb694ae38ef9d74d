"""How often nodes with the same neighbours get the same output, by GCN, GAT and GATv2.

Other than :func:`edgescope.study.twins.tie_frequencies`, which draws random layers over random
features, this asks it of the twins that real graphs have, before and after training.
"""

import copy
from collections.abc import Iterator
from typing import Any, NamedTuple

import polars as pl
import torch
from torch import Tensor, nn

from edgescope.diagnosis.rules.identical_outputs import DIFFERENT, EQUAL, relative_distance
from edgescope.diagnosis.twin_certificate import find_twins
from edgescope.study.node_classes.class_task import ClassTask
from edgescope.study.node_classes.conv_stack import Kind, initial_stack
from edgescope.study.node_classes.early_stop import learn_classes
from edgescope.study.twins.tutorial import NEIGHBOURS, TWINS, X

MODELS: tuple[tuple[Kind, int], ...] = (
    ("GCN", 8),
    ("GAT", 1),
    ("GAT", 2),
    ("GAT", 8),
    ("GATv2", 8),
)
"""Kind of layer and heads; a GCN is as wide as so many heads."""

TUTORIAL = "tutorial"
"""What the table calls the example of four nodes."""

TIED = 1e-12
"""Outputs in double precision that differ by less, relative to the largest, are the same: some
thousand units of rounding. In single precision (:data:`~edgescope.diagnosis.rules.\
identical_outputs.EQUAL`) behind a second layer most twins look the same, of which the states before
it differ little."""

DRAWS = 100
"""Layers that are drawn on the example for each seed, as it has one pair of twins."""


def twin_shares(task: ClassTask, seed: int, max_epochs: int) -> pl.DataFrame:
    """Count twins with the same output in a task's graphs, before and after training.

    Twins have the same neighbours, at least two, and inputs that differ. With self-loops a node is
    one of its neighbours, so that twins are each other's neighbours; without, they need not be.
    Each is asked of models whose layers do the same.

    Args:
        task: a division of the data.
        seed: of weights and dropout.
        max_epochs: as in :func:`~edgescope.study.node_classes.early_stop.learn_classes`.

    Returns:
        Table ``twins``, with ``tied`` pairs (the same output in double precision) and ``near`` ones
        (single precision would not tell them apart). A row per model, use of self-loops, state and
        place where outputs are compared: behind the first layer, and behind the second, of which
        twins are twins as well.
    """
    rows: list[dict[str, Any]] = []
    inputs = task.train.inputs
    for self_loops in (False, True):
        pairs = _twins(inputs.x, inputs.edge_index, self_loops)
        known = {
            "data": task.name,
            "seed": seed,
            "split": task.split,
            "self_loops": self_loops,
            "pairs": pairs.size(1),
        }
        if not pairs.numel():
            rows.append(known)  # there is nothing to train for
            continue
        for kind, heads in MODELS:
            start = initial_stack(kind, task.sizes, seed, heads, self_loops=self_loops)
            trained = learn_classes(start, task, seed, max_epochs)
            named = known | _named(kind, heads)
            for place, counts in _tied(start, inputs, pairs):
                rows.append(named | counts | {"state": "untrained", "place": place})
            for place, counts in _tied(trained.model, inputs, pairs):
                of = {"state": "trained", "place": place, "value": trained.test}
                rows.append(named | counts | of)
    return pl.DataFrame(rows, schema=_SCHEMA)


def tutorial_shares(seed: int) -> pl.DataFrame:
    """Count how many of :data:`DRAWS` random layers tie the two twins of the tutorial's example.

    Args:
        seed: of the weights.

    Returns:
        Table ``twins``; a pair is a draw.
    """
    x = torch.tensor(X)
    edges = torch.tensor([(j, i) for i, others in enumerate(NEIGHBOURS) for j in others]).T
    pair = torch.tensor(TWINS).unsqueeze(1)
    rows = []
    for kind, heads in MODELS:
        # The example's neighbourhoods hold the self-loops already.
        numbers = range(seed * DRAWS, (seed + 1) * DRAWS)
        models = (
            initial_stack(kind, (2, 2, False), number, heads, self_loops=False)
            for number in numbers
        )
        found = [dict(_tied(model, _Inputs(x, edges), pair))["layer 1"] for model in models]
        counts = {name: sum(each[name] for each in found) for name in ("tied", "near")}
        known = {"data": TUTORIAL, "seed": seed, "self_loops": True, "pairs": DRAWS}
        of = {"state": "untrained", "place": "layer 1", "share": counts["tied"] / DRAWS}
        rows.append(known | _named(kind, heads) | counts | of)
    return pl.DataFrame(rows, schema=_SCHEMA)


def _named(kind: Kind, heads: int) -> dict[str, Any]:
    return {"model": kind, "heads": None if kind == "GCN" else heads}


class _Inputs(NamedTuple):
    """What a model is given."""

    x: Tensor
    edge_index: Tensor


_SCHEMA = {
    "data": pl.String,
    "seed": pl.Int64,
    "split": pl.Int64,
    "model": pl.String,
    "heads": pl.Int64,
    "self_loops": pl.Boolean,
    "state": pl.String,
    "place": pl.String,
    "pairs": pl.Int64,
    "tied": pl.Int64,
    "near": pl.Int64,
    "share": pl.Float64,
    "value": pl.Float64,
}


def _twins(x: Tensor, edge_index: Tensor, self_loops: bool) -> Tensor:
    """Return the pairs of twins with different inputs ``[2, P]``."""
    if self_loops:
        loops = torch.arange(len(x)).expand(2, -1)
        others = edge_index[:, edge_index[0] != edge_index[1]]
        edge_index = torch.cat([others, loops], 1)
    pairs = find_twins(edge_index, len(x))
    states = x if x.is_floating_point() else torch.nn.functional.one_hot(x).float()
    return pairs[:, relative_distance(states, pairs) > DIFFERENT] if pairs.numel() else pairs


def _tied(
    model: nn.Module,
    inputs: Any,  # noqa: ANN401  (a batch)
    pairs: Tensor,
) -> Iterator[tuple[str, dict[str, float]]]:
    """Yield behind each layer how many pairs have the same output, and the nearly same one."""
    held: list[Tensor] = []
    model = copy.deepcopy(model).double().eval()
    for conv in model.get_submodule("convs").children():
        conv.register_forward_hook(lambda _, __, output: held.append(output))
    x = inputs.x.double() if inputs.x.is_floating_point() else inputs.x
    with torch.no_grad():
        model(x, inputs.edge_index, getattr(inputs, "batch", None))
    for number, output in enumerate(held, 1):
        apart = relative_distance(output, pairs)
        tied = int((apart <= TIED).sum())
        near = int((apart <= EQUAL).sum())
        yield f"layer {number}", {"tied": tied, "near": near, "share": tied / pairs.size(1)}
