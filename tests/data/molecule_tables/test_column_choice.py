"""Which columns tell what molecule a row is."""

import polars as pl
import pytest

from edgescope.data.molecule_tables.column_choice import automatic, identifies, texts
from edgescope.lib.errors import InputError


@pytest.mark.parametrize(
    "name",
    ["id", "ID", "mol_id", "Mol-ID", "MoleculeID", "ChEMBL ID", "name", "Compound Name", "CAS",
     "CID", "cas_number", "InChIKey", "zinc_id", "Sample No", "Title", " compound "],
)  # fmt: skip
def test_names_that_identify(name):
    assert identifies(name)


@pytest.mark.parametrize(
    "name",
    ["smiles", "y", "logP", "acid", "valid", "lipid", "Solid", "fluid", "NR-AR", "grid", "IDs2"],
)
def test_names_that_do_not(name):
    assert not identifies(name)


def test_columns_that_are_taken_or_alike_are_not_taken_by_themselves():
    columns = ["id", "smiles", "name", "name", "CAS"]
    assert automatic(columns, ["smiles", "id"]) == ["CAS"]


def test_identifiers_stand_as_in_the_table():
    cells = ["00123", " a ", "", None, "a\u2010b \u201cc\u201d", "a\n b\u200b"]
    found = ["00123", "a", None, None, "a\u2010b \u201cc\u201d", "a b"]
    assert texts(pl.Series(cells), "x") == found
    assert texts(pl.Series([1.0, None, 2.5]), "x") == ["1", None, "2.5"]
    with pytest.raises(InputError, match="holds List"):
        texts(pl.Series([[1]]), "column 'id'")
