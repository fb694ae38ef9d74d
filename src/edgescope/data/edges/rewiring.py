"""Graphs whose edges are made less informative, or more numerous.

Edge types at random take the information out of them; random edges and a virtual node add edges
that never had any. Models can be trained on such graphs, or given them only when they are tested.
"""

import math
from collections.abc import Mapping
from typing import Any, Literal, get_args

import numpy as np

from edgescope.data.edges.edge_changes import (
    Draw,
    drawn,
    refuse_nodes,
    shuffled,
    with_random_edges,
    with_virtual_node,
)
from edgescope.data.graphs import GraphDataset
from edgescope.lib.errors import InputError

How = Literal[
    "shuffle_types",
    "random_types",
    "constant_type",
    "random_edges",
    "virtual_node",
    "hub",
    "full_graph",
]
"""What is done to the graphs; see :func:`rewire`."""

Types = Literal["one", "two", "atoms", "constant"]
"""Which types added edges have; see :func:`rewire`."""

HOW: tuple[str, ...] = get_args(How)
"""Every :data:`How`."""

SHARE = 0.5
"""Random edges per edge, unless told."""


def rewire(
    dataset: GraphDataset,
    how: How,
    *,
    seed: int = 0,
    share: float | None = None,
    draw: Draw | None = None,
    progress: bool = True,
) -> GraphDataset:
    """Return the same graphs with other edges.

    ==================  =========================================================================
    ``shuffle_types``   the types change places among the edges of all graphs; each type is as
                        frequent as before
    ``random_types``    every edge gets a random type among those that occur
    ``random_edges``    edges of the new type ``"random"`` between random pairs of nodes of a
                        graph that had no edge
    ``virtual_node``    one more node per graph, of the new type ``"virtual"``, joined to all
                        others by edges of the new type ``"virtual"``
    ==================  =========================================================================

    The two directions of an edge keep one type if they had one, and edges are added in both. What
    is added stands behind a graph's own nodes and edges, which keep their positions. Where edges
    have several features, all of them change places together; those of an added node or edge are
    0, apart from the type.

    New types are added behind the old ones, whether a graph has room for such an edge or not, so
    that the parts of a data set agree. With added edges molecules become plain graphs, because an
    edge no longer belongs to a bond of the SMILES. Known true edges stay so; added ones are not.

    Args:
        dataset: the graphs.
        how: see above.
        seed: start of all that is random.
        share: of ``random_edges``, how many are added for each edge of a graph, rounded to whole
            edges (both directions count as one, self-loops as none); 0.5 if None.
        draw: of ``random_types``, ``"uniform"`` (the default) or ``"frequencies"``.
        progress: show a bar while edges are drawn.

    Raises:
        InputError: if ``how`` is unknown, an option does not belong to it or is out of range, or
            the data set is one graph whose nodes have targets.

    Warns:
        EdgescopeWarning: if graphs have fewer free pairs than edges are to be added; they get an
            edge at each free pair.

    Example:
        >>> import edgescope as es
        >>> test = es.data.load("solubility").test
        >>> es.data.rewire(test, "random_edges", share=0.2).edge_type_names
        ('none', 'single', 'double', 'triple', 'random')
    """
    _check(dataset, how, share, draw)
    random = np.random.default_rng(seed)
    if how == "shuffle_types":
        return shuffled(dataset, random)
    if how == "random_types":
        return drawn(dataset, random, draw or "uniform")
    if how == "virtual_node":
        return with_virtual_node(dataset)
    return with_random_edges(dataset, random, SHARE if share is None else share, progress)


def apply(part: GraphDataset, spec: Mapping[str, Any], *, progress: bool = True) -> GraphDataset:
    """Rewire as a mapping says, such as ``{"how": "random_edges", "share": 0.5, "seed": 0}``.

    Without a seed it is 0.

    Raises:
        InputError: as :func:`rewire`, and if a key is unknown or ``how`` is missing.
    """
    known = ("how", "share", "draw", "seed")
    unknown = [key for key in spec if key not in known]
    if unknown or "how" not in spec:
        what = f"the unknown key {unknown[0]!r}" if unknown else "no key 'how'"
        raise InputError(
            f"rewire has {what}, expected how ({', '.join(HOW)}), {', '.join(known[1:])}"
        )
    return rewire(part, **spec, progress=progress)


def _check(dataset: GraphDataset, how: str, share: float | None, draw: str | None) -> None:
    if how not in HOW:
        raise InputError(f"received how={how!r}, expected one of {', '.join(HOW)}")
    for name, value, owner in (("share", share, HOW[2]), ("draw", draw, HOW[1])):
        if value is not None and how != owner:
            raise InputError(f"received {name}={value!r} for {how}, it belongs to {owner}")
    if share is not None and not (share > 0 and math.isfinite(share)):
        raise InputError(f"received share={share}, expected a number above 0, such as {SHARE}")
    if draw is not None and draw not in get_args(Draw):
        raise InputError(f"received draw={draw!r}, expected {' or '.join(get_args(Draw))}")
    refuse_nodes(dataset)
