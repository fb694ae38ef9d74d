r"""Noise on the embeddings of nodes and edges: at random, and in the direction that hurts most.

After the attack of arXiv 2409.03463 v2, which compares models with and without an explicit bias
term. There, random noise of a fixed standard deviation is added to the embeddings, or noise of the
same standard deviation that is found by gradient ascent on the loss. How much worse the second is
than the first is what the model's own weaknesses add. Every figure comes from several restarts.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from edgescope.intervene.embedding_noise import (
    check_run,
    modules_at,
    noise_added,
    outputs_noted,
    scaled,
)
from edgescope.intervene.metric_resamples import Scorer
from edgescope.intervene.noise_result import KINDS, NoiseAttack
from edgescope.intervene.replay import Outputs
from edgescope.lib.eager_twin import eager_twin
from edgescope.lib.errors import InputError
from edgescope.lib.eval_mode import evaluating, without_gradients
from edgescope.lib.mistakes import check_number
from edgescope.lib.model_call import Call, NotedCall, call_model
from edgescope.lib.progress import track
from edgescope.scanning.batches import device_of, on_device
from edgescope.scanning.loaders import graph_loader

Loss = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""Predictions and targets to the mean loss and the number of targets it is the mean of."""


def noise_attack(
    model: nn.Module,
    loader: Iterable[Any],
    *,
    std: float = 0.1,
    loss: str | Loss = "l1",
    at: Sequence[str] | None = None,
    steps: int = 10,
    step: float = 0.5,
    restarts: int = 5,
    seed: int = 0,
    metric: str | None = None,
    call: Call = call_model,
    progress: bool = True,
) -> NoiseAttack:
    r"""Measure a model's loss without noise, with random noise, and with noise that hurts it.

    The noise :math:`\delta` on every embedding starts as normal random numbers, scaled so that its
    root mean square over a batch is ``std``. Every step of ascent adds the gradient of the batch's
    loss, scaled to ``step * std``, and scales the sum back. So both kinds of noise are equally
    strong. The noise of the step with the highest loss counts, the start among them.

    The model runs in eval mode; it is left as it was, and gets no gradients.

    Args:
        model: the model.
        loader: yields batches with targets ``y``; the same batches every time.
        std: standard deviation of the noise, in the unit of the embeddings.
        loss: ``"l1"`` or ``"masked_bce"``, as in a recipe; or a function of predictions and
            targets that returns a mean and of how many targets it is the mean.
        at: names of the modules whose output gets the noise; by default ``node_embedding`` and
            ``edge_embedding``, as edgescope's own models call them.
        steps: steps of gradient ascent.
        step: length of a step, in standard deviations of the noise.
        restarts: how often all of this is done, each time from other random noise.
        seed: decides the random noise.
        metric: also measure this of the predictions: ``"mae"``, ``"bce"``, ``"roc_auc"`` or
            ``"accuracy"``. The noise is chosen by the loss all the same.
        call: how to call the model on a batch, as in :func:`edgescope.scan`.
        progress: whether to show a progress bar.

    Raises:
        InputError: if a number is out of range, a module is not there or was not run, the loss or
            the metric is unknown, or no target is known.

    Example:
        >>> import edgescope as es
        >>> graphs = es.data.planted("marked", 60).test
        >>> model = es.models.GATv2(**graphs.model_sizes, hidden_dim=8, num_heads=2, num_layers=1)
        >>> loader = es.data.loader(graphs)
        >>> found = es.noise_attack(model, loader, std=0.1, steps=2, restarts=2)
        >>> {kind: len(losses) for kind, losses in found.losses.items()}
        {'none': 1, 'random': 2, 'ascent': 2}
    """
    model = eager_twin(model)
    loader = graph_loader(loader)
    noted = NotedCall(call)
    _check(std=std, steps=steps, step=step, restarts=restarts)
    modules = modules_at(model, at)
    measure = _loss(loss)
    sums = {kind: [0.0] * (1 if kind == "none" else restarts) for kind in KINDS}
    seen: dict[tuple[str, int], list[Tensor]] = {}
    targets: list[Tensor] = []
    known = 0.0
    device = device_of(model)
    with evaluating(model), without_gradients(model):
        bar = track(loader, f"attacking {type(model).__name__}", show=progress)
        for number, given in enumerate(bar):
            batch = on_device(given, device)

            def run(noise: dict[str, Tensor] | None, batch: Any = batch) -> _Run:  # noqa: ANN401
                with noise_added(modules, noise):
                    prediction = noted(model, batch)
                    return _Run(*measure(prediction, batch.y), prediction)

            with torch.no_grad(), outputs_noted(modules) as shapes:
                clean = run(None)
            check_run(modules, shapes)
            count = float(clean.known)
            known += count
            found = {("none", 0): clean}
            for restart in range(restarts):
                state = np.random.SeedSequence((seed, restart, number)).generate_state(1)
                random = torch.Generator().manual_seed(int(state[0]))
                start = {
                    name: scaled(torch.randn(like.shape, generator=random).to(like), std)
                    for name, like in shapes.items()
                }
                first, worst = _ascend(run, start, std, step, steps)
                found |= {("random", restart): first, ("ascent", restart): worst}
            for (kind, restart), each in found.items():
                sums[kind][restart] += float(each.mean) * count
                if metric is not None:
                    seen.setdefault((kind, restart), []).append(each.prediction.detach().cpu())
            targets.append(batch.y.cpu())
    if not known:
        raise InputError("no batch has a known target y; attack on data with targets")
    losses_by_kind = {kind: tuple(each / known for each in of) for kind, of in sums.items()}
    if metric is None:
        return NoiseAttack(std, steps, losses_by_kind, noted.arguments)
    scores = {
        kind: tuple(_score(seen[kind, number], targets, metric) for number in range(len(of)))
        for kind, of in sums.items()
    }
    return NoiseAttack(std, steps, losses_by_kind, noted.arguments, metric, scores)


