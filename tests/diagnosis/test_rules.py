"""Every rule finds what it is for, and nothing in a model beside it."""

import copy

import pytest
import torch

import edgescope as es
from edgescope.diagnosis.rules import RULES
from support.diagnose_cases import CASES
from support.diagnose_models import build

IDS = [f"{case.rule}: {case.what}" for case in CASES]


def diagnosed(case, model, batch, **options):
    return es.diagnose(model, [batch], progress=False, **options)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_the_minimal_model_triggers_its_rule_where_it_should(case):
    found = diagnosed(case, build(case.bad), case.batch(), select=case.rule)
    assert case.where in [each.where for each in found]


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_the_model_beside_it_does_not(case):
    batch = (case.good_batch or case.batch)()
    assert diagnosed(case, build(case.good), batch, select=case.rule) == []


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_a_model_is_left_as_it_was(case):
    model, batch = build(case.bad).train(), case.batch()
    state, given = copy.deepcopy(model.state_dict()), copy.deepcopy(batch.to_dict())
    diagnosed(case, model, batch)
    assert model.training
    torch.testing.assert_close(
        dict(model.state_dict()), dict(state), rtol=0, atol=0, equal_nan=True
    )
    torch.testing.assert_close(batch.to_dict(), given, rtol=0, atol=0)
    modules = list(model.modules())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in modules)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_what_is_offered_can_be_tried_and_the_layer_is_not_reported_again(case):
    model, batch = build(case.bad), case.batch()
    for finding in diagnosed(case, model, batch, select=case.rule):
        if finding.mechanical:
            changed = es.diagnose.try_remedy(model, finding)
            again = diagnosed(case, changed, batch, select=case.rule)
            assert finding.where not in [each.where for each in again]


def test_every_rule_has_a_case():
    assert {case.rule for case in CASES} == {rule.id for rule in RULES} - OTHERWISE


OTHERWISE = {"bipartite-self-loops", "identical-outputs", "static-attention"}
"""Rules with minimal models in tests of their own."""


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_the_page_of_a_rule_names_its_thresholds(rule):
    assert all(f"`{name}`" in rule.explanation for name in rule().thresholds)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_diagnosing_again_gives_the_same(case):
    model, batch = build(case.bad), case.batch()
    rules = [rule() for rule in RULES if rule.id == case.rule]
    first = diagnosed(case, model, batch, rules=rules)
    assert diagnosed(case, model, batch, rules=rules) == first
