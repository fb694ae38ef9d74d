"""Which molecules are drawn, and which of their bonds are coloured."""

from typing import Any

import polars as pl

from edgescope.report.scanned_model import Scanned
from edgescope.scanning.massive_bonds import excess, measure_of, with_bonds
from edgescope.scanning.result import Scan

LIMIT = 12
"""Molecules in the gallery."""


def choose(scan: Scan, scanned: Scanned | None = None) -> list[dict[str, Any]]:
    """Pick the molecules with the most massive activations, each with its massive bonds.

    The measure is the ratio if the criterion bounds it at one value for all sites, else the
    excess: how many times over a threshold of its site an activation is.

    Args:
        scan: the scan; only graphs that it has a SMILES of can be drawn, and only their own
            edges, not those that a layer added.
        scanned: its model and its graphs, if they are known.

    Returns:
        Up to ``LIMIT`` dictionaries, most massive first: the most massive activation of the
        graph (columns of ``Scan.massive``, and its ``excess``), the graph's ``smiles`` and, if it
        has any, its ``identifiers`` by column, and what
        :func:`~edgescope.scanning.massive_bonds.with_bonds` adds for its bonds at the same site;
        with ``scanned`` also the ``row`` of the table that it was read from and its ``values``, see
        :meth:`edgescope.report.Scanned.values`. None if the model was given several graphs in one
        call, or graphs with two sets of nodes: a SMILES does not tell whose atoms it has.

    Raises:
        InputError: if a SMILES does not parse, or a massive edge runs along no bond of it.
    """
    if any(found.of.inputs or found.of.two_node_sets for found in scan.sites.values()):
        return []
    # What a layer added is no edge of the graph, so it runs along no bond.
    drawable = pl.col("graph").is_in(list(scan.smiles)) & (pl.col("edge") >= 0)
    rows = scan.kept().filter(drawable)
    rows = rows.with_columns(excess(scan, rows).alias("excess"))
    rows = rows.sort(measure_of(scan), descending=True, maintain_order=True)
    tops = rows.unique("graph", keep="first", maintain_order=True).head(LIMIT)
    found = [with_bonds(top, scan.smiles[top["graph"]], rows) for top in scan.names.rows(tops)]
    if scanned is not None:
        values = scanned.values([entry["graph"] for entry in found])
        for entry in found:
            entry |= {"row": scanned.row(entry["graph"]), "values": values[entry["graph"]]}
    return found
