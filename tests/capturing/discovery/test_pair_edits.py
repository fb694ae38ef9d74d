"""Dense attention is edited pair by pair, in the matrix in which it is computed."""

import warnings

import pytest
import torch

import edgescope as es
from edgescope.lib.errors import EdgescopeWarning
from support.attention_zoo import dense_masks, pair_bias

STAGES = ("score", "unbiased", "logit", "weight")


def dense_models():
    """Return the models of the zoo with dense attention that can be edited, discovered."""
    for case in (*dense_masks.CASES, *pair_bias.CASES):
        model, batch = case.model(), case.batch()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", EdgescopeWarning)
            es.capture.discover(model, batch, call=case.call)
        table = es.capture.sites(model)
        able = table.filter(editable=True)["site"].to_list()
        if able:
            yield pytest.param(case, model, able, id=case.name)


MODELS = list(dense_models())


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


def first_of(able, stage):
    """Return the site of a stage of the first attention that can be edited."""
    site = f"{able[0].rpartition(':')[0]}:{stage}"
    return site if site in able else None


def test_most_dense_models_can_be_edited():
    assert len(MODELS) >= 6
    stages = {site.rpartition(":")[2] for param in MODELS for site in param.values[2]}
    assert stages == set(STAGES)


@pytest.mark.parametrize(("case", "model", "able"), MODELS)
def test_no_change_leaves_outputs_to_the_bit(case, model, able):
    plain, _ = run(case, model)
    for change in (lambda _: None, lambda a: a.values):
        assert torch.equal(run(case, model, [(site, change) for site in able])[0], plain)


@pytest.mark.parametrize(("case", "model", "able"), MODELS)
def test_a_new_logit_makes_new_weights_of_the_pairs_of_its_node(case, model, able):
    weight, logit = first_of(able, "weight"), first_of(able, "logit")
    _, before = run(case, model, wanted=[weight, logit])
    seen = before[weight]
    shift = torch.randn(seen.values.shape, generator=torch.Generator().manual_seed(0))
    shift = shift.where(seen.values > 0, 0)  # what is masked stays so
    _, after = run(case, model, [(logit, lambda a: a.values + shift)], [weight])
    power = seen.values.double() * shift.double().exp()
    node = torch.stack([seen.graph, seen.target])
    _, group = node.unique(dim=1, return_inverse=True)
    total = power.new_zeros(int(group.max()) + 1, *power.shape[1:]).index_add(0, group, power)
    assert torch.equal(after[weight].edge_index, seen.edge_index)
    torch.testing.assert_close(
        after[weight].values.double(), power / total[group], rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize(("case", "model", "able"), MODELS)
def test_a_new_score_is_a_new_logit(case, model, able):
    logit = first_of(able, "logit")
    for stage in ("score", "unbiased"):
        site = first_of(able, stage)
        if site is None:
            continue
        _, before = run(case, model, wanted=[site])
        values = before[site].values
        new = torch.randn(values.shape, generator=torch.Generator().manual_seed(1)).to(values)
        change = (new - values).sum(-1, keepdim=True)
        by_score, _ = run(case, model, [(site, lambda _, new=new: new)])
        by_logit, _ = run(case, model, [(logit, lambda a, change=change: a.values + change)])
        torch.testing.assert_close(by_score, by_logit, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("case", "model", "able"), MODELS)
def test_weights_are_edited_alone_and_nothing_is_normalised_anew(case, model, able):
    weight = first_of(able, "weight")
    _, before = run(case, model, wanted=[weight])
    _, after = run(case, model, [(weight, lambda a: a.values / 2)], [weight])
    assert torch.equal(after[weight].values, before[weight].values / 2)
