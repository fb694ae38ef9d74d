"""A training by Lightning that is watched: the same training, its loggers' files, its record."""

import csv
from pathlib import Path

import polars as pl
import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from torch_geometric.loader import DataLoader

import edgescope as es
from edgescope.lib.errors import EdgescopeWarning, InputError
from edgescope.train.callbacks import logged_scalars
from support.hooks_of import hooks_of
from support.scan_equality import numbered_graphs

GRAPHS = numbered_graphs(24)
SCORE = "net.layers.1.attention:score"
NAME = "massive/layers.1.attention/score/largest_ratio"

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*treespec, LeafSpec"),
    pytest.mark.filterwarnings("ignore:The 'train_dataloader' does not have many workers"),
    pytest.mark.filterwarnings("ignore:The number of training batches"),
    pytest.mark.filterwarnings("ignore:.*anonymous setting"),
]


class Task(LightningModule):
    """Six batches of four graphs per epoch; the step calls the network, and its own head."""

    def __init__(self, *, head=False, dropout=0.2):
        super().__init__()
        torch.manual_seed(5)
        self.net = es.models.GraphTransformer(
            num_atom_types=5,
            num_bond_types=4,
            hidden_dim=12,
            num_heads=3,
            num_layers=2,
            dropout=dropout,
        )
        self.head = torch.nn.Linear(1, 1) if head else torch.nn.Identity()

    def training_step(self, batch, _):
        found = self.net(batch.x, batch.edge_index, batch.edge_attr, batch.batch)
        return (self.head(found) - 1.0).abs().mean()

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=0.01)


def fitted(folder, *callbacks, epochs=2, task=None, logger=False, ckpt=None):
    torch.manual_seed(1)
    task = Task() if task is None else task
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=epochs,
        callbacks=list(callbacks),
        logger=logger,
        default_root_dir=folder,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=any(isinstance(each, ModelCheckpoint) for each in callbacks),
    )
    trainer.fit(task, DataLoader(GRAPHS, batch_size=4), ckpt_path=ckpt)
    return task, trainer


def monitored(every=4, **options):
    return es.callbacks.MassiveActivationMonitor(every, **{"limit": None, **options})


def expected(record):
    """Return the steps and largest ratios of one site, as every logger must hold them."""
    rows = record.table.filter(site=SCORE.removeprefix("net."))
    return dict(zip(rows["step"], rows["largest_ratio"], strict=True))


