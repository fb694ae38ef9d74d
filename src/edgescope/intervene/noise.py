r"""Noise on the embeddings of nodes and edges: at random, and in the direction that hurts most.

After the attack of arXiv 2409.03463 v2, which compares models with and without an explicit bias
term. There, random noise of a fixed standard deviation is added to the embeddings, or noise of the
same standard deviation that is found by gradient ascent on the loss. How much worse the second is
than the first is what the model's own weaknesses add. Every figure comes from several restarts.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from edgescope.lib.compiled_parts import named_parts
from edgescope.lib.eager_twin import eager_twin
from edgescope.lib.errors import InputError
from edgescope.lib.eval_mode import evaluating, without_gradients
from edgescope.lib.mistakes import check_number
from edgescope.lib.model_call import Call, NotedCall, call_model
from edgescope.lib.progress import track
from edgescope.scanning.batches import device_of, on_device
from edgescope.scanning.loaders import graph_loader

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl

Loss = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""Predictions and targets to the mean loss and the number of targets it is the mean of."""

EMBEDDINGS = ("node_embedding", "edge_embedding")
"""What edgescope's own models call the modules whose output the noise is added to."""

KINDS = ("none", "random", "ascent")
"""Without noise, with random noise, and with noise found by gradient ascent."""


@dataclass(frozen=True)
class NoiseAttack:
    """Losses of a model under noise.

    Attributes:
        std: standard deviation of the noise.
        steps: steps of gradient ascent.
        losses: mean loss over all known targets, by kind of noise: one number without noise, else
            one per restart.
        arguments: what the model was given, as in :class:`edgescope.scanning.result.ScanInfo`.

    Example:
        >>> import edgescope as es
        >>> graphs = es.data.planted("marked", 60).test
        >>> model = es.models.GATv2(**graphs.model_sizes, hidden_dim=8, num_heads=2, num_layers=1)
        >>> loader = es.data.loader(graphs)
        >>> found = es.noise_attack(model, loader, steps=2, restarts=1)
        >>> sorted(found.losses)
        ['ascent', 'none', 'random']
    """

    std: float
    steps: int
    losses: dict[str, tuple[float, ...]]
    arguments: tuple[str, ...] = ()

    @property
    def gain(self) -> tuple[float, ...]:
        """How much more loss ascent gives than the random noise it started from, per restart."""
        pairs = zip(self.losses["ascent"], self.losses["random"], strict=True)
        return tuple(found - start for found, start in pairs)

    def table(self) -> "pl.DataFrame":
        """Return mean, standard deviation, smallest and largest loss, a row per kind of noise.

        The last row, ``gain``, is the loss that ascent adds to random noise. The standard deviation
        is over restarts, with ``n - 1``; null for a single number.
        """
        import polars as pl

        columns = {**self.losses, "gain": self.gain}
        every = (pl.Series(name, values, dtype=pl.Float64) for name, values in columns.items())
        rows = [
            (each.name, each.len(), each.mean(), each.std(), each.min(), each.max())
            for each in every
        ]
        schema = ["noise", "restarts", "mean", "sd", "min", "max"]
        return pl.DataFrame(rows, schema=schema, orient="row")


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
        call: how to call the model on a batch, as in :func:`edgescope.scan`.
        progress: whether to show a progress bar.

    Raises:
        InputError: if a number is out of range, a module is not there or was not run, the loss is
            unknown, or no target is known.

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
    modules = _modules(model, at)
    measure = _loss(loss)
    sums = {kind: [0.0] * (1 if kind == "none" else restarts) for kind in KINDS}
    known = 0.0
    device = device_of(model)
    with evaluating(model), without_gradients(model):
        bar = track(loader, f"attacking {type(model).__name__}", show=progress)
        for number, given in enumerate(bar):
            batch = on_device(given, device)

            def run(noise: dict[str, Tensor] | None, batch: Any = batch) -> tuple[Tensor, Tensor]:  # noqa: ANN401
                with _added(modules, noise):
                    return measure(noted(model, batch), batch.y)

            with torch.no_grad(), _shapes(modules) as shapes:
                mean, count = run(None)
            _check_run(modules, shapes)
            known += float(count)
            sums["none"][0] += float(mean * count)
            for restart in range(restarts):
                state = np.random.SeedSequence((seed, restart, number)).generate_state(1)
                random = torch.Generator().manual_seed(int(state[0]))
                start = {
                    name: _scaled(torch.randn(like.shape, generator=random).to(like), std)
                    for name, like in shapes.items()
                }
                losses = _ascend(run, start, std, step, steps)
                sums["random"][restart] += losses[0] * float(count)
                sums["ascent"][restart] += max(losses) * float(count)
    if not known:
        raise InputError("no batch has a known target y; attack on data with targets")
    losses_by_kind = {kind: tuple(each / known for each in of) for kind, of in sums.items()}
    return NoiseAttack(std, steps, losses_by_kind, noted.arguments)


