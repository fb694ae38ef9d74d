"""Mutual information is that of a textbook, unbiased where labels know nothing of each other."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy

from edgescope.statistics.mutual_information import information


def told(first, second, **options):
    return information(first, second, generator=np.random.default_rng(0), **options)


labels = st.integers(1, 5).flatmap(
    lambda kinds: st.lists(
        st.tuples(st.integers(0, kinds - 1), st.integers(0, 3)), min_size=1, max_size=60
    )
)


@settings(max_examples=40, deadline=None)
@given(labels)
def test_it_is_the_sum_of_entropies_less_the_joint_one_and_its_bias(pairs):
    first, second = np.array(pairs).T
    found = told(first, second, permutations=1)
    joint, x, y = (
        np.unique(each, axis=0, return_counts=True)[1] for each in (np.array(pairs), first, second)
    )
    bits = sum(entropy(each, base=2) for each in (x, y)) - entropy(joint, base=2)
    bias = (len(joint) - len(x) - len(y) + 1) / (2 * len(pairs) * np.log(2))
    assert found.bits == pytest.approx(bits - bias, abs=1e-9)
    assert found.entropy == pytest.approx(entropy(x, base=2))
    assert found.guess == x.max() / len(pairs)
    right = sum(np.bincount(first[second == each]).max() for each in np.unique(second))
    assert found.told == pytest.approx(right / len(pairs))
    assert np.isnan(found.p) == (len(x) == 1)


def test_labels_that_know_nothing_of_each_other_have_none_on_average():
    random = np.random.default_rng(1)
    drawn = [random.integers(0, 6, (2, 600)) for _ in range(200)]
    bits = [told(*pair, permutations=1).bits for pair in drawn]
    assert abs(np.mean(bits)) < 3 * np.std(bits) / np.sqrt(len(bits)) + 0.003
    p = [told(*pair, permutations=39).p for pair in drawn]
    assert np.mean(np.array(p) <= 0.05) < 0.11


def test_rows_of_one_group_are_shuffled_together():
    random = np.random.default_rng(2)
    group = np.repeat(np.arange(8), 50)
    of_group = random.permutation(8) % 2
    first = of_group[group]
    # Of eight groups, orders that keep the halves apart are common; of 400 rows they are not.
    assert told(first, of_group[group], group=group).p > 0.01
    assert told(first, of_group[group]).p == pytest.approx(1 / 200)


def test_nothing_is_known_of_nothing():
    nothing = np.zeros(0, np.int64)
    assert all(np.isnan(number) for number in told(nothing, nothing))
