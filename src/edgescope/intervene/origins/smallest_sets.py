"""The smallest set of units that does something: greedily, then nothing that can be left out.

The search knows of the units no more than what comes of a set of them, and that all together do
it. It is exact where one unit is enough, and of two, as all single ones were tried before. Beyond
that a set is minimal: each of its members is needed as long as the others are there.
"""

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Literal, NamedTuple

Proof = Literal["smallest", "minimal", "stopped"]
"""``"smallest"``: all smaller sets were tried; ``"minimal"``: no member can be left out;
``"stopped"``: the search ended at the largest number of passes, so some may be left out."""

TRIES = 6
"""Units that are tried beside those chosen before in one round, the best first."""


class OutOfPasses(Exception):  # noqa: N818  (no error: the search ends)
    """The largest number of passes was reached."""


class Outcome(NamedTuple):
    """What comes of a set of units."""

    loss: tuple[float, ...]
    """How far it is from doing it; the smaller the better, compared number by number."""
    done: bool
    """Whether it does it."""


class Found(NamedTuple):
    """A set that does it."""

    units: tuple[str, ...]
    proof: Proof
    others: tuple[str, ...]
    """Other single units that do it as well, if one is enough."""
    tried: int
    """How many sets were tried."""


class Search:
    """Looks for a small set of units.

    Args:
        units: the units, all of which together do it.
        outcome: returns what comes of a set of them; may raise :class:`OutOfPasses`.

    Example:
        >>> def both(units):
        ...     return Outcome((-len({"b", "d"} & set(units)),), {"b", "d"} <= set(units))
        >>> Search("abcd", both).run()
        Found(units=('b', 'd'), proof='smallest', others=(), tried=9)
    """

    def __init__(self, units: Sequence[str], outcome: Callable[[tuple[str, ...]], Outcome]) -> None:
        self._units = tuple(units)
        self._outcome = outcome
        self._tried = 0

    def run(self) -> Found:
        """Return a set that does it."""
        best: tuple[str, ...] = self._units
        try:
            alone = {unit: self._try((unit,)) for unit in self._units}
            order = sorted(self._units, key=lambda unit: alone[unit].loss)
            enough = [unit for unit in order if alone[unit].done]
            if enough:
                return Found((enough[0],), "smallest", tuple(enough[1:]), self._tried)
            best = self._grown(order)
            best = self._shrunk(best)
        except OutOfPasses:
            return Found(best, "stopped", (), self._tried)
        # Of a set of two, all smaller ones have been tried.
        return Found(best, "smallest" if len(best) <= 2 else "minimal", (), self._tried)  # noqa: PLR2004

    def exhaustive(self) -> tuple[tuple[str, ...], ...]:
        """Return all sets of the smallest size that do it; sizes are tried one by one."""
        for size in range(1, len(self._units) + 1):
            found = [each for each in combinations(self._units, size) if self._try(each).done]
            if found:
                return tuple(found)
        return ()

    @property
    def tried(self) -> int:
        """How many sets were tried."""
        return self._tried

    def _try(self, units: Sequence[str]) -> Outcome:
        found = self._outcome(tuple(unit for unit in self._units if unit in set(units)))
        self._tried += 1
        return found

    def _grown(self, order: Sequence[str]) -> tuple[str, ...]:
        """Add units, in each round the one that helps most of a few, until it is done."""
        chosen = [order[0]]
        rest = list(order[1:])
        while rest:
            outcomes = {unit: self._try((*chosen, unit)) for unit in rest[:TRIES]}
            best = min(outcomes, key=lambda unit: outcomes[unit].loss)
            chosen.append(best)
            if outcomes[best].done:
                break
            # What was tried and helped less is tried again before what is still to be tried.
            again = sorted(outcomes, key=lambda unit: outcomes[unit].loss)[1:]
            half = len(again) // 2
            rest = [*again[:half], *rest[TRIES:], *again[half:]]
        return tuple(chosen)

    def _shrunk(self, units: tuple[str, ...]) -> tuple[str, ...]:
        """Leave out what is not needed, what was added first to be tried last, until all is."""
        kept = list(units)
        shrinking = True
        while shrinking and len(kept) > 1:
            shrinking = False
            for unit in reversed(list(kept)):
                fewer = [each for each in kept if each != unit]
                if fewer and self._try(fewer).done:
                    kept, shrinking = fewer, True
        return tuple(unit for unit in self._units if unit in kept)
