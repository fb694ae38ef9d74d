r"""Experiment (c): does training leave the region in which attention cannot tell twins apart?

Many layers are trained side by side on a task that needs the distinction, each from another start,
inside the region (all logits of all twins above zero, or all below) or outside it.

Inside the region, the gradient of :math:`a_t` is exactly zero, as it moves all logits of a node
alike and the softmax does not see it. The region can only be left sideways, when W and
:math:`a_s` move for other reasons. Once the loss is the best that equal outputs allow, nothing
moves any more, and the start is stuck.

The tasks are described in :mod:`edgescope.study.twins.tasks`.
"""

import torch
from torch import Tensor

from edgescope.lib.errors import InputError
from edgescope.lib.progress import track
from edgescope.study.twins.initialisations import (
    Attention,
    LayerKind,
    Setting,
    Weights,
    attend,
    certify,
    draw_weights,
    regions_of,
)
from edgescope.study.twins.tasks import (
    Task,
    TaskName,
    look_up_task,
    task_accuracy,
    task_loss,
    twins_task,
)
from edgescope.study.twins.traces import STARTS, Escapes, Trace

POOL = 20_000
"""Random starts among which those of each kind are looked for."""


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

    Example:
        >>> import edgescope as es
        >>> found = es.study.twins.escapes(starts=1, steps=2, progress=False)
        >>> type(found).__name__
        'Escapes'
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
        loss = task_loss(task, scores)
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
        accuracy=task_accuracy(task, scores.detach()),
        **{key: torch.stack(values) for key, values in found.items()},
    )


def _scores(task: Task, attention: Attention, readout: Tensor) -> Tensor:
    """Return the scores of the classes ``[S, m, G, classes]``."""
    weight = attention.logit[:, :, task.picks].softmax(3)  # [S, m, G, k, H]
    state = attention.source[:, task.picks]  # [S, G, k, H, D]
    output = torch.einsum("smgkh,sgkhd->smghd", weight, state).flatten(3)
    return torch.einsum("smgf,scf->smgc", output, readout)


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
