"""Graphs as a page's script draws them: nodes with their places, and bonds or edges."""

from typing import Any

import numpy as np

from edgescope.lib.graph_names import label
from edgescope.plots.molecules import flat_molecule
from edgescope.plots.node_links import layout
from edgescope.report.live.linked_rows import COLUMNS, LinkedRows
from edgescope.scanning.result import Scan
from edgescope.scanning.site_scan import SiteEdges

NODES = 16
"""Nodes that are drawn of a graph that is no molecule: the ends of its most massive edges."""

_AT = {name: place + 1 for place, name in enumerate(COLUMNS)}


def drawn_graphs(scan: Scan, kept: LinkedRows) -> dict[str, dict[str, Any]]:
    """Lay out the graphs that a page draws, by their number.

    A graph whose SMILES the scan knows is a molecule. Of another one, the ends of its most massive
    edges are drawn, in as many neighbourhoods as they form.

    Returns:
        Per graph its ``label`` and ``smiles`` (empty if it has none), its ``nodes`` as name of the
        node, x, y and what stands there, and its ``links`` as the places of two nodes, order of the
        bond (0 for an edge that is none), and whether it is in a ring and aromatic.
    """
    drawn = {}
    for graph, ends in _ends_by_graph(scan, kept).items():
        smiles = _smiles_of(scan, graph)
        shape = flat_molecule(smiles, f"graph {graph}") if smiles else _links(ends)
        known = label(scan.names.identify(graph))
        drawn[str(graph)] = {"label": known, "smiles": smiles or "", **shape}
    return drawn


def drawn_nodes(scan: Scan, kept: LinkedRows) -> dict[int, set[str] | None]:
    """Return the names of the nodes that are drawn of every graph; None for all, of a molecule."""
    return {
        graph: None if _smiles_of(scan, graph) else set(_places(ends)[0])
        for graph, ends in _ends_by_graph(scan, kept).items()
    }


def _smiles_of(scan: Scan, graph: int) -> str | None:
    plain = not any(of.of.inputs or of.of.two_node_sets for of in scan.sites.values())
    return scan.smiles.get(graph) if plain else None


def _ends_by_graph(scan: Scan, kept: LinkedRows) -> dict[int, list[tuple[str, str]]]:
    """Return the ends of every graph's kept rows, the graphs and their rows in their order."""
    rows: dict[int, list[tuple[str, str]]] = {graph: [] for graph in kept.graphs}
    for row, given in zip(kept.rows, kept.inputs, strict=True):
        if row[_AT["graph"]] in rows:
            rows[row[_AT["graph"]]].append(ends_of(scan, row, given))
    return rows


def named_ends(scan: Scan, kept: LinkedRows) -> list[tuple[str, str]]:
    """Return the names of the nodes at both ends of every row; none if they are their numbers."""
    pairs = list(zip(kept.rows, kept.inputs, strict=True))
    ends = [ends_of(scan, row, given) for row, given in pairs]
    numbers = [(str(row[_AT["source"]]), str(row[_AT["target"]])) for row, _ in pairs]
    return [] if ends == numbers else ends


def ends_of(scan: Scan, row: list[Any], given: str) -> tuple[str, str]:
    """Return the names of the nodes at both ends of a kept row's edge.

    Nodes of several kinds, or of several inputs, are numbered each by themselves.

    Args:
        scan: the scan.
        row: the row.
        given: the input that it belongs to.
    """
    kind = scan.info.edge_type_names[row[_AT["edge_type"]]] if _of_relations(scan) else ""
    first, second = before_names(kind, list(scan.sites.values())[row[0]].of, given)
    return f"{first}{row[_AT['source']]}", f"{second}{row[_AT['target']]}"


def _of_relations(scan: Scan) -> bool:
    return scan.info.types_from == "relations" and scan.info.rows == "edge"


def before_names(relation: str, of: SiteEdges, given: str) -> tuple[str, str]:
    """Return what stands before the number of a source and of a target in its name.

    Args:
        relation: what the edge's relation is called, if the graph is heterogeneous; else empty.
        of: what the edges of the site are.
        given: the input that the edge belongs to.

    Example:
        >>> before_names("author writes paper", SiteEdges(), "")
        ('author ', 'paper ')
    """
    first, second = "", ""
    kind = relation.split(" ")
    if len(kind) == 3:  # noqa: PLR2004  (from, by, to)
        first, second = f"{kind[0]} ", f"{kind[2]} "
    elif of.two_node_sets:
        first, second = "source ", "target "
    before = f"{given} " if given and of.inputs else ""
    return f"{before}{first}", f"{before}{second}"


def _links(ends: list[tuple[str, str]]) -> dict[str, Any]:
    """Lay out the ends of edges, the most massive first, up to a number of nodes."""
    place, links = _places(ends)
    once = sorted({(min(pair), max(pair)) for pair in links})
    where = layout(len(place), np.array(once, dtype=int).reshape(-1, 2).T)
    return {
        "nodes": [
            [name, round(float(x), 2), round(float(y), 2), name]
            for name, (x, y) in zip(place, where, strict=True)
        ],
        "links": [[source, target, 0, 0, 0] for source, target in once],
    }


def _places(ends: list[tuple[str, str]]) -> tuple[dict[str, int], list[tuple[int, int]]]:
    """Return the numbers of the nodes that are drawn, by name, and the pairs that are linked."""
    place: dict[str, int] = {}
    links: list[tuple[int, int]] = []
    for pair in ends:
        if len(place) + len(set(pair) - place.keys()) <= NODES:
            for end in pair:
                place.setdefault(end, len(place))
            links.append((place[pair[0]], place[pair[1]]))
    return place, links
