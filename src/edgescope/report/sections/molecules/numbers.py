"""Which molecules are drawn, and which of their bonds are coloured."""

from typing import Any

import polars as pl

from edgescope.lib.graph_names import called
from edgescope.plots.molecules import bond_of, parse
from edgescope.report.counts import excess
from edgescope.scanning.result import Scan
from edgescope.scanning.settings import common_ratio

LIMIT = 12
"""Molecules in the gallery."""


def choose(scan: Scan) -> list[dict[str, Any]]:
    """Pick the molecules with the most massive activations, each with its massive bonds.

    The measure is the ratio if the criterion bounds it at one value for all sites, else the
    excess: how many times over a threshold of its site an activation is.

    Args:
        scan: the scan; only graphs that it has a SMILES of can be drawn, and only their own
            edges, not those that a layer added.

    Returns:
        Up to ``LIMIT`` dictionaries, most massive first: the most massive activation of the
        graph (columns of ``Scan.massive``, and its ``excess``), the graph's ``smiles`` and, if it
        has any, its ``identifiers`` by column, the ``bond`` of the activation, and ``bonds``: the
        largest ``ratio`` and ``excess`` of every bond with a massive activation at the same site.
        None if the model was given several graphs in one call, or graphs with two sets of nodes: a
        SMILES does not tell whose atoms it has.

    Raises:
        InputError: if a SMILES does not parse, or a massive edge runs along no bond of it.
    """
    if any(found.of.inputs or found.of.two_node_sets for found in scan.sites.values()):
        return []
    # What a layer added is no edge of the graph, so it runs along no bond.
    drawable = pl.col("graph").is_in(list(scan.smiles)) & (pl.col("edge") >= 0)
    rule, rows = scan.info.criterion, scan.kept().filter(drawable)
    rows = rows.with_columns(excess(scan, rows).alias("excess"))
    measure = "ratio" if common_ratio(rule) else "excess"
    rows = rows.sort(measure, descending=True, maintain_order=True)
    tops = rows.unique("graph", keep="first", maintain_order=True).head(LIMIT)
    return [_entry(scan, top, rows) for top in scan.names.rows(tops)]


def _entry(scan: Scan, top: dict[str, Any], rows: pl.DataFrame) -> dict[str, Any]:
    """Describe one molecule by its most massive activation ``top``."""
    smiles, identifiers = scan.smiles[top["graph"]], top.get("identifiers", {})
    molecule = parse(smiles, called(top["graph"], identifiers))
    same = rows.filter((pl.col("graph") == top["graph"]) & (pl.col("site") == top["site"]))
    bonds: dict[int, dict[str, float]] = {}
    where = called(top["graph"], {**identifiers, "smiles": smiles})
    # Where a median is zero there is no ratio, but perhaps a massive magnitude.
    largest = pl.col("ratio").fill_nan(0.0).max(), pl.col("excess").max()
    for source, target, *sizes in same.group_by("source", "target").agg(*largest).rows():
        found = bonds.setdefault(bond_of(molecule, source, target, where), {})
        for name, size in zip(("ratio", "excess"), sizes, strict=True):
            found[name] = max(size, found.get(name, 0.0))
    return {
        **top,
        "smiles": smiles,
        "bond": bond_of(molecule, top["source"], top["target"], where),
        "bonds": [{"bond": bond, **bonds[bond]} for bond in sorted(bonds)],
    }
