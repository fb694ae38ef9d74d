"""The massive bonds of a molecule, and by how much activations exceed what a criterion asks."""

from typing import Any

import polars as pl

from edgescope.lib.graph_names import called
from edgescope.plots.molecules import bond_of, is_aromatic, parse
from edgescope.scanning.criteria.common_ratio import common_ratio
from edgescope.scanning.tables import ScanTables


def measure_of(scan: ScanTables) -> str:
    """Return what says how massive an activation is at any site, ``"ratio"`` or ``"excess"``.

    It is the ratio if the criterion bounds it at one value for all sites.
    """
    return "ratio" if common_ratio(scan.info.criterion) else "excess"


def excess(scan: ScanTables, rows: pl.DataFrame) -> pl.Series:
    """Return how many times over a threshold of its site each row is, by the larger of the two.

    Args:
        scan: the scan.
        rows: massive rows of it.
    """
    times = []
    for axis, value in (("ratio", pl.col("ratio")), ("magnitude", pl.col("value").abs())):
        limits = {site: getattr(scan.info.criterion.bounds(site), axis) for site in scan.sites}
        limit = pl.col("site").replace_strict(limits, return_dtype=pl.Float64)
        # A ratio that is not defined exceeds nothing.
        times.append((value / limit).fill_nan(None))
    return rows.select(pl.max_horizontal(*times)).to_series()


def with_bonds(top: dict[str, Any], smiles: str, rows: pl.DataFrame) -> dict[str, Any]:
    """Describe one molecule by its most massive activation.

    Args:
        top: that activation, a row of ``rows`` with the graph's ``identifiers`` if it has any.
        smiles: the molecule.
        rows: massive activations with their ``excess``; those of the same graph and site count.

    Returns:
        The row with ``smiles``, its ``bond``, whether that is ``aromatic``, how many ``atoms``
        there are, and ``bonds``: of every bond with a massive activation its ``edge_type``, whether
        it is ``aromatic``, and the largest ``ratio`` and ``excess``.

    Raises:
        InputError: if the SMILES does not parse, or an edge runs along no bond of it.
    """
    identifiers = top.get("identifiers", {})
    molecule = parse(smiles, called(top["graph"], identifiers))
    same = rows.filter((pl.col("graph") == top["graph"]) & (pl.col("site") == top["site"]))
    bonds: dict[int, dict[str, Any]] = {}
    where = called(top["graph"], {**identifiers, "smiles": smiles})
    # Where a median is zero there is no ratio, but perhaps a massive magnitude.
    largest = pl.col("ratio").fill_nan(0.0).max(), pl.col("excess").max()
    by_ends = same.group_by("source", "target").agg(pl.first("edge_type"), *largest)
    for source, target, edge_type, *sizes in by_ends.rows():
        bond = bond_of(molecule, source, target, where)
        known = {"edge_type": edge_type, "aromatic": is_aromatic(molecule, bond)}
        found = bonds.setdefault(bond, known)
        for name, size in zip(("ratio", "excess"), sizes, strict=True):
            found[name] = max(size, found.get(name, 0.0))
    bond = bond_of(molecule, top["source"], top["target"], where)
    return {
        **top,
        "smiles": smiles,
        "bond": bond,
        "aromatic": is_aromatic(molecule, bond),
        "atoms": molecule.GetNumAtoms(),
        "bonds": [{"bond": bond, **bonds[bond]} for bond in sorted(bonds)],
    }
