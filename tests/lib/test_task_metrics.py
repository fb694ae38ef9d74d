"""Which metric a run is judged by: its own word, else its loss, never the order of keys."""

from itertools import permutations

import pytest

from edgescope.lib.errors import InputError
from edgescope.lib.task_metrics import (
    KNOWN,
    METRICS,
    TASK_OF,
    known_metric,
    metric_of_loss,
    metric_of_run,
)
from edgescope.study.study_metric import metric_of_test, show_metric

LABELS = {"test_loss": 0.9, "test_accuracy": 0.31, "test_roc_auc": 0.74, "test_loss_trivial": 0.7}


def test_every_task_and_loss_has_a_metric_that_is_known():
    assert {METRICS[task] for task in TASK_OF.values()} <= set(METRICS.values()) <= set(KNOWN)
    assert (metric_of_loss("l1").words, metric_of_loss("masked_bce").words) == ("MAE", "ROC-AUC")
    with pytest.raises(InputError, match="unknown loss 'l2', expected one of l1, masked_bce"):
        metric_of_loss("l2")


@pytest.mark.parametrize("loss", ["masked_bce", None])
def test_the_order_of_keys_decides_nothing(loss):
    for keys in permutations(LABELS):
        assert metric_of_test({key: LABELS[key] for key in keys}, loss) == ("roc_auc", 0.74)


def test_a_run_that_names_its_metric_is_judged_by_it():
    assert metric_of_test(LABELS | {"metric": "accuracy"}, "masked_bce") == ("accuracy", 0.31)
    assert metric_of_test({"test_loss": 0.9, "metric": "roc_auc"}, "masked_bce") is None
    with pytest.raises(InputError, match="unknown metric 'auc'"):
        metric_of_test(LABELS | {"metric": "auc"})


def test_what_nothing_decides_is_refused():
    with pytest.raises(InputError, match="nothing says which of mae, roc_auc the run is judged by"):
        metric_of_run({"test_roc_auc": 0.7, "test_mae": 1.0}, None)


def test_values_are_written_with_their_unit_where_they_have_one():
    assert known_metric("mae").show(1.23456, "mg/L") == "1.2346 mg/L"
    assert known_metric("mae").show(1.5e-7, "g/L") == "1.5e-07 g/L"
    assert known_metric("mae").show(138279.3) == "1.383e+05"
    assert known_metric("roc_auc").show(0.5, "mg/L") == "0.5000"
    assert show_metric("roc_auc", 0.74) == "test ROC-AUC 0.7400"
