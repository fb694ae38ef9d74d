"""Running a study: what is left of it, on this machine or on a Ray cluster."""

from collections.abc import Sequence
from pathlib import Path

import torch

from edgescope.lib.files import writable_folder
from edgescope.study.cell_work import read_result
from edgescope.study.cells import Cell, folder_of, plan, write_stored
from edgescope.study.live_board import Board
from edgescope.study.local import Event, run_here
from edgescope.study.spec import StudySpec

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
    where both studies have them.

    Args:
        study: see :func:`edgescope.study.read`.
        out: the folder of the study; made if it does not exist.
        ray: address of a Ray cluster, ``"auto"`` for the one this machine is part of, or
            ``"local"`` to start Ray on this machine; every node must see ``out`` and the data
            under the same path. Without it, cells run one after the other.
        progress: show a table of the cells on standard error.

    Returns:
        How every cell has ended, in the order of the plan.

    Raises:
        InputError: if the plan has no sense, or ``out`` cannot be written to.
        MissingExtraError: if Ray, Lightning or TensorBoard is needed and not installed.
        KeyboardInterrupt: on Ctrl-C; everything finished so far is kept.

    Example:
        >>> import edgescope as es
        >>> spec = es.study.read("mitigation-small", root="data", epochs=30)
        >>> endings = es.study.run(spec, "mitigation")  # doctest: +SKIP
    """
    cells = plan(study)
    out = writable_folder(Path(out))
    _write_manifest(cells, out)
    threads = study.threads or torch.get_num_threads()
    done = [cell for cell in cells if read_result(folder_of(cell, out), cell) is not None]
    left = [cell for cell in cells if cell not in done]
    endings = {cell.name: Event(cell, "done") for cell in done}
    if left:
        if ray is None:
            events = run_here(left, out, threads, study.shard_every, study.processes)
        else:
            from edgescope.study.ray_cells import run_on_ray

            events = run_on_ray(left, out, threads, study.shard_every, ray, study.processes)
        with Board(cells, out, endings, show=progress) as board:
            for event in events:
                board.tell(event)
                endings[event.cell.name] = event
    return [endings[cell.name] for cell in cells]


def _write_manifest(cells: Sequence[Cell], out: Path) -> None:
    described = [cell.model_dump(mode="json") for cell in cells]
    write_stored(out / MANIFEST, {"cells": described})
