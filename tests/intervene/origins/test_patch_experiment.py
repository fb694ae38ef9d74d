"""A patch is an edit, one with the same changes nothing, and gradients estimate it."""

import copy

import pytest
import torch
from torch_geometric.nn import GATv2Conv, TransformerConv

import edgescope as es
from edgescope.lib.model_call import call_model
from support.planted_causes import (
    ARCHITECTURES,
    Attends,
    all_of_two_tensors,
    loader,
    traced,
    trained_from,
    two_tensors,
)


@pytest.fixture(scope="module")
def pair():
    return two_tensors()


@pytest.fixture(scope="module")
def whole():
    return all_of_two_tensors()


def test_patching_with_the_same_changes_no_bit(whole):
    assert whole.info.itself == 0
    assert whole.info.donor


def test_a_patch_is_an_edit_by_hand_and_what_follows_is_counted(whole, pair):
    trained, untrained = pair
    site, later = "layers.0.attention:score", "layers.1.attention:score"
    moved, counts = [], []
    for batch in loader():
        with torch.no_grad(), es.capture(untrained, site) as tape:
            call_model(untrained, batch)
        values = tape[site].values
        with torch.no_grad():
            before = call_model(trained, batch)
            with (
                es.capture.edit(trained, site, lambda _, values=values: values),
                es.capture(trained, later) as after,
            ):
                moved.append((call_model(trained, batch) - before).abs())
        magnitude = after[later].values.abs().flatten(1)
        counts.append((magnitude.amax(1) / magnitude.median(1).values > 100_000).sum())
    of = {"into": "trained", "source": "untrained", "patched": site}
    effect = whole.table("effects").filter(**of).row(0, named=True)
    assert effect["moved"] == pytest.approx(torch.cat(moved).mean().item(), rel=1e-5)
    path = whole.table("paths").filter(**of)
    assert path.filter(site=later)["massive"][0] == int(sum(counts))
    assert path.filter(site=site)["massive"][0] == 0
    assert set(whole.table("paths")["source"]) == {"untrained", "trained", "another input"}


def test_integrated_gradients_miss_less_with_more_steps_and_rank_edges_right():
    torch.manual_seed(1)
    untrained = ARCHITECTURES["GATv2"]().eval()
    model = trained_from(untrained, by=0.3)
    few, many = (
        traced(model, untrained, where=5, patches=True, steps=steps, sites="*:score")
        for steps in (1, 16)
    )
    gaps = [each.table("effects")["gap"].drop_nulls().to_numpy() for each in (few, many)]
    assert (gaps[1] < 0.02).all()
    assert gaps[1].max() < gaps[0].max()
    agreed = many.table("agreement").filter(method="integrated", over="edges")
    assert (agreed["spearman"] > 0.7).all()
    assert (agreed["low"] <= agreed["spearman"]).all()
    assert (agreed["spearman"] <= agreed["high"]).all()


@pytest.mark.parametrize("layer", [GATv2Conv, TransformerConv])
def test_a_patched_site_of_a_layer_of_pyg_holds_what_was_put_there(layer):
    torch.manual_seed(0)
    untrained = Attends(lambda: layer(8, 4, heads=2, edge_dim=3)).eval()
    model = copy.deepcopy(untrained)
    with torch.no_grad():
        model.convs[0].lin_edge.weight[3] *= 1e4
    found = traced(model, untrained, where=100, patches=True)
    ends = found.table("sites").filter(level="model", site="convs.0:score")
    massive = dict(ends.select("unit", "massive").rows())
    assert massive["trained"] > 10 * massive["untrained"]
    paths = found.table("paths").filter(patched="convs.0:score", site="convs.0:score")
    for into, source in (("trained", "untrained"), ("untrained", "trained")):
        assert paths.filter(into=into)["massive"].to_list() == [massive[source]]
