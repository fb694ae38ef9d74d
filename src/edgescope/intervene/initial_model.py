"""The untrained model whose activations an intervention takes."""

from collections.abc import Sequence
from typing import Any

from torch import nn

from edgescope.capturing.discovered_sites import carry_if_alike
from edgescope.lib.errors import InputError
from edgescope.lib.mistakes import said
from edgescope.lib.model_call import Call
from edgescope.scanning.result import Scan
from edgescope.scanning.untrained_ensemble import Untrained


def initial_model(
    model: nn.Module,
    baseline: nn.Module | Scan | Untrained | None,
    batches: Sequence[Any],
    call: Call,
    progress: bool,
    asked_by: str,
) -> nn.Module:
    """Return the untrained model: the one that was given, or the first member of an ensemble.

    Args:
        model: the trained model.
        baseline: what was passed as ``baseline=``.
        batches: for the calibration of batch norm.
        call: how to call a model on a batch.
        progress: whether to show a progress bar.
        asked_by: the option that needs it, as an error calls it.

    Raises:
        InputError: if nothing was passed, or a scan.
    """
    if baseline is None:
        raise InputError(
            f"{asked_by} needs the untrained model; pass baseline=es.Untrained(), or a model"
        )
    if isinstance(baseline, nn.Module):
        carry_if_alike(model, baseline)
        return baseline
    if not isinstance(baseline, Untrained):
        raise InputError(
            f"received {said(baseline)} as baseline, expected es.Untrained() or a model, whose "
            "activations are taken"
        )
    return next(iter(baseline.models(model, batches, call=call, progress=progress)))
