"""Rows and cells that are not used, in tables of real trouble."""

import pytest

from edgescope.data import check_table
from edgescope.data.checks.rows import kind_of_reason
from support import trouble_tables

TABLES = [make for make in trouble_tables.TROUBLES if make is not trouble_tables.large]
NAMED = {
    "duplicates": {"conflicting labels", "duplicates"},
    "salts": {"salts and solvates", "mixtures"},
    "one class": {"one class"},
    "constants": {"constant target"},
    "several tasks": {"missing labels"},
    "units": {"lost labels"},
    "censored": {"lost labels"},
}
"""Kinds that a table is told of, by its name."""


@pytest.fixture(params=TABLES, ids=lambda make: make.__name__)
def trouble(request):
    return request.param()


def test_everything_that_is_not_used_is_listed_once(trouble, tmp_path):
    path = tmp_path / trouble.file
    path.write_bytes(trouble.content)
    found = check_table(path, **trouble.options, cache=False, progress=False)
    counts = {"rejected rows": 0, "lost labels": 0}
    for each in found.found:
        if each.kind in counts:
            counts[each.kind] += each.count
            assert each.examples.height == min(each.count, 20)
            assert {"row", "reason"} <= set(each.examples.columns)
    assert counts == {"rejected rows": trouble.rejected, "lost labels": trouble.lost}
    assert found.usable == found.rows - trouble.rejected
    assert NAMED.get(trouble.name, set()) <= {each.kind for each in found.found}


def test_identifiers_stand_beside_every_molecule(tmp_path):
    trouble = trouble_tables.identifiers()
    path = tmp_path / trouble.file
    (again,) = trouble_tables.molecules(1)
    path.write_bytes(trouble.content + f"00040,again,90-00-0,{again},5.0,a,b\n".encode())
    found = check_table(path, **trouble.options, cache=False, progress=False)
    shown = [each.examples for each in found.found if "SMILES" in each.examples.columns]
    assert shown
    assert all({"mol_id", "Compound Name", "CAS"} <= set(each.columns) for each in shown)


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("does not parse: unclosed ring around position 3", "does not parse"),
        ("no bonds (1 atoms)", "no bonds"),
        ("'CC' is followed by a space and 'O'", "'...' is followed by a space and '...'"),
        ("the bond between atoms 3 and 17 is dative, expected", "the bond between atoms"),
    ],
)
def test_reasons_of_a_kind_are_one(reason, kind):
    assert kind_of_reason(reason).startswith(kind)
