"""Tables of one's own, divided by scaffold, at random or by a column."""

import warnings
from collections import defaultdict

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rdkit import Chem
from rdkit.Chem.Scaffolds.MurckoScaffold import MurckoScaffoldSmiles

from edgescope.data import load
from edgescope.data.chemistry.scaffolds import scaffold_parts
from edgescope.data.molecule_tables.split_choice import read_split
from edgescope.lib.errors import EdgescopeWarning, InputError
from edgescope.study.spec import DataSource
from support.planted_tables import CLEAN, written_anew

PARTS = ("train", "val", "test")


def parts_of(frame, split="scaffold", **options):
    """The part of every row, the rejected ones among them."""
    splits = load(frame, split=split, cache=False, progress=False, **options)
    found = {row: name for name, part in splits._asdict().items() for row in part.row.tolist()}
    return found | dict(splits.rejected.select("row", "split").iter_rows())


@settings(max_examples=12)
@given(
    st.integers(0, 2**20),
    st.integers(40, len(CLEAN)),
    st.sampled_from([(0.8, 0.1, 0.1), (0.6, 0.2, 0.2), (0.5, 0.5, 0.0), (0.0, 0.0, 1.0)]),
)
def test_a_scaffold_is_in_one_part_whatever_the_order_and_the_writing(seed, size, fractions):
    random = np.random.default_rng(seed)
    smiles = [str(text) for text in random.permutation(CLEAN)[:size]]
    split = ("scaffold", *fractions)
    frame = pl.DataFrame({"smiles": smiles})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EdgescopeWarning)  # of parts that are small
        part = parts_of(frame, split)
    places = defaultdict(set)
    for row, text in enumerate(smiles):
        places[MurckoScaffoldSmiles(text)].add(part[row])
    assert all(len(each) == 1 for each in places.values())
    sizes = [list(part.values()).count(name) for name in PARTS]
    assert [size > 0 for size in sizes] == [share > 0 for share in fractions]

    order = random.permutation(size)
    again = [written_anew(smiles[place], random.integers(1000)) for place in order]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EdgescopeWarning)
        moved = parts_of(pl.DataFrame({"smiles": again}), split)
    assert [moved[row] for row in range(size)] == [part[place] for place in order]


def test_what_the_features_do_not_see_does_not_divide_a_scaffold():
    """Stereoisomers, isotopologues and atom maps of one scaffold are one scaffold."""
    ring = ["C[C@H]1CC[C@@H](C)CC1", "C[C@H]1CC[C@H](C)CC1", "[13CH2]1CCCCC1", "[CH2:7]1CCCCC1"]
    frame = pl.DataFrame({"smiles": [*ring, *CLEAN[:40]]})
    part = parts_of(frame)
    assert len({part[row] for row in range(len(ring))}) == 1


def test_the_parts_of_tox21_are_as_large_as_the_published_ones(shared):
    """Sizes follow the published procedure; among scaffolds of one size others are chosen."""
    path = shared / "data" / "tox21" / "tox21.csv.gz"
    frame = pl.read_csv(path)[::5].select("smiles")
    splits = load(frame, split="scaffold", cache=False, progress=False)
    rows = [len(part) for part in splits]
    published = np.bincount(
        scaffold_parts([text for part in splits for text in part.smiles], (0.8, 0.1, 0.1))
    )
    assert np.abs(np.array(rows) - published).max() <= 1
    assert splits.train.split == "scaffold, computed"


def test_the_published_parts_go_by_the_order_of_the_rows_and_ours_do_not():
    singles = ["C1CC1C", "C1CCC1C", "C1CCCC1C", "C1CCCCC1C", "C1CCCCCC1C"] * 2
    frame = pl.DataFrame({"smiles": [*singles, "C1CCCCCCC1C", "C1CCCCCCCC1C"]})
    turned = parts_of(frame[::-1])
    assert parts_of(frame) == {frame.height - 1 - row: part for row, part in turned.items()}


