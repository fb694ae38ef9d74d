"""The report of a run's scan, with what the run knows of the model and the data."""

import shlex
from pathlib import Path
from typing import Any

import edgescope as es
from edgescope.cli._tables import note
from edgescope.lib.errors import InputError


def report_run(
    run: "es.train.RunFolder", scan: "es.Scan", out: Path | None = None, **sections: Any
) -> Path:
    """Write the report of a run's scan, into its folder or to ``out``, and return its path.

    ``sections`` are the results that :func:`edgescope.report.write_report` takes beside a scan.
    """
    return scan.report(
        out or run.path / "report.html",
        run=run_facts(run, scan),
        caution=run.caution or None,
        commands=_commands(run, scan),
        scanned=_scanned(run, scan),
        **sections,
    )


def run_facts(run: "es.train.RunFolder", scan: "es.Scan") -> dict[str, Any]:
    """Return what the report of a run's scan says about the training."""
    metrics, metric, verdict = run.metrics or {}, run.metric, run.verdict
    facts: dict[str, Any] = {"recipe": run.recipe.name, "seed": run.recipe.seed}
    facts |= {
        label: metrics[name]
        for name, label in {"epochs": "epochs", "stopped_by": "stopped by"}.items()
        if name in metrics
    }
    if (strange := run.said_of_scan(scan.info)) is not None:
        facts["scanned"] = strange
    if verdict is None or not verdict.several_numbers:
        names = {f"test_{metric.name}": f"test {metric.words}"}
        names[f"test_{metric.name}_trivial"] = "guessing gets"
        facts |= {
            words: found
            for name, words in names.items()
            if (found := metrics.get(name)) is not None
        }
    if verdict is not None:
        units = [row.unit for row in verdict.targets]
        if len(units) == 1 and units[0] and metric.in_unit:
            facts["unit"] = units[0]
        if len(units) > 1:
            facts[f"{verdict.part} {metric.words} (guessing)"] = verdict.by_target()
        if verdict.lost:
            facts["not better than guessing"] = verdict.lost
        facts["compared with guessing"] = verdict.sentence
    return facts


def _commands(run: "es.train.RunFolder", scan: "es.Scan") -> dict[str, str]:
    """Return the commands that make results of a run's scan, by the option that takes them.

    There are none if it is of other data than the run's, which the commands do not take.
    """
    if run.said_of_scan(scan.info) is not None:
        return {}
    part = scan.info.data.rpartition("/")[2]
    split = ["--split", part] if part in ("train", "val") else []
    made = {need.option: need.command for need in es.report.all_needs() if need.command}
    return {
        option: shlex.join(["edgescope", command, str(run.path), *split])
        for option, command in made.items()
    }


def _scanned(run: "es.train.RunFolder", scan: "es.Scan") -> "es.report.Scanned | None":
    """Return the model and the molecules of a run's scan; None if they are not those of the run.

    Why they cannot be had is printed: the report then shows molecules without their values.
    """
    parts = run.config["splits"].get("fingerprints") or {}
    prints = {of["graphs"]: part for part, of in parts.items()}
    if not scan.smiles or scan.info.data_fingerprint not in prints:
        return None
    try:
        splits = run.splits()
        graphs = getattr(splits, prints[scan.info.data_fingerprint])
        scanned = es.report.Scanned(run.model("trained"), graphs, splits.rejected)
        scanned.check(scan)
    except InputError as error:
        note(f"molecules are shown without true and predicted values: {error}")
        return None
    return scanned
