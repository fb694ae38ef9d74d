"""Is a group of edges massive more often, or less, than others that are alike: permutation tests.

For every group the number of its massive edges is compared with what it is after massive patterns
have changed places at random, within strata; see :mod:`edgescope.interpret.strata`. A p-value is
``(1 + c) / (1 + B)`` with ``c`` of ``B`` permutations at least as far from the exact mean of all
permutations as the data (Phipson and Smyth, Stat. Appl. Genet. Mol. Biol. 9, 2010), so it is valid
for any number of permutations, whatever the clustering of massive edges by graph.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from edgescope.data.graphs import GraphDataset
from edgescope.interpret.kinds import Kind
from edgescope.interpret.strata import Pairs
from edgescope.interpret.topology import Ints
from edgescope.lib.progress import track

PERMUTATIONS = 1000

Array = NDArray[np.float64]

_CELLS = 2**22
"""Permuted edges that are held at a time."""

_EQUAL = 1e-6
"""Counts are whole numbers, and their mean is computed: distances closer than this are equal."""


class Tested(NamedTuple):
    """The tests of a kind's ``G`` groups at ``S`` sites."""

    expected: Array
    """Mean number of massive edges over all permutations ``[S, G]``."""
    p: Array
    """Two-sided p-values ``[S, G]``."""
    exchangeable: Ints
    """Edges in strata that hold both massive patterns and others, and both members of the group
    and others ``[S, G]``: where there are none, no permutation changes anything, and p is 1."""

    def of(self, groups: slice) -> "Tested":
        """Return the tests of some groups."""
        return Tested(self.expected[:, groups], self.p[:, groups], self.exchangeable[:, groups])


