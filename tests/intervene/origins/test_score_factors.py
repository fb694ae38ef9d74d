"""Massive scores are what their factors and their writers add up to."""

import polars as pl
import pytest
import torch

import edgescope as es
from support.planted_causes import (
    ARCHITECTURES,
    all_of_two_tensors,
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


def test_factors_and_writers_add_up(whole):
    factors = whole.table("factors").filter(site="layers.0.attention:score")
    assert factors["share"].sum() == pytest.approx(1)
    assert factors["error"].max() < 1e-6
    parts = dict(zip(factors["factor"], factors["decades"], strict=True))
    assert min(parts["query"], parts["key"]) > parts["edge"]
    sums = whole.table("writers").group_by("site", "factor").agg(pl.col("share").sum())
    assert sums["share"].to_list() == pytest.approx([1] * sums.height)
    assert whole.table("writers")["error"].max() < 1e-6


@pytest.mark.parametrize("architecture", ["GraphTransformer", "SAN", "GraphiT"])
def test_writers_of_later_layers_are_blocks_before_them(architecture):
    torch.manual_seed(2)
    untrained = ARCHITECTURES[architecture]().eval()
    model = trained_from(untrained, by=0.5)
    found = traced(model, untrained, where=es.Criterion("m", ratio=0, magnitude=0.01))
    writers = found.table("writers").filter(site="layers.1.attention:score")
    assert writers["error"].max() < 1e-5
    assert "layers.0.node.contract" in writers.filter(factor="query")["writer"].to_list()
    edge = writers.filter(factor="edge")["writer"].to_list()
    assert ("layers.0.edge.contract" in edge) == (architecture == "GraphTransformer")
    for (_,), rows in writers.group_by("factor"):
        assert rows["share"].sum() == pytest.approx(1, abs=1e-4)


def test_what_cannot_be_taken_apart_is_said():
    sizes = {"num_atom_types": 5, "num_bond_types": 4, "num_heads": 2, "num_layers": 2}
    torch.manual_seed(0)
    untrained = es.models.GraphTransformer(
        **sizes, hidden_dim=8, batch_norm=False, layer_norm=True, qk_norm=True
    )
    found = traced(trained_from(untrained), untrained, where=5)
    assert "normalised after" in found.info.left_out["layers.0.attention, query"]
    assert "LayerNorm" in found.info.left_out["layers.1.attention, edge"]
    biased = es.models.SAN(**sizes, hidden_dim=8, explicit_bias="described")
    found = traced(trained_from(biased), biased, where=5)
    assert "explicit bias" in found.info.left_out["layers.0.attention:score"]
    assert not found.table("factors").height


@pytest.mark.parametrize("architecture", ["GraphTransformer", "SAN"])
def test_where_norms_stand_first_the_state_is_a_plain_sum_and_its_norm_is_written(architecture):
    torch.manual_seed(2)
    sizes = {"num_atom_types": 5, "num_bond_types": 4, "num_heads": 2, "num_layers": 3}
    untrained = es.models.build(architecture, **sizes, hidden_dim=8, norm_first=True).eval()
    model = trained_from(untrained, by=0.5)
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if "norm1" in name and name.endswith(("weight", "bias", "running_mean")):
                value.normal_()
    found = traced(model, untrained, where=es.Criterion("m", ratio=0, magnitude=0.001))
    writers = found.table("writers").filter(site="layers.2.attention:score")
    assert writers["error"].max() < 1e-5
    query = writers.filter(factor="query")["writer"].to_list()
    assert {"layers.0.node.contract", "layers.2.node.before, norm"} <= set(query)
    assert not any("output, norm" in name for name in query)
    for (_,), rows in writers.group_by("factor"):
        assert rows["share"].sum() == pytest.approx(1, abs=1e-4)
