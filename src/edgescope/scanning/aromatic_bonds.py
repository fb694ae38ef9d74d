"""Aromatic bonds, whatever their type in the data is called.

Data that write a ring of benzene as alternating single and double bonds do not say which bonds are
aromatic; the SMILES of a graph does.
"""

from itertools import islice
from typing import TYPE_CHECKING, Any

from edgescope.lib.errors import InputError, MissingExtraError
from edgescope.plots.molecules import bond_of, is_aromatic, parse

if TYPE_CHECKING:
    from edgescope.scanning.scan_card import ScanCard

KEKULISED = {"single", "double"}
"""What such data call an aromatic bond."""

LOOKED_AT = 50
"""Molecules in which an aromatic ring is looked for."""


def aromatic(scan: "ScanCard", row: dict[str, Any]) -> bool | None:
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


def writes_rings_kekulised(scan: "ScanCard") -> bool:
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
