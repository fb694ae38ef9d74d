"""ROC-AUC over tasks with missing labels, against scikit-learn and OGB's rule."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import roc_auc_score

from edgescope.lib.errors import InputError
from edgescope.train.evaluation import TaskAUC, roc_auc

LABELS = st.sampled_from([0.0, 1.0, np.nan])
# Large ones, which a sigmoid in single precision could not tell apart; and ties.
SCORES = st.floats(-200, 200, width=32) | st.integers(-2, 2).map(float)


@st.composite
def tables(draw):
    shape = draw(st.tuples(st.integers(1, 40), st.integers(1, 5)))
    return draw(arrays(np.float32, shape, elements=SCORES)), draw(
        arrays(np.float32, shape, elements=LABELS)
    )


def ogb(target, prediction):
    """The rule of OGB's evaluators: both classes, over the rows with a label."""
    areas = {}
    for task in range(target.shape[1]):
        labels = target[:, task]
        if (labels == 1).any() and (labels == 0).any():
            known = ~np.isnan(labels)
            areas[task] = roc_auc_score(labels[known], prediction[known, task])
    return areas


@settings(deadline=None)
@given(tables())
def test_it_is_scikit_learns_mean_over_the_tasks_that_ogb_counts(table):
    prediction, target = table
    expected = ogb(target, prediction)
    if not expected:
        with pytest.raises(InputError, match="ROC-AUC is undefined: none of"):
            roc_auc(torch.from_numpy(prediction), torch.from_numpy(target))
        return
    found = roc_auc(torch.from_numpy(prediction), torch.from_numpy(target))
    assert found.mean == pytest.approx(np.mean(list(expected.values())), abs=1e-6)
    for name, area in found.tasks.items():
        assert area == (None if int(name) not in expected else pytest.approx(expected[int(name)]))
    assert found.skipped == tuple(name for name, area in found.tasks.items() if area is None)


@settings(deadline=None)
@given(tables(), st.integers(1, 7))
def test_it_does_not_depend_on_the_batches(table, size):
    prediction, target = map(torch.from_numpy, table)
    both = torch.tensor([[0.0], [1.0]]).expand(2, target.size(1))  # in every task
    target, prediction = torch.cat([target, both]), torch.cat([prediction, both])
    metric = TaskAUC([str(task) for task in range(target.size(1))])
    for batch in zip(prediction.split(size), target.split(size), strict=True):
        metric.update(*batch)
    areas = metric.compute().reshape(-1)
    whole = roc_auc(prediction, target)
    assert areas.nanmean().item() == pytest.approx(whole.mean, abs=1e-6)


def test_a_perfect_order_is_one_and_not_more():
    target = (torch.arange(21) >= 10).float()[:, None]  # 1.0000001 by torchmetrics
    assert roc_auc(torch.arange(21.0)[:, None], target).mean == 1.0


def test_a_task_with_one_class_is_named_and_not_counted_as_zero():
    target = torch.tensor([[1.0, 1.0], [0.0, 1.0]])
    found = roc_auc(torch.tensor([[2.0, 0.0], [1.0, 1.0]]), target, ["both", "ones"])
    assert found == (1.0, {"both": 1.0, "ones": None}, ("ones",))


@pytest.mark.parametrize(
    ("prediction", "target", "message"),
    [
        (torch.zeros(2, 1), torch.zeros(2, 2), r"predictions \[2, 1\] for labels \[2, 2\]"),
        (torch.zeros(2, 1), torch.tensor([[0.0], [2.0]]), "received the label 2, expected 0, 1"),
        (torch.full((2, 1), torch.nan), torch.tensor([[0.0], [1.0]]), "predictions that are NaN"),
        (torch.zeros(2, 1), torch.full((2, 1), torch.nan), "none of 1 tasks has both labels"),
    ],
)
def test_what_has_no_area_is_refused(prediction, target, message):
    with pytest.raises(InputError, match=message):
        roc_auc(prediction, target)
