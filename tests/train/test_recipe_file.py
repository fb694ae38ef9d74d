"""Recipes: what they hold, and what is said about a wrong one."""

import pytest
import torch
import yaml

from edgescope.lib.errors import InputError
from edgescope.models import ARCHITECTURES, build
from edgescope.train import Recipe, recipe, recipe_names


def test_published_zinc_recipe_has_the_published_values():
    # METHOD: 10 layers, width 64, 8 heads, mean, residual, no dropout, batch norm; batch 128,
    # Adam 7e-4, factor 0.5, patience 15, minimum 1e-6, up to 1,000 epochs, seed 41.
    assert recipe("graphtransformer-zinc").model_dump() == {
        "name": "graphtransformer-zinc",
        "model": {
            "architecture": "GraphTransformer",
            "hidden_dim": 64,
            "num_heads": 8,
            "num_layers": 10,
            "readout": "mean",
            "dropout": 0.0,
            "residual": True,
            "batch_norm": True,
            "use_bias": False,
            # What the architecture has not got, or decides itself.
            "layer_norm": None,
            "explicit_bias": None,
            "full_graph": None,
            "gamma": None,
            "learned_gamma": None,
            "kernel_steps": None,
            "laplacian_eigenvectors": None,
            "lpe_dim": None,
            "lpe_layers": None,
            "lpe_heads": None,
            "logit_limit": None,
            "logit_cap": None,
            "qk_norm": None,
            "sink": None,
        },
        "loss": "l1",
        "batch_size": 128,
        "learning_rate": 7e-4,
        "plateau_factor": 0.5,
        "plateau_patience": 15,
        "min_learning_rate": 1e-6,
        "max_epochs": 1000,
        "seed": 41,
    }


def test_no_clamp_is_false_in_a_recipe_and_survives_its_dump():
    found = recipe("san-zinc-small", logit_limit=False, sink=True)
    assert found.model.arguments()["logit_limit"] is None
    assert Recipe.parse(found.model_dump(), "a dump") == found
    assert "logit_limit" not in recipe("san-zinc-small").model.arguments()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"logit_limit": True}, "model.logit_limit received True, expected a number above 0, or"),
        ({"logit_limit": 0.0}, "model.logit_limit received 0.0, expected a number above 0"),
        ({"logit_limit": "5"}, "model.logit_limit received '5', expected a number above 0"),
        ({"logit_cap": 5.0}, "logit_limit=5.0 and logit_cap=5.0, expected one of them"),
        ({"logit_limit": 60.0}, "logit_limit must be above 0 and at most 50"),
        ({"sink": "learnt"}, "model.sink received 'learnt', expected true .learnt., false or"),
        ({"sink": 1}, "model.sink received 1, expected true"),
        ({"gated_output": True, "architecture": "GAT"}, "gated_output received, but GAT has no"),
        ({"norm_first": True, "residual": False}, "norm_first=True without residual=True"),
        ({"balanced": "xavier"}, "balanced received, but GraphTransformer has no such option"),
        ({"balanced": "xavier", "architecture": "GAT"}, "with residual=True and batch_norm=True"),
        ({"sink": True, "architecture": "GAT"}, "sink received, but GAT has no such option"),
    ],
)
def test_bounds_of_logits_that_do_not_fit_are_refused(fields, message):
    with pytest.raises(InputError, match=message) as caught:
        recipe("graphtransformer-zinc-small", **fields)
    assert "\n" not in str(caught.value)


