"""Running a study: what is left of it, on this machine or on a Ray cluster."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import torch

from edgescope.lib.files import writable_folder
from edgescope.study.cells import Cell, plan, write_stored
from edgescope.study.live_board import Board
from edgescope.study.local import Event, HowToWork, run_here
from edgescope.study.measures.measure_names import chosen_measures
from edgescope.study.result_tables import ResultTables
from edgescope.study.spec import StudySpec
from edgescope.study.study_progress import left_of

MANIFEST = "study.json"
"""Names the cells of the study; tables and figures are of these."""


def run(
    study: StudySpec,
    out: str | Path,
    *,
    ray: str | None = None,
    progress: bool = True,
) -> list[Event]:
    """Run the cells of a study that are not done yet.

    A study may be stopped at any moment, also by SIGKILL: the same call goes on from the last
    checkpoint and the last shard, to the same tables, byte for byte (on CPUs, with the same
    package versions and number of threads). A cell that fails does not stop the others; the next
    call tries it again. Cells of an earlier study in the same folder are kept, and used again
    where both studies have them. When a cell ends, its tables are added to those in ``results``;
    a cell that stands there is done, also where its own folder is not.

    Args:
        study: see :func:`edgescope.study.read`.
        out: the folder of the study; made if it does not exist.
        ray: address of a Ray cluster, ``"auto"`` for the one this machine is part of, or
            ``"local"`` to start Ray on this machine; every node must see ``out`` and the data
            under the same path. Without it, cells run on this machine, as many side by side as
            the study has ``workers``.
        progress: show a table of the cells on standard error.

    Returns:
        How every cell has ended, in the order of the plan.

    Raises:
        InputError: if the plan has no sense, ``out`` cannot be written to, or its tables are
            damaged.
        MissingExtraError: if Ray, Lightning or TensorBoard is needed and not installed.
        KeyboardInterrupt: on Ctrl-C; everything finished so far is kept.

    Example:
        >>> import edgescope as es
        >>> spec = es.study.read("mitigation-small", root="data", epochs=30)
        >>> endings = es.study.run(spec, "mitigation")  # doctest: +SKIP
    """
    cells, measures = plan(study), chosen_measures(study.measures)
    out = writable_folder(Path(out))
    tables = ResultTables(out)
    records = tables.take(cells)
    _write_manifest(cells, out)
    threads = study.threads or max(1, torch.get_num_threads() // study.workers)
    how = HowToWork(out, threads, study.shard_every, study.processes, measures)
    left = [cell for cell in cells if left_of(cell, out, records, measures) != "nothing"]
    endings = {cell.name: Event(cell, "done") for cell in cells if cell not in left}
    if left:
        if ray is None:
            events = run_here(left, how, study.workers)
        else:
            from edgescope.study.ray_cells import run_on_ray

            events = run_on_ray(left, how, ray)
        with closing(events), Board(cells, out, endings, show=progress) as board:
            for event in events:
                if event.status in {"done", "failed"}:
                    tables.take([event.cell])
                board.tell(event)
                endings[event.cell.name] = event
    return [endings[cell.name] for cell in cells]


def _write_manifest(cells: Sequence[Cell], out: Path) -> None:
    described = [cell.model_dump(mode="json") for cell in cells]
    write_stored(out / MANIFEST, {"cells": described})
