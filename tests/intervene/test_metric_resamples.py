"""Metrics and their resamples, against torch, torchmetrics and rows written out."""

import numpy as np
import pytest
import torch

from edgescope.intervene.metric_resamples import Scorer
from edgescope.intervene.replay import Outputs
from edgescope.lib.errors import InputError
from edgescope.models.losses import masked_bce
from edgescope.statistics.bootstrap import percentile_interval
from edgescope.train.evaluation import roc_auc


def outputs(graphs=30, tasks=2, seed=0, labels=False, nodes=1):
    """Predictions and targets, a fifth of them missing; ``nodes`` rows per graph."""
    random = np.random.default_rng(seed)
    shape = (graphs * nodes, tasks)
    target = random.integers(0, 2, shape).astype(float) if labels else random.normal(size=shape)
    target[random.random(shape) < 0.2] = np.nan
    graph = np.repeat(np.arange(graphs), nodes)
    return Outputs(random.normal(size=shape), graph, target)


def test_the_area_over_tasks_is_that_of_training():
    data = outputs(labels=True)
    expected = roc_auc(torch.tensor(data.prediction), torch.tensor(data.target)).mean
    assert Scorer(data, "roc_auc", 0).score(data.prediction).value == pytest.approx(expected)


def test_the_cross_entropy_is_that_of_training():
    data = outputs(labels=True)
    expected, _ = masked_bce(torch.tensor(data.prediction), torch.tensor(data.target))
    assert Scorer(data, "bce", 0).score(data.prediction).value == pytest.approx(expected.item())


def test_accuracy_is_the_share_of_known_classes_that_are_right():
    prediction = np.array([[2.0, 1.0, 0.0], [0.0, 0.0, 5.0], [0.0, 1.0, 0.0], [3.0, 0.0, 0.0]])
    target = np.array([[0.0], [1.0], [1.0], [np.nan]])
    found = Scorer(Outputs(prediction, np.arange(4), target), "accuracy", 0).score(prediction)
    assert found.value == pytest.approx(2 / 3)
    classes = np.where(np.isnan(target), -1, target)  # as data sets of nodes have them
    same = Scorer(Outputs(prediction, np.arange(4), classes), "accuracy", 0).score(prediction)
    assert same.value == found.value


@pytest.mark.parametrize("metric", ["mae", "roc_auc"])
@pytest.mark.parametrize("nodes", [1, 3])
def test_resamples_are_those_of_graphs_drawn_and_their_rows_put_together(metric, nodes):
    data = outputs(graphs=25, labels=metric == "roc_auc", nodes=nodes)
    scorer = Scorer(data, metric, seed=3, resamples=20)
    other = data.prediction + np.random.default_rng(1).normal(size=data.prediction.shape)
    found = scorer.score(other).minus(scorer.score(data.prediction))

    def value(prediction, rows):
        guess, truth = torch.tensor(prediction[rows]), torch.tensor(data.target[rows])
        if metric == "roc_auc":
            return roc_auc(guess, truth).mean
        known = ~truth.isnan()
        return (guess - truth)[known].abs().mean().item()

    expected = []
    for weights in scorer._weights:
        drawn = np.repeat(np.arange(25), weights.astype(int))
        rows = np.concatenate([np.flatnonzero(data.graph == graph) for graph in drawn])
        expected.append(value(other, rows) - value(data.prediction, rows))
    np.testing.assert_allclose(found.resamples, expected, atol=1e-6)
    low, high = percentile_interval(np.array(expected), 25)
    assert scorer.interval(found)[1:] == pytest.approx((float(low), float(high)), abs=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_paired_intervals_cover_a_true_change_at_the_nominal_rate(seed):
    """Of 200 experiments with a change of known mean, 95 % of the intervals hold it."""
    random = np.random.default_rng(seed)
    held = 0
    for number in range(200):
        common = random.normal(size=(40, 1)) * 5  # which pairing takes out
        data = Outputs(common, np.arange(40), np.zeros((40, 1)))
        scorer = Scorer(data._replace(prediction=np.abs(common) + 20), "mae", number, 300)
        changed = scorer.outputs.prediction + random.normal(1, 2, size=(40, 1))
        change = scorer.score(changed).minus(scorer.score(scorer.outputs.prediction))
        _, low, high = scorer.interval(change)
        held += low <= 1 <= high
    assert 0.90 <= held / 200 <= 0.99  # two standard errors are 0.03


def test_fewer_than_eight_graphs_have_no_interval():
    data = outputs(graphs=7)
    found = Scorer(data, "mae", 0).score(data.prediction)
    value, low, high = Scorer(data, "mae", 0).interval(found)
    assert value > 0
    assert np.isnan([low, high]).all()


def test_the_mean_change_of_predictions_needs_no_target():
    data = outputs()._replace(target=None)
    scorer = Scorer(data, None, 0)
    assert scorer.score(data.prediction) is None
    assert scorer.moved(data.prediction - 2).value == pytest.approx(2)


@pytest.mark.parametrize(
    ("metric", "change", "message"),
    [
        ("mse", {}, "unknown metric 'mse'"),
        ("mae", {"target": None}, "no target y"),
        ("mae", {"target": np.zeros((30, 1))}, r"targets \[30, 1\] for predictions \[30, 2\]"),
        ("roc_auc", {"target": np.full((30, 2), 0.5)}, "other than 0, 1 and NaN"),
        ("roc_auc", {"target": np.tile([0.0, 1.0], (30, 1))}, "all 0 or all 1"),
        ("mae", {"target": np.full((30, 2), np.nan)}, "no batch has a known target"),
    ],
)
def test_targets_that_do_not_fit_the_metric_are_refused(metric, change, message):
    with pytest.raises(InputError, match=message):
        Scorer(outputs()._replace(**change), metric, 0)


@pytest.mark.parametrize("metric", ["mae", None])
def test_predictions_that_are_not_finite_at_first_are_left_out(metric):
    data = outputs()
    broken = data.prediction.copy()
    broken[[3, 7], 1] = np.nan, np.inf
    scorer = Scorer(data._replace(prediction=broken), metric, 0)
    others = np.setdiff1d(np.arange(30), [3, 7])
    assert scorer.left_out == 2
    for other in (broken + 1, data.prediction + 1):
        assert scorer.moved(other).value == pytest.approx(1)
        assert scorer.lost(other) == 0
        if metric:
            expected = np.nanmean(np.abs(other - data.target)[others])
            assert scorer.score(other).value == pytest.approx(expected)
    with pytest.raises(InputError, match="nothing finite"):
        Scorer(data._replace(prediction=np.full((30, 2), np.nan)), metric, 0)
