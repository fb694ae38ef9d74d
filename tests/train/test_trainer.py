"""What a training run leaves behind, and what it refuses."""

import warnings
from dataclasses import replace

import pytest
import torch
from sklearn.metrics import roc_auc_score
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from edgescope.data import Splits, load
from edgescope.lib.errors import EdgescopeWarning, InputError, UntrainedWarning
from edgescope.models import GraphTransformer
from edgescope.scanning.monitoring.training_record import TrainingRecord
from edgescope.train import RunFolder, fit
from edgescope.train.task import PropertyTask


@pytest.fixture(scope="module")
def run(tmp_path_factory, splits, tiny) -> RunFolder:
    """A finished run of two epochs."""
    return fit(tiny(), splits, tmp_path_factory.mktemp("fit") / "run", progress=False)


def test_untrained_weights_are_those_of_the_model_before_the_first_step(run, splits):
    torch.manual_seed(run.recipe.seed)
    model = GraphTransformer(
        num_atom_types=len(splits.train.vocabulary),
        num_bond_types=4,
        **run.recipe.model.arguments(),
    )
    stored = run.model("untrained").state_dict()
    assert all(torch.equal(stored[name], value) for name, value in model.state_dict().items())
    assert not torch.equal(run.model("trained").node_embedding.weight, model.node_embedding.weight)


def test_metrics_are_those_of_the_stored_model(run, splits):
    model, metrics = run.model("trained"), run.metrics
    for name, split in (("val", splits.val), ("test", splits.test)):
        batch = split.batch(range(len(split)))
        with torch.no_grad():
            prediction = model(batch.x, batch.edge_index, batch.edge_attr, batch.batch)
        expected = (prediction - batch.y).abs().nanmean().item()
        assert metrics[f"{name}_mae"] == pytest.approx(expected, rel=1e-5)
        assert metrics[f"{name}_loss"] == pytest.approx(expected, rel=1e-5)


def test_metrics_say_how_training_went(run):
    metrics = run.metrics
    assert (metrics["epochs"], metrics["stopped_by"]) == (2, "maximum epochs")
    assert [record["epoch"] for record in metrics["history"]] == [1, 2]
    losses = [record["val_loss"] for record in metrics["history"]]
    assert metrics["best_val_loss"] == min(losses)
    assert metrics["val_loss"] == losses[-1]
    assert metrics["seconds"] > 0


def test_tensorboard_shows_every_epoch(run):
    log = EventAccumulator(str(run.logs)).Reload()
    tags = {"train/loss", "val/loss", "val/mae", "learning_rate", "seconds"}
    assert tags <= set(log.Tags()["scalars"])
    for tag in tags:
        assert [event.step for event in log.Scalars(tag)] == [1, 2]


def test_training_is_watched_and_ends_with_the_weights_of_one_that_is_not(
    run, splits, tiny, tmp_path
):
    plain = fit(tiny(), splits, tmp_path / "plain", monitor=None, progress=False)
    assert not plain.monitor.exists()
    weights, others = plain.model().state_dict(), run.model().state_dict()
    assert all(torch.equal(value, others[name]) for name, value in weights.items())
    # Stopped after an epoch and gone on with, the record is that of a training in one go.
    often = fit(tiny(), splits, tmp_path / "often", monitor=2, progress=False)
    parts = fit(tiny(max_epochs=1), splits, tmp_path / "parts", monitor=2, progress=False)
    fit(tiny(), splits, parts.path, monitor=2, progress=False)
    record = TrainingRecord.load(often.monitor)
    assert record.table.equals(TrainingRecord.load(parts.monitor).table)
    assert record.table["step"].unique().to_list() == list(
        range(0, record.table["step"].max() + 1, 2)
    )
    assert record.table["epoch"].unique().to_list() == [0, 1]
    assert record.sites[0] == "layers.0.attention:score"
    log = EventAccumulator(str(often.logs)).Reload()
    logged = log.Scalars("massive/layers.0.attention/score/largest_ratio")
    assert [event.step for event in logged] == record.table["step"].unique().to_list()
    with pytest.raises(InputError, match="monitor=0, expected a whole number from 1"):
        fit(tiny(), splits, tmp_path / "never", monitor=0)


