"""A scan and its report as artefacts of a run of MLflow, or of Weights & Biases, by one call."""

import math
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgescope.lib.errors import InputError
from edgescope.lib.optional import needed
from edgescope.report import write_report
from edgescope.scanning.scan_check import check_scan
from edgescope.scanning.store import save_scan

if TYPE_CHECKING:
    from edgescope.scanning.result import Scan

NAME = "edgescope"

SCAN, REPORT = "scan", "report.html"
"""Where a scan and its report are in the folder of the artefacts."""

_SAFE = {":": "_", "@": "_"}
"""What stands in names of metrics in place of characters that MLflow does not take."""


def log_mlflow(scan: "Scan", *, name: str = NAME, run_id: str | None = None, **results: Any) -> str:
    """Log a scan, its report and its largest numbers to a run of MLflow.

    The artefacts are the folder ``name/scan``, which ``es.load_scan`` opens, ``name/report.html``
    and ``name/report.json``. The metrics are those of :func:`scan_metrics`.

    Args:
        scan: the scan.
        name: folder of the artefacts, and first part of the metrics' names.
        run_id: the run; the active one by default.
        **results: what ``scan.report`` takes beside, such as ``diagnosis=``.

    Returns:
        The URI of the artefacts.

    Raises:
        InputError: if there is no active run.
        MissingExtraError: if MLflow is not installed.

    Example:
        >>> import edgescope as es
        >>> scan = es.load_scan("run/scan")  # doctest: +SKIP
        >>> with mlflow.start_run():  # doctest: +SKIP
        ...     es.integrations.log_mlflow(scan)
        'file:///.../artifacts/edgescope'
    """
    check_scan(scan)
    mlflow = needed("mlflow", "pip install mlflow")
    if run_id is None:
        active = mlflow.active_run()
        if active is None:
            raise InputError(
                "no run of MLflow is active; call this within `with mlflow.start_run():`, or give "
                "run_id="
            )
        run_id = active.info.run_id
    metrics = {
        "".join(_SAFE.get(char, char) for char in key): value
        for key, value in scan_metrics(scan, name).items()
    }
    with _written(scan, results) as folder:
        mlflow.log_artifacts(str(folder), artifact_path=name, run_id=run_id)
    mlflow.log_metrics(metrics, run_id=run_id)
    return f"{mlflow.get_run(run_id).info.artifact_uri}/{name}"


def log_wandb(scan: "Scan", *, name: str = NAME, run: Any = None, **results: Any) -> Any:  # noqa: ANN401  (a run and an artefact of wandb)
    """Log a scan, its report and its largest numbers to a run of Weights & Biases.

    The artefact, of type ``scan``, holds ``scan``, ``report.html`` and ``report.json``; the report
    is also shown in the run as ``name/report``. The numbers of :func:`scan_metrics` are put into
    the summary of the run.

    Args:
        scan: the scan.
        name: of the artefact, and first part of the metrics' names.
        run: the run; the active one by default.
        **results: what ``scan.report`` takes beside, such as ``diagnosis=``.

    Returns:
        The artefact.

    Raises:
        InputError: if there is no active run.
        MissingExtraError: if wandb is not installed.

    Example:
        >>> import edgescope as es
        >>> scan = es.load_scan("run/scan")  # doctest: +SKIP
        >>> with wandb.init(project="molecules") as run:  # doctest: +SKIP
        ...     es.integrations.log_wandb(scan, run=run)
    """
    check_scan(scan)
    wandb = needed("wandb", "pip install wandb")
    run = wandb.run if run is None else run
    if run is None:
        raise InputError("no run of Weights & Biases is active; call wandb.init(...) first")
    with _written(scan, results) as folder:
        artifact = wandb.Artifact(name, type="scan", metadata={"model": scan.info.model})
        artifact.add_dir(str(folder))
        run.log_artifact(artifact)
        page = (folder / REPORT).read_text(encoding="utf-8")
        run.log({f"{name}/report": wandb.Html(page, inject=False)})
    run.summary.update(scan_metrics(scan, name))
    return artifact


def scan_metrics(scan: "Scan", name: str = NAME) -> dict[str, float]:
    """Return the largest ratio, magnitude and share of massive edges of every site, by name.

    What is not defined at a site is left out.

    Args:
        scan: the scan.
        name: first part of the names.

    Returns:
        Names such as ``edgescope/layers.0.attention:score/max_ratio`` to numbers.

    Example:
        >>> import edgescope as es
        >>> graphs = es.data.load("solubility").test[:64]
        >>> model = es.models.GAT(**graphs.model_sizes, hidden_dim=8, num_heads=2, num_layers=1)
        >>> scan = es.scan(model, es.data.loader(graphs), progress=False)
        >>> sorted(key.rpartition("/")[2] for key in es.integrations.scan_metrics(scan))
        ['max_magnitude', 'max_ratio', 'share_over']
    """
    columns = ("max_ratio", "max_magnitude", "share_over")
    return {
        f"{name}/{row['site']}/{column}": float(row[column])
        for row in scan.table().iter_rows(named=True)
        for column in columns
        if row[column] is not None and math.isfinite(row[column])
    }


@contextmanager
def _written(scan: "Scan", results: dict[str, Any]) -> Iterator[Path]:
    """Write a scan and its report into a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="edgescope-") as given:
        folder = Path(given)
        save_scan(scan, folder / SCAN)
        write_report(scan, folder / REPORT, **results)
        yield folder
