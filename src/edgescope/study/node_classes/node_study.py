"""The study of classes of nodes and graphs: which cells it has, and running what is left of it."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl
import torch

from edgescope.lib.errors import InputError, did_you_mean
from edgescope.lib.files import writable_folder
from edgescope.lib.progress import track
from edgescope.lib.version import hardware, versions
from edgescope.study.node_classes.class_task import DATA, SPLITS, class_task
from edgescope.study.node_classes.cured_models import cured_models
from edgescope.study.node_classes.early_stop import MAX_EPOCHS
from edgescope.study.node_classes.twin_shares import TUTORIAL, tutorial_shares, twin_shares
from edgescope.study.table_folder import FOLDER, NODE_CELLS, TableFolder

PARTS = ("cured-1", "cured-8", "twins")
"""Models with one head and with eight, flagged and cured; twins."""

SEEDS = tuple(range(SPLITS))
"""A seed for each division of the data, whose number it is as well."""


_PACKAGES = ("torch", "torch_geometric")


class NodeCell(NamedTuple):
    """One cell of the study.

    Attributes:
        part: one of :data:`PARTS`.
        data: data set, or the tutorial's example.
        seed: of weights and dropout; also the number of the division.
    """

    part: str
    data: str
    seed: int

    @property
    def name(self) -> str:
        """What the tables call it."""
        return f"{self.part}-{self.data}-{self.seed}"


def node_cells(
    data: Sequence[str] | None = None, seeds: Sequence[int] | None = None
) -> list[NodeCell]:
    """Return the cells in their order: all data flagged and cured, then twins, seed by seed.

    Raises:
        InputError: for data that the study does not have, or a seed that is no division.
    """
    data, seeds = data or tuple(DATA), seeds or SEEDS
    for name in data:
        if name not in DATA:
            advice = did_you_mean(name, DATA, "use one of these")
            raise InputError(f"received the data {name!r}, expected {', '.join(DATA)}; {advice}")
    for seed in seeds:
        if seed not in SEEDS:
            raise InputError(
                f"received the seed {seed}, expected 0 to {SPLITS - 1}, as it is the number of "
                "the division as well"
            )
    cells = [NodeCell("twins", TUTORIAL, seed) for seed in seeds]
    for name in data:
        cells += [NodeCell(part, name, seed) for seed in seeds for part in PARTS[:2]]
    return cells + [NodeCell(PARTS[2], name, seed) for name in data for seed in seeds]


def run_nodes(
    root: str | Path,
    out: str | Path,
    *,
    data: Sequence[str] | None = None,
    seeds: Sequence[int] | None = None,
    max_epochs: int = MAX_EPOCHS,
    progress: bool = True,
) -> dict[str, pl.DataFrame]:
    """Train GAT on classes of nodes and graphs: states, twins, and models flagged and cured.

    For each data set and seed, a GAT of two layers is trained, its node states and attention logits
    are measured beside those before training, it is diagnosed, and, if it is flagged, trained again
    from the same start with the remedy applied. The share of nodes with the same neighbours that
    get the same output is counted for GCN, GAT and GATv2. The seed is also the number of the
    division of the data.

    It may be stopped at any moment, also by SIGKILL: the tables hold the cells that are done, and
    the same call goes on with the next. On a CPU, with the same package versions and one thread,
    the tables are the same, but for the seconds.

    Args:
        root: folder of the data sets.
        out: folder of the study; the tables are in ``results`` in it.
        data: data sets, in their order; all six by default.
        seeds: 0 to 9; all by default.
        max_epochs: a training ends after this many at the latest.
        progress: whether to show a bar.

    Returns:
        The tables ``cured``, ``node_findings``, ``node_sites``, ``twins`` and ``node_cells`` by
        their names.

    Raises:
        InputError: if the data cannot be loaded, a table is damaged, or ``out`` cannot be written.

    Example:
        >>> import edgescope as es
        >>> found = es.study.run_nodes("FOLDER", "nodes", data=["chameleon"])  # doctest: +SKIP
        >>> found["cured"].group_by("data", "variant").mean()  # doctest: +SKIP
    """
    folder = writable_folder(Path(out) / FOLDER)
    store = TableFolder(folder, "delete it and run the study again")
    done = _done(store, max_epochs)
    left = [cell for cell in node_cells(data, seeds) if cell.name not in done]
    for cell in track(left, "training on classes of nodes", len(left), progress):
        started = time.monotonic()
        tables = _run(cell, root, max_epochs)
        facts = {
            **cell._asdict(),
            "max_epochs": max_epochs,
            "seconds": time.monotonic() - started,
            "threads": torch.get_num_threads(),
            "hardware": hardware(),
            **{f"version_{name}": each for name, each in versions(_PACKAGES).items()},
        }
        tables[NODE_CELLS] = pl.DataFrame([facts])  # last
        with store.alone():
            for name, rows in tables.items():
                store.put(name, cell.name, rows)
    found = {name: store.table(name) for name in store.names()}
    return {name: table for name, table in found.items() if table is not None}


def _run(cell: NodeCell, root: str | Path, max_epochs: int) -> dict[str, pl.DataFrame]:
    if cell.data == TUTORIAL:
        return {"twins": tutorial_shares(cell.seed)}
    task = class_task(cell.data, root, cell.seed)
    if cell.part == "twins":
        return {"twins": twin_shares(task, cell.seed, max_epochs)}
    heads = int(cell.part.rpartition("-")[2])
    return cured_models(task, cell.seed, heads, max_epochs)


def _done(store: TableFolder, max_epochs: int) -> set[str]:
    """Return the names of the cells that are done.

    Raises:
        InputError: if some were trained with another number of epochs, as a mean over both would
            be of neither.
    """
    cells = store.table(NODE_CELLS)
    if cells is None:
        return set()
    others = set(cells["max_epochs"].to_list()) - {max_epochs}
    if others:
        raise InputError(
            f"{store.folder} has cells of at most {min(others)} epochs, received "
            f"max_epochs={max_epochs}; choose another folder"
        )
    return set(cells["cell"].to_list())
