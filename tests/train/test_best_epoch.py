"""Recipes with patience, on classes of nodes: the best epoch is kept, also by a resumed run."""

import pytest
import torch

import edgescope as es
from support.data_layouts import wikipedia


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    wikipedia(folder / "chameleon_directed.npz", nodes=60)
    return es.data.load("chameleon", folder, progress=False)


def fitted(pages, out, **changes):
    recipe = es.train.recipe("gat-chameleon", hidden_dim=8, num_heads=2, **changes)
    with pytest.warns(es.errors.UntrainedWarning):  # classes are drawn at random
        return es.train.fit(recipe, pages, out, progress=False)


def accuracy(run, part):
    with torch.no_grad():
        logits = run.model("trained")(part.x, part.edge_index, part.edge_attr)
    return float((logits.argmax(1) == part.y)[part.mask].double().mean())


def test_the_weights_are_those_of_the_epoch_with_the_best_validation_accuracy(pages, tmp_path):
    run = fitted(pages, tmp_path / "run", max_epochs=12, patience=3, learning_rate=0.05)
    metrics = run.metrics
    history = [epoch["val_accuracy"] for epoch in metrics["history"]]
    assert max(history) == metrics["val_accuracy"] == history[metrics["best_epoch"] - 1]
    assert accuracy(run, pages.val) == pytest.approx(metrics["val_accuracy"])
    assert accuracy(run, pages.test) == pytest.approx(metrics["judged"]["value"])
    if metrics["stopped_by"] == "patience":
        assert metrics["epochs"] == metrics["best_epoch"] + 3


def test_a_run_that_goes_on_keeps_the_best_epoch_of_before(pages, tmp_path):
    options = {"patience": 50, "learning_rate": 0.05}
    whole = fitted(pages, tmp_path / "whole", max_epochs=6, **options)
    fitted(pages, tmp_path / "parts", max_epochs=3, **options)
    parts = fitted(pages, tmp_path / "parts", max_epochs=6, **options)
    assert parts.metrics["best_epoch"] == whole.metrics["best_epoch"]
    one, other = (run.model("trained").state_dict() for run in (parts, whole))
    assert all(torch.equal(one[name], other[name]) for name in other)