def test_a_finished_run_is_returned_without_training(run, splits, tiny, monkeypatch):
    monkeypatch.setattr(PropertyTask, "training_step", None)
    before = run.weights("trained").stat()
    again = fit(tiny(), splits, run.path, progress=False)
    assert again.weights("trained").stat() == before


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"learning_rate": 0.5}, "its recipe.learning_rate is 0.005, now received 0.5; choose"),
        ({"num_layers": 2}, "its recipe.model.num_layers is 1, now received 2"),
        ({"max_epochs": 1}, "has been trained for 2 epochs already, now received a maximum of 1"),
    ],
)
def test_the_folder_of_another_recipe_is_refused(run, splits, tiny, overrides, message):
    with pytest.raises(InputError, match=message):
        fit(tiny(**overrides), splits, run.path, progress=False)


def test_the_folder_of_other_data_is_refused(run, splits, tiny):
    fewer = splits._replace(train=splits.train[:-1])
    count = len(splits.train)
    with pytest.raises(
        InputError, match=rf"its splits\.train is {count}, now received {count - 1};"
    ):
        fit(tiny(), fewer, run.path, progress=False)


def test_the_folder_of_data_from_elsewhere_is_refused_by_its_source(splits, tiny, tmp_path):
    fit(tiny(), splits, tmp_path, data={"source": "a.csv"}, epochs=1, progress=False)
    fewer = splits._replace(train=splits.train[:-1])
    with pytest.raises(InputError, match=r"its data\.source is 'a\.csv', now received 'b\.csv'"):
        fit(tiny(), fewer, tmp_path, data={"source": "b.csv"}, epochs=1, progress=False)


def test_every_epoch_has_its_own_order_of_the_molecules(splits, tiny, tmp_path, monkeypatch):
    seen: dict[int, list[int]] = {0: [], 1: []}
    step = PropertyTask.training_step

    def noted(self, batch, batch_idx):
        seen[self.current_epoch] += batch.row.tolist()
        return step(self, batch, batch_idx)

    monkeypatch.setattr(PropertyTask, "training_step", noted)
    fit(tiny(), splits, tmp_path, progress=False)
    assert sorted(seen[0]) == sorted(seen[1]) == sorted(splits.train.row.tolist())
    assert seen[0] != seen[1]


def test_labels_are_trained_with_cross_entropy(table, tiny, tmp_path):
    labels = load(table, target_columns="label", cache=False, progress=False)
    metrics = fit(tiny(loss="masked_bce"), labels, tmp_path, epochs=1, progress=False).metrics
    assert 0 < metrics["test_loss"] < 2
    assert "test_mae" not in metrics
    assert metrics["test_roc_auc_skipped"] == metrics["val_roc_auc_skipped"] == []
    model = RunFolder(tmp_path).model("trained")
    batch = labels.test.batch(range(len(labels.test)))
    with torch.no_grad():
        prediction = model(batch.x, batch.edge_index, batch.edge_attr, batch.batch)
    assert metrics["test_roc_auc"] == pytest.approx(roc_auc_score(batch.y, prediction), abs=1e-6)
    hits = ((prediction > 0).float() == batch.y)[~batch.y.isnan()]
    assert metrics["test_accuracy"] == pytest.approx(float(hits.float().mean()), abs=1e-6)
    assert metrics["val_accuracy"] == metrics["history"][-1]["val_accuracy"]


def test_a_task_with_a_single_class_is_reported_by_name(table, tiny, tmp_path):
    labels = load(table, target_columns="label", cache=False, progress=False)
    twice = Splits(
        *(
            replace(
                part, y=torch.cat([part.y, torch.ones_like(part.y)], 1), target_names=("a", "b")
            )
            for part in labels
        )
    )
    with pytest.warns(EdgescopeWarning, match="1 target with one class only: b; `edgescope data"):
        metrics = fit(tiny(loss="masked_bce"), twice, tmp_path, epochs=1, progress=False).metrics
    assert metrics["test_roc_auc_skipped"] == ["b"]
    assert 0 <= metrics["test_roc_auc"] <= 1


