"""Variants of a model start from its weights, in all parameters that both have."""

import pytest
import torch

import edgescope as es
from edgescope.data import Splits, planted, rewire
from edgescope.models.variants import build_variant
from edgescope.train.loop import initial_model

SIZES = {"num_layers": 2, "hidden_dim": 8, "num_heads": 2, "dropout": 0.0}
BIAS = {"explicit_bias": "described", "use_bias": True}
VARIANTS = [
    ({"how": "virtual_node", "types": "two"}, {}),
    ({"how": "virtual_node", "types": "atoms", "nodes": 2}, {}),
    ({"how": "virtual_node", "edge_type": "plain"}, {}),
    ({"how": "hub"}, {}),
    ({"how": "random_edges"}, {}),
    ({"how": "random_types", "per": "direction"}, {}),
    ({"how": "constant_type"}, {}),
    ({"how": "full_graph"}, {}),
    ({"how": "full_graph", "types": "constant"}, {}),
    ({}, {"mean_attention": True}),
    ({}, {"gated_output": True}),
    ({}, {"sink": "fixed"}),
    ({}, {"norm_first": True}),
    ({}, {"use_bias": True}),
    ({}, BIAS),
    ({"how": "virtual_node"}, BIAS),
]


@pytest.fixture(scope="module")
def plain() -> Splits:
    return planted("marked", 30)


def start(splits, spec, kind="GraphTransformer", **options):
    """The initial weights of a recipe on rewired graphs, and the next number torch draws."""
    parts = splits if not spec else Splits(*(rewire(p, progress=False, **spec) for p in splits))
    recipe = es.train.recipe("demo", architecture=kind, seed=5, **SIZES, **options)
    return initial_model(recipe, parts).state_dict(), torch.rand(1)


@pytest.mark.parametrize("kind", ["GraphTransformer", "SAN"])
@pytest.mark.parametrize(("spec", "options"), VARIANTS, ids=str)
def test_a_variant_has_the_initial_weights_of_the_plain_model(plain, kind, spec, options):
    base, following = start(plain, {}, kind)
    found, next_draw = start(plain, spec, kind, **options)
    assert base.keys() <= found.keys()
    for name, value in base.items():
        mine = found[name]
        rows = len(value) if name.endswith("embedding.weight") else None
        assert torch.equal(mine[:rows] if value.dim() else mine, value), name
    assert torch.equal(following, next_draw)  # dropout goes on alike


def test_a_plain_model_is_drawn_as_ever(plain):
    found, _ = start(plain, {})
    torch.manual_seed(5)
    sizes = {**plain.train.model_sizes, **SIZES}
    direct = es.models.GraphTransformer(**sizes).state_dict()
    assert all(torch.equal(found[name], value) for name, value in direct.items())


def test_what_only_a_variant_has_is_drawn_and_not_copied():
    sizes = {"num_atom_types": 3, "hidden_dim": 8, "num_heads": 2, "num_layers": 1}
    torch.manual_seed(0)
    model = build_variant("SAN", {**sizes, "num_bond_types": 6}, {**sizes, "num_bond_types": 4})
    rows = model.edge_embedding.weight.detach()
    assert len(rows.unique(dim=0)) == 6
    assert 0.2 < float(rows[4:].std()) < 3
