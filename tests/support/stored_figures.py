"""Figures of stored results that were written by an earlier version, read by this one.

Everything goes through the public interface and the command line, so that nothing here changes
when modules move.
"""

import csv
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl
import torch

import edgescope as es
from edgescope.cli import main as command_line

Figures = dict[str, Any]


def edgescope(*words: object) -> None:
    """Run the command line in this process; let an exit code other than 0 through."""
    try:
        command_line([str(word) for word in words])
    except SystemExit as ended:
        if ended.code:
            raise


def columns_of(table: pl.DataFrame) -> dict[str, list[Any]]:
    """Return the columns by name, as JSON has them."""
    return {each.name: list(map(_plain, each)) for each in table}


def _plain(value: object) -> object:
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def of_scan(scan: es.Scan) -> Figures:
    """Return what a scan says, and its baseline."""
    info = scan.info
    figures: Figures = {
        "criterion": info.criterion.describe(),
        "name of the criterion": info.criterion.name,
        "graphs": info.graphs,
        "edge types": list(info.edge_type_names),
        "keeps": [info.keep_ratio, info.max_rows],
        "fingerprint": info.data_fingerprint,
        "coverage": None if scan.coverage is None else scan.coverage.as_dict(),
        "smiles": {str(graph): smiles for graph, smiles in scan.smiles.items()},
        "table": columns_of(scan.table()),
        "by edge type": columns_of(scan.by_edge_type()),
        "massive": scan.massive().height,
        "most massive": columns_of(scan.massive().head(5)),
        "extremes": columns_of(scan.extremes()),
        "not finite": columns_of(scan.nonfinite()),
        "gamma": {site: asdict(scan.gamma(site)) for site in scan.sites},
    }
    if scan.baseline is not None:
        figures["members"] = len(scan.baseline.members)
        figures["baseline"] = columns_of(scan.baseline.table())
    if info.criterion.name == "calibrated":
        figures["calibration"] = columns_of(scan.calibration())
    return figures


def of_model(model: torch.nn.Module) -> Figures:
    """Return the class of a model and the sums of its parameters."""
    sums = {name: float(value.double().abs().sum()) for name, value in model.state_dict().items()}
    return {"class": type(model).__name__, "sums": sums}


def of_run(folder: Path) -> Figures:
    """Return what a run folder says of its training, its weights and its predictions."""
    run = es.train.RunFolder(folder)
    model = run.model()
    figures: Figures = {
        "recipe": run.recipe.model_dump(mode="json"),
        "metrics": run.metrics,
        "metric": run.metric.name,
        "untrained in effect": bool(run.caution),
        "vocabulary": list(run.vocabulary),
        "edge types": list(run.edge_type_names),
        "targets": list(run.target_names),
        "trained": of_model(model),
        "untrained": of_model(run.model("untrained")),
    }
    if run.data is not None:
        test = run.splits(folder.parent).test
        with torch.no_grad():
            batch = next(iter(es.data.loader(test, len(test))))
            found = model(batch.x, batch.edge_index, batch.edge_attr, batch.batch)
        figures["predictions"] = found.flatten().tolist()
    return figures


def of_ablation(folder: Path) -> Figures:
    """Return the table of an ablation."""
    ablation = es.Ablation.load(folder)
    assert ablation.conclusion()
    return {"table": columns_of(ablation.table())}


def of_interpretation(folder: Path) -> Figures:
    """Return the table of an interpretation."""
    found = es.interpret.Interpretation.load(folder)
    assert found.conclusion()
    return {"table": columns_of(found.table())}


def of_leaderboard(folder: Path) -> Figures:
    """Return the tables of a leaderboard."""
    board = es.attribute.Leaderboard.load(folder)
    assert board.sentence()
    return {
        "table": columns_of(board.table()),
        "matrix": columns_of(board.matrix()),
        "importances": board.importances.height,
    }


def of_study(folder: Path) -> Figures:
    """Return the cells of a study, and of every scan in it the table."""
    study = es.study.load(folder)
    return {
        "cells": [cell.name for cell in study.cells],
        "finished": [
            {
                "cell": done.cell.name,
                "metric": list(done.metric or ()),
                "guess": done.guess,
                "beyond": done.beyond_limit,
                "scan": columns_of(done.scan().table()),
            }
            for done in study.finished
        ],
    }


def of_study_tables(folder: Path) -> Figures:
    """Return the cells of the tables that the command line writes of a study."""
    out = folder.parent / "tables"
    edgescope("study", "table", folder, "--out", out)
    tables: Figures = {}
    for path in sorted(out.glob("*.csv")):
        with path.open(encoding="utf-8") as file:
            tables[path.stem] = list(csv.reader(file))
    return tables


def of_report(folder: Path) -> Figures:
    """Return the numbers in the JSON file of the report of a run or a scan."""
    page = folder.parent / f"{folder.name}.html"
    edgescope("report", folder, "--out", page)
    read: Figures = _numbers(json.loads(page.with_suffix(".json").read_text(encoding="utf-8")))
    return read


def _numbers(value: Any) -> Any:
    """Leave sentences out, which may be said otherwise later."""
    if isinstance(value, dict):
        return {name: _numbers(each) for name, each in value.items()}
    if isinstance(value, list):
        return list(map(_numbers, value))
    return None if isinstance(value, str) else value


def of_log(folder: Path) -> Figures:
    """Return what the published code's log says, imported by the command line."""
    out = folder / "imported"
    edgescope("import", "malog", folder / "malog.pkl", "--heads", 3, "--out", out)
    return of_scan(es.load_scan(out))


def of_seeds(folder: Path) -> Figures:
    """Return what scans of several seeds say together and one by one."""
    seeds = es.SeedScans.load(folder)
    return {
        "table": columns_of(seeds.table()),
        "findings": columns_of(seeds.findings()),
        "scans": {name: of_scan(scan) for name, scan in seeds.scans.items()},
    }


def of_large_graph(folder: Path) -> Figures:
    """Return what a large graph in files holds."""
    graph = es.LargeGraph.load(folder)
    return {"edges": graph.num_edges, "types": graph.num_edge_types}


def figures_of(folder: Path) -> dict[str, Callable[[], Figures]]:
    """Return how to read the figures of every stored result in a folder, by name.

    Reports and tables are written beside the results, so give a copy.
    """
    scans = {
        f"scans/{path.name}": lambda path=path: of_scan(es.load_scan(path))
        for path in sorted((folder / "scans").iterdir())
    }
    return {
        **scans,
        "seeds": lambda: of_seeds(folder / "seeds"),
        "run": lambda: of_run(folder / "run"),
        "run/scan": lambda: of_scan(es.load_scan(folder / "run" / "scan")),
        "run/ablation": lambda: of_ablation(folder / "run" / "ablation"),
        "run/interpret": lambda: of_interpretation(folder / "run" / "interpret"),
        "run/explain": lambda: of_leaderboard(folder / "run" / "explain"),
        "report of the run": lambda: of_report(folder / "run"),
        **{
            f"report of scans/{name}": lambda name=name: of_report(folder / "scans" / name)
            for name in ("calibrated", "layers")
        },
        "planted": lambda: of_run(folder / "planted"),
        "study": lambda: of_study(folder / "study"),
        "tables of the study": lambda: of_study_tables(folder / "study"),
        "log": lambda: of_log(folder),
        "large graph": lambda: of_large_graph(folder / "large"),
    }