class _Run(NamedTuple):
    """A batch that was run with some noise."""

    mean: Tensor
    """Mean loss."""
    known: Tensor
    """Number of targets that it is the mean of."""
    prediction: Tensor


def _ascend(
    run: Callable[[dict[str, Tensor]], _Run],
    noise: dict[str, Tensor],
    std: float,
    step: float,
    steps: int,
) -> tuple[_Run, _Run]:
    """Return what the noise gives at the start, and at the worst step of gradient ascent."""
    runs: list[_Run] = []
    for _ in range(steps):
        noise = {name: each.requires_grad_() for name, each in noise.items()}
        found = run(noise)
        uphill = torch.autograd.grad(found.mean, list(noise.values()), allow_unused=True)
        runs.append(_Run(*(each.detach() for each in found)))
        with torch.no_grad():
            noise = {
                name: each.detach()
                if slope is None
                else scaled(each + scaled(slope, step * std), std)
                for (name, each), slope in zip(noise.items(), uphill, strict=True)
            }
    with torch.no_grad():
        runs.append(run(noise))
    return runs[0], max(runs, key=lambda each: float(each.mean))


def _score(predictions: list[Tensor], targets: list[Tensor], metric: str) -> float:
    """Return a metric of the predictions ``[G, T]`` of all batches."""
    prediction = torch.cat(predictions).double()
    prediction = prediction.reshape(len(prediction), -1)
    graphs = np.arange(len(prediction))
    target = torch.cat(targets).double().numpy()
    # Compared with nothing, as a scorer leaves out what is not finite before anything is done.
    outputs = Outputs(np.zeros(prediction.shape), graphs, target)
    found = Scorer(outputs, metric, seed=0, resamples=1).score(prediction.numpy())
    assert found is not None
    return found.value


def _loss(loss: str | Loss) -> Loss:
    from edgescope.models.losses import LOSSES

    if callable(loss):
        return loss
    if loss not in LOSSES:
        raise InputError(f"unknown loss {loss!r}, expected one of {', '.join(LOSSES)}")
    return LOSSES[loss]


def _check(**numbers: float) -> None:
    for name, value in numbers.items():
        check_number(value, name)
        if not value > 0:
            raise InputError(f"received {name}={value}, expected a number above 0")