# Layers, width, heads, read-out, residual, dropout, batch, learning rate, patience, minimum.
PUBLISHED = {
    "graphtransformer-zinc": (10, 64, 8, "mean", True, 0, 128, 7e-4, 15, 1e-6),
    "graphtransformer-tox21": (10, 444, 12, "mean", True, 0, 128, 7e-4, 15, 1e-6),
    "graphtransformer-proteins": (3, 64, 8, "node", False, 0, 512, 7e-4, 15, 1e-6),
    "san-zinc": (10, 56, 8, "sum", True, 0, 32, 7e-4, 25, 1e-6),
    "san-tox21": (10, 88, 8, "sum", True, 0.5, 128, 7e-4, 25, 1e-6),
    "san-proteins": (3, 88, 8, "node", False, 0.5, 512, 7e-4, 25, 1e-5),
    "graphit-zinc": (10, 64, 8, "sum", True, 0, 32, 3e-4, 25, 1e-6),
    "graphit-tox21": (10, 88, 8, "sum", True, 0.5, 256, 7e-4, 25, 1e-6),
    "graphit-proteins": (3, 88, 8, "node", False, 0.5, 768, 7e-4, 25, 1e-5),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_configurations_have_the_published_values(name):
    found = recipe(name)
    model = found.model
    assert (
        *(model.num_layers, model.hidden_dim, model.num_heads, model.readout, model.residual),
        *(model.dropout, found.batch_size, found.learning_rate, found.plateau_patience),
        found.min_learning_rate,
    ) == PUBLISHED[name]
    assert (found.max_epochs, found.seed, model.batch_norm) == (1000, 41, True)
    assert model.architecture.lower() == name.partition("-")[0]
    assert found.loss == ("l1" if name.endswith("zinc") else "masked_bce")


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_published_configuration_has_a_small_variant(name):
    large, small = recipe(name), recipe(f"{name}-small")
    for field in ("architecture", "readout", "residual"):
        assert getattr(small.model, field) == getattr(large.model, field)
    assert small.loss == large.loss
    assert small.model.hidden_dim * small.model.num_layers < 0.4 * (
        large.model.hidden_dim * large.model.num_layers
    )


def test_reading_a_recipe_draws_no_random_numbers():
    before = torch.get_rng_state()
    recipe("san-tox21", full_graph=True, learned_gamma=True)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_architecture_can_be_trained_by_a_recipe(architecture):
    chosen = recipe("demo", architecture=architecture)
    model = build(architecture, num_atom_types=3, num_bond_types=4, **chosen.model.arguments())
    assert type(model).__name__ == architecture
    assert len(model.layers) == chosen.model.num_layers


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_survives_being_written_and_read(name, tmp_path):
    original = recipe(name)
    path = tmp_path / f"{name}.yaml"
    path.write_text(yaml.safe_dump(original.model_dump()))
    assert recipe(path) == original


def test_overrides_reach_the_training_and_the_model():
    changed = recipe("demo", batch_size=7, num_layers=2)
    assert (changed.batch_size, changed.model.num_layers) == (7, 2)
    assert changed.model.hidden_dim == recipe("demo").model.hidden_dim


def test_a_recipe_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        recipe("demo").seed = 1


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"learning_rat": 1}, "unknown field 'learning_rat', did you mean 'learning_rate'?"),
        ({"num_layer": 1}, "unknown field 'num_layer', did you mean 'num_layers'?"),
        ({"zzz": 1}, "unknown field 'zzz', the fields are name, model, loss,"),
        ({"learning_rate": -1}, "learning_rate received -1, expected greater than 0"),
        ({"batch_size": "many"}, "batch_size received 'many', expected a valid integer"),
        ({"loss": "l2"}, "loss received 'l2', expected 'l1', 'masked_bce' or"),
        ({"readout": "max"}, "model.readout received 'max', expected 'mean', 'sum' or 'node'"),
        ({"dropout": float("nan")}, "model.dropout received nan, expected a finite number"),
        ({"num_heads": 5}, "hidden_dim received 64, expected a multiple of num_heads (5)"),
        (
            {"min_learning_rate": 0.5},
            "min_learning_rate received 0.5, expected a number below learning_rate (0.005)",
        ),
        ({"architecture": "san"}, "unknown architecture 'san', did you mean 'SAN'?"),
        ({"architecture": "Perceptron"}, "expected one of GraphTransformer, SAN, GraphiT, GAT"),
        ({"gamma": 0.0}, "gamma received, but GraphTransformer has no such option"),
        ({"use_bias": True, "architecture": "GAT"}, "use_bias received, but GAT has no such"),
        (
            {"architecture": "SAN", "learned_gamma": True},
            "learned_gamma=True needs full_graph=True",
        ),
        ({"architecture": "GPS", "residual": False}, "residual=False, which PyG's GPSConv cannot"),
        ({"explicit_bias": "both"}, "explicit_bias received 'both', expected 'released' or"),
        ({"layer_norm": True}, "batch_norm=True and layer_norm=True, expected one"),
        ({"model": "big"}, "model received 'big', expected a valid dictionary"),
    ],
)
def test_a_wrong_field_is_named_with_what_was_received_and_expected(overrides, message):
    with pytest.raises(InputError) as caught:
        recipe("demo", **overrides)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_several_wrong_fields_are_counted():
    with pytest.raises(InputError, match=r"\(and 1 more\)"):
        recipe("demo", batch_size=0, seed=-1)


def test_an_unknown_recipe_is_answered_with_the_nearest_ones():
    with pytest.raises(InputError, match="unknown recipe 'dmo', did you mean 'demo'"):
        recipe("dmo")


def test_a_missing_recipe_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"expected a recipe at .*mine\.yaml, found nothing"):
        recipe(tmp_path / "mine.yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1", "is not readable YAML"),
        ("- 1\n- 2", "holds list, expected the fields of a recipe"),
        ("!!python/object/apply:os.getcwd []", "is not readable YAML"),
    ],
)
def test_a_file_that_is_no_recipe_is_refused_in_one_line(text, message, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        recipe(path)
    assert "\n" not in str(caught.value)


def test_a_short_recipe_of_ones_own_takes_its_name_from_the_file(tmp_path):
    path = tmp_path / "quick.yaml"
    path.write_text("max_epochs: 3\nmodel:\n  num_layers: 2\n")
    assert recipe(path) == Recipe(name="quick", max_epochs=3, model={"num_layers": 2})
