r"""Experiment (c): does training leave the region in which attention cannot tell twins apart?

Many layers are trained side by side on a task that needs the distinction, each from another start,
inside the region (all logits of all twins above zero, or all below) or outside it.

Inside the region, the gradient of :math:`a_t` is exactly zero, as it moves all logits of a node
alike and the softmax does not see it. The region can only be left sideways, when W and
:math:`a_s` move for other reasons. Once the loss is the best that equal outputs allow, nothing
moves any more, and the start is stuck.

The tasks:

- *twins*: two nodes with three shared neighbours have different labels.
- *look-up*: the dictionary look-up of Brody et al. (arXiv 2105.14491, section 4.1). Every query
  attends to all keys and must name the value of the key with its own attribute, for all
  assignments of values to keys. All queries of a graph are twins. GAT cannot solve it wherever it
  starts, as it ranks the keys the same for all queries.
"""

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from edgescope._progress import track
from edgescope.diagnose.experiments.drawing import (
    Attention,
    LayerKind,
    Setting,
    Weights,
    attend,
    certify,
    draw_weights,
    regions_of,
)
from edgescope.diagnose.experiments.shares import Share
from edgescope.errors import InputError

if TYPE_CHECKING:
    import polars as pl

TaskName = Literal["twins", "look-up"]

KEYS = 4
"""Keys, and queries, of the dictionary; 24 assignments of values to keys."""

FEATURES = 8
"""Random features of a node in the twins' task."""

NEIGHBOURS = 3
"""Neighbours of the twins."""

POOL = 20_000
"""Random starts among which those of each kind are looked for."""

MARGIN = 1e-6
"""By how much the right class must win; tied twins may differ by rounding."""

STARTS = ("above", "below", "opposite", "both")
"""Kinds of starts. Inside the region: all logits of all nodes above zero, or all below. Opposite:
the logits of each node on one side, but not all nodes on the same, so that some twins differ while
no node sees itself. Both: every node has logits on both sides, in some head."""


class Task(NamedTuple):
    """What is learnt: in each of ``G`` graphs, ``m`` nodes attend to ``k`` of ``n`` others."""

    others: Tensor
    """Features of all nodes that are looked at in any graph ``[S, n, F]``."""
    nodes: Tensor
    """Features of the nodes that look, in every graph the same ``[S, m, F]``."""
    picks: Tensor
    """Which of the others are in each graph ``[G, k]``."""
    labels: Tensor
    """Class of every node in every graph ``[m, G]``."""

    @property
    def classes(self) -> int:
        """Number of classes."""
        return int(self.labels.max()) + 1


def twins_task(starts: int, generator: torch.Generator) -> Task:
    """Return one graph for each start: two twins of different classes, with random features."""
    others, nodes = (
        torch.randn(starts, size, FEATURES, generator=generator, dtype=torch.float64)
        for size in (NEIGHBOURS, 2)
    )
    return Task(others, nodes, torch.arange(NEIGHBOURS)[None], torch.tensor([[0], [1]]))


def look_up_task(starts: int) -> Task:
    """Return the dictionary look-up, in all assignments of values to keys.

    A key has its attribute and its value as one-hot numbers, a query its attribute only.
    """
    one_hot = torch.eye(KEYS, dtype=torch.float64)
    attribute = one_hot.repeat_interleave(KEYS, 0)
    others = torch.cat([attribute, one_hot.repeat(KEYS, 1)], 1)
    nodes = torch.cat([one_hot, torch.zeros_like(one_hot)], 1)
    values = torch.tensor(list(itertools.permutations(range(KEYS))))
    picks = torch.arange(KEYS) * KEYS + values
    return Task(
        others.expand(starts, -1, -1), nodes.expand(starts, -1, -1), picks, values.T.contiguous()
    )


@dataclass(frozen=True)
class Trace:
    """How the starts of one layer on one task went; ``T`` recorded steps, ``S`` starts.

    Attributes:
        task: the task.
        layer: the layer.
        kind: kind of every start ``[S]``.
        steps: recorded steps ``[T]``; 0 is the start.
        loss: cross-entropy ``[T, S]``.
        inside: share of pairs of twins that are certified in all heads ``[T, S]``.
        above: share of the logits above zero ``[T, S]``, in GATv2 of the channels.
        gradient: norm of the gradient of all weights ``[T, S]``.
        own_gradient: norm of that of ``a_t`` ``[T, S]``; of ``a`` in GATv2.
        accuracy: share of nodes with the right class at the end ``[S]``.
    """

    task: TaskName
    layer: LayerKind
    kind: tuple[str, ...]
    steps: tuple[int, ...]
    loss: Tensor
    inside: Tensor
    above: Tensor
    gradient: Tensor
    own_gradient: Tensor
    accuracy: Tensor

    def starts(self, kind: str) -> Tensor:
        """Return the numbers of the starts of a kind."""
        return torch.tensor([i for i, each in enumerate(self.kind) if each == kind])