def _ascend(
    run: Callable[[dict[str, Tensor]], tuple[Tensor, Tensor]],
    noise: dict[str, Tensor],
    std: float,
    step: float,
    steps: int,
) -> list[float]:
    """Return the loss at the start and after each step of gradient ascent."""
    losses = []
    for _ in range(steps):
        noise = {name: each.requires_grad_() for name, each in noise.items()}
        mean, _known = run(noise)
        losses.append(float(mean.detach()))
        found = torch.autograd.grad(mean, list(noise.values()), allow_unused=True)
        with torch.no_grad():
            noise = {
                name: each.detach()
                if uphill is None
                else _scaled(each + _scaled(uphill, step * std), std)
                for (name, each), uphill in zip(noise.items(), found, strict=True)
            }
    with torch.no_grad():
        losses.append(float(run(noise)[0]))
    return losses


def _scaled(noise: Tensor, std: float) -> Tensor:
    """Return the noise with a root mean square of ``std``; zeros stay zeros."""
    size = noise.square().mean().sqrt()
    return noise * (std / size) if size > 0 else noise


@contextmanager
def _added(modules: dict[str, nn.Module], noise: dict[str, Tensor] | None) -> "Iterator[None]":
    """Add noise to what the modules return."""
    with ExitStack() as hooks:
        for name, each in (noise or {}).items():

            def add(_: nn.Module, __: object, output: Tensor, each: Tensor = each) -> Tensor:
                return output + each

            hooks.callback(modules[name].register_forward_hook(add).remove)
        yield


@contextmanager
def _shapes(modules: dict[str, nn.Module]) -> "Iterator[dict[str, Tensor]]":
    """Note what the modules return while the block runs."""
    seen: dict[str, Tensor] = {}
    with ExitStack() as hooks:
        for name, module in modules.items():

            def note(_: nn.Module, __: object, output: Any, name: str = name) -> None:  # noqa: ANN401
                if not isinstance(output, Tensor) or not output.is_floating_point():
                    raise InputError(
                        f"{name} does not return a tensor of real numbers, so no noise can be "
                        "added to it; name other modules with at="
                    )
                if name in seen:
                    raise InputError(
                        f"{name} runs several times in one call of the model; name modules that "
                        "run once with at="
                    )
                seen[name] = output

            hooks.callback(module.register_forward_hook(note).remove)
        yield seen


def _modules(model: nn.Module, at: Sequence[str] | None) -> dict[str, nn.Module]:
    there = dict(named_parts(model))
    wanted = [name for name in EMBEDDINGS if name in there] if at is None else list(at)
    missing = [name for name in wanted if name not in there]
    if missing or not wanted:
        what = f"has no module {missing[0]}" if missing else f"has none of {', '.join(EMBEDDINGS)}"
        raise InputError(
            f"{type(model).__name__} {what}; name the modules that embed nodes and edges with at="
        )
    return {name: there[name] for name in wanted}


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


def _check_run(modules: dict[str, nn.Module], seen: dict[str, Tensor]) -> None:
    for name in modules:
        if name not in seen:
            raise InputError(f"the model did not run {name}; name other modules with at=")
