"""Losses over tables with holes: a target that is NaN is missing and counts for nothing."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor
from torchmetrics import Metric

from edgescope.lib.errors import InputError

Loss = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""Predictions and targets to the mean loss and the number of targets it is the mean of."""


def masked_l1(prediction: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Mean absolute error over the targets that are known.

    Args:
        prediction: predictions ``[G, T]``.
        target: targets ``[G, T]``, NaN where missing.

    Returns:
        The mean, in the unit of the targets, and how many targets are known, both scalars. With
        no known target the mean is 0 and so is its gradient.

    Raises:
        InputError: if the shapes differ.
    """
    known = _known(prediction, target)
    return _mean((prediction - target.where(known, 0.0)).abs(), known)


def masked_bce(prediction: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Mean binary cross-entropy, in nats, over the labels that are known.

    Args:
        prediction: logits ``[G, T]``.
        target: labels 0 or 1 ``[G, T]``, NaN where missing.

    Returns:
        The mean and how many labels are known, both scalars. With no known label the mean is 0
        and so is its gradient.

    Raises:
        InputError: if the shapes differ.
    """
    known = _known(prediction, target)
    label = target.where(known, 0.0)
    return _mean(F.binary_cross_entropy_with_logits(prediction, label, reduction="none"), known)


def cross_entropy(prediction: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Mean cross-entropy, in nats, over the nodes or graphs whose class is known.

    Args:
        prediction: logits of the classes ``[N, C]``.
        target: classes ``[N]`` int64, -1 where one is missing.

    Returns:
        The mean and how many classes are known, both scalars. With no known class the mean is 0
        and so is its gradient.

    Raises:
        InputError: if there is not one row of logits for each target.
    """
    if prediction.dim() != 2 or target.shape != prediction.shape[:1]:  # noqa: PLR2004
        raise InputError(
            f"received predictions {list(prediction.shape)} for classes {list(target.shape)}, "
            "expected logits [N, C] of N targets; build the model with one output per class"
        )
    known = target >= 0
    each = F.cross_entropy(prediction, target.where(known, 0), reduction="none")
    return _mean(each, known)


class EpochLoss(Metric):
    """The mean of a loss over all known targets of an epoch.

    torchmetrics' ``MeanMetric`` would do, but it waits for the device at every update unless its
    check for NaN is off, and with the check off it forgets the weights (version 1.9).
    """

    total: Tensor
    count: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("total", torch.tensor(0.0), dist_reduce_fx="sum")
        self.add_state("count", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, mean: Tensor, known: Tensor) -> None:
        """Add a batch: its mean loss and the number of targets it is the mean of."""
        self.total += mean.detach() * known
        self.count += known

    def compute(self) -> Tensor:
        """Return the mean, 0 if there was no known target, NaN if a batch gave NaN."""
        return self.total / self.count.clamp(min=1)


LOSSES: dict[str, Loss] = {
    "l1": masked_l1,
    "masked_bce": masked_bce,
    "cross_entropy": cross_entropy,
}
"""Losses by the name that a recipe gives."""


def _known(prediction: Tensor, target: Tensor) -> Tensor:
    if prediction.shape != target.shape:
        # Broadcasting would give a number, and a wrong one.
        raise InputError(
            f"received predictions {list(prediction.shape)} for targets {list(target.shape)}, "
            "expected the same shape; build the model with one output per target column"
        )
    return ~target.isnan()


def _mean(error: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    # Masked by `where` and not by indexing, which would wait for the device to count.
    count = known.sum()
    return error.where(known, 0.0).sum() / count.clamp(min=1), count
