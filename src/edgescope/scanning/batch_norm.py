"""Batch norm of an untrained model: its running statistics, from the data it is scanned on."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from edgescope._modes import evaluating
from edgescope.calling import Call
from edgescope.errors import InputError
from edgescope.scanning.batches import on_device

TOO_FEW = "Expected more than 1 value per channel"
"""How torch begins its message when a batch has a single row and hence no variance."""


def norms_with_statistics(model: nn.Module) -> list[nn.Module]:
    """Return the normalisation layers that keep running statistics."""
    return [m for m in model.modules() if getattr(m, "running_mean", None) is not None]


def calibrate_batch_norm(
    model: nn.Module, batches: Iterable[Any], call: Call, device: torch.device
) -> None:
    """Set the running statistics of ``model`` to those of its own activations on ``batches``.

    An untrained model has running means of 0 and variances of 1, with which it does not
    normalise at all in eval mode: its activations would differ from the trained model's by that
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
    with _calibrating(model, norms), torch.no_grad():
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
