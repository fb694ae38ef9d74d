"""One small example of every kind of stored result: how to write it, and what reading it gives."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import torch
from torch import nn

import edgescope as es
from edgescope.attribute import Leaderboard, leaderboard
from edgescope.interpret import Interpretation
from edgescope.interpret.group_enrichment import SCHEMA
from edgescope.intervene.ablation_result import SCHEMA as ABLATION
from edgescope.intervene.ablation_result import Ablation, AblationInfo
from edgescope.intervene.number_formats.place_record import SCHEMA as PLACES
from edgescope.intervene.number_formats.precision_result import SCHEMA as PRECISION
from edgescope.intervene.number_formats.precision_result import PrecisionInfo
from edgescope.intervene.origins.causes_result import TABLES as CAUSES
from edgescope.intervene.origins.causes_words import CausesInfo
from edgescope.intervene.origins.constancy_result import COSTS, Constancy, ConstancyInfo
from edgescope.intervene.origins.value_labels import INFORMATION, SPREADS
from edgescope.scanning.monitoring.training_record import SCHEMA as RECORD
from edgescope.scanning.store import load_seeds, save_seeds
from edgescope.study.cell_work import RESULT
from edgescope.study.cells import Cell, folder_of, write_stored
from edgescope.study.spec import ScanOptions
from edgescope.study.study_store import Study
from edgescope.train import Recipe, RunFolder
from edgescope.train.epoch_record import AtomicCheckpointIO
from support.judging_cases import GOOD, VALUES, Additive, planted
from support.scan_equality import numbered_graphs, small_model, small_scan


class Thing(NamedTuple):
    """A kind of stored result."""

    write: Callable[[Path, int], object]
    """Writes it into a folder; the number makes one that differs from others."""
    read: Callable[[Path], Any]
    """Reads it from that folder."""


def content(value: object) -> str:
    """Return all that a result holds, as a text that differs if anything does."""
    if isinstance(value, torch.Tensor):
        digest = hashlib.sha256(value.contiguous().numpy().tobytes()).hexdigest()
        return f"{value.dtype}{list(value.shape)}{digest}"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key!r}: {content(each)}' for key, each in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(content, value))}]"
    parts = _parts(value)
    return repr(value) if parts is None else f"{type(value).__name__}{content(parts)}"


def _parts(value: object) -> object:
    if isinstance(value, pl.DataFrame):
        return [str(value.schema), value.rows()]
    if isinstance(value, nn.Module):
        return [value.config, value.state_dict()]
    ours = type(value).__module__.startswith("edgescope")
    return vars(value) if ours and hasattr(value, "__dict__") else None


def a_scan(number: int) -> es.Scan:
    untrained = es.Untrained(members=2, calibrate_batch_norm=False)
    graphs = numbered_graphs(4 + number)
    return small_scan(small_model(factor=3000.0), graphs, baseline=untrained, keep_ratio=None)


def _seeds(folder: Path, number: int) -> None:
    graphs = numbered_graphs(4)
    baseline = small_scan(small_model(seed=7), graphs)
    scans = {}
    for seed in range(1 + number):
        scan = small_scan(small_model(seed), graphs)
        scan.baseline = baseline
        scans[f"seed {seed}"] = scan
    save_seeds(scans, folder / "seeds")


def an_ablation(number: int) -> Ablation:
    rows = [
        {
            name: "a" if kind == pl.String else place + number if kind == pl.Int64 else 0.1 * place
            for name, kind in ABLATION.items()
        }
        for place in (1, 2, 3)
    ]
    rows = [
        {**row, "site": f"site {place}", "selection": "chosen"} for place, row in enumerate(rows)
    ]
    info = AblationInfo(
        *("Model", "data", 9, "where", "zero", ("number",), 2, 0, "mae", 1.0, 0.5, 1.5, 7, 0.25),
        {"a layer": "cannot be edited"},
        ("x", "edge_index"),
    )
    return Ablation(info, pl.DataFrame(rows, schema=ABLATION, orient="row"))


def two_rows(schema: Any, number: int) -> pl.DataFrame:
    def cell(kind: Any, place: int) -> Any:
        if kind == pl.String:
            return "a"
        return bool(place) if kind == pl.Boolean else place + number

    rows = [{name: cell(kind, place) for name, kind in schema.items()} for place in (1, 2)]
    return pl.DataFrame(rows, schema=schema, orient="row", strict=False)


def causes_found(number: int) -> es.Causes:
    tables = {name: two_rows(schema, number) for name, schema in CAUSES.items()}
    models = tables["rewinds"].with_columns(level=pl.lit("model"))
    info = CausesInfo(
        *("Model", "data", 9, 2, "where", ("a",), ("tensor",), 0.9, 7, 5, 1, (), True, 0.0),
        *(False, 8, 0, "mae", 1.0, 0.5, 1.5, 2.0, 2.5, 0, {"a": 3}, 400, False, "", 0.25, "cpu"),
        *({"a layer": "why"},),
    )
    return es.Causes(info, tables | {"rewinds": models})


def a_constancy(number: int) -> Constancy:
    tables = [two_rows(schema, number) for schema in (COSTS, SPREADS, INFORMATION)]
    info = ConstancyInfo(
        *("Model", "data", 9, "where", ("number",), 5, 0.01, 0.1, 199, 0, "mae", 1.0, 2.0, 7, 0.25),
        *("cpu", "", "why", {"a layer": "why"}),
    )
    return Constancy(info, *tables)


def a_precision(number: int) -> es.Precision:
    tables = [two_rows(schema, number) for schema in (PRECISION, PLACES)]
    info = PrecisionInfo(
        *("Model", "data", 9, 2, "where", 3, ("float32",), ("mean",), 0.5, {"a": 1.0}, 0.01),
        *(0.1, 0, "mae", 1.0, 0.5, 1.5, 2.0, 1.5, 2.5, 0, 7, 0.25, "cpu", {"a layer": "why"}),
    )
    return es.Precision(info, *tables)


def an_attack(number: int) -> es.NoiseAttack:
    numbers = {
        "none": (0.5,),
        "random": (0.6 + number, 0.7),
        "ascent": (0.8 + number, 0.9),
    }
    return es.NoiseAttack(0.1, 5, numbers, ("x", "edge_index"), "mae", numbers)


def an_interpretation(number: int) -> Interpretation:
    row = {
        name: "a"
        if kind == pl.String
        else 3
        if kind == pl.Int64
        else True
        if kind == pl.Boolean
        else 0.5
        for name, kind in SCHEMA.items()
    }
    table = pl.DataFrame([row] * (2 + number), schema=SCHEMA, orient="row")
    overall = {"site": ["a"], "kind": ["b"], "edges": [number], "massive": [1]}
    return Interpretation(table, table, None, {"seed": number}, pl.DataFrame(overall))


def a_leaderboard(number: int) -> Leaderboard:
    subject = ("planted", Additive(*VALUES), planted(3 + number))
    return leaderboard([subject], [GOOD, "random"], shares=(0, 0.2, 0.8, 1), progress=False)


def configured(folder: Path, number: int) -> RunFolder:
    config = {
        "recipe": Recipe(seed=number).model_dump(),
        "data": {"source": "table.csv", "target_columns": ["y"]},
        "splits": {"train": 8, "val": 1, "test": 1, "fingerprint": "0123"},
        "targets": ["y"],
        "edge_types": ["single", "double"],
        "vocabulary": ["C", "N", "O"],
        "versions": {"torch": "2"},
    }
    return RunFolder.create(folder / "run", config)


def _run(folder: Path, number: int) -> None:
    run = configured(folder, number)
    run.write_weights(small_model(seed=number), "untrained")
    run.write_weights(small_model(seed=number + 9), "trained")
    history = [{"epoch": 1, "train_loss": 0.5, "val_loss": 0.25 + number}]
    run.write_metrics({"epochs": 1, "stopped_by": "maximum epochs", "history": history})


def _read_run(folder: Path) -> list[Any]:
    run = RunFolder(folder / "run")
    return [run.config, run.metrics, run.model("untrained"), run.model("trained")]


def _checkpoint(folder: Path, number: int) -> None:
    state = {"weight": torch.arange(50.0) + number}
    kept = {"epoch": number, "optimizer_states": [{"lr": 0.5}], "state_dict": state}
    AtomicCheckpointIO().save_checkpoint(kept, folder / "last.ckpt")


def a_training_record(number: int) -> es.TrainingRecord:
    rows = [
        {name: 0.5 * step if kind == pl.Float64 else step for name, kind in RECORD.items()}
        | {"step": step, "site": f"site {site}", "dtype": "float32", "growth": None}
        for step in range(12 + number)
        for site in range(2)
    ]
    return es.TrainingRecord(pl.DataFrame(rows, schema=dict(RECORD), orient="row"))


def _molecules(folder: Path) -> Any:
    table = folder.parent / "molecules.csv"
    table.write_text("smiles,y\nCC,1\nCC(=O)O,\nC,3\nC#N,4\nc1ccccc1,5\nOCC,6\nbroken,1\n")
    return es.data.load(table, target_columns="y", cache=folder, progress=False)


def _cells(number: int) -> list[Cell]:
    return [
        Cell(
            model="GraphTransformer",
            data="d",
            state="trained",
            recipe=Recipe(seed=seed),
            source={"source": "table.csv"},
            content="0123",
            subset=None,
            scan=ScanOptions(),
        )
        for seed in range(2 + number)
    ]


def _study(folder: Path, number: int) -> None:
    cells = _cells(number)
    out = folder / "study"
    write_stored_in(out, "study.json", {"cells": [each.model_dump(mode="json") for each in cells]})
    for cell in cells:
        metrics = {"test_mae": 0.5 + cell.seed, "test_loss": 0.25}
        fields = {"cell": cell.model_dump(mode="json"), "metrics": metrics, "beyond_limit": None}
        write_stored_in(folder_of(cell, out), RESULT, fields)


def write_stored_in(folder: Path, name: str, fields: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_stored(folder / name, fields)


def _read_study(folder: Path) -> list[Any]:
    study = Study(folder / "study")
    return [study.cells, [list(done) for done in study.finished]]


THINGS = {
    "scan": Thing(
        lambda folder, number: a_scan(number).save(folder / "scan"),
        lambda folder: es.load_scan(folder / "scan"),
    ),
    "scans of seeds": Thing(_seeds, lambda folder: load_seeds(folder / "seeds")),
    "ablation": Thing(
        lambda folder, number: an_ablation(number).save(folder / "ablation"),
        lambda folder: Ablation.load(folder / "ablation"),
    ),
    "precision": Thing(
        lambda folder, number: a_precision(number).save(folder / "precision"),
        lambda folder: es.Precision.load(folder / "precision"),
    ),
    "causes": Thing(
        lambda folder, number: causes_found(number).save(folder / "causes"),
        lambda folder: es.Causes.load(folder / "causes"),
    ),
    "constancy": Thing(
        lambda folder, number: a_constancy(number).save(folder / "constancy"),
        lambda folder: Constancy.load(folder / "constancy"),
    ),
    "attack": Thing(
        lambda folder, number: an_attack(number).save(folder / "attack"),
        lambda folder: es.NoiseAttack.load(folder / "attack"),
    ),
    "interpretation": Thing(
        lambda folder, number: an_interpretation(number).save(folder / "interpret"),
        lambda folder: Interpretation.load(folder / "interpret"),
    ),
    "leaderboard": Thing(
        lambda folder, number: a_leaderboard(number).save(folder / "explain"),
        lambda folder: Leaderboard.load(folder / "explain"),
    ),
    "run": Thing(_run, _read_run),
    "checkpoint": Thing(
        _checkpoint, lambda folder: AtomicCheckpointIO().load_checkpoint(folder / "last.ckpt")
    ),
    "molecules": Thing(lambda folder, _: _molecules(folder), _molecules),
    "study": Thing(_study, _read_study),
    "training record": Thing(
        lambda folder, number: a_training_record(number).save(folder / "monitor.parquet"),
        lambda folder: es.TrainingRecord.load(folder / "monitor.parquet"),
    ),
}