def test_labels_that_are_all_alike_are_refused_before_training(table, tiny, tmp_path):
    labels = load(table, target_columns="label", cache=False, progress=False)
    alike = labels._replace(val=labels.val[labels.val.y[:, 0] == 1])
    with pytest.raises(InputError, match=r"no task of chains/val has both labels 0 and 1"):
        fit(tiny(loss="masked_bce"), alike, tmp_path, progress=False)
    assert not any(tmp_path.iterdir())


def test_a_loss_for_another_kind_of_target_is_refused(table, tiny, tmp_path):
    labels = load(table, target_columns="label", cache=False, progress=False)
    told = labels._replace(train=replace(labels.train, task="labels"))
    with pytest.raises(InputError, match=r"the loss l1 for .* kind 'labels'; set loss=masked_bce"):
        fit(tiny(), told, tmp_path, progress=False)


def test_numbers_are_refused_as_labels(splits, tiny, tmp_path):
    with pytest.raises(InputError, match=r"/train has the target .*, expected labels 0 or 1"):
        fit(tiny(loss="masked_bce"), splits, tmp_path, progress=False)
    assert not any(tmp_path.iterdir())


def test_a_table_without_targets_is_refused(table, tiny, tmp_path):
    without = load(table, cache=False, progress=False)
    with pytest.raises(InputError, match="has no target column, expected at least one"):
        fit(tiny(), without, tmp_path, progress=False)


def test_a_part_without_a_known_target_is_refused(splits, tiny, tmp_path):
    holes = splits._replace(val=splits.val[splits.val.y.isnan().flatten()])
    with pytest.raises(InputError, match=r"chains/val has .* and no known target in target"):
        fit(tiny(), holes, tmp_path, progress=False)


def test_a_run_without_a_test_split_has_no_test_metrics(splits, tiny, tmp_path):
    metrics = fit(
        tiny(), splits._replace(test=splits.test[:0]), tmp_path, epochs=1, progress=False
    ).metrics
    assert not [name for name in metrics if name.startswith("test")]


def test_a_folder_that_cannot_be_written_is_refused(splits, tiny, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot write in the output folder"):
        fit(tiny(), splits, tmp_path / "file" / "run", progress=False)


def test_diverging_training_ends_with_advice(splits, tiny, tmp_path):
    wild = tiny(learning_rate=1e30, batch_norm=False)
    with pytest.raises(InputError, match=r"training diverged: .* in epoch 1; .* below 1e\+30"):
        fit(wild, splits, tmp_path, progress=False)
    assert not (tmp_path / "checkpoints").exists()


def test_training_ends_at_the_minimum_learning_rate(splits, tiny, tmp_path):
    # Without batch norm and with steps this small the loss stands still: it is best in epoch 1,
    # and epochs 2 and 3 halve the learning rate.
    still = tiny(batch_norm=False, learning_rate=1e-9, min_learning_rate=3e-10, plateau_patience=0)
    metrics = fit(still, splits, tmp_path, epochs=50, progress=False).metrics
    assert (metrics["epochs"], metrics["stopped_by"]) == (3, "minimum learning rate")
    assert [record["learning_rate"] for record in metrics["history"]] == [1e-9, 1e-9, 5e-10]


def test_it_prints_one_line_per_epoch_and_nothing_else(splits, tiny, tmp_path, capfd):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("ignore", UntrainedWarning)
        fit(tiny(), splits, tmp_path)
    out, err = capfd.readouterr()
    assert out == ""
    first, second = err.splitlines()
    assert first.startswith("epoch 1  loss ")
    assert "val MAE" in second
    assert "lr 0.005" in second


def test_the_random_state_is_left_as_it_was(splits, tiny, tmp_path):
    before = torch.get_rng_state()
    fit(tiny(), splits, tmp_path, epochs=1, progress=False)
    assert torch.equal(torch.get_rng_state(), before)


def test_another_architecture_is_trained_by_the_same_recipe(tiny, splits, tmp_path):
    chosen = tiny(architecture="SAN", explicit_bias="described", use_bias=True, max_epochs=1)
    run = fit(chosen, splits, tmp_path / "run", progress=False)
    assert type(run.model()).__name__ == "SAN"
    assert run.metrics["epochs"] == 1
