"""The stored results of a study: metrics and scans of its finished cells."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from edgescope.lib.errors import InputError
from edgescope.lib.files import readable_file
from edgescope.lib.input_files import reading
from edgescope.lib.task_metrics import metric_of_run
from edgescope.scanning.store import load_scan
from edgescope.study.cell_work import read_result
from edgescope.study.cells import Cell, folder_of, read_stored
from edgescope.study.runner import MANIFEST
from edgescope.study.study_metric import metric_of_test

if TYPE_CHECKING:
    from edgescope.scanning.result import Scan
    from edgescope.train.run_verdict import Verdict


class Finished(NamedTuple):
    """A cell that is done."""

    cell: Cell
    folder: Path
    metrics: Mapping[str, Any] | None
    """As in ``metrics.json`` of a run folder; None for an untrained cell."""

    beyond_limit: float | None = None
    """Share of its attention logits beyond their limit; None if it has none, or is older."""

    @property
    def metric(self) -> tuple[str, float] | None:
        """Name and value of its test metric; None for an untrained cell."""
        return metric_of_test(self.metrics, self.cell.recipe.loss)

    @property
    def guess(self) -> float | None:
        """What guessing gets of that metric on the same graphs; None if it is not known."""
        metrics, metric = self.metrics or {}, self.metric
        return None if metric is None else metrics.get(f"test_{metric[0]}_trivial")

    @property
    def verdict(self) -> "Verdict | None":
        """How it compares with guessing; None for an untrained cell, or if that is not known."""
        from edgescope.train.run_verdict import Verdict

        metric = metric_of_run(self.metrics, self.cell.recipe.loss)
        return Verdict.read(self.metrics, metric)

    def scan(self) -> "Scan":
        """Read its scan; that of a trained cell has the untrained model as its baseline."""
        return load_scan(self.folder / "scan")


class Study:
    """The cells of a study and what is known of them.

    Attributes:
        out: the folder of the study.
        cells: its cells, in the order of the plan, done or not.
        finished: those that are done.

    Args:
        out: the folder of a study.

    Raises:
        InputError: if it is none, or of another version.

    Example:
        >>> import edgescope as es
        >>> study = es.study.Study("study")  # doctest: +SKIP
        >>> study.finished  # doctest: +SKIP
    """

    def __init__(self, out: str | Path) -> None:
        self.out = Path(out)
        path = readable_file(self.out / MANIFEST, f"the {MANIFEST} of a study")
        manifest = read_stored(path, "run the study again") or {}
        with reading(f"{path}", "run the study again"):
            self.cells = [Cell.model_validate(cell) for cell in manifest["cells"]]
        self.finished = list(self._finished())

    def __repr__(self) -> str:
        """Say how much of it is done."""
        return f"Study({str(self.out)!r}, {len(self.finished)} of {len(self.cells)} cells done)"

    def _finished(self) -> Iterator[Finished]:
        for cell in self.cells:
            folder = folder_of(cell, self.out)
            result = read_result(folder, cell)
            if result is not None:
                yield Finished(cell, folder, result["metrics"], result.get("beyond_limit"))


def load(out: str | Path) -> Study:
    """Open the folder of a study, to make tables and figures of it.

    Raises:
        InputError: if it is none, or of another version, or no cell of it is done.

    Example:
        >>> import edgescope as es
        >>> study = es.study.load("study")  # doctest: +SKIP
        >>> [done.metric for done in study.finished]  # doctest: +SKIP
    """
    study = Study(out)
    if not study.finished:
        raise InputError(f"no cell of the study in {out} is done yet; run it first")
    return study
