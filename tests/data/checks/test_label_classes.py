"""What is said of labels: planted in labels that are drawn, and found in nothing else."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgescope.data import check_table
from edgescope.data.checks.duplicates import conflicts, groups, tolerance
from edgescope.data.checks.label_values import (
    counts_rows,
    dominant,
    is_labels,
    one_class,
    robust_spread,
)
from support.planted_tables import CLEAN


def kinds(y, **options):
    """The kinds of finding about one target, with the rows of each."""
    frame = pl.DataFrame({"smiles": CLEAN[: len(y)], "y": y})
    found = check_table(
        frame, target_columns="y", cache=False, progress=False, **{"split": None, **options}
    )
    return {each.kind: each for each in found.found if each.column == "y"}


@pytest.fixture
def normal():
    return np.random.default_rng(0).normal(size=100)


def test_drawn_labels_have_a_spread_and_no_fault(normal):
    assert set(kinds(normal)) == {"label spread"}


@pytest.mark.parametrize(
    ("change", "kind", "severity"),
    [
        (lambda y: y * 0 + 2.5, "constant target", "grave"),
        (lambda y: np.where(y > 0.5, y, 0.5), "one value dominates", "grave"),
        (lambda y: np.where(y > -0.5, y, -0.5), "frequent value", "look"),
        (lambda y: np.where(np.arange(len(y)) == 17, 40, y), "outliers", "look"),
        (
            lambda y: np.random.default_rng(1).permutation(len(y)) + 7,
            "target looks like an index",
            "look",
        ),
        (lambda y: 10 ** (2 * y), "several orders of magnitude", "look"),
        (lambda y: 10 ** (0.2 * y) * np.where(y > 0.8, 1000, 1), "mixed units", "look"),
        (lambda y: (y > 9) * 1.0, "one class", "grave"),
        (lambda y: (y > 1.7) * 1.0, "few of a class", "look"),
        (lambda y: (y > 0) * 1.0, "class balance", "note"),
    ],
)
def test_a_fault_of_labels_is_named(normal, change, kind, severity):
    found = kinds(change(normal).astype(float))
    assert found[kind].severity == severity
    graver = {each.kind for each in found.values() if each.severity == "grave"} - {kind}
    assert not graver


def test_the_rows_of_a_fault_are_those_that_were_planted(normal):
    planted = {3, 44, 71}
    y = np.where(np.isin(np.arange(100), list(planted)), normal + 50, normal)
    assert set(kinds(y)["outliers"].rows) == planted
    lower = 10 ** (0.2 * normal)
    y = np.where(np.isin(np.arange(100), list(planted)), lower * 1000, lower)
    assert set(kinds(y)["mixed units"].rows) == planted
    y = np.where(np.arange(100) < 60, 2.0, normal)
    assert set(kinds(y)["one value dominates"].rows) == set(range(60))


def test_a_frequent_value_is_odd_among_measurements_and_usual_among_counts(normal):
    limited = np.where(np.arange(16) < 4, -1.0, normal[:16])
    assert set(kinds(limited)["frequent value"].rows) == set(range(4))
    counts = np.random.default_rng(4).poisson(1.2, size=100).astype(float)
    assert (counts == 0).mean() > 0.2
    assert "frequent value" not in kinds(counts)


def test_outliers_of_labels_over_many_magnitudes_are_judged_on_the_logarithm(normal):
    assert "outliers" not in kinds(10 ** (1.2 * np.clip(normal, -2, 2)))


def test_a_target_that_is_the_number_of_an_identifier_is_grave(normal):
    numbers = np.random.default_rng(2).permutation(10_000)[:100]
    frame = pl.DataFrame(
        {"smiles": CLEAN[:100], "mol_id": [f"CHEM{n}" for n in numbers], "y": numbers * 1.0}
    )
    found = check_table(frame, target_columns="y", cache=False, progress=False)
    assert "target is an identifier" in {each.kind for each in found.grave}


def test_a_target_that_follows_the_size_is_noted():
    from rdkit import Chem

    sizes = [Chem.MolFromSmiles(text).GetNumAtoms() for text in CLEAN[:100]]
    noise = np.random.default_rng(3).normal(scale=0.1, size=100)
    assert kinds(np.array(sizes) + noise)["target follows size"].severity == "note"


def test_missing_labels_are_counted_by_target_and_bare_molecules_listed(normal):
    one, two = normal.copy(), normal[::-1].copy()
    one[:20], two[15:30] = np.nan, np.nan
    frame = pl.DataFrame({"smiles": CLEAN[:100], "one": one, "two": two}).fill_nan(None)
    found = check_table(frame, target_columns=["one", "two"], cache=False, progress=False)
    by_kind = {each.kind: each for each in found.found}
    assert by_kind["missing labels"].examples["missing"].to_list() == [20, 15]
    assert by_kind["molecules without label"].rows == (15, 16, 17, 18, 19)


def test_labels_of_two_parts_that_are_not_alike_are_told(normal):
    part = ["test" if value > 0.6 else "val" if value > 0.3 else "train" for value in normal]
    frame = pl.DataFrame({"smiles": CLEAN[:100], "y": normal, "part": part})
    found = check_table(frame, target_columns="y", split="part", cache=False, progress=False)
    assert "label shift" in {each.kind for each in found.found}


labels = st.lists(
    st.one_of(st.floats(-1e6, 1e6), st.just(float("nan")), st.sampled_from([0.0, 1.0])), min_size=1
).map(np.array)


@given(labels, st.floats(0.001, 1000))
def test_what_is_said_of_labels_does_not_depend_on_unit_and_order(y, unit):
    """The tolerance scales with the unit, and no statement depends on where a label stands."""
    turned = y[::-1]
    for statement in (is_labels, dominant, counts_rows, one_class):
        assert statement(y) == statement(turned)
    assert robust_spread(y) == pytest.approx(robust_spread(turned), rel=1e-9, abs=1e-9)
    if not is_labels(y) and not is_labels(y * unit):
        assert tolerance(y * unit) == pytest.approx(tolerance(y) * unit, rel=1e-6, abs=1e-9)


@given(
    st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from([0.0, 1.0, None])), max_size=30)
)
def test_classes_conflict_where_a_molecule_has_both(rows):
    keys = [key for key, _ in rows]
    y = np.array([[np.nan if label is None else label] for _, label in rows]).reshape(-1, 1)
    found = {keys[each.positions[0]] for each in conflicts(groups(keys), y)}
    assert found == {
        key for key in keys if {0.0, 1.0} <= {label for other, label in rows if other == key}
    }


def test_a_difference_within_the_tolerance_is_no_conflict(normal):
    limit = tolerance(normal)
    assert 0.1 < limit < 0.2  # a seventh of the standard deviation
    y = np.append(normal, [normal[0] + 0.9 * limit, normal[1] + 1.1 * limit]).reshape(-1, 1)
    found = conflicts([[0, 100], [1, 101]], y)
    assert [each.group for each in found] == [1]
