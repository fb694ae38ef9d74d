"""Aromatic bonds, whatever their type in the data is called.

Data that write a ring of benzene as alternating single and double bonds do not say which bonds are
aromatic; the SMILES of a graph does.
"""

from itertools import islice
from typing import Any, Protocol

from edgescope.lib.errors import InputError, MissingExtraError
from edgescope.lib.graph_names import GraphNames
from edgescope.plots.molecules import bond_of, is_aromatic, parse
from edgescope.scanning.site_scan import ScanInfo

KEKULISED = {"single", "double"}
"""What such data call an aromatic bond."""

LOOKED_AT = 50
"""Molecules in which an aromatic ring is looked for."""


class MoleculeScan(Protocol):
    """What a scan is to the look at its molecules."""

    info: ScanInfo
    smiles: dict[int, str]

    @property
    def names(self) -> GraphNames:
        """What names its graphs beside their numbers."""


def aromatic(scan: MoleculeScan, row: dict[str, Any]) -> bool | None:
    """Say whether an edge of a scan's table is an aromatic bond.

    None if nothing says so: without a SMILES or RDKit, or where the edge runs along no bond of it.

    Args:
        scan: the scan.
        row: with the edge's ``graph``, ``edge``, ``source`` and ``target``.
    """
    smiles = scan.smiles.get(row["graph"])
    if smiles is None or row["edge"] < 0 or scan.info.rows == "node":
        return None
    where = scan.names.called(row["graph"])
    try:
        molecule = parse(smiles, where)
        return is_aromatic(molecule, bond_of(molecule, row["source"], row["target"], where))
    except (InputError, MissingExtraError):  # the gallery refuses what it cannot draw
        return None


def writes_rings_kekulised(scan: MoleculeScan) -> bool:
    """Say whether the data write aromatic rings as alternating single and double bonds."""
    names = set(scan.info.edge_type_names)
    if "aromatic" in names or not names >= KEKULISED or scan.info.rows == "node":
        return False
    try:
        for graph, smiles in islice(scan.smiles.items(), LOOKED_AT):
            molecule = parse(smiles, scan.names.called(graph))
            if any(bond.GetIsAromatic() for bond in molecule.GetBonds()):
                return True
    except (InputError, MissingExtraError):
        return False
    return False
