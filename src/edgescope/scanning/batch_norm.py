"""Batch norm of untrained members: in the state that the model's own batch norm is in."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from edgescope.capturing.discovered_sites import carry
from edgescope.lib.compiled_parts import named_parts
from edgescope.lib.eager_twin import eager_copy
from edgescope.lib.errors import InputError
from edgescope.lib.eval_mode import evaluating
from edgescope.lib.model_call import Call
from edgescope.scanning.batches import on_device

TOO_FEW = "Expected more than 1 value per channel"
"""How torch begins its message when a batch has a single row and hence no variance."""


def norms_with_statistics(model: nn.Module) -> dict[str, nn.Module]:
    """Return the normalisation layers that keep running statistics, by name."""
    return {
        name: module
        for name, module in named_parts(model)
        if isinstance(getattr(module, "running_mean", None), Tensor)
        and isinstance(getattr(module, "running_var", None), Tensor)
    }


def has_statistics(model: nn.Module) -> bool | None:
    """Say whether some norm of ``model`` has seen data; None if it keeps no statistics."""
    norms = norms_with_statistics(model)
    return any(not _as_made(norm) for norm in norms.values()) if norms else None


def weights_of_start(
    model: nn.Module, batches: Iterable[Any], call: Call, device: torch.device
) -> dict[str, float]:
    r"""Return how much of each norm's running statistics is still what it started with.

    A layer that was just made has 1: it does not normalise in eval mode. With momentum ``m``,
    ``n`` batches leave :math:`(1 - m)^n` of the start, which training soon makes nothing. Where
    the count says that something is left, it is believed only if the statistics agree: they may
    have been set since by one pass over the data, as :func:`torch.optim.swa_utils.update_bn`
    does, and then nothing is left. So the model's statistics on ``batches`` are taken, and of the
    two mixtures with the start the one is chosen that is nearer to what the layer holds.

    Args:
        model: the model whose members are made; not changed.
        batches: what to call it on, where the count leaves it open.
        call: how to call it.
        device: where its parameters are.

    Returns:
        Weights from 0 to 1, by name of the norm.
    """
    norms = norms_with_statistics(model)
    found = {name: 1.0 if _as_made(norm) else _counted(norm) for name, norm in norms.items()}
    unsure = [name for name, weight in found.items() if 0 < weight < 1]
    if unsure:
        again = eager_copy(model)
        carry(model, again)
        calibrate_batch_norm(again, batches, call, device)
        settled = norms_with_statistics(again)
        for name in unsure:
            mixed = _mixture(settled[name], found[name])
            if _distance(norms[name], mixed) > _distance(norms[name], _mixture(settled[name], 0)):
                found[name] = 0.0
    return found


def return_to_start(model: nn.Module, weights: Mapping[str, float]) -> None:
    """Mix so much of what each norm started with into its running statistics."""
    with torch.no_grad():
        for name, norm in norms_with_statistics(model).items():
            mean, variance = _mixture(norm, weights[name])
            norm.running_mean.copy_(mean)  # type: ignore[operator]
            norm.running_var.copy_(variance)  # type: ignore[operator]


def _start(norm: nn.Module) -> tuple[Tensor, Tensor]:
    """Return the mean and the variance that a norm is made with."""
    return torch.zeros_like(norm.running_mean), torch.ones_like(norm.running_var)  # type: ignore[arg-type]


def _statistics(norm: nn.Module) -> tuple[Tensor, Tensor]:
    return norm.running_mean, norm.running_var  # type: ignore[return-value]


def _as_made(norm: nn.Module) -> bool:
    return all(map(torch.equal, _statistics(norm), _start(norm)))


def _counted(norm: nn.Module) -> float:
    """Return the weight of the start after the batches that a norm has counted."""
    count, momentum = getattr(norm, "num_batches_tracked", None), getattr(norm, "momentum", None)
    if momentum is None or count is None or not int(count):
        return 0.0
    weight: float = (1 - momentum) ** int(count)
    # Less than the last digit of the statistics is nothing.
    return weight if weight > torch.finfo(_statistics(norm)[1].dtype).eps else 0.0


def _mixture(norm: nn.Module, weight: float) -> tuple[Tensor, Tensor]:
    """Return a norm's statistics with its start mixed in."""
    pairs = zip(_statistics(norm), _start(norm), strict=True)
    mean, variance = ((1 - weight) * found + weight * start for found, start in pairs)
    return mean, variance


def _distance(norm: nn.Module, other: tuple[Tensor, Tensor]) -> float:
    """Return how far statistics lie apart: in decades of variance, and means in deviations."""
    least = getattr(norm, "eps", 0.0)
    mean, variance = (found.double() for found in _statistics(norm))
    mean_of_other, variance_of_other = (found.double() for found in other)
    variance, variance_of_other = variance + least, variance_of_other + least
    moved = (mean - mean_of_other) ** 2 / (variance + variance_of_other)
    return float(((variance / variance_of_other).log() ** 2 + moved).sum())


def calibrate_batch_norm(
    model: nn.Module, batches: Iterable[Any], call: Call, device: torch.device
) -> None:
    """Set the running statistics of ``model`` to those of its own activations on ``batches``.

    A model that was just made has running means of 0 and variances of 1, with which it does not
    normalise at all in eval mode: its activations would differ from a trained model's by that
    alone. One pass with the layers that keep statistics in train mode sets them to the mean over
    the batches (``momentum=None``, the cumulative average of :class:`torch.nn.BatchNorm1d`, as in
    :func:`torch.optim.swa_utils.update_bn`). Everything else, dropout included, is in eval mode.
    Instance norms know no cumulative average and keep their exponential one.

    Args:
        model: the model; its modes are the same afterwards. Without such layers nothing is done.
        batches: what to call it on.
        call: how to call it.
        device: where its parameters are.

    Raises:
        InputError: if a batch has a single row, which has no variance.
    """
    norms = norms_with_statistics(model)
    if not norms:
        return
    with _calibrating(model, list(norms.values())), torch.no_grad():
        for batch in batches:
            try:
                call(model, on_device(batch, device))
            except ValueError as error:
                if not str(error).startswith(TOO_FEW):
                    raise
                raise InputError(
                    "received a batch of a single node or edge, which gives batch norm no "
                    "variance to calibrate on; use larger batches, or pass "
                    "es.Untrained(calibrate_batch_norm=False)"
                ) from error


@contextmanager
def _calibrating(model: nn.Module, norms: list[nn.Module]) -> Iterator[None]:
    momenta = {norm: norm.momentum for norm in norms if hasattr(norm, "momentum")}
    with evaluating(model):
        for norm in norms:
            norm.train()
            reset = getattr(norm, "reset_running_stats", None)
            if callable(reset):
                reset()
            if not isinstance(norm, nn.modules.instancenorm._InstanceNorm):  # noqa: SLF001
                setattr(norm, "momentum", None)  # noqa: B010  (not every such layer is torch's own)
        try:
            yield
        finally:
            for norm, momentum in momenta.items():
                norm.momentum = momentum