@dataclass(frozen=True)
class Escapes:
    """Result of :func:`escapes`.

    Attributes:
        seed: what decided starts and tasks.
        traces: one per task and layer.
    """

    seed: int
    traces: tuple[Trace, ...]

    def table(self) -> "pl.DataFrame":
        """Return one row per task, layer and kind of start.

        Columns: task, layer, start, starts; outside (share of the starts that tell some pair of
        twins apart at the end) and solved (share with all classes right), with their 95 %
        intervals; escape_step, the median recorded step at which they first told a pair apart;
        loss, its median at the end, with loss_min and loss_max; gradient and own_gradient, their
        medians at the start; final_gradient, at the end.
        """
        import polars as pl

        rows = []
        for trace in self.traces:
            for kind in STARTS:
                chosen = trace.starts(kind)
                if not len(chosen):
                    continue
                outside = trace.inside[:, chosen] < 1
                ever = outside.any(0)
                steps = torch.tensor(trace.steps)[outside[:, ever].int().argmax(0)]
                last = trace.loss[-1, chosen]
                escaped = Share(int(outside[-1].sum()), len(chosen))
                solved = Share(int((trace.accuracy[chosen] == 1).sum()), len(chosen))
                rows.append(
                    {
                        "task": trace.task,
                        "layer": trace.layer,
                        "start": kind,
                        "starts": len(chosen),
                        **escaped.columns("outside"),
                        "escape_step": float(steps.double().median()) if len(steps) else None,
                        **solved.columns("solved"),
                        "loss": float(last.median()),
                        "loss_min": float(last.min()),
                        "loss_max": float(last.max()),
                        "gradient": float(trace.gradient[0, chosen].median()),
                        "own_gradient": float(trace.own_gradient[0, chosen].median()),
                        "final_gradient": float(trace.gradient[-1, chosen].median()),
                    }
                )
        return pl.DataFrame(rows, infer_schema_length=None)

    def curves(self) -> "pl.DataFrame":
        """Return medians over the starts of a kind at every recorded step.

        Columns: task, layer, start, step, loss, inside, above, gradient, own_gradient. For inside
        and above these are means.
        """
        import polars as pl

        rows = [
            {
                "task": trace.task,
                "layer": trace.layer,
                "start": kind,
                "step": step,
                "loss": float(trace.loss[at, chosen].median()),
                "inside": float(trace.inside[at, chosen].mean()),
                "above": float(trace.above[at, chosen].mean()),
                "gradient": float(trace.gradient[at, chosen].median()),
                "own_gradient": float(trace.own_gradient[at, chosen].median()),
            }
            for trace in self.traces
            for kind in STARTS
            for chosen in [trace.starts(kind)]
            if len(chosen)
            for at, step in enumerate(trace.steps)
        ]
        return pl.DataFrame(rows, infer_schema_length=None)


def escapes(
    starts: int = 40,
    steps: int = 500,
    *,
    record: int = 5,
    lr: float = 0.01,
    heads: int = 1,
    seed: int = 0,
    progress: bool = True,
) -> Escapes:
    """Train GAT and GATv2 on both tasks, from starts inside and outside the region.

    Args:
        starts: starts of each kind, for each layer and task; fewer if there are not as many among
            :data:`POOL` random ones, as with GATv2, which hardly ever starts inside.
        steps: steps of Adam, on all graphs at once.
        record: one step in so many is recorded, and the last.
        lr: learning rate.
        heads: heads of 8 channels.
        seed: decides the starts.
        progress: whether to show a bar.

    Raises:
        InputError: if a number is not above 0.
    """
    if min(starts, steps, record, heads) < 1 or lr <= 0:
        raise InputError(
            f"received starts={starts}, steps={steps}, record={record}, heads={heads}, lr={lr}; "
            "expected numbers above 0"
        )
    tasks: tuple[TaskName, ...] = ("twins", "look-up")
    layers: tuple[LayerKind, ...] = ("GAT", "GATv2")
    traces = [
        follow(task, Setting(layer=layer, heads=heads), starts, steps, record, lr, seed, progress)
        for task in tasks
        for layer in layers
    ]
    return Escapes(seed, tuple(traces))


