"""Masked losses against plain numpy."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import expit

from edgescope.lib.errors import InputError
from edgescope.models.losses import EpochLoss, cross_entropy, masked_bce, masked_l1

SHAPE = st.tuples(st.integers(1, 6), st.integers(1, 4))
NUMBERS = st.floats(-20, 20, width=32)


@st.composite
def tables(draw, targets):
    """Predictions and targets of one shape, with holes; now and then nothing but holes."""
    shape = draw(SHAPE)
    prediction = draw(arrays(np.float32, shape, elements=NUMBERS))
    target = draw(arrays(np.float32, shape, elements=targets))
    holes = draw(arrays(np.bool_, shape) | st.just(np.ones(shape, dtype=bool)))
    return prediction, np.where(holes, np.nan, target).astype(np.float32)


def reference(error, target):
    known = ~np.isnan(target)
    return (error[known].mean() if known.any() else 0.0), known.sum()


@settings(deadline=None)
@given(tables(NUMBERS))
def test_l1_is_the_mean_absolute_error_of_the_known_targets(table):
    prediction, target = table
    loss, known = masked_l1(torch.from_numpy(prediction), torch.from_numpy(target))
    expected, count = reference(np.abs(prediction.astype(float) - target), target)
    assert known == count
    np.testing.assert_allclose(loss, expected, rtol=1e-5, atol=1e-6)


@settings(deadline=None)
@given(tables(st.sampled_from([0.0, 1.0])))
def test_bce_is_the_mean_cross_entropy_of_the_known_labels(table):
    prediction, target = table
    loss, known = masked_bce(torch.from_numpy(prediction), torch.from_numpy(target))
    logit = prediction.astype(float)
    right = np.where(target == 1, expit(logit), expit(-logit))
    expected, count = reference(-np.log(right), target)
    assert known == count
    np.testing.assert_allclose(loss, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("loss", [masked_l1, masked_bce])
def test_a_missing_target_sends_no_gradient_and_no_nan(loss):
    prediction = torch.randn(3, 2, requires_grad=True)
    target = torch.tensor([[1.0, torch.nan], [torch.nan, torch.nan], [0.0, 1.0]])
    loss(prediction, target)[0].backward()
    missing = target.isnan()
    assert (prediction.grad[missing] == 0).all()
    assert (prediction.grad[~missing] != 0).all()


@pytest.mark.parametrize("loss", [masked_l1, masked_bce])
def test_shapes_that_would_broadcast_are_refused(loss):
    with pytest.raises(InputError, match=r"predictions \[4, 1\] for targets \[4, 3\]"):
        loss(torch.zeros(4, 1), torch.zeros(4, 3))


@settings(deadline=None)
@given(tables(NUMBERS), st.integers(1, 5))
def test_the_epoch_loss_does_not_depend_on_the_batches(table, size):
    prediction, target = map(torch.from_numpy, table)
    whole, _ = masked_l1(prediction, target)
    metric = EpochLoss()
    for batch in zip(prediction.split(size), target.split(size), strict=True):
        metric.update(*masked_l1(*batch))
    torch.testing.assert_close(metric.compute(), whole, rtol=1e-5, atol=1e-6)


def test_the_epoch_loss_passes_on_a_nan():
    metric = EpochLoss()
    metric.update(torch.tensor(1.0), torch.tensor(3))
    metric.update(torch.tensor(torch.nan), torch.tensor(3))
    assert metric.compute().isnan()


def test_cross_entropy_is_torch_s_over_the_known_classes():
    logits, y = torch.randn(6, 3), torch.tensor([0, -1, 2, 1, -1, 0])
    mean, count = cross_entropy(logits, y)
    assert torch.isclose(mean, torch.nn.functional.cross_entropy(logits, y, ignore_index=-1))
    assert int(count) == 4
    assert float(cross_entropy(logits, torch.full((6,), -1))[0]) == 0
    with pytest.raises(InputError, match="one output per class"):
        cross_entropy(logits, y[:4])
