"""What is discovered in models in the style of others is edited where it is computed, exactly."""

import warnings
from functools import lru_cache

import pytest
import torch

import edgescope as es
from edgescope.lib.errors import EdgescopeWarning
from support.attention_zoo import dense_masks, pair_bias
from support.attention_zoo.case import DISCOVERED
from support.attention_zoo.table import CASES

SEEN = [case for case in CASES if case.verdict == DISCOVERED]
every_case = pytest.mark.parametrize("case", SEEN, ids=lambda case: case.name)


@lru_cache
def discovered(case):
    """Return a model and the sites of its first attention that can be edited, by stage."""
    model = case.model()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EdgescopeWarning)
        es.capture.discover(model, case.batch(), call=case.call)
    able = es.capture.sites(model).filter(editable=True, how="discovered")["site"].to_list()
    first = [site for site in able if site.rpartition(":")[0] == able[0].rpartition(":")[0]]
    return model, {site.rpartition(":")[2]: site for site in first}


def run(case, model, edits=(), wanted=None):
    """Run a model with edits; return its output and what a tape saw that was entered later."""
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore", EdgescopeWarning)
        if not edits:
            with es.capture(model, wanted) as tape:
                return case.call(model, case.batch()), tape
        (site, change), *rest = edits
        with es.capture.edit(model, site, change):
            return run(case, model, rest, wanted)


def same(one, other):
    if isinstance(one, (tuple, list)):
        return all(map(same, one, other))
    return torch.equal(one, other)


def test_most_of_what_is_discovered_can_be_edited():
    stages = [set(discovered(case)[1]) for case in SEEN]
    assert sum(map(bool, stages)) > len(stages) / 3
    assert sum("score" in each for each in stages) > len(stages) / 6
    dense = [set(discovered(case)[1]) for case in (*dense_masks.CASES, *pair_bias.CASES)]
    assert {"score", "unbiased", "logit", "weight"} <= set().union(*dense)


@every_case
def test_no_change_leaves_outputs_to_the_bit(case):
    model, able = discovered(case)
    if not able:
        return
    plain, _ = run(case, model)
    for change in (lambda _: None, lambda a: a.values):
        assert same(run(case, model, [(site, change) for site in able.values()])[0], plain)


@every_case
def test_a_new_logit_makes_new_weights_of_the_rows_of_its_node(case):
    model, able = discovered(case)
    if not {"logit", "weight"} <= able.keys():
        return
    logit, weight = able["logit"], able["weight"]
    _, before = run(case, model, wanted=[weight, logit])
    seen, own = before[weight], before[logit].values
    node = torch.stack([seen.graph, seen.target])
    _, group = node.unique(dim=1, return_inverse=True)

    def shares(logits):
        """Return softmax of logits over the rows of each node, in float64."""
        power = (logits.double() - logits.max()).exp()
        power = power.where(seen.values > 0, 0)
        total = power.new_zeros(int(group.max()) + 1, *power.shape[1:]).index_add(0, group, power)
        return power / total[group]

    if not torch.allclose(shares(own), seen.values.double(), rtol=1e-4, atol=1e-6):
        return  # no plain softmax over the edges into a node
    shift = torch.randn(own.shape, generator=torch.Generator().manual_seed(0))
    shift = shift.where(seen.values > 0, 0)  # what is masked stays so
    _, after = run(case, model, [(logit, lambda a: a.values + shift)], [weight])
    assert torch.equal(after[weight].edge_index, seen.edge_index)
    expected = shares(own + shift)
    torch.testing.assert_close(after[weight].values.double(), expected, rtol=1e-4, atol=1e-6)


@every_case
def test_a_new_score_is_a_new_logit(case):
    model, able = discovered(case)
    for stage in {"score", "unbiased"} & able.keys() if "logit" in able else ():
        _, before = run(case, model, wanted=[able[stage], able["logit"]])
        values, logit = before[able[stage]].values, before[able["logit"]].values
        summed = values.sum(-1, keepdim=True)
        if summed.shape != logit.shape or not (
            stage == "unbiased" or torch.allclose(summed, logit, rtol=1e-4, atol=1e-5)
        ):
            continue  # a limit, a slope or what is added stands between the two
        new = torch.randn(values.shape, generator=torch.Generator().manual_seed(1)).to(values)
        change = (new - values).sum(-1, keepdim=True)
        by_score, _ = run(case, model, [(able[stage], lambda _, new=new: new)])
        shifted = [(able["logit"], lambda a, change=change: a.values + change)]
        by_logit, _ = run(case, model, shifted)
        torch.testing.assert_close(by_score, by_logit, rtol=1e-4, atol=1e-5)


@every_case
def test_weights_are_edited_alone_and_nothing_is_normalised_anew(case):
    model, able = discovered(case)
    if "weight" not in able:
        return
    _, before = run(case, model, wanted=[able["weight"]])
    edit = (able["weight"], lambda a: a.values / 2)
    _, after = run(case, model, [edit], [able["weight"]])
    torch.testing.assert_close(after[able["weight"]].values, before[able["weight"]].values / 2)