def permutation_tests(
    dataset: GraphDataset,
    kinds: Sequence[Kind],
    massive: Tensor,
    *,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
    held: Ints | None = None,
    progress: bool = True,
) -> dict[str, Tested]:
    """Test every group of every kind at every site.

    Kinds with the null ``"reversal"`` are about the direction of edges. Their permutations reverse
    all edges of a graph together or none, which is valid however its edges depend on each other.

    Args:
        dataset: whose edges they are.
        kinds: the kinds of groups.
        massive: which edges are massive ``[S, E]``, bool.
        permutations: how many to draw; the same ones serve all sites.
        seed: start of the random permutations.
        held: a number of every node ``[V]``, such as its element, that is held fixed instead of
            its degree.
        progress: whether to show a progress bar.

    Returns:
        The tests by name of the kind.
    """
    pairs = Pairs.of(dataset, held)
    label = massive.numpy()
    families: dict[tuple[str, bytes], list[Kind]] = {}
    for kind in kinds:
        key = (kind.null, kind.applicable.numpy().tobytes())
        families.setdefault(key, []).append(kind)
    found: dict[str, Tested] = {}
    for number, family in enumerate(families.values()):
        member = np.concatenate([kind.member.numpy() for kind in family], axis=1)
        random = np.random.default_rng([seed, number])
        if family[0].null == "reversal":
            tested = _reversals(pairs, member, label, permutations, random)
        else:
            stratum = pairs.strata(family[0].null, family[0].applicable)
            shuffles = _Shuffles(pairs, stratum, member, label)
            blocks = shuffles.drawn(permutations, random)
            total = -(-permutations // shuffles.block)
            tested = shuffles.test(
                track(blocks, "permuting massive edges", total, progress), permutations
            )
        ends = np.cumsum([0, *(len(kind.names) for kind in family)])
        for kind, start, end in zip(family, ends, ends[1:], strict=False):
            found[kind.name] = tested.of(slice(start, end))
    return {kind.name: found[kind.name] for kind in kinds}


class _Shuffles:
    """Patterns change places within strata.

    Only strata in which something can change are looked at: those where both the patterns of some
    site and the members of some group differ between pairs.
    """

    def __init__(
        self, pairs: Pairs, stratum: Ints, member: NDArray[np.bool_], label: NDArray[np.bool_]
    ) -> None:
        strata = int(stratum.max(initial=-1)) + 1
        # All pairs of a stratum have the same slots.
        slots = int(pairs.edges.max(initial=1))
        cell = stratum[pairs.pair] * slots + pairs.slot
        differs_by_site = _differs(cell, label.T, strata, slots)
        differs_by_group = _differs(cell, member, strata, slots)
        size = np.bincount(stratum[pairs.pair], minlength=strata)
        self.exchangeable = (differs_by_site.T * size).astype(np.int64) @ differs_by_group
        self.observed = label.astype(np.float64) @ member
        active = np.asarray(differs_by_site.any(axis=1) & differs_by_group.any(axis=1))

        chosen = np.flatnonzero(active[stratum])
        chosen = chosen[stratum[chosen].argsort(kind="stable")]
        self._stratum = stratum[chosen]
        place = np.full(len(stratum), -1)
        place[chosen] = np.arange(len(chosen))
        edges = np.flatnonzero(place[pairs.pair] >= 0)
        edges = edges[np.lexsort((pairs.slot[edges], place[pairs.pair[edges]]))]
        self._pair, self._slot = place[pairs.pair[edges]], pairs.slot[edges]
        self._first = np.concatenate([[0], pairs.edges[chosen].cumsum()])[:-1]
        self._member = member[edges].astype(np.float32)
        self._label = label[:, edges].astype(np.float32)
        self._fixed = self.observed - self._label.astype(np.float64) @ self._member
        self.expected = self._fixed + _means(cell[edges], self._label) @ self._member
        self.block = max(1, _CELLS // max(len(edges), 1))

    def drawn(self, permutations: int, random: np.random.Generator) -> Iterator[Ints]:
        """Yield blocks of permutations: from which edge each takes its label ``[b, e]``."""
        for start in range(0, permutations, self.block):
            size = min(self.block, permutations - start)
            order = np.argsort(self._stratum + random.random((size, len(self._stratum))), axis=1)
            yield self._first[order][:, self._pair] + self._slot

    def test(self, blocks: Iterator[Ints], permutations: int) -> Tested:
        """Count how many permutations are as far from the mean as the data."""
        distance = np.abs(self.observed - self.expected) - _EQUAL
        beyond = np.zeros_like(self.observed)
        for taken in blocks:
            for site, label in enumerate(self._label):
                counts = self._fixed[site] + label[taken] @ self._member
                beyond[site] += (np.abs(counts - self.expected[site]) >= distance[site]).sum(0)
        p = (1 + beyond) / (1 + permutations)
        return Tested(self.expected, p, self.exchangeable)


def _differs(cell: Ints, values: NDArray[np.bool_], strata: int, slots: int) -> NDArray[np.bool_]:
    """Say in which strata the pairs are not all alike ``[strata, columns]``.

    Args:
        cell: stratum and slot of every edge ``[E]``.
        values: ``[E, columns]``.
        strata: number of strata.
        slots: number of slots.
    """
    size = np.bincount(cell, minlength=strata * slots)
    result = np.empty((strata, values.shape[1]), dtype=np.bool_)
    for column in range(values.shape[1]):
        held = np.bincount(cell[values[:, column]], minlength=strata * slots)
        mixed = (held > 0) & (held < size)
        result[:, column] = mixed.reshape(strata, slots).any(axis=1)
    return result


def _means(cell: Ints, label: NDArray[np.float32]) -> Array:
    """Return the mean label over the edges of the same stratum and slot ``[S, e]``."""
    place = np.unique(cell, return_inverse=True)[1].reshape(-1)
    size = np.bincount(place)
    return np.stack([(np.bincount(place, row) / size)[place] for row in label])


def _reversals(
    pairs: Pairs,
    member: NDArray[np.bool_],
    label: NDArray[np.bool_],
    permutations: int,
    random: np.random.Generator,
) -> Tested:
    """Reverse all edges of a graph together, or none."""
    graph = pairs.graph[pairs.pair]
    graphs = int(graph.max(initial=-1)) + 1
    flips = random.integers(2, size=(permutations, graphs)).astype(np.float64)
    expected, p, exchangeable = [], [], []
    for row in label:
        reversed_row = row[pairs.reverse]
        change = np.stack(
            [
                np.bincount(graph, reversed_row & column, graphs)
                - np.bincount(graph, row & column, graphs)
                for column in member.T
            ],
            axis=1,
        )
        observed = row.astype(np.float64) @ member
        mean = observed + change.sum(0) / 2
        distance = np.abs(observed - mean) - _EQUAL
        counts = observed + flips @ change
        beyond = (np.abs(counts - mean) >= distance).sum(0)
        size = np.bincount(graph, minlength=graphs)
        expected.append(mean)
        p.append((1 + beyond) / (1 + permutations))
        exchangeable.append(size @ (change != 0))
    return Tested(np.stack(expected), np.stack(p), np.stack(exchangeable).astype(np.int64))