def follow(
    name: TaskName,
    setting: Setting,
    starts: int,
    steps: int,
    record: int,
    lr: float,
    seed: int,
    progress: bool,
) -> Trace:
    """Train one layer on one task; see :func:`escapes`."""
    generator = torch.Generator().manual_seed(seed)
    drawn = draw_weights(setting, POOL, generator)
    task = twins_task(POOL, generator) if name == "twins" else look_up_task(POOL)
    kind, chosen = _choose(setting, task, drawn, starts)
    task = task._replace(others=task.others[chosen], nodes=task.nodes[chosen])
    weights = Weights(*(each[chosen].clone() for each in drawn))
    if setting.layer == "GAT":  # one projection for both ends, and none of the biases
        weights = weights._replace(target=weights.source)
        trained = [weights.source, weights.att_dst, weights.att_src]
    else:
        weights = weights._replace(att_dst=weights.att_src)
        trained = [each for each in weights if each is not weights.att_dst] + [weights.att_dst]
    size = (len(chosen), task.classes, setting.heads * setting.channels)
    readout = (torch.rand(size, generator=generator, dtype=torch.float64) * 2 - 1) * size[2] ** -0.5
    parameters = [each.requires_grad_() for each in (*trained, readout)]
    optimizer = torch.optim.Adam(parameters, lr=lr)
    found: dict[str, list[Tensor]] = {}
    recorded = []
    bar = track(range(steps + 1), f"training {setting.layer} on {name}", steps + 1, progress)
    for step in bar:
        attention = attend(setting, weights, task.others, task.nodes)
        scores = _scores(task, attention, readout)
        loss = _loss(task, scores)
        optimizer.zero_grad()
        # Starts share no weights, so each gets the gradient of its own loss.
        loss.sum().backward()  # type: ignore[no-untyped-call]
        if step % record == 0 or step == steps:
            recorded.append(step)
            with torch.no_grad():
                _note(found, setting, task, attention, loss, parameters, weights.att_dst)
        if step < steps:
            optimizer.step()
    return Trace(
        name,
        setting.layer,
        kind,
        tuple(recorded),
        accuracy=_accuracy(task, scores.detach()),
        **{key: torch.stack(values) for key, values in found.items()},
    )


def _scores(task: Task, attention: Attention, readout: Tensor) -> Tensor:
    """Return the scores of the classes ``[S, m, G, classes]``."""
    weight = attention.logit[:, :, task.picks].softmax(3)  # [S, m, G, k, H]
    state = attention.source[:, task.picks]  # [S, G, k, H, D]
    output = torch.einsum("smgkh,sgkhd->smghd", weight, state).flatten(3)
    return torch.einsum("smgf,scf->smgc", output, readout)


def _loss(task: Task, scores: Tensor) -> Tensor:
    """Return the cross-entropy of every start ``[S]``."""
    labels = task.labels.expand(scores.shape[:3])
    entropy = F.cross_entropy(scores.flatten(0, 2), labels.flatten(), reduction="none")
    return entropy.view(labels.shape).mean((1, 2))


def _accuracy(task: Task, scores: Tensor) -> Tensor:
    """Return the share of nodes whose class has the highest score, by a margin ``[S]``."""
    labels = task.labels.expand(scores.shape[:3]).unsqueeze(-1)
    own = scores.gather(3, labels)
    others = scores.scatter(3, labels, -torch.inf).amax(3, keepdim=True)
    return (own - others > MARGIN).double().mean((1, 2, 3))


def _pairs(task: Task) -> Tensor:
    """Return all pairs of the nodes that look ``[2, P]``; all of them are twins."""
    return torch.combinations(torch.arange(task.nodes.size(1))).T


def _inside(setting: Setting, task: Task, rectified: Tensor) -> Tensor:
    """Return the share of pairs of twins certified in all heads ``[S]``.

    The certificate is asked for over all nodes that are looked at in any graph: then it holds in
    every graph.
    """
    proof = certify(setting, rectified, _pairs(task))
    return proof.holds.all(-1).double().mean(0)


def _choose(
    setting: Setting, task: Task, drawn: Weights, starts: int
) -> tuple[tuple[str, ...], Tensor]:
    """Return the kinds of the chosen starts, and their numbers."""
    rectified = attend(setting, drawn, task.others, task.nodes).rectified
    place = regions_of(setting, rectified)
    above, below, linear = (
        every.flatten(2).all(2) for every in (place.above, place.below, place.linear)
    )
    inside = _inside(setting, task, rectified)
    each = {
        "above": above.all(0),
        "below": below.all(0),
        "opposite": linear.all(0) & (inside < 1),
        "both": ~linear.any(0),
    }
    numbers = {kind: mask.nonzero().squeeze(1)[:starts] for kind, mask in each.items()}
    kinds = tuple(kind for kind in STARTS for _ in numbers[kind])
    return kinds, torch.cat([numbers[kind] for kind in STARTS])


def _note(
    found: dict[str, list[Tensor]],
    setting: Setting,
    task: Task,
    attention: Attention,
    loss: Tensor,
    parameters: list[Tensor],
    own: Tensor,
) -> None:
    """Add what a step looks like, each ``[S]``."""
    gradients = [each.grad.flatten(1) for each in parameters if each.grad is not None]
    assert own.grad is not None
    values = {
        "loss": loss.detach(),
        "inside": _inside(setting, task, attention.rectified),
        "above": (attention.rectified > 0).double().flatten(1).mean(1),
        "gradient": torch.cat(gradients, 1).norm(dim=1),
        "own_gradient": own.grad.flatten(1).norm(dim=1),
    }
    for key, value in values.items():
        found.setdefault(key, []).append(value)
