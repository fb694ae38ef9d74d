"""Atom types: which integer stands for which kind of atom."""

from collections.abc import Iterable, Mapping
from typing import Self

import torch
from torch import Tensor

from edgescope.lib.errors import InputError


class AtomVocabulary(tuple[str, ...]):
    """A tuple of atom keys; the position of a key is its atom type.

    A key is the element's symbol, the number of hydrogens where it does not follow from the bonds,
    the formal charge and the number of unpaired electrons, if any: ``"C"``, ``"N H2 +"``,
    ``"O -"``, ``"Mg +2"``, ``"C H2 rad1"``. In ZINC's published vocabulary the hydrogens are those
    written in the brackets of its files, as in ``"C H1"``, a carbon with a stereo mark. Being a
    tuple, it can be compared, and written as JSON; from the list in the JSON file
    ``AtomVocabulary(keys)`` makes it again.

    Args:
        keys: atom keys in the order of their types.

    Raises:
        InputError: if the same key is listed more than once, so that its type is ambiguous.

    Example:
        >>> from edgescope.data import AtomVocabulary
        >>> vocabulary = AtomVocabulary(["C", "N", "O -"])
        >>> vocabulary.index("O -"), len(vocabulary)
        (2, 3)
    """

    __slots__ = ()

    def __new__(cls, keys: Iterable[str] = ()) -> Self:
        """Check that no key stands twice."""
        vocabulary = super().__new__(cls, keys)
        for key in set(vocabulary):
            if vocabulary.count(key) > 1:
                raise InputError(
                    f"atom key {key!r} stands {vocabulary.count(key)} times in the vocabulary, "
                    "expected once; remove the others"
                )
        return vocabulary

    @classmethod
    def most_frequent(cls, counts: Mapping[str, int]) -> Self:
        """Order keys by how often they occur, the most frequent first, ties by their text."""
        return cls(sorted(counts, key=lambda key: (-counts[key], key)))

    def encode(self, keys: Iterable[str]) -> Tensor:
        """Look up the types of atoms.

        Args:
            keys: one key per atom, ``V`` of them.

        Returns:
            ``[V]`` int64.

        Raises:
            InputError: if a key is not in the vocabulary; the message lists those that are.
        """
        types = {key: position for position, key in enumerate(self)}
        try:
            return torch.tensor([types[key] for key in keys], dtype=torch.long)
        except KeyError as error:
            raise InputError(
                f"atom {error.args[0]!r} is not among the {len(self)} atom types known here: "
                f"{', '.join(map(repr, self))}"
            ) from None


ZINC_VOCABULARY = AtomVocabulary(
    (
        *("C", "O", "N", "F", "C H1", "S", "Cl", "O -", "N H1 +", "Br", "N H3 +", "N H2 +"),
        *("N +", "N -", "S -", "I", "P", "O H1 +", "N H1 -", "O +", "S +", "P H1", "P H2"),
        *("C H2 -", "P +", "S H1 +", "C H1 -", "P H1 +"),
    )
)
"""The 28 atom types of ZINC-12k in the order of the published benchmark.

Source: the authors of the benchmark, https://github.com/graphdeeplearning/benchmarking-gnns,
issue 42.

Example:
    >>> from edgescope.data import ZINC_VOCABULARY
    >>> len(ZINC_VOCABULARY), ZINC_VOCABULARY[0]
    (28, 'C')
"""
