"""Graphs whose edges are made less informative, or more numerous.

Edge types at random take the information out of them; random edges and virtual nodes add edges
that never had any. Models can be trained on such graphs, or given them only when they are tested.
"""

import math
from collections.abc import Mapping
from typing import Any, Literal, get_args

import numpy as np

from edgescope.data.edges.added_edges import (
    Types,
    as_full_graph,
    with_hub,
    with_random_edges,
    with_virtual_nodes,
)
from edgescope.data.edges.edge_changes import Draw, Per, constant, drawn, refuse_nodes, shuffled
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

HOW: tuple[str, ...] = get_args(How)
"""Every :data:`How`."""

SHARE = 0.5
"""Random edges per edge, unless told."""

TYPES: Mapping[str, tuple[str, ...]] = {
    "virtual_node": ("one", "two", "atoms"),
    "hub": ("one", "two", "atoms"),
    "full_graph": ("one", "constant"),
}
"""The :data:`Types` that each way of adding edges knows; the first is the default."""

OPTIONS: Mapping[str, tuple[str, ...]] = {
    "share": ("random_edges",),
    "draw": ("random_types",),
    "per": ("random_types", "shuffle_types"),
    "types": tuple(TYPES),
    "edge_type": ("virtual_node", "hub"),
    "nodes": ("virtual_node",),
}
"""Every option of :func:`rewire` but the seed, and what it belongs to."""


def rewire(
    dataset: GraphDataset,
    how: How,
    *,
    seed: int = 0,
    share: float | None = None,
    draw: Draw | None = None,
    per: Per | None = None,
    types: Types | None = None,
    edge_type: str | None = None,
    nodes: int | None = None,
    progress: bool = True,
) -> GraphDataset:
    """Return the same graphs with other edges.

    ==================  =========================================================================
    ``shuffle_types``   the types change places among the edges of all graphs; each type is as
                        frequent as before
    ``random_types``    every edge gets a random type among those that occur
    ``constant_type``   all edges get the new type ``"constant"``, so that types tell nothing
    ``random_edges``    edges of the new type ``"random"`` between random pairs of nodes of a
                        graph that had no edge
    ``virtual_node``    one more node per graph, of the new type ``"virtual"``, joined to all
                        others by edges of the new type ``"virtual"``
    ``hub``             a random node of each graph is joined to all others that it has no edge
                        with, by edges of the new type ``"hub"``
    ``full_graph``      every node is joined to every other of its graph; the edges that this
                        adds have the type ``"none"``, which is 0 in molecules
    ==================  =========================================================================

    What is added stands behind a graph's own nodes and edges, which keep their positions, and is
    marked in ``node_added`` and ``edge_added``, in the data set, its graphs and its batches. Edges
    are added in both directions. Where edges have several features, all of them change places
    together; those of an added node or edge are 0, apart from the type. A virtual node is a node
    like any other: it takes part in the read-out over the nodes of a graph.

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
        per: of ``random_types`` and ``shuffle_types``, whether the two directions of an ``"edge"``
            keep one type if they had one (the default), or every ``"direction"`` gets its own.
        types: of ``virtual_node`` and ``hub``, whether the added edges have ``"one"`` new type
            (the default), ``"two"``, such as ``"to virtual"`` and ``"from virtual"``, or one for
            each type of ``"atoms"`` at their other end, such as ``"virtual C"``; of
            ``full_graph``, ``"one"`` (the default), or ``"constant"``: all edges, own ones as
            well, have the type ``"constant"``.
        edge_type: of ``virtual_node`` and ``hub``, an own type of the graphs that the added edges
            get instead of a new one, such as ``"single"``.
        nodes: of ``virtual_node``, how many each graph gets; they are not joined to each other.
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
        >>> virtual = es.data.rewire(test[:2], "virtual_node", types="two")
        >>> virtual.edge_type_names[-2:], int(virtual.node_added.sum())
        (('to virtual', 'from virtual'), 2)
    """
    options = {"share": share, "draw": draw, "per": per, "types": types, "edge_type": edge_type}
    check_options({"how": how, **options, "nodes": nodes})
    refuse_nodes(dataset)
    random = np.random.default_rng(seed)
    kinds: Types = types or "one"
    if how == "shuffle_types":
        found = shuffled(dataset, random, per or "edge")
    elif how == "random_types":
        found = drawn(dataset, random, draw or "uniform", per or "edge")
    elif how == "constant_type":
        found = constant(dataset)
    elif how == "virtual_node":
        found = with_virtual_nodes(dataset, nodes or 1, kinds, edge_type)
    elif how == "hub":
        found = with_hub(dataset, random, kinds, edge_type)
    elif how == "full_graph":
        found = as_full_graph(dataset, kinds)
    else:
        found = with_random_edges(dataset, random, SHARE if share is None else share, progress)
    return found


def apply(part: GraphDataset, spec: Mapping[str, Any], *, progress: bool = True) -> GraphDataset:
    """Rewire as a mapping says, such as ``{"how": "random_edges", "share": 0.5, "seed": 0}``.

    Without a seed it is 0.

    Raises:
        InputError: as :func:`rewire`, and if a key is unknown or ``how`` is missing.
    """
    known = ("how", *OPTIONS, "seed")
    unknown = [key for key in spec if key not in known]
    if unknown or "how" not in spec:
        what = f"the unknown key {unknown[0]!r}" if unknown else "no key 'how'"
        raise InputError(
            f"rewire has {what}, expected how ({', '.join(HOW)}), {', '.join(known[1:])}"
        )
    return rewire(part, **spec, progress=progress)


def check_options(spec: Mapping[str, Any]) -> None:
    """Refuse what :func:`rewire` cannot be asked for, whatever the graphs are.

    Args:
        spec: ``how``, and options by name; those that are None are not given.

    Raises:
        InputError: if ``how`` is unknown, an option does not belong to it or is out of range.
    """
    how = spec["how"]
    if how not in HOW:
        raise InputError(f"received how={how!r}, expected one of {', '.join(HOW)}")
    given = {name: spec[name] for name in OPTIONS if spec.get(name) is not None}
    for name, value in given.items():
        if how not in OPTIONS[name]:
            owners = " or ".join(OPTIONS[name])
            raise InputError(f"received {name}={value!r} for {how}, it belongs to {owners}")
    words = {"draw": get_args(Draw), "per": get_args(Per), "types": TYPES.get(how, ())}
    for name, allowed in words.items():
        if name in given and given[name] not in allowed:
            raise InputError(f"received {name}={given[name]!r}, expected {' or '.join(allowed)}")
    share, nodes = given.get("share", SHARE), given.get("nodes", 1)
    if not (share > 0 and math.isfinite(share)):
        raise InputError(f"received share={share}, expected a number above 0, such as {SHARE}")
    if not isinstance(nodes, int) or isinstance(nodes, bool) or nodes < 1:
        raise InputError(f"received nodes={nodes!r}, expected a whole number from 1 on")
    if {"types", "edge_type"} <= given.keys():
        raise InputError(
            f"received types={given['types']!r} and edge_type={given['edge_type']!r}, expected one "
            "of them: new types, or one that is there"
        )
