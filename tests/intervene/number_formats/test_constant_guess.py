"""Guessing is the constant that the targets alone give, and no other constant does better."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgescope.intervene.metric_resamples import LOWER_IS_BETTER, Scorer
from edgescope.intervene.number_formats.constant_guess import constant_prediction
from edgescope.intervene.replay import Outputs
from edgescope.lib.errors import InputError


def outputs(metric, seed, tasks):
    random = np.random.default_rng(seed)
    prediction = random.normal(size=(12, 3 if metric == "accuracy" else tasks))
    target = random.normal(size=(12, tasks))
    if metric in {"bce", "roc_auc"}:
        target = (target > 0.3).astype(float)
        target[:2] = [[0] * tasks, [1] * tasks]
    if metric == "accuracy":
        target = random.integers(0, 3, 12).astype(float)
    target[3] = np.nan
    return Outputs(prediction, np.arange(12), target)


@pytest.mark.parametrize("metric", sorted(LOWER_IS_BETTER))
@given(seed=st.integers(0, 1000), tasks=st.integers(1, 3), other=st.floats(-3, 3))
def test_no_constant_is_better(metric, seed, tasks, other):
    found = outputs(metric, seed, tasks)
    scorer = Scorer(found, metric, 0, resamples=2)
    guess = constant_prediction(found, metric, None)
    assert guess.shape == found.prediction.shape
    assert (guess == guess[0]).all()
    constant = np.full_like(guess, other)
    if metric == "accuracy":
        constant = np.eye(3)[[seed % 3] * 12]
    best, worse = scorer.score(guess).value, scorer.score(constant).value
    assert best <= worse + 1e-12 if LOWER_IS_BETTER[metric] else best >= worse - 1e-12


def test_classes_that_are_not_known_do_not_count_however_they_are_written():
    target = np.array([2.0, -1, -1, -1, np.nan, 2, 0])
    found = constant_prediction(Outputs(np.zeros((7, 3)), np.arange(7), target), "accuracy", None)
    assert found[0].tolist() == [0, 0, 1]


def test_without_a_metric_it_is_the_median_of_the_predictions():
    found = outputs("mae", 0, 2)
    guess = constant_prediction(found, None, None)
    assert guess[0] == pytest.approx(np.median(found.prediction, axis=0))


def test_what_is_handed_in_is_taken_or_refused():
    found = outputs("mae", 0, 2)
    assert constant_prediction(found, "mae", [1, 2])[5].tolist() == [1, 2]
    for wrong in ([1, 2, 3], float("nan")):
        with pytest.raises(InputError, match="expected a number, or 2 of them"):
            constant_prediction(found, "mae", wrong)
    classes = outputs("accuracy", 0, 1)
    assert constant_prediction(classes, "accuracy", 2)[0].tolist() == [0, 0, 1]
    with pytest.raises(InputError, match="expected one of the 3 classes"):
        constant_prediction(classes, "accuracy", 3)
