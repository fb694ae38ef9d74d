"""Which kinds of molecules are told, each by an example and beside its harmless neighbours."""

import polars as pl
import pytest

from edgescope.data import check_table
from support.planted_tables import CLEAN

KINDS = {
    "mixtures": ["CCO.CCN", "Cc1ccccc1.CCCCCO"],
    "salts and solvates": ["CCN.Cl", "CC(=O)[O-].[Na+]", "CCCCO.O", "CCCCN.CCCCN"],
    "metals": ["C[Hg]C", "CC[Sn](Cl)(Cl)CC"],
    "no carbon": ["NN", "OO"],
    "wildcard atoms": ["*CCO", "[1*]c1ccccc1"],
    "radicals": ["C[C]C", "CC[O]"],
    "charged molecules": ["CC[NH3+]", "CC(=O)[O-]"],
    "isotopes": ["[2H]CC", "[13CH3]CF"],
    "stereo marks": ["C[C@H](N)C(=O)O", "F/C=C/Cl"],
    "explicit hydrogens": ["[H]OCC", "[2H]CC"],
    "atom maps": ["[CH3:1]CBr", "C[CH2:7]I"],
}
"""Molecules of each kind; a molecule may be of several."""


def found_in(smiles, **options):
    frame = pl.DataFrame({"smiles": smiles})
    return {
        each.kind: each for each in check_table(frame, cache=False, progress=False, **options).found
    }


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_is_found_and_its_rows_are_its_own(kind):
    smiles = [*CLEAN[:30], *KINDS[kind]]
    assert found_in(smiles)[kind].rows == tuple(range(30, len(smiles)))


def test_clean_molecules_are_of_none_of_the_kinds():
    assert not set(found_in(CLEAN[:60])) & {*KINDS, "large molecules", "single atoms"}


@pytest.mark.parametrize(
    ("smiles", "kinds"),
    [
        ("C[N+](=O)[O-]", set()),  # charges that belong together
        ("[Na+].CC(=O)[O-]", {"salts and solvates"}),  # a counter-ion is no bound metal
        ("[C@@H](Cl)(F)Br", {"stereo marks"}),
        ("[Fe+2].[O-]C(C)=O.[O-]C(C)=O", {"salts and solvates"}),  # d electrons are no radical
    ],
)
def test_neighbours_of_a_kind_are_not_of_it(smiles, kinds):
    found = found_in([*CLEAN[:30], smiles])
    assert {kind for kind in KINDS if kind in found} == kinds


def test_single_atoms_are_told_where_they_are_read():
    smiles = [*CLEAN[:30], "C", "[Cl-]"]
    assert found_in(smiles, features="ogb")["single atoms"].rows == (30, 31)
    assert found_in(smiles)["rejected rows"].rows == (30, 31)


def test_a_polymer_is_a_large_molecule():
    found = found_in([*CLEAN[:60], "CO" * 60, "C" * 90])["large molecules"]
    assert found.rows == (60, 61)
    assert found.examples["heavy atoms"].to_list() == [120, 90]


def test_atom_types_that_only_the_test_part_has_are_told():
    frame = pl.DataFrame(
        {
            "smiles": [*CLEAN[:30], "CCBr", "CCI"],
            "part": [*(["train"] * 20 + ["val"] * 5 + ["test"] * 5), "test", "train"],
        }
    )
    found = {
        each.kind: each
        for each in check_table(frame, split="part", cache=False, progress=False).found
    }
    unknown = found["atom types unknown in training"]
    assert 30 in unknown.rows
    assert 31 not in unknown.rows
    assert "Br" in unknown.examples.filter(row=30)["type"].item()


def test_features_that_see_stereo_marks_tell_stereoisomers_apart():
    frame = pl.DataFrame(
        {
            "smiles": [*CLEAN[:30], "C[C@H](N)C(=O)O", "C[C@@H](N)C(=O)O"],
            "y": [*map(float, range(31)), 90.0],
        }
    )
    blind = check_table(frame, target_columns="y", cache=False, progress=False)
    seeing = check_table(frame, target_columns="y", features="ogb", cache=False, progress=False)
    assert blind.findings.filter(kind="same graph, other labels")["rows"].to_list() == [[30, 31]]
    assert "same graph, other labels" not in seeing.findings["kind"]


@pytest.mark.parametrize("twin", ["CCN.Cl", "CC[NH3+]", "CC[NH3+].[Cl-]", "CCN.O"])
def test_forms_of_one_parent_are_one_parent(twin):
    frame = pl.DataFrame(
        {"smiles": [*CLEAN[:30], "CCN", twin], "y": [*map(float, range(31)), 90.0]}
    )
    found = check_table(frame, target_columns="y", cache=False, progress=False)
    assert found.findings.filter(kind="same parent, other labels")["rows"].to_list() == [[30, 31]]
    assert "conflicting labels" not in found.findings["kind"]
