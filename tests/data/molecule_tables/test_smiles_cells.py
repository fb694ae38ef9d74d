"""Cells of SMILES: a name behind it is a name, what may be SMILES is a rejected row."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgescope.data.molecule_tables.smiles_cells import smiles_cells
from edgescope.lib.errors import InputError


def look(*cells):
    return smiles_cells(pl.Series(list(cells), dtype=pl.String), "smiles", "a table")


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        ("CC ethane", "ethane"), ("CC\tethane", "ethane"), ("CC\u00a0ethane", "ethane"),
        ("CC aspirin  500 mg", "aspirin 500 mg"), ("CC 12345", "12345"), ("CC vitamin C",
        "vitamin C"),
        ("CC N-methyl", "N-methyl"), ("CC (R)-x", "(R)-x"), (" CC\r", None), ("C\u200bC", None),
    ],
)  # fmt: skip
def test_a_name_is_a_name(cell, name):
    found = look(cell)
    assert (found.smiles, found.problems, found.names) == (["CC"], {}, [name])


@pytest.mark.parametrize(
    "cell",
    ["CC O", "CC\u00a0O", "CC\nO", "CC CCl", "CC N", "CC I", "CC Co", "CC O water", "CC (=O)O",
     "CC =O", "CC ( =O)O", "CC O=", "CC [Na+]", "CC |$;;$|", "CC .O", "C1CC 1"],
)  # fmt: skip
def test_what_may_be_smiles_behind_smiles_rejects_the_row_and_shows_both(cell):
    found = look("CCC", cell)
    assert list(found.problems) == [1]
    head, tail = cell.split(maxsplit=1)
    assert head in found.problems[1]
    assert tail in found.problems[1]
    assert found.names == [None, None]


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("InChI=1S/CH4/h1H4", "an InChI, expected"), ("UHOVQNZJYSORNB-UHFFFAOYSA-N", "InChIKey"),
        ("CC>>CO", "a reaction"), ("CCO>O>CC", "a reaction"), ("CC;CO", "semicolon"),
        ("CC,CO", "comma"),
        ("[#6]-[#8]", "SMARTS"), ("[!C]", "SMARTS"), ("C[O\u2212]", "minus sign"), ("'CC'",
        "quote"),
        ("\uff23\uff23", "fullwidth"), ("nan", "missing"), ("#N/A", "missing"), ("-", "missing"),
        ("?", "missing"), ("x molecule", "does not parse"),
    ],
)  # fmt: skip
def test_what_is_no_smiles_says_what_it_is(cell, reason):
    assert reason in look(cell).problems[0]


def test_dative_bonds_and_mixtures_stay():
    cells = ["CC->[Fe]", "CC.O", "[Na+].[Cl-]", "C/C=C\\C", "C[C@H](N)O", "C%10CC%10"]
    assert look(*cells)[:2] == (cells, {})
    assert look("", None, "  ")[:2] == ([None, None, None], {})


def test_numbers_are_no_smiles():
    with pytest.raises(InputError, match=r"'smiles' of a table holds Int64, expected text"):
        smiles_cells(pl.Series([1, 2]), "smiles", "a table")


PIECES = st.sampled_from(["C", "O", "N", "Cl", "=O", "(C)", "c1ccccc1", "[Na+]", "#N"])


@given(pieces=st.lists(PIECES, min_size=2, max_size=6), data=st.data())
def test_no_smiles_with_a_space_in_it_is_cut(pieces, data):
    cut = data.draw(st.integers(1, len(pieces) - 1))
    head, tail = "".join(pieces[:cut]), "".join(pieces[cut:])
    assert 0 in look(f"{head} {tail}").problems
