"""Rows and cells that are not used, and the three parts."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgescope.data import check_table
from edgescope.data.checks.rows_and_parts import kind_of_reason, one_class_parts
from support import trouble_tables
from support.planted_tables import CLEAN

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


def kinds(part, y=None, **options):
    columns = {"smiles": CLEAN[: len(part)], "part": part, "y": y or [0.0, 1.0] * (len(part) // 2)}
    found = check_table(
        pl.DataFrame(columns),
        target_columns="y",
        split="part",
        cache=False,
        progress=False,
        **options,
    )
    return {each.kind: each for each in found.found}


def test_parts_are_counted_and_small_or_empty_ones_told():
    found = kinds(["train"] * 60 + ["val"] * 20 + ["test"] * 20)
    assert "train 60, val 20, test 20 molecules" in found["parts"].sentence
    assert kinds(["train"] * 60 + ["val"] * 36 + ["test"] * 4)["small part"].severity == "look"
    assert kinds(["train"] * 60 + ["val"] * 40)["empty part"].severity == "grave"


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_single_task_with_one_class_in_a_part_is_grave(place):
    part = ["train"] * 20 + ["val"] * 20 + ["test"] * 20
    y = [0.0, 1.0] * 30
    y[20 * place : 20 * place + 20] = [1.0] * 20
    found = kinds(part, y)["one class in a part"]
    assert found.severity == "grave"
    assert found.examples["part"].to_list() == [("train", "val", "test")[place]]
    assert found.examples.select("0", "1").row(0) == (0, 20)


def test_a_table_that_cannot_be_divided_is_told_with_the_reason():
    frame = pl.DataFrame({"smiles": ["CCO", "CCN", "CCC"]})
    found = check_table(frame, split="scaffold", cache=False, progress=False)
    assert [each.kind for each in found.grave] == ["no split"]
    assert "all 3 usable molecules of the DataFrame are acyclic" in found.grave[0].sentence


cells = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from([0.0, 1.0, float("nan")])), min_size=1, max_size=40
)


@given(cells)
def test_parts_with_one_class_are_those_that_lack_one(rows):
    part = np.array([each for each, _ in rows])
    y = np.array([[label] for _, label in rows])
    found = {number for _, number in one_class_parts(y, part)}
    present = {
        number: {y for p, y in rows if p == number and not np.isnan(y)} for number in set(part)
    }
    both = {0.0, 1.0} <= set().union(*present.values())
    assert found == ({n for n, labels in present.items() if len(labels) < 2} if both else set())
