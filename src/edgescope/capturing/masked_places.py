"""Which places of dense attention, or of a table of neighbours, are masked: one rule for both."""

import math

import torch
from torch import Tensor

MASKED = -5e3
"""A logit at or below this whose weight is 0 was masked: models write ``-inf``, the lowest number
of a type, or one from -1e4 down."""

FAR_BELOW = -1e8
"""A logit at or below this was masked whatever its weight, which is not 0 where all is masked."""


def attended(weight: Tensor, logit: Tensor | None, dim: int) -> Tensor:
    """Return which places are not masked, of the shape that ``weight`` and ``logit`` have together.

    Args:
        weight: what a softmax over ``dim`` gave.
        logit: what it was given, if that is known: it tells what is masked from what is 0.
        dim: the dimension of the places that a node chooses from.

    Example:
        >>> import torch
        >>> logit = torch.tensor([[0.0, -200.0, 1.0, float("-inf")]])
        >>> weight = logit.softmax(1) * torch.tensor([1.0, 1.0, 0.0, 1.0])
        >>> attended(weight, logit, dim=1).tolist()
        [[True, True, False, False]]
    """
    # A softmax of what is all masked is NaN; one of a NaN has a logit that is.
    some = (weight != 0) & ~weight.isnan()
    if logit is None:
        return some
    # A weight is 0 though its place is not masked if it is below the smallest number. If its
    # logit is not so far below the others, a mask has multiplied the exponential.
    most = logit.where(some, -torch.inf).amax(dim, keepdim=True)
    underflow = most + math.log(torch.finfo(weight.dtype).tiny * max(some.size(dim), 1))
    open_ = (logit > MASKED) & ((weight != 0) | (logit < underflow)) | logit.isnan()
    return (some & (logit > FAR_BELOW)) | open_
