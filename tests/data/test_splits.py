"""Training, validation and test parts."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgescope.data.chemistry.molecule_dataset import LOST_LABELS
from edgescope.data.splits import (
    check_fractions,
    divide,
    part_sizes,
    parts_from_labels,
    random_parts,
)
from edgescope.lib.errors import InputError

fractions = st.sampled_from([(0.8, 0.1, 0.1), (0.5, 0.5, 0.0), (0.0, 0.0, 1.0), (0.34, 0.33, 0.33)])


@given(count=st.integers(3, 3000), wanted=fractions)
def test_sizes_add_up_are_close_to_the_fractions_and_leave_no_wanted_part_empty(count, wanted):
    sizes = part_sizes(count, wanted)
    assert sizes.sum() == count
    assert (np.abs(sizes - count * np.array(wanted)) < 2).all()
    assert [size > 0 for size in sizes] == [fraction > 0 for fraction in wanted]


@given(usable=st.lists(st.booleans(), min_size=8, max_size=80), wanted=fractions)
def test_a_random_split_gives_usable_rows_exactly_their_fractions(usable, wanted):
    usable = np.array([True] * 3 + usable)
    parts = random_parts(usable, wanted, seed=1)
    sizes = part_sizes(int(usable.sum()), wanted)
    assert np.bincount(parts[usable], minlength=3).tolist() == sizes.tolist()
    assert set(parts.tolist()) <= {part for part in range(3) if sizes[part]}


def test_a_random_split_depends_on_the_seed_alone():
    usable = np.ones(50, dtype=bool)
    first, again, other = (random_parts(usable, (0.8, 0.1, 0.1), seed) for seed in (0, 0, 1))
    assert (first == again).all()
    assert (first != other).any()


def test_labels_are_read_in_any_case_and_with_valid_for_val():
    labels = ["train", "Test", "valid", " val", "validation"]
    assert parts_from_labels(labels, "").tolist() == [0, 2, 1, 1, 1]


def test_unknown_labels_are_quoted_with_the_first_row():
    with pytest.raises(InputError, match=r"holds 'dev', '' \(first in row 1\), expected train"):
        parts_from_labels(["train", "dev", None], "column 'fold' of x.csv")


@pytest.mark.parametrize(
    "wrong", [(0.5, 0.5), (0.8, 0.1, 0.2), (1.2, -0.1, -0.1), (float("nan"),) * 3]
)
def test_wrong_fractions_are_refused(wrong):
    with pytest.raises(InputError, match="expected three fractions"):
        check_fractions(wrong)


def test_too_few_molecules_for_three_parts_are_refused():
    with pytest.raises(InputError, match="cannot divide 2 usable molecules"):
        part_sizes(2, (0.8, 0.1, 0.1))


def test_every_row_lands_in_the_part_it_is_marked_for(read_smiles):
    molecules = read_smiles(["CC", "bad", "CCC", "CCCC", "worse"]).molecules
    splits = divide(molecules, np.array([0, 2, 1, 2, 0], dtype=np.int8), "set")
    assert [part.smiles for part in splits] == [["CC"], ["CCC"], ["CCCC"]]
    assert [part.name for part in splits] == ["set/train", "set/val", "set/test"]
    assert splits.rejected.select("split", "row").rows() == [("train", 4), ("test", 1)]
    assert splits.summary().select("split", "molecules", "rejected").rows() == [
        ("train", 1, 1),
        ("val", 1, 0),
        ("test", 1, 1),
    ]


def test_lost_labels_and_notes_are_those_of_all_parts(read_smiles):
    molecules = read_smiles(["CC", "[13CH3]C", "CCC"]).molecules
    cells = [(0, "y", ">1", "a bound"), (2, "y", "x", "not a number")]
    lost = pl.DataFrame(cells, schema=LOST_LABELS, orient="row")
    splits = divide(replace(molecules, lost_labels=lost), np.array([0, 1, 2], dtype=np.int8), "set")
    assert splits.lost_labels.select("split", "row").rows() == [("train", 0), ("test", 2)]
    assert splits.notes == molecules.notes
    assert len(splits.notes) == 1
