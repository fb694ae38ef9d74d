"""The stored results of a study: metrics and scans of its finished cells."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from edgescope.lib.errors import InputError
from edgescope.lib.files import readable_file
from edgescope.lib.input_files import reading
from edgescope.lib.task_metrics import metric_of_run
from edgescope.scanning.store import has_scan, load_scan
from edgescope.study.cell_work import read_result
from edgescope.study.cells import Cell, folder_of, read_stored
from edgescope.study.result_tables import ResultTables
from edgescope.study.runner import MANIFEST
from edgescope.study.study_metric import metric_of_test

if TYPE_CHECKING:
    from edgescope.scanning.result import Scan
    from edgescope.train.run_verdict import Verdict


_AGAIN = "run the study again"


class Finished(NamedTuple):
    """A cell that is done."""

    cell: Cell
    folder: Path
    metrics: Mapping[str, Any] | None
    """As in ``metrics.json`` of a run folder; None for an untrained cell."""

    beyond_limit: float | None = None
    """Share of its attention logits beyond their limit; None if it has none, or is older."""

    @property
    def has_scan(self) -> bool:
        """Whether its scan is there, and not only its result tables."""
        return has_scan(self.folder / "scan")

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
        """Read its scan; that of a trained cell has the untrained model as its baseline.

        Raises:
            InputError: if it is not there, or damaged.
        """
        return load_scan(self.folder / "scan")


class Study:
    """The cells of a study and what is known of them.

    Attributes:
        out: the folder of the study.
        cells: its cells, in the order of the plan, done or not; where only result tables are
            there, those of these, in the order of their names.
        finished: those that are done.
        tables: its result tables.

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
        self.tables = ResultTables(self.out)
        self._records = self.tables.records()
        self.cells = self._planned()
        self.finished = list(self._finished())

    def __repr__(self) -> str:
        """Say how much of it is done."""
        return f"Study({str(self.out)!r}, {len(self.finished)} of {len(self.cells)} cells done)"

    def _planned(self) -> list[Cell]:
        path = self.out / MANIFEST
        if self._records and not path.is_file():
            return [record.cell for record in self._records.values()]
        manifest = read_stored(readable_file(path, f"the {MANIFEST} of a study"), _AGAIN) or {}
        with reading(f"{path}", _AGAIN):
            return [Cell.model_validate(cell) for cell in manifest["cells"]]

    def _finished(self) -> Iterator[Finished]:
        for cell in self.cells:
            folder = folder_of(cell, self.out)
            result: Mapping[str, Any] | None = read_result(folder, cell)
            if result is None and cell.name in self._records:
                result = self._records[cell.name].result
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
