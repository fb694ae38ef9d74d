"""Numbers that are not finite, in one tensor."""

from typing import NamedTuple

from torch import Tensor

from edgescope.diagnose.rules.counting import all_finite


class Broken(NamedTuple):
    """Numbers of one tensor that are not finite."""

    values: Tensor
    """The tensor ``[N, ...]``."""
    first: tuple[int, ...]
    """Position of the first one that is not finite; empty for a single number."""
    number: int
    """How many are not."""

    @classmethod
    def of(cls, values: Tensor) -> "Broken | None":
        """Return what is not finite in a tensor, if anything is."""
        if all_finite(values):
            return None
        at = (~values.isfinite()).nonzero()
        return cls(values.detach().clone(), tuple(at[0].tolist()), len(at))

    @property
    def kind(self) -> str:
        """What the first one is: ``"NaN"``, ``"infinity"`` or ``"-infinity"``."""
        value = self.values[self.first]
        if bool(value.isnan()):
            return "NaN"
        return "infinity" if bool(value > 0) else "-infinity"

    def said(self) -> str:
        """Return how many are not finite, as text."""
        total = self.values.numel()
        return (
            f"{self.number:,} of {total:,} values {'is' if self.number == 1 else 'are'} not finite"
        )
