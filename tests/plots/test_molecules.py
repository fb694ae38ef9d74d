"""Edges are bonds of the molecule that a SMILES describes."""

import re

import pytest

from edgescope.lib.errors import InputError
from edgescope.plots.molecules import LEGIBLE, SIZE, bond_of, draw_bonds, is_aromatic, parse


def test_a_bond_is_found_by_its_atoms_in_either_direction():
    molecule = parse("CCO", "graph 0")
    assert bond_of(molecule, 1, 2, "graph 0") == bond_of(molecule, 2, 1, "graph 0") == 1


@pytest.mark.parametrize("ends", [(0, 2), (1, 1), (2, 3)])
def test_an_edge_that_runs_along_no_bond_is_refused(ends):
    with pytest.raises(InputError, match=r"graph 0 has an edge .* expected a bond between these"):
        bond_of(parse("CCO", "graph 0"), *ends, "graph 0")


@pytest.mark.parametrize("smiles", ["c1ccccc1C=C", "C1=CC=CC=C1C=C"])
def test_a_ring_is_aromatic_however_it_is_written(smiles):
    molecule = parse(smiles, "graph 0")
    assert [is_aromatic(molecule, bond) for bond in range(8)].count(True) == 6


def test_a_larger_molecule_has_a_larger_drawing():
    sizes = []
    for atoms in (10, LEGIBLE, 4 * LEGIBLE):
        drawn = draw_bonds("C" * atoms, {}, "chain", "a chain")
        sizes.append(tuple(map(float, re.search(r"0 0 (\d+) (\d+)", drawn).groups())))
    assert sizes == [SIZE, SIZE, (2 * SIZE[0], 2 * SIZE[1])]
