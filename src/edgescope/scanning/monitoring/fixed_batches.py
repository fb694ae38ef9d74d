"""The same few batches, on which a model is looked at again and again while it trains."""

from collections.abc import Iterable
from itertools import islice
from typing import Any

import torch
from torch import nn

from edgescope.capturing.unseen import seen
from edgescope.lib.errors import InputError
from edgescope.lib.eval_mode import evaluating, generators_kept
from edgescope.lib.mistakes import check_loader
from edgescope.lib.model_call import Call
from edgescope.scanning.batches import device_of, on_device


class FixedBatches:
    """The first batches of a loader, for which no random numbers are drawn.

    Args:
        loader: the loader.
        number: how many batches.
        call: how to call a model on one.

    Raises:
        InputError: if it gives none.
    """

    def __init__(self, loader: Iterable[Any], number: int, call: Call) -> None:
        check_loader(loader)
        with generators_kept():
            self._held = list(islice(loader, number))
        if not self._held:
            raise InputError("the loader gave no batch; pass a loader over at least one graph")
        self._call = call

    def run(self, model: nn.Module) -> None:
        """Run a model on them in eval mode, without gradients, and leave it as it was."""
        device = device_of(model)
        cuda = [device.index or 0] if device.type == "cuda" else []
        with seen(), evaluating(model), torch.no_grad(), generators_kept(cuda):
            for batch in self._held:
                self._call(model, on_device(batch, device))