def test_rejected_rows_are_in_a_part_too():
    smiles = [*CLEAN[:60], "nonsense", "C", None, "[Na+].[Cl-]"]
    part = parts_of(pl.DataFrame({"smiles": smiles}))
    assert sorted(part) == list(range(len(smiles)))
    assert set(part.values()) == set(PARTS)


@pytest.mark.parametrize(
    ("smiles", "said"),
    [
        (["c1ccccc1" + "C" * size for size in range(9)], "all 9 .* have the scaffold c1ccccc1"),
        (["C" * size for size in range(2, 11)], "all 9 .* are acyclic, which is one scaffold"),
        (["CCO", "CCN", "c1ccccc1C"], "the 3 .* have 2 scaffolds, expected at least 3"),
    ],
)
def test_too_few_scaffolds_are_refused_with_the_reason(smiles, said):
    with pytest.raises(InputError, match=f"{said}.*choose split='random'"):
        parts_of(pl.DataFrame({"smiles": smiles}))


def test_a_scaffold_larger_than_its_part_is_told():
    smiles = ["C" * size for size in range(2, 97)] + ["C1CC1", "C1CCC1", "C1CCCC1"]
    with pytest.warns(EdgescopeWarning, match=r"one scaffold has 95 of 98 molecules and is not"):
        part = parts_of(pl.DataFrame({"smiles": smiles}))
    assert [part[row] for row in range(95)] == ["train"] * 95
    assert {part[row] for row in (95, 96, 97)} == {"val", "test"}


FRAME = pl.DataFrame({"smiles": CLEAN[:50], "fold": ["train", "val", "test", "train", "val"] * 10})


@pytest.mark.parametrize("word", ["scaffold", "random"])
def test_a_column_that_is_called_like_a_way_is_refused_unless_the_way_is_told_apart(word):
    named = FRAME.rename({"fold": word})
    with pytest.raises(InputError, match=f"has a column '{word}'; to compute .* another name"):
        load(named, split=word, cache=False, progress=False)
    computed = (word, 0.8, 0.1, 0.1)
    assert parts_of(named, computed) == parts_of(FRAME, word)


def test_random_is_the_default_and_may_be_said():
    assert parts_of(FRAME, "random", seed=3) == parts_of(FRAME, None, seed=3)
    assert parts_of(FRAME, ["random", 0.5, 0.25, 0.25]) == parts_of(FRAME, (0.5, 0.25, 0.25))


@pytest.mark.parametrize(
    ("split", "said"),
    [
        ("scafold", "no column 'scafold' to divide it by; did you mean 'scaffold'"),
        ("Fold", "no column 'Fold', .* did you mean 'fold'"),
        (("scafold", 0.8, 0.1, 0.1), "did you mean 'scaffold'"),
        (("scaffold", 0.8, 0.1), "expected three fractions"),
        (("scaffold", "many", 0.1, 0.1), "expected fractions such as"),
        (("scaffold", 0.8, 0.1, 0.2), "whose sum is 1"),
        (7, "expected the name of a column, 'scaffold', 'random'"),
        ((), "expected three fractions"),
    ],
)
def test_what_is_no_split_is_refused(split, said):
    with pytest.raises(InputError, match=said):
        load(FRAME, split=split, cache=False, progress=False)


@pytest.mark.parametrize(
    "split", ["scaffold", ["scaffold", 0.7, 0.1, 0.2], [0.7, 0.1, 0.2], "part"]
)
def test_a_study_takes_every_form(split):
    assert DataSource(source="mine.csv", split=split).split == split
    assert read_split(split).way in {"scaffold", "random", "column"}


def test_a_study_refuses_what_is_no_split_when_it_is_read():
    with pytest.raises(ValueError, match="did you mean 'scaffold'"):
        DataSource(source="mine.csv", split=["scafold", 0.8, 0.1, 0.1])


def test_canonical_texts_of_the_clean_molecules_have_several_scaffolds():
    assert len({MurckoScaffoldSmiles(Chem.CanonSmiles(text)) for text in CLEAN}) >= 9
