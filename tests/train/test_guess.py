"""Models beside guessing: against numbers worked out by hand, and by what chance does."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from edgescope.train.evaluation import roc_auc
from edgescope.train.guess import guessed, judge
from edgescope.train.standardisation import Standardisation

NAN = float("nan")

numbers = st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=25)


def column(values):
    return torch.tensor(values)[:, None]


def regression(noise, graphs=60, seed=0, targets=1):
    """Targets, predictions that are off by ``noise`` standard deviations, and a training part."""
    random = np.random.default_rng(seed)
    train, y = (torch.tensor(random.normal(size=(graphs, targets))).float() for _ in range(2))
    return y + noise * torch.tensor(random.normal(size=y.shape)).float(), y, train


def judged(prediction, y, train, metric="mae", **options):
    names = [f"t{number}" for number in range(y.size(1))]
    return judge(prediction, y, train, metric=metric, names=names, **options)


@given(numbers, st.floats(-200, 200))
def test_no_other_constant_has_less_error_in_training_than_the_guess(values, constant):
    y = column(values)
    mae = guessed(y, y, "mae", None)["mae"]
    assert mae <= np.abs(y.numpy().astype(float) - constant).mean() + 1e-9


@given(st.lists(st.sampled_from([0.0, 1.0]), min_size=2, max_size=30), st.floats(0.01, 0.99))
def test_no_other_rate_has_less_cross_entropy_in_training_than_the_guess(values, rate):
    y = column(values)
    found = guessed(y, y, "roc_auc", None)
    share = np.mean(values)
    entropy = -sum(p * math.log(p) for p in (share, 1 - share) if p)
    assert found["loss"] == pytest.approx(entropy, abs=1e-9)
    other = -np.mean([math.log(rate if value else 1 - rate) for value in values])
    assert found["loss"] <= other + 1e-9
    assert found["accuracy"] == pytest.approx(max(share, 1 - share))


def test_guesses_are_of_training_and_their_errors_of_the_part():
    train = torch.tensor([[1.0, 1.0], [2.0, 0.0], [9.0, NAN], [NAN, 0.0]])
    part = torch.tensor([[4.0, 1.0], [2.0, NAN], [NAN, 0.0]])
    # medians 2 and 0: errors 2, 0 and 1, 0
    assert guessed(train, part, "mae", None) == {"loss": 0.75, "mae": 0.75}
    scaling = Standardisation((0.0, 0.0), (2.0, 0.5))
    assert guessed(train, part, "mae", scaling) == {"loss": (1 + 0 + 2 + 0) / 4, "mae": 0.75}
    labels = torch.tensor([[1.0], [0.0], [0.0], [NAN]])
    found = guessed(labels, column([1.0, 0.0, NAN]), "roc_auc", None)
    assert found["loss"] == pytest.approx(-(math.log(1 / 3) + math.log(2 / 3)) / 2)
    assert (found["accuracy"], found["roc_auc"]) == (0.5, 0.5)


def test_what_is_undefined_is_none():
    nothing = column([NAN, NAN])
    assert set(guessed(column([1.0, 2.0]), nothing, "mae", None).values()) == {None}
    unseen = guessed(column([1.0, 1.0]), column([0.0, 1.0]), "roc_auc", None)
    assert unseen == {"loss": None, "roc_auc": 0.5, "accuracy": 0.5}


def test_a_row_per_target_holds_its_own_metric_and_counts():
    y = torch.tensor([[1.0, 10.0], [2.0, NAN], [4.0, 30.0]])
    train = torch.tensor([[0.0, 10.0], [1.0, 10.0], [5.0, 90.0]])  # medians 1 and 10
    found = judged(y + torch.tensor([0.5, -5.0]), y, train, units=("mg/L", ""))
    one, two = found["targets"]
    assert (one["unit"], one["known"], one["value"], one["guess"]) == ("mg/L", 3, 0.5, 4 / 3)
    assert (two["unit"], two["known"], two["value"], two["guess"]) == ("", 2, 5, 10)
    assert (found["metric"], found["guess"]) == ("relative_mae", 1)
    assert found["value"] == pytest.approx((0.5 / (4 / 3) + 5 / 10) / 2)
    assert one["low"] is None
    assert (one["better"], two["better"]) == (None, None)  # of three graphs nobody can tell


@given(st.integers(0, 10**6))
def test_the_areas_are_those_that_training_reports(seed):
    random = np.random.default_rng(seed)
    y = torch.tensor(random.choice([0.0, 1.0, NAN], size=(30, 3))).float()
    y[:2] = torch.tensor([0.0, 1.0])[:, None]
    scores = torch.tensor(random.normal(size=y.shape)).float()
    expected = roc_auc(scores, y, ["t0", "t1", "t2"])
    found = judged(scores, y, y, "roc_auc", resamples=50)
    assert [row["value"] for row in found["targets"]] == pytest.approx(
        list(expected.tasks.values()), abs=1e-6
    )
    assert found["value"] == pytest.approx(expected.mean, abs=1e-6)
    for task, row in enumerate(found["targets"]):
        assert row["positives"] == int((y[:, task] == 1).sum())
        assert row["negatives"] == int((y[:, task] == 0).sum())


def test_a_task_with_one_class_has_no_area_and_the_others_count():
    y = torch.tensor([[0.0, 1.0], [1.0, 1.0]] * 10)
    found = judged(y * 2 - 1, y, y, "roc_auc")
    one, two = found["targets"]
    assert (one["value"], one["better"]) == (1.0, True)
    assert (two["value"], two["better"]) == (None, None)
    assert (two["positives"], two["negatives"]) == (20, 0)
    assert (found["value"], found["better"]) == (1.0, True)


def test_a_model_that_guesses_is_called_better_no_more_often_than_chance_has_it():
    """Of 200 models that know nothing, about 2.5 % end above the interval by chance."""
    false = 0
    for seed in range(200):
        random = np.random.default_rng(seed)
        y = torch.tensor(random.integers(0, 2, (60, 1))).float()
        found = judged(torch.tensor(random.normal(size=(60, 1))), y, y, "roc_auc", resamples=200)
        false += found["better"] is True
    assert false <= 12


@pytest.mark.parametrize(("noise", "better"), [(0.3, True), (1.0, False), (3.0, False)])
def test_better_is_what_beats_the_median_beyond_chance(noise, better):
    found = judged(*regression(noise))
    assert found["better"] is better
    assert found["difference"] == pytest.approx(found["value"] - found["guess"])
    assert found["low"] <= found["difference"] <= found["high"]


def test_the_median_itself_is_not_better_than_the_median():
    _, y, train = regression(1)
    guess = train.median(dim=0, keepdim=True).values
    lower = torch.sort(train, dim=0).values[29:31].mean(0, keepdim=True)
    assert judged(lower.expand_as(y), y, train)["difference"] == pytest.approx(0, abs=1e-6)
    assert judged(guess.expand_as(y), y, train)["better"] is not True


@pytest.mark.parametrize("factor", [1e-5, 1e6])
def test_the_verdict_does_not_depend_on_the_unit(factor):
    prediction, y, train = regression(0.8, targets=2)
    one = judged(prediction, y, train)
    two = judged(*(each * torch.tensor([factor, 1.0]) for each in (prediction, y, train)))
    assert two["value"] == pytest.approx(one["value"], rel=1e-5)
    assert two["better"] is one["better"]
    for a, b in zip(one["targets"], two["targets"], strict=True):
        assert a["better"] is b["better"]


def test_predictions_that_are_not_finite_are_not_better():
    prediction, y, train = regression(0.1)
    prediction[0] = torch.inf
    found = judged(prediction, y, train)
    assert found["better"] is False
    assert found["value"] is None
    several = judged(*(torch.cat([each, each], 1) for each in (prediction, y, train)))
    assert several["better"] is False


@given(st.lists(st.integers(0, 4), min_size=8, max_size=30), st.integers(0, 4))
def test_no_other_class_is_right_more_often_in_training_than_the_guess(classes, other):
    y = torch.tensor(classes)
    found = guessed(y, y, "accuracy", None)
    assert found["accuracy"] >= float((y == other).double().mean())
    share = y.bincount() / len(y)
    assert found["loss"] == pytest.approx(float(torch.special.entr(share).sum()), abs=1e-6)


def test_classes_are_judged_by_their_accuracy():
    y = torch.tensor([0, 1, 2, 2] * 50)
    logits = torch.nn.functional.one_hot(torch.tensor([0, 1, 2, 0] * 50)).float()
    found = judge(logits, y, torch.tensor([-1, 2, 2, 1]), metric="accuracy", names=["class"])
    assert (found["value"], found["guess"], found["better"]) == (0.75, 0.5, True)
    assert found["low"] < 0.25 < found["high"]
