"""Units in names of columns and in cells."""

import pytest

from edgescope.data.molecule_tables.cell_contents import unit, unit_of_name


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("sol [mg/L]", "mg/L"), ("IC50 (nM)", "nM"), ("Ki / nM", "nM"), ("Ki/\u03bcM", "\u00b5M"),
        ("logS (mol/L)", "log mol/L"), ("logS [log mol/l]", "log mol/L"), ("yield (%)", "%"),
        ("log10 S (log10(mol/L))", "log10 mol/L"), ("Tm (\u00b0C)", "\u00b0C"),
        ("dG [kcal/mol]", "kcal/mol"),
        ("CL (mL/min/kg)", "mL/min/kg"), ("t [h]", "h"), ("mg/L", ""), ("y", ""), ("score (A)", ""),
        ("NR-AR", ""), ("task (train)", ""), ("half_life_h", ""), ("a/b", ""), ("pIC50", ""),
        ("tox (0/1)", ""), ("sol [mg/L] (exp)", ""), ("()", ""), ("", ""),
    ],
)  # fmt: skip
def test_the_name_of_a_column_may_state_a_unit(column, expected):
    assert unit_of_name(column) == expected


@pytest.mark.parametrize("text", ["", "mice", "k", "active", "n", "A", "x10", "mg/L (n=2)"])
def test_other_texts_are_no_units(text):
    assert unit(text) == ""
