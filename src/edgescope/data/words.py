"""Words for two classes, such as active and inactive."""

from collections.abc import Mapping
from typing import NamedTuple

PAIRS = (
    (("yes", "y"), ("no", "n")),
    (("true", "t"), ("false", "f")),
    (("positive", "pos", "+"), ("negative", "neg", "-")),
    (("active",), ("inactive",)),
    (("toxic",), ("nontoxic",)),
    (("soluble",), ("insoluble",)),
    (("mutagenic",), ("nonmutagenic",)),
    (("mutagen",), ("nonmutagen",)),
)
"""Words for 1 and for 0 that are known also where only one of the two occurs; without hyphens."""

NEGATIONS = ("non", "not", "in", "un", "im")
"""What makes a word for 0 of one for 1 where both occur: binder and non-binder."""


class Pair(NamedTuple):
    """Words for 1 and for 0.

    Attributes:
        positive: those for 1.
        negative: those for 0.
    """

    positive: tuple[str, ...]
    negative: tuple[str, ...]

    def value(self, word: str) -> float | None:
        """Return 1 or 0, or None for another word."""
        return 1.0 if word in self.positive else 0.0 if word in self.negative else None


def pair(words: Mapping[str, int]) -> Pair | None:
    """Find the words for two classes among those of a column.

    Args:
        words: how often each occurs, in lower case and without hyphens and spaces.

    Returns:
        The pair whose words occur most often; None if there is none, or two as often.

    Example:
        >>> from edgescope.data.words import pair
        >>> pair({"binder": 3, "nonbinder": 2, "maybe": 1})
        Pair(positive=('binder',), negative=('nonbinder',))
    """
    known = {Pair(*each) for each in PAIRS} | {
        Pair((word,), (other,))
        for word in words
        for prefix in NEGATIONS
        if (other := prefix + word) in words
    }
    counts = {each: sum(words.get(word, 0) for side in each for word in side) for each in known}
    most = max(counts.values())
    best = [each for each in known if counts[each] == most]
    return best[0] if most and len(best) == 1 else None
