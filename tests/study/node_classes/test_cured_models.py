"""Flagged and cured: the cure changes what was flagged, and starts from the same weights."""

import polars as pl
import pytest
import torch

import edgescope as es
from edgescope.study.node_classes.class_task import class_task
from edgescope.study.node_classes.conv_stack import initial_stack
from edgescope.study.node_classes.cured_models import RULES, cured_models
from edgescope.study.node_classes.early_stop import learn_classes


@pytest.fixture(scope="module")
def task(root):
    return class_task("chameleon", root, 1)


def test_the_flagged_model_is_the_one_that_its_seed_and_division_give(task):
    found = cured_models(task, 1, heads=1, max_epochs=3)
    flagged = found["cured"].filter(variant="flagged").row(0, named=True)
    learned = learn_classes(initial_stack("GAT", task.sizes, 1, 1), task, 1, 3)
    assert flagged["value"] == learned.test
    assert set(flagged["findings"].split(", ")) & set(RULES)
    assert flagged["guess"] == task.guess
    rules = found["node_findings"].filter(variant="flagged")["rule"]
    assert set(rules) == set(flagged["findings"].split(", "))


def test_a_cured_model_is_judged_beside_the_flagged_one(task):
    found = cured_models(task, 1, heads=1, max_epochs=3)
    pair = es.study.paired_accuracy(found["cured"]).filter(rule="any").row(0, named=True)
    before, after = (found["cured"].filter(variant=v)["value"][0] for v in ("flagged", "cured"))
    assert pair["difference"] == pytest.approx(after - before)
    assert (pair["low"], pair["share"]) == (None, 1.0)


def test_training_leaves_the_start_as_it_was_and_never_ends_below_its_best_epoch(task):
    start = initial_stack("GAT", task.sizes, 0, 2)
    before = [each.clone() for each in start.parameters()]
    learned = learn_classes(start, task, 0, 5)
    assert all(map(torch.equal, before, start.parameters()))
    shorter = learn_classes(start, task, 0, learned.epoch)
    assert (shorter.val, shorter.test) == (learned.val, learned.test)
    assert learned.val >= learn_classes(start, task, 0, 1).val


def test_intervals_are_those_of_student():
    rows = [
        {"data": "d", "heads": 8, "findings": RULES[1], "seed": s, "variant": v, "value": value}
        for s, pair in enumerate([(0.5, 0.6), (0.5, 0.5), (0.4, 0.6)])
        for v, value in zip(("flagged", "cured"), pair, strict=True)
    ] + [{"data": "d", "heads": 8, "findings": "", "seed": 9, "variant": "unflagged", "value": 0.5}]
    found = es.study.paired_accuracy(pl.DataFrame(rows)).filter(rule="any").row(0, named=True)
    # differences 0.1, 0, 0.2: mean 0.1, standard error 0.1 / sqrt(3), t(2) = 4.3027
    assert found["high"] == pytest.approx(0.1 + 4.302653 * 0.1 / 3**0.5)
    assert (found["flagged"], found["share"]) == (3, 0.75)
    assert (found["better"], found["worse"]) == (2, 0)
