"""Standardised targets: training sees them in standard deviations, people in their own unit.

A table may be in mg/L or in g/L, and a target of 1e5 would take a network a thousand epochs to
reach. So the targets of a table of one's own are moved by their mean and divided by their standard
deviation in training, both of the known values of the training part. The published data sets are
trained on as the published protocols have it.
"""

from collections.abc import Mapping
from copy import deepcopy
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from edgescope.lib.errors import InputError

if TYPE_CHECKING:
    from torch import nn

    from edgescope.data import Splits
    from edgescope.train.recipe_file import Recipe

LARGEST = 1e30
"""Magnitude of a target above which nothing is trained: sums of them in single precision, which
ends at 3.4e38, would overflow."""

SMALLEST = 1e-30
"""Standard deviation below which nothing is trained: single precision ends at 1.2e-38."""


class Standardisation(NamedTuple):
    """How targets were standardised; all numbers are those of single precision.

    A model that was trained on ``(y - mean) / deviation`` predicts ``y`` by multiplying what its
    last layer gives by the deviation and adding the mean.
    """

    mean: tuple[float, ...]
    """Mean of the known values of the training part, of each of ``T`` targets."""
    deviation: tuple[float, ...]
    """Their standard deviation, with ``n``."""

    @classmethod
    def of(cls, y: Tensor) -> "Standardisation":
        """Take the mean and the standard deviation of known values.

        Args:
            y: targets ``[N, T]``, NaN where missing; of each at least two that differ.
        """
        columns = y.numpy().astype(np.float64).T
        known = [column[~np.isnan(column)] for column in columns]
        numbers = [(np.mean(each), np.std(each)) for each in known]
        mean, deviation = np.array(numbers, dtype=np.float32).T.tolist()
        return cls(tuple(mean), tuple(deviation))

    @classmethod
    def read(cls, config: Mapping[str, Any]) -> "Standardisation | None":
        """Read what ``config.yaml`` of a run says; None if its targets are as in the table.

        Raises:
            InputError: if what it says is not a number for each target.
        """
        kept = config.get("standardised")
        if kept is None:
            return None
        size = len(config["targets"])
        numbers = [kept.get(key) if isinstance(kept, Mapping) else None for key in cls._fields]
        for each in numbers:
            if not isinstance(each, list) or not all(map(_is_finite, each)) or len(each) != size:
                raise InputError(
                    f"config.yaml says {kept!r} under standardised, expected mean and deviation "
                    f"with {size} numbers each; restore the file"
                )
        mean, deviation = ([float(number) for number in each or ()] for each in numbers)
        return cls(tuple(mean), tuple(deviation))

    def record(self) -> dict[str, list[float]]:
        """Return it in plain values, for ``config.yaml``."""
        return {name: list(values) for name, values in self._asdict().items()}

    def standardise(self, y: Tensor) -> Tensor:
        """Return targets ``[G, T]`` in standard deviations from the mean, in single precision."""
        mean, deviation = (y.new_tensor(each, dtype=torch.float64) for each in self)
        return ((y.double() - mean) / deviation).to(y.dtype)

    def undo(self, prediction: Tensor) -> Tensor:
        """Return predictions ``[G, T]`` in the unit of the targets, as the stored model does."""
        mean, deviation = (prediction.new_tensor(each) for each in self)
        return prediction * deviation + mean

    def told(self, model: "nn.Module") -> "nn.Module":
        """Return a copy of a model that predicts in the unit of the targets."""
        copied: Any = deepcopy(model)
        from edgescope.capturing.discovered_sites import carry

        carry(model, copied)
        copied.readout.set_unit(torch.tensor(self.deviation), torch.tensor(self.mean))
        return copied  # type: ignore[no-any-return]


def standardisation(recipe: "Recipe", splits: "Splits") -> Standardisation | None:
    """Return how the targets of data are standardised; None if they are not.

    Without a word of the recipe's ``standardise`` they are if they are numbers of a table of one's
    own: data whose ``task`` is not told, as it is of every published data set.

    Raises:
        InputError: if single precision cannot hold what would be computed.
    """
    own = splits.train.task is None and recipe.loss == "l1"
    wanted = own if recipe.standardise is None else recipe.standardise
    if not (wanted and splits.train.target_names):
        return None
    found = Standardisation.of(splits.train.y)
    largest = torch.cat([part.y for part in splits]).nan_to_num().abs().amax(0).tolist()
    for name, top, deviation in zip(
        splits.train.target_names, largest, found.deviation, strict=True
    ):
        if top > LARGEST or deviation < SMALLEST:
            raise InputError(
                f"the target {name!r} of {splits.train.name} has values up to {top:g} and a "
                f"standard deviation of {deviation:g}, expected values up to {LARGEST:g} and a "
                f"deviation of {SMALLEST:g} or more; write it in another unit, or as a logarithm"
            )
    return found


def _is_finite(number: object) -> bool:
    return isinstance(number, int | float) and bool(np.isfinite(number))
