"""`edgescope demo`: from molecules to a report, with data that comes installed."""

import warnings
from pathlib import Path
from typing import Annotated

import typer

import edgescope as es
from edgescope.cli._results import show_scan
from edgescope.cli._run_report import report_run
from edgescope.cli._steps import choose_part, load_data, repeat_caution, scan_run
from edgescope.lib.errors import UntrainedWarning


def command(
    out: Annotated[Path, typer.Option("--out", help="Folder of the run and its report.")] = Path(
        "demo"
    ),
    epochs: Annotated[
        int | None,
        typer.Option("--epochs", min=1, help="Maximum number of epochs; sets that of the recipe."),
    ] = None,
) -> None:
    """Train a small model on solubilities, scan it, write a report.

    A GraphTransformer learns the measured aqueous solubility of about a thousand molecules. Its
    activations on the bonds of the test molecules are scanned before and after training, and
    the report shows which became massive: in which layer, head and channel, on which bonds.
    It takes a few minutes on two cores. If interrupted, the same command resumes.
    """
    spec = {"source": "solubility"}
    splits = load_data(spec)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UntrainedWarning)  # said below
        run = es.train.fit(es.train.recipe("demo"), splits, out, data=spec, epochs=epochs)
    batches = es.data.loader(choose_part(splits, "test"))
    scan = scan_run(run, batches, baseline=run.model("untrained"))
    path = report_run(run, scan, **es.report.stored_results(run.path))
    show_scan(scan)
    metrics = run.metrics or {}
    guess = ""
    if (trivial := metrics.get("test_mae_trivial")) is not None:
        guess = f" (guessing the training median gets {trivial:.3f})"
    typer.echo(
        f"test MAE {metrics['test_mae']:.3f} log mol/L{guess} after {metrics['epochs']} epochs, "
        f"seed {run.recipe.seed}"
    )
    repeat_caution(run)
    typer.echo(f"open {path}")
