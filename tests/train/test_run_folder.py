"""Run folders that are none, and runs that are not finished."""

import subprocess
import sys

import pytest

from edgescope.lib.errors import InputError
from edgescope.train import RunFolder, recipe
from edgescope.train.preflight import describe, open_run


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"expected the config\.yaml of a training run at"):
        RunFolder(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("recipe: {}", "lacks data, splits, vocabulary, edge_types, targets"),
        ("just text", "lacks recipe, data"),
        ("a: [1", "is not readable YAML"),
    ],
)
def test_a_config_that_is_none_is_refused_in_one_line(text, message, tmp_path):
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        RunFolder(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.fixture
def begun(tmp_path, splits):
    """A run of which only the configuration exists."""
    data = {"source": tmp_path / "a.csv", "options": {"split": (0.8, 0.1, 0.1)}}
    return open_run(tmp_path / "run", describe(recipe("demo"), splits, data))


def test_a_run_gives_back_what_it_was_made_of(begun, splits, tmp_path):
    again = RunFolder(begun.path)
    assert again.recipe == recipe("demo")
    assert again.vocabulary == splits.train.vocabulary
    assert again.edge_type_names == splits.train.edge_type_names
    assert again.target_names == ("target",)
    assert again.data == {"source": f"{tmp_path}/a.csv", "options": {"split": [0.8, 0.1, 0.1]}}


def test_a_run_that_is_not_finished_has_no_metrics_and_no_trained_weights(begun):
    assert begun.metrics is None
    with pytest.raises(InputError, match="has no trained weights, because its training was inter"):
        begun.weights("trained")


def test_an_unknown_stage_is_refused(begun):
    with pytest.raises(InputError, match="received stage 'best', expected 'untrained' or"):
        begun.weights("best")


def test_what_config_cannot_hold_is_named(splits):
    with pytest.raises(InputError, match=r"data\.options received set, expected plain values"):
        describe(recipe("demo"), splits, {"options": {1, 2}})


@pytest.mark.slow
def test_a_run_is_opened_without_lightning_and_graph_libraries(begun):
    code = (
        "import sys; from edgescope.train import RunFolder; run = RunFolder(sys.argv[1]);"
        "run.recipe; print({'lightning', 'torch_geometric', 'rdkit'} & set(sys.modules))"
    )
    child = subprocess.run(
        [sys.executable, "-c", code, str(begun.path)], check=True, capture_output=True, text=True
    )
    assert child.stdout == "set()\n"


def test_a_run_from_before_an_option_existed_is_still_the_same_run(begun, splits):
    earlier = {**begun.config, "recipe": {**begun.config["recipe"]}}
    options = ("layer_norm", "explicit_bias", "full_graph", "gamma", "learned_gamma")
    model = {k: v for k, v in begun.config["recipe"]["model"].items() if k not in options}
    earlier["recipe"]["model"] = model
    RunFolder.create(begun.path, earlier)
    again = open_run(begun.path, describe(recipe("demo"), splits, begun.data))
    assert again.recipe == begun.recipe
