"""What is left to do of a study: which cells are to be run, which to be measured."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from edgescope.study.cell_measures import measured_by
from edgescope.study.cell_work import RESULT
from edgescope.study.cells import Cell, folder_of, plan
from edgescope.study.measures.measure_names import chosen_measures
from edgescope.study.result_tables import Record, ResultTables
from edgescope.study.spec import StudySpec

Left = Literal["nothing", "measures", "all"]
"""Of a cell: nothing, some measures of a model that is trained and scanned, or all of it."""


def work_left(study: StudySpec, out: str | Path) -> dict[str, Left]:
    """Say of every cell of a study what is left to do, in the order of the plan; nothing is run.

    A cell that stands in the result tables is done, wherever it was run. If it lacks measures,
    they can be added where its own folder is, and are ``"nothing"`` elsewhere.

    Args:
        study: see :func:`edgescope.study.read`.
        out: the folder of the study; it need not exist.

    Returns:
        Name of every cell to ``"nothing"``; to ``"measures"`` if it is trained and scanned and
        lacks some; or to ``"all"``.

    Raises:
        InputError: if the plan has no sense, a measure is unknown, or the tables are damaged.

    Example:
        >>> import edgescope as es
        >>> spec = es.study.read("mitigation-small", root="data")
        >>> set(es.study.work_left(spec, "mitigation").values())
        {'all'}
    """
    out, measures = Path(out), chosen_measures(study.measures)
    records = ResultTables(out).records()
    return {cell.name: left_of(cell, out, records, measures) for cell in plan(study)}


def left_of(cell: Cell, out: Path, records: Mapping[str, Record], measures: Sequence[str]) -> Left:
    """Say what is left to do of a cell.

    Args:
        cell: the cell.
        out: the folder of the study.
        records: of the result tables.
        measures: what it is to be measured by.
    """
    folder, record = folder_of(cell, out), records.get(cell.name)
    here = (folder / RESULT).is_file()
    had = {*measured_by(folder), *(() if record is None else record.measures)}
    if here and not had.issuperset(measures):
        return "measures"
    return "nothing" if here or record is not None else "all"


def is_done(cell: Cell, out: str | Path) -> bool:
    """Say whether a cell is done in the folder of a study, by itself or in the result tables.

    Args:
        cell: from :func:`edgescope.study.plan`.
        out: the folder of the study; it need not exist.

    Example:
        >>> import edgescope as es
        >>> cell = es.study.plan(es.study.read("mitigation-small", root="data"))[0]
        >>> es.study.is_done(cell, "mitigation")
        False
    """
    out = Path(out)
    records = {} if (folder_of(cell, out) / RESULT).is_file() else ResultTables(out).records()
    return left_of(cell, out, records, ()) == "nothing"