def test_training_is_the_same_to_the_bit_and_two_loggers_hold_the_record(tmp_path):
    plain, _ = fitted(tmp_path / "plain")
    loggers = [TensorBoardLogger(tmp_path / "tb"), CSVLogger(tmp_path / "csv")]
    monitor = monitored()
    watched, trainer = fitted(tmp_path, monitor, logger=loggers)
    pairs = zip(plain.state_dict().values(), watched.state_dict().values(), strict=True)
    assert all(torch.equal(*pair) for pair in pairs)
    assert hooks_of(watched) == hooks_of(plain)

    table = es.TrainingRecord.load(Path(trainer.log_dir) / "massive_activations.parquet").table
    assert table.equals(monitor.record.table)
    assert table["step"].unique().to_list() == [0, 4, 8]
    assert table["epoch"].unique().to_list() == [0, 1]
    ratios = expected(monitor.record)
    with (Path(loggers[1].log_dir) / "metrics.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row[NAME]]
    assert {int(row["step"]): float(row[NAME]) for row in rows} == pytest.approx(ratios)
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(loggers[0].log_dir)
    events.Reload()
    assert {each.step: each.value for each in events.Scalars(NAME)} == pytest.approx(ratios)
    assert "massive/layers.0.attention/logit/saturated" in events.Tags()["scalars"]


def test_mlflow_holds_the_record(tmp_path, monkeypatch):
    pytest.importorskip("mlflow", reason="of the dev extra: mlflow-skinny")
    from lightning.pytorch.loggers import MLFlowLogger

    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # a database needs more packages
    logger = MLFlowLogger("massive", tracking_uri=f"file:{tmp_path / 'mlruns'}")
    monitor = monitored()
    fitted(tmp_path, monitor, logger=logger)
    held = logger.experiment.get_metric_history(logger.run_id, NAME)
    assert {each.step: each.value for each in held} == pytest.approx(expected(monitor.record))


def test_weights_and_biases_holds_the_record_offline(tmp_path, monkeypatch):
    wandb = pytest.importorskip("wandb", reason="of the dev extra")
    from lightning.pytorch.loggers import WandbLogger
    from wandb.proto import wandb_internal_pb2

    monkeypatch.setenv("WANDB_SILENT", "true")
    logger = WandbLogger(save_dir=tmp_path, offline=True)
    monitor = monitored()
    fitted(tmp_path, monitor, logger=logger)
    wandb.finish()
    wandb.teardown()  # waits until the process that writes the file has ended
    (file,) = tmp_path.rglob("*.wandb")
    found = {}
    for data in log_records(file.read_bytes()):
        record = wandb_internal_pb2.Record.FromString(data)
        values = {"/".join(each.nested_key) or each.key: each for each in record.history.item}
        if NAME in values:
            step = int(values["trainer/global_step"].value_json)
            found[step] = float(values[NAME].value_json)
    assert found == pytest.approx(expected(monitor.record))


def log_records(data):
    """Go through a file of Weights & Biases: a log in LevelDB's format behind a mark of 7 bytes."""
    place, parts = 7, []
    while place + 7 <= len(data):
        if 32768 - place % 32768 < 7:  # what is left of a block holds no header
            place += 32768 - place % 32768
            continue
        size, kind = int.from_bytes(data[place + 4 : place + 6], "little"), data[place + 6]
        parts.append(data[place + 7 : place + 7 + size])
        place += 7 + size
        if kind in {1, 4}:  # a whole record, or the last part of one
            yield b"".join(parts)
            parts = []


def test_a_training_that_goes_on_from_a_checkpoint_has_the_same_record(tmp_path):
    whole = monitored(3, file=tmp_path / "whole.parquet")
    checkpoint = ModelCheckpoint(tmp_path, "{epoch}", every_n_epochs=1, save_top_k=-1)
    # Lightning does not keep the random numbers of dropout in a checkpoint.
    fitted(tmp_path, whole, checkpoint, epochs=3, task=Task(dropout=0.0))
    first = tmp_path / "epoch=0.ckpt"
    assert "record" in str(torch.load(first, weights_only=True)["callbacks"])
    # The file has records of after the checkpoint, which are made again.
    again = monitored(3, file=tmp_path / "whole.parquet")
    fitted(tmp_path, again, epochs=3, ckpt=first, task=Task(dropout=0.0))
    assert again.record.table.equals(whole.record.table)
    assert es.TrainingRecord.load(tmp_path / "whole.parquet").table.equals(whole.record.table)


def test_training_stops_when_a_limit_is_passed(tmp_path):
    monitor = monitored(4, limit=1e-3, stop=True)
    with pytest.warns(EdgescopeWarning, match="a ratio of"):
        _, trainer = fitted(tmp_path, monitor, epochs=5)
    assert trainer.current_epoch < 5
    assert trainer.global_step < 30


def test_records_by_epochs_are_those_of_their_first_batches(tmp_path):
    monitor = monitored(every_n_epochs=2, file=tmp_path / "r.parquet")
    fitted(tmp_path, monitor, epochs=5)
    assert monitor.record.table.select("epoch", "step").unique(maintain_order=True).rows() == [
        (0, 0),
        (2, 12),
        (4, 24),
    ]


def test_a_step_that_calls_another_module_is_answered_with_what_to_do(tmp_path):
    task = Task(head=True)  # two parts with parameters: the task itself is watched
    with pytest.raises(InputError, match="name the module that it calls with model="):
        fitted(tmp_path, monitored(file=tmp_path / "a.parquet"), task=task)
    assert hooks_of(task) == hooks_of(Task(head=True))
    monitor = monitored(model="net", file=tmp_path / "b.parquet")
    fitted(tmp_path, monitor, task=Task(head=True))
    assert monitor.record.table.filter(pl.col("site") == SCORE.removeprefix("net.")).height == 3
    with pytest.raises(InputError, match="no such module; it has net, head"):
        fitted(tmp_path, monitored(model="nett"), task=Task(head=True))


def test_the_record_of_another_training_is_not_replaced(tmp_path):
    file = tmp_path / "r.parquet"
    fitted(tmp_path, monitored(file=file), epochs=1)
    with pytest.raises(InputError, match="is there already"):
        fitted(tmp_path, monitored(file=file), epochs=1)


def test_sites_whose_names_differ_in_a_sign_stay_two():
    row = {"growth": 2.0, "largest_ratio": None, "largest_magnitude": float("inf")}
    row |= {"headroom_bits": None, "saturated": 0.5, "nonfinite": 0, "over_10": 0.25}
    sites = ("a#2:weight", "a-2:weight", ":weight")
    logged = logged_scalars([{"site": site, **row} for site in sites])
    kept = {"growth": 2.0, "saturated": 0.5, "nonfinite": 0.0, "over_10": 0.25}
    names = ("a-2/weight", "a-2/weight-", "weight")
    assert logged == {f"massive/{n}/{key}": value for n in names for key, value in kept.items()}


def test_options_are_checked_before_training():
    with pytest.raises(InputError, match="every_n_steps"):
        es.callbacks.MassiveActivationMonitor(every=3)
    with pytest.raises(InputError, match="every_n_epochs=0, expected a whole number"):
        es.callbacks.MassiveActivationMonitor(every_n_epochs=0)
    with pytest.raises(InputError, match="limit=0"):
        es.callbacks.MassiveActivationMonitor(limit=0)
    with pytest.raises(InputError, match="nothing was recorded yet"):
        monitored().record  # noqa: B018  (looking it up is what raises)
