"""Floating-point formats: how far they reach, and what rounding to them loses, measured."""

import math
from typing import NamedTuple

import torch
from torch import Tensor


class FloatFormat(NamedTuple):
    """A floating-point format of torch.

    Example:
        >>> FLOATS["float16"].largest, FLOATS["float16"].limit
        (65504.0, 65520.0)
    """

    name: str
    dtype: torch.dtype

    @property
    def largest(self) -> float:
        """The largest finite number."""
        return torch.finfo(self.dtype).max

    @property
    def smallest(self) -> float:
        """The smallest number with a full mantissa."""
        return torch.finfo(self.dtype).tiny

    @property
    def limit(self) -> float:
        """The smallest float32 magnitude that does not round to a number of the format.

        Numbers up to half a step above the largest one round to it. Halfway, the even one of the
        two neighbours is taken (IEEE 754, section 4.3.1).
        """
        step = 2.0 ** math.floor(math.log2(self.largest)) * torch.finfo(self.dtype).eps
        half = self.largest + step / 2
        if (self.largest / step) % 2:
            return half
        return float(torch.nextafter(torch.tensor(half), torch.tensor(torch.inf)))

    def headroom(self, magnitude: float) -> float:
        """Return the bits from a magnitude to the largest number; infinite where it is zero.

        Example:
            >>> FLOATS["float16"].headroom(65504.0 / 4), FLOATS["float16"].headroom(131008.0)
            (2.0, -1.0)
        """
        return math.log2(self.largest / magnitude) if magnitude > 0 else math.inf


FLOATS = {
    each.name: each
    for each in (
        FloatFormat("float16", torch.float16),
        FloatFormat("bfloat16", torch.bfloat16),
        FloatFormat("float8 e4m3", torch.float8_e4m3fn),
        FloatFormat("float8 e5m2", torch.float8_e5m2),
    )
}
"""The formats whose headroom is looked at, by name; e4m3 is that without infinities."""


class Loss(NamedTuple):
    """What rounding to a format does to some numbers; of two parts it is their sum."""

    beyond: int = 0
    """Finite numbers that become infinite, or have no number of the format."""
    vanishing: int = 0
    """Numbers other than zero that become zero."""
    rounded: int = 0
    """What the errors are of: numbers within reach that have a full mantissa there, or rows."""
    total: float = 0.0
    """Sum of their relative errors."""
    largest: float = 0.0
    """The largest relative error."""
    others: int = 0
    """Rows with a value beside their largest one that is not zero."""
    others_total: float = 0.0
    """Sum of the relative errors of the values beside the largest one of each row."""

    def joined(self, other: "Loss") -> "Loss":
        """Return what is done to both parts."""
        return Loss(
            self.beyond + other.beyond,
            self.vanishing + other.vanishing,
            self.rounded + other.rounded,
            self.total + other.total,
            max(self.largest, other.largest),
            self.others + other.others,
            self.others_total + other.others_total,
        )

    @property
    def mean(self) -> float | None:
        """The mean relative error; none of nothing."""
        return self.total / self.rounded if self.rounded else None

    @property
    def of_others(self) -> float | None:
        """The mean relative error of the values beside the largest of a row; none of nothing."""
        return self.others_total / self.others if self.others else None


def float_loss(values: Tensor, form: FloatFormat) -> Loss:
    """Round numbers to a format, and measure what that loses.

    Args:
        values: float32, any shape.
        form: the format.

    Example:
        >>> found = float_loss(torch.tensor([1.0, 1e5, 1e-9, 0.0]), FLOATS["float16"])
        >>> found.beyond, found.vanishing, found.rounded, found.largest
        (1, 1, 1, 0.0)
    """
    magnitude = values.abs()
    rounded = values.to(form.dtype).to(values.dtype)
    over = magnitude.isfinite() & (magnitude >= form.limit)
    normal = (magnitude >= form.smallest) & (magnitude < form.limit)
    error = ((rounded - values) / values).abs().where(normal, 0.0)
    return Loss(
        int(over.sum()),
        int(((rounded == 0) & (magnitude > 0)).sum()),
        int(normal.sum()),
        float(error.sum(dtype=torch.float64)),
        float(error.max()) if error.numel() else 0.0,
    )
