"""Edges are bonds of the molecule that a SMILES describes."""

import pytest

from edgescope.lib.errors import InputError
from edgescope.plots.molecules import bond_of, parse


def test_a_bond_is_found_by_its_atoms_in_either_direction():
    molecule = parse("CCO", "graph 0")
    assert bond_of(molecule, 1, 2, "graph 0") == bond_of(molecule, 2, 1, "graph 0") == 1


@pytest.mark.parametrize("ends", [(0, 2), (1, 1), (2, 3)])
def test_an_edge_that_runs_along_no_bond_is_refused(ends):
    with pytest.raises(InputError, match=r"graph 0 has an edge .* expected a bond between these"):
        bond_of(parse("CCO", "graph 0"), *ends, "graph 0")
