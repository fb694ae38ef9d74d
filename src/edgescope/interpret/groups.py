"""The groups that the edges of a data set fall into, by chemistry, topology and labels."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edgescope.data.dataset_check import check_dataset
from edgescope.data.edges.directions import batched_edges
from edgescope.data.graphs import GraphDataset
from edgescope.interpret.bond_chemistry import Chemistry
from edgescope.interpret.kinds import BINS, Kind, Null, binned, labelled
from edgescope.interpret.topology import (
    SimpleGraphs,
    articulation_distance,
    balanced_forman,
    betweenness,
    degree_product,
)
from edgescope.lib.errors import InputError

DIRECTIONS = ("to the lower degree", "between equal degrees", "to the higher degree")


@dataclass(frozen=True, eq=False)
class EdgeGroups:
    """Groups of the edges of a data set, of several kinds.

    Attributes:
        dataset: whose edges they are.
        kinds: the kinds by name, in the order asked for.

    Example:
        >>> import edgescope as es
        >>> molecules = es.data.load("solubility").test[:20]
        >>> groups = es.interpret.edge_groups(molecules, by=["ring"])
        >>> groups["ring"].names, list(groups.kinds)
        (('chain', 'ring'), ['ring'])
    """

    dataset: GraphDataset
    kinds: dict[str, Kind]

    def __getitem__(self, kind: str) -> Kind:
        """Return a kind.

        Raises:
            InputError: if there is no such kind.
        """
        if kind not in self.kinds:
            raise InputError(f"unknown kind {kind!r}, expected one of {', '.join(self.kinds)}")
        return self.kinds[kind]

    def turned(self) -> "EdgeGroups":
        """Return the groups of the same edges as they run for a layer of reversed flow."""
        edge_index = self.dataset.edge_index.flip(0)
        kinds = {name: kind.turned() for name, kind in self.kinds.items()}
        return EdgeGroups(replace(self.dataset, edge_index=edge_index), kinds)

    def __iter__(self) -> Iterator[Kind]:
        """Go through the kinds."""
        return iter(self.kinds.values())

    def __repr__(self) -> str:
        """Say how many groups of which kinds there are."""
        counts = ", ".join(f"{kind.name} {len(kind.names)}" for kind in self)
        return f"EdgeGroups({self.dataset.name}: {counts})"


def edge_groups(
    dataset: GraphDataset,
    by: Sequence[str] | None = None,
    *,
    labels: Mapping[str, Sequence[object] | Tensor | NDArray[np.generic]] | None = None,
    bins: int = BINS,
    progress: bool = True,
) -> EdgeGroups:
    """Put the edges of a data set into groups.

    Chemical kinds need SMILES and RDKit. Topological kinds are those of the undirected simple
    graph: self-loops and duplicates are ignored, and nothing can be told of a self-loop.

    Args:
        dataset: the graphs.
        by: names of kinds, among :data:`CHEMISTRY` and :data:`GENERAL`; by default all that the
            data set has what is needed for.
        labels: further kinds by name, a label for every edge ``[E]``, integers or words; a
            negative integer or None is no label.
        bins: bins of a quantity that has more than eight values.
        progress: whether to show progress bars.

    Raises:
        InputError: if a kind is unknown, needs SMILES that are not there, or labels do not fit.
        MissingExtraError: if a chemical kind is asked for and RDKit is not installed.

    Example:
        >>> import edgescope as es
        >>> molecules = es.data.load("solubility", progress=False).test[:20]
        >>> es.interpret.edge_groups(molecules, by=["ring"], progress=False)["ring"].names
        ('chain', 'ring')
    """
    check_dataset(dataset)
    if bins < 2:  # noqa: PLR2004  (one bin would hold everything)
        raise InputError(f"received bins={bins}, expected 2 or more")
    given = dict(labels or {})
    if by is None:
        by = [*(CHEMISTRY if hasattr(dataset, "smiles") else {}), *GENERAL]
    elif isinstance(by, str):
        by = [by]
    makers = {**CHEMISTRY, **GENERAL}
    unknown = [name for name in by if name not in makers]
    if unknown:
        raise InputError(f"unknown kind {unknown[0]!r}, expected some of {', '.join(makers)}")
    taken = [name for name in given if name in makers]
    if taken:
        raise InputError(f"labels are called {taken[0]!r}, which is a kind of its own; rename them")
    source = _Source(dataset, bins, progress)
    kinds = {name: makers[name](source) for name in by}
    edges = dataset.edge_index.size(1)
    kinds |= {name: labelled(name, values, edges) for name, values in given.items()}
    return EdgeGroups(dataset, kinds)


@dataclass(frozen=True)
class _Source:
    """What kinds are made from, each part of it once."""

    dataset: GraphDataset
    bins: int
    progress: bool

    @cached_property
    def graphs(self) -> SimpleGraphs:
        return SimpleGraphs.of(self.dataset)

    @cached_property
    def chemistry(self) -> Chemistry:
        return Chemistry(self.dataset, progress=self.progress)

    def binned(self, name: str, links: NDArray[np.float64], null: Null = "type and degree") -> Kind:
        return binned(name, self.graphs.on_edges(links), null, self.bins)


def _bond_type(source: _Source) -> Kind:
    dataset = source.dataset
    return Kind.of_codes("bond_type", dataset.edge_type_names, dataset.edge_types)


def _degree_direction(source: _Source) -> Kind:
    ends = batched_edges(source.dataset).numpy()
    first, second = source.graphs.degree[ends]
    codes = np.where(ends[0] == ends[1], -1, np.sign(second - first) + 1)
    return Kind.of_codes("degree_direction", DIRECTIONS, torch.from_numpy(codes), "reversal")


def _betweenness(source: _Source) -> Kind:
    return source.binned("betweenness", betweenness(source.graphs, progress=source.progress))


def _curvature(source: _Source) -> Kind:
    return source.binned("curvature", balanced_forman(source.graphs, progress=source.progress))


CHEMISTRY: dict[str, Callable[[_Source], Kind]] = {
    "aromaticity": lambda source: source.chemistry.aromaticity(),
    "conjugation": lambda source: source.chemistry.conjugation(),
    "ring": lambda source: source.chemistry.ring_membership(),
    "ring_size": lambda source: source.chemistry.ring_size(),
    "element_pair": lambda source: source.chemistry.element_pair(),
    "functional_group": lambda source: source.chemistry.functional_group(),
    "element_direction": lambda source: source.chemistry.element_direction(),
}
"""Kinds of the bonds of molecules.

Example:
    >>> from edgescope.interpret import CHEMISTRY
    >>> "ring" in CHEMISTRY
    True
"""

GENERAL: dict[str, Callable[[_Source], Kind]] = {
    "bond_type": _bond_type,
    "degree_direction": _degree_direction,
    # Degrees cannot be held fixed where they are what is asked about.
    "degree_product": lambda s: s.binned("degree_product", degree_product(s.graphs), "type"),
    "betweenness": _betweenness,
    "curvature": _curvature,
    "articulation": lambda s: s.binned("articulation", articulation_distance(s.graphs)),
}
"""Kinds of the edges of any graph; ``bond_type`` is the data set's own type of an edge.

Example:
    >>> from edgescope.interpret import GENERAL
    >>> "bond_type" in GENERAL
    True
"""
