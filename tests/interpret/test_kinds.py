"""Groups from codes, labels and quantities."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from edgescope.interpret.kinds import BINS, EXACT, Kind, binned, labelled
from edgescope.lib.errors import InputError


@given(st.lists(st.integers(-1, 4)))
def test_codes_come_back(codes):
    kind = Kind.of_codes("kind", list("abcde"), torch.tensor(codes, dtype=torch.long))
    assert kind.codes.tolist() == codes
    assert kind.applicable.tolist() == [code >= 0 for code in codes]


def test_groups_that_overlap_have_no_codes():
    member = torch.tensor([[True, True], [False, True]])
    with pytest.raises(InputError, match="several or none of the groups of mine"):
        Kind("mine", ("a", "b"), member, torch.ones(2, dtype=torch.bool)).codes  # noqa: B018


@given(st.lists(st.one_of(st.none(), st.integers(-2, 3), st.sampled_from("xy"))))
def test_labels_are_groups_with_their_names(labels):
    kind = labelled("mine", labels, len(labels))
    held = [None if code < 0 else kind.names[code] for code in kind.codes.tolist()]
    assert held == [
        None if label is None or (isinstance(label, int) and label < 0) else str(label)
        for label in labels
    ]


def test_labels_may_be_tensors_and_arrays():
    expected = labelled("mine", [3, 1, -1], 3)
    for labels in (torch.tensor([3, 1, -1]), np.array([3, 1, -1])):
        assert labelled("mine", labels, 3).codes.tolist() == expected.codes.tolist() == [1, 0, -1]


@pytest.mark.parametrize(
    ("labels", "message"),
    [([1], "received 1 labels 'mine', expected one for each of the 2"), ([0.5, 1.0], "float")],
)
def test_labels_that_do_not_fit_are_refused(labels, message):
    with pytest.raises(InputError, match=message):
        labelled("mine", labels, 2)


def test_few_values_are_groups_of_their_own():
    kind = binned("size", np.array([2.0, np.nan, -0.0, 0.0, 2 + 1e-9]), "degree")
    assert kind.names == ("0", "2")
    assert kind.codes.tolist() == [1, -1, 0, 0, 1]


@given(st.lists(st.floats(-1e3, 1e3), min_size=EXACT + 1, max_size=60), st.integers(2, 7))
def test_bins_rise_and_hold_every_value(values, bins):
    values = np.array(values)
    kind = binned("size", values, "degree", bins)
    codes = kind.codes.numpy()
    assert (codes >= 0).all()
    ordered = codes[np.argsort(np.round(values, 6), kind="stable")]
    assert (np.diff(ordered) >= 0).all()
    assert len(kind.names) <= max(bins, EXACT)
    assert kind.member.any(0).all()


def test_bins_of_different_values_are_of_about_the_same_size():
    kind = binned("size", np.random.default_rng(0).normal(size=1000), "degree")
    sizes = kind.member.sum(0)
    assert len(sizes) == BINS
    assert sizes.min() >= 199
