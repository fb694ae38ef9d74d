"""Recipes: what they hold, and what is said about a wrong one."""

import pytest
import yaml

from edgescope.errors import InputError
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
        ({"loss": "l2"}, "loss received 'l2', expected 'l1' or 'masked_bce'"),
        ({"readout": "max"}, "model.readout received 'max', expected 'mean', 'sum' or 'node'"),
        ({"dropout": float("nan")}, "model.dropout received nan, expected a finite number"),
        ({"num_heads": 5}, "hidden_dim received 64, expected a multiple of num_heads (5)"),
        (
            {"min_learning_rate": 0.5},
            "min_learning_rate received 0.5, expected a number below learning_rate (0.005)",
        ),
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


def test_an_unknown_recipe_is_answered_with_the_known_ones():
    with pytest.raises(InputError, match="unknown recipe 'dmo', expected one of demo, graph"):
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
