"""A kind of edge groups, such as bond type: which edges are in which of its groups."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edgescope.lib.errors import InputError

Null = Literal["degree", "type", "type and degree", "reversal"]
"""What a permutation leaves as it is: the degrees of the two ends of an edge, its type, or both;
or everything but the direction in which the edges of a graph run. Groups of a kind of the last sort
stand in order of direction, so that turning an edge around takes it from the first to the last."""

EXACT = 8
"""So many different values or fewer are groups of their own; more are put into bins."""

BINS = 5
"""Bins of a quantity with more values, each with about as many edges."""

DECIMALS = 6
"""Decimals of a quantity that tell two values apart: rounding errors do not."""


@dataclass(frozen=True, eq=False)
class Kind:
    """Groups of edges of one kind.

    Attributes:
        name: what the groups are about, such as ``"bond_type"``.
        names: name of each of the ``G`` groups.
        member: which edges are in which groups ``[E, G]``, bool; an edge may be in several.
        applicable: of which edges the kind can be told ``[E]``, bool; the others are in no group
            and are left out of every comparison.
        null: what a permutation of massive edges leaves as it is.

    Example:
        >>> import edgescope as es
        >>> molecules = es.data.load("solubility").test[:20]
        >>> groups = es.interpret.edge_groups(molecules, by=["ring"])
        >>> kind = groups["ring"]
        >>> kind.name, kind.null, kind.member.shape[1]
        ('ring', 'degree', 2)
    """

    name: str
    names: tuple[str, ...]
    member: Tensor
    applicable: Tensor
    null: Null = "degree"

    @classmethod
    def of_codes(
        cls, name: str, names: Sequence[str], codes: Tensor, null: Null = "degree"
    ) -> "Kind":
        """Make groups that do not overlap.

        Args:
            name: what they are about.
            names: name of each of the ``G`` groups.
            codes: group of every edge ``[E]``, -1 where the kind cannot be told.
            null: what a permutation leaves as it is.
        """
        member = codes.unsqueeze(1) == torch.arange(len(names))
        return cls(name, tuple(names), member, codes >= 0, null)

    @property
    def overlapping(self) -> bool:
        """Whether some edge is in several groups, or in none though the kind can be told."""
        return bool((self.member.sum(1) != self.applicable).any())

    def place(self, group: str, *, turned: bool = False) -> int:
        """Return the number of a group; if edges are ``turned`` around, what it was before."""
        place = self.names.index(group)
        return len(self.names) - 1 - place if turned and self.null == "reversal" else place

    def turned(self) -> "Kind":
        """Return the groups that the edges are in if they run the other way."""
        return replace(self, member=self.member.flip(1)) if self.null == "reversal" else self

    @property
    def codes(self) -> Tensor:
        """Group of every edge ``[E]`` int64, -1 where the kind cannot be told.

        Raises:
            InputError: if groups overlap.
        """
        if self.overlapping:
            raise InputError(
                f"an edge may be in several or none of the groups of {self.name}, so it has no "
                "single code; use member"
            )
        if not self.names:
            return torch.full((len(self.member),), -1)
        return self.member.int().argmax(1).where(self.applicable, -1)

    def __repr__(self) -> str:
        """Show the groups and their sizes."""
        sizes = zip(self.names, self.member.sum(0).tolist(), strict=True)
        return f"Kind({self.name}: " + ", ".join(f"{n} {size:,}" for n, size in sizes) + ")"


def labelled(name: str, labels: Sequence[object] | Tensor | NDArray[np.generic], size: int) -> Kind:
    """Make groups of labels that a user gives, integers or words.

    Args:
        name: what the labels are about.
        labels: label of every edge ``[E]``; a negative integer or None means that it has none.
        size: number of edges ``E``.

    Raises:
        InputError: if there are more or fewer labels than edges, or they are neither integers nor
            words.
    """
    values = labels.tolist() if isinstance(labels, Tensor | np.ndarray) else list(labels)
    if len(values) != size:
        raise InputError(
            f"received {len(values)} labels {name!r}, expected one for each of the {size} edges "
            "of the data set"
        )
    wrong = [v for v in values if not isinstance(v, int | str | None) or isinstance(v, bool)]
    if wrong:
        raise InputError(
            f"received the label {wrong[0]!r} of type {type(wrong[0]).__name__} for {name!r}, "
            "expected integers or words"
        )
    known = {value for value in values if value is not None and not _negative(value)}
    ordered = sorted(known, key=lambda value: (isinstance(value, str), value))
    places = {value: place for place, value in enumerate(ordered)}
    codes = torch.tensor([places.get(value, -1) for value in values], dtype=torch.long)
    return Kind.of_codes(name, [str(value) for value in ordered], codes)


def _negative(value: object) -> bool:
    return isinstance(value, int) and value < 0


def binned(name: str, values: NDArray[np.float64], null: Null, bins: int = BINS) -> Kind:
    """Make groups of a quantity: its values if they are few, else bins at its quantiles.

    Args:
        name: what is measured.
        values: the quantity of every edge ``[E]``; NaN where there is none.
        null: what a permutation leaves as it is.
        bins: how many bins to make, of about the same number of edges each; fewer if a single
            value fills several.
    """
    told = ~np.isnan(values)
    rounded = np.round(values[told], DECIMALS) + 0.0  # no minus zero
    different = np.unique(rounded)
    codes = np.full(len(values), -1)
    if len(different) <= EXACT:
        codes[told] = np.searchsorted(different, rounded)
        names = [f"{value:.4g}" for value in different]
    else:
        inner = np.quantile(rounded, np.arange(1, bins) / bins, method="higher")
        inner = np.unique(inner[inner > different[0]])
        codes[told] = np.searchsorted(inner, rounded, side="right")
        ends = [different[0], *inner, different[-1]]
        names = [f"{low:.4g} to <{high:.4g}" for low, high in pairwise(ends)]
        names[-1] = f"{ends[-2]:.4g} to {ends[-1]:.4g}"
    return Kind.of_codes(name, names, torch.from_numpy(codes), null)
