"""Recipes, studies and configurations in YAML that nobody should read."""

import pytest
import yaml

import edgescope as es
from edgescope.train import RunFolder
from support.hostile_files import NO_YAML, refused, short, written

NO_RECIPE = {
    "a date": "batch_size: 2020-01-01",
    "too many digits": f"batch_size: {'9' * 5000}",
    "more than 64 bits": "batch_size: 99999999999999999999999",
    "no number": "learning_rate: .nan",
    "infinity": "seed: 1.0e+400",
    "below zero": "batch_size: -3",
    "truth": "seed: true",
    "a width of a million": "model: {hidden_dim: 1000000, num_heads: 8}",
    "a width beyond 64 bits": "model: {hidden_dim: 1000000000000000000000000, num_heads: 1}",
    "a million layers": "model: {num_layers: 1000000}",
    "layers beyond 64 bits": "model: {num_layers: 1000000000000000000000000}",
    "many eigenvectors": "model: {laplacian_eigenvectors: 10000000000}",
    "a number for the model": "model: 3",
    "a list for the model": "model: [1]",
    "nothing for the model": "model: null",
    "a list for the name": "model: {architecture: [1]}",
}


@pytest.mark.parametrize("text", [*NO_YAML.values(), *NO_RECIPE.values()], ids=short)
def test_recipes(text, tmp_path):
    refused(lambda: es.train.recipe(written(tmp_path / "mine.yaml", text)))


@pytest.mark.parametrize(
    "text",
    [
        *NO_YAML.values(),
        "models: 3",
        "models: [3]",
        "models: [GraphTransformer]\ndata: 4",
        "models: [GraphTransformer]\ndata: [solubility]\nseeds: [-1]",
        "models: [GraphTransformer]\ndata: [solubility]\noverrides: [3]",
        "models: [GAT]\nrecipe: demo\ndata: [solubility]\noverrides: {hidden_dim: 1000000}",
        "models: [GAT]\nrecipe: demo\ndata: [solubility]\noverrides: {num_layers: 1000000}",
        "models: [GAT]\nrecipe: demo\ndata: [{source: solubility, rewire: 3}]",
        f"models: [GAT]\nrecipe: demo\ndata: ['{'a' * 5000}.csv']",
    ],
    ids=short,
)
def test_studies(text, tmp_path):
    refused(lambda: es.study.plan(es.study.read(written(tmp_path / "mine.yaml", text))))


@pytest.mark.parametrize("text", NO_YAML.values(), ids=NO_YAML)
def test_configurations_of_runs(text, tmp_path):
    written(tmp_path / "config.yaml", text)
    refused(lambda: RunFolder(tmp_path))


PLAIN = {
    "recipe": {},
    "data": None,
    "splits": {},
    "vocabulary": ["C"],
    "edge_types": ["a"],
    "targets": ["y"],
}


@pytest.mark.parametrize("key", PLAIN)
@pytest.mark.parametrize("value", [3, [3], "x", [[]], float("nan"), True])
def test_configurations_with_wrong_types(key, value, tmp_path):
    written(tmp_path / "config.yaml", yaml.safe_dump({**PLAIN, key: value}))
    refused(lambda: RunFolder(tmp_path).recipe)


def test_a_configuration_of_a_width_of_a_million(tmp_path):
    wide = {**PLAIN, "recipe": {"model": {"hidden_dim": 10**6}}}
    written(tmp_path / "config.yaml", yaml.safe_dump(wide))
    assert "GiB" in refused(lambda: RunFolder(tmp_path).recipe)
