"""Weight decay on chosen parameters: what a step takes off, and patterns that match nothing."""

import pytest
import torch

import edgescope as es
from edgescope.lib.errors import InputError
from edgescope.train.decay_groups import decay_groups
from edgescope.train.task import PropertyTask

PROJECTIONS = [f"*.attention.{name}.*" for name in ("query", "key", "edge")]


def model():
    torch.manual_seed(0)
    sizes = {"num_layers": 2, "hidden_dim": 8, "num_heads": 2}
    return es.models.SAN(num_atom_types=5, num_bond_types=4, **sizes)


def optimiser(net, recipe):
    return PropertyTask(net, recipe, 1).configure_optimizers()["optimizer"]


def test_a_step_takes_the_decay_off_the_chosen_parameters_alone(tiny):
    rate, decay = 0.01, 0.3
    net, plain = model(), model()
    recipe = tiny(learning_rate=rate, weight_decay=decay, decayed=PROJECTIONS)
    for each, own in ((net, recipe), (plain, tiny(learning_rate=rate))):
        for parameter in each.parameters():
            parameter.grad = torch.ones_like(parameter)
        optimiser(each, own).step()
    start = dict(model().named_parameters())
    expected = {
        f"layers.{n}.attention.{p}.weight" for n in (0, 1) for p in ("query", "key", "edge")
    }
    others = dict(plain.named_parameters())
    for name, value in net.named_parameters():
        taken = others[name] - value  # both have moved by the same step of Adam
        share = rate * decay if name in expected else 0.0
        torch.testing.assert_close(taken, share * start[name], rtol=1e-3, atol=1e-8)
        assert name in expected or torch.equal(value, others[name])


def test_without_patterns_everything_decays(tiny):
    (group,) = decay_groups(model(), tiny(weight_decay=0.1))
    assert (len(group["params"]), group["weight_decay"]) == (len(list(model().parameters())), 0.1)


def test_no_decay_is_adam_as_ever(tiny):
    found = optimiser(model(), tiny())
    assert len(found.param_groups) == 1
    assert (found.defaults["weight_decay"], found.defaults["decoupled_weight_decay"]) == (0, False)
    assert "weight_decay" not in tiny().model_dump()


def test_a_pattern_that_matches_nothing_is_refused_before_a_folder_is_made(tiny, splits, tmp_path):
    recipe = tiny(weight_decay=0.1, decayed=[*PROJECTIONS, "*.attention.keys.*"])
    for work in (es.train.fit, es.train.start):
        with pytest.raises(
            InputError, match=r"decayed='\*.attention.keys.\*' matches no parameter"
        ):
            work(recipe, splits, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"weight_decay": -0.1}, "weight_decay received -0.1, expected greater than or equal to 0"),
        ({"weight_decay": float("inf")}, "weight_decay received inf, expected a finite number"),
        ({"weight_decay": True}, "weight_decay received True, expected a number"),
        ({"decayed": ["*"]}, "without a weight_decay"),
        ({"decayed": "*", "weight_decay": 0.1}, "decayed received '\\*', expected a valid list"),
        ({"decayed": [], "weight_decay": 0.1}, "decayed received \\[\\]"),
    ],
)
def test_a_decay_that_makes_no_sense_is_refused(tiny, fields, message):
    with pytest.raises(InputError, match=message):
        tiny(**fields)


def test_an_interrupted_run_goes_on_with_its_decay(tiny, splits, tmp_path):
    recipe = tiny(weight_decay=0.1, decayed=PROJECTIONS)
    whole = es.train.fit(recipe, splits, tmp_path / "whole", progress=False)
    parts = es.train.fit(recipe, splits, tmp_path / "parts", epochs=1, progress=False)
    parts = es.train.fit(recipe, splits, tmp_path / "parts", progress=False)
    for name, value in whole.model().state_dict().items():
        assert torch.equal(value, parts.model().state_dict()[name])
    assert parts.config["recipe"]["decayed"] == PROJECTIONS
