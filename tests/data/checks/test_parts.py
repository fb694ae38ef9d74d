"""The parts of a split: empty, small, with one class."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgescope.data import check_table
from edgescope.data.checks.parts import one_class_parts
from support.planted_tables import CLEAN


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
