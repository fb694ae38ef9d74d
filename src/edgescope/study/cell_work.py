"""The work of one cell: train it, scan it, count saturated logits, write its result last."""

import json
import os
import shutil
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from filelock import FileLock
from torch import Tensor, nn

from edgescope.data.splits import SUBSET, cut
from edgescope.lib.errors import InputError
from edgescope.lib.eval_mode import evaluating
from edgescope.lib.files import writable_folder
from edgescope.lib.input_files import reading
from edgescope.lib.model_call import call_model
from edgescope.lib.typed_fields import fitting
from edgescope.lib.version import hardware
from edgescope.models.attention_steps import LOGIT_LIMIT, EdgeWeight
from edgescope.scanning.criteria import criterion
from edgescope.scanning.scan import scan
from edgescope.scanning.untrained_ensemble import Untrained
from edgescope.study.cell_measures import measure_cell, measured_by
from edgescope.study.cells import UNTRAINED, Cell, content_of, read_stored, write_stored
from edgescope.study.measures.measured_cell import MeasuredCell

if TYPE_CHECKING:
    from edgescope.data import Splits
    from edgescope.scanning.result import Scan
    from edgescope.train import RunFolder


RESULT = "result.json"
"""Written last: a cell is done when it is there."""


def run_cell(
    cell: Cell,
    folder: Path,
    shard_every: float,
    processes: int = 1,
    measures: Sequence[str] = (),
) -> dict[str, Any]:
    """Do what is left to do of a cell, and return its result.

    A cell may be stopped at any moment, also by SIGKILL. The next call goes on from the last
    checkpoint of its training and the last shard of its scan, to the same result. Several
    processes may be given the same cell: one works, the others wait for its result.

    Args:
        cell: the cell.
        folder: where everything about it is kept; made if it does not exist.
        shard_every: seconds between shards of the scan.
        processes: how many processes train it together.
        measures: what it is measured by, once it is trained and scanned.

    Raises:
        InputError: if the data or the folder cannot be used, training diverges or a measure fails.
    """
    with FileLock(writable_folder(folder) / ".lock"):
        known = read_result(folder, cell)
        left = [name for name in measures if name not in measured_by(folder)]
        if known is not None and not left:
            return known
        if known is not None and not (folder / "weights").is_dir():
            raise InputError(
                f"{folder} has no weights any more and cannot be measured by {', '.join(left)}; "
                "delete that folder to train the cell again, or leave out these measures"
            )
        _clear(folder)
        # Standard output is the cell's log.
        print(f"process {os.getpid()} works on {cell.name}", flush=True)  # noqa: T201
        splits = _data(json.dumps(cell.source), cell.content, cell.subset)
        run = _trained(cell, splits, folder, processes)
        found = _scanned(cell, splits, run, folder, shard_every)
        result = known or _kept(cell, splits, run, found, folder)
        if left:
            measure_cell(_as_measured(cell, splits, run, found), folder, left)
        return result


def _kept(
    cell: Cell, splits: "Splits", run: "RunFolder", found: "Scan", folder: Path
) -> dict[str, Any]:
    """Write the result of a cell."""
    result = {
        "cell": cell.model_dump(mode="json"),
        "metrics": run.metrics,
        "splits": run.config["splits"],
        "versions": run.config["versions"],
        "threads": torch.get_num_threads(),
        "hardware": hardware(),
        "graphs": found.info.graphs,
        "beyond_limit": _beyond(cell, splits, run),
        "seconds": (run.metrics or {}).get("seconds", 0.0) + found.info.seconds,
    }
    write_stored(folder / RESULT, result)
    return result


def _as_measured(cell: Cell, splits: "Splits", run: "RunFolder", found: "Scan") -> MeasuredCell:
    untrained = run.model("untrained")
    return MeasuredCell(
        cell=cell,
        model=untrained if cell.state == UNTRAINED else run.model("trained"),
        untrained=untrained,
        scan=found,
        splits=splits,
        part=getattr(splits, cell.scan.split),
        run=run,
    )


def read_result(folder: Path, cell: Cell | None = None) -> dict[str, Any] | None:
    """Return the result of a cell; None while it is not done.

    Args:
        folder: the folder of the cell.
        cell: the cell, if its result is to be compared with it.

    Raises:
        InputError: if it is of another version, damaged, or of another cell.
    """
    advice = "delete that folder and run the study again"
    result = read_stored(folder / RESULT, advice)
    if result is not None and cell is not None:
        with reading(f"{folder / RESULT}", advice):
            if (name := Cell.model_validate(result["cell"]).name) != cell.name:
                raise ValueError(f"it is the result of {name}")
            fitting(result["metrics"], dict[str, Any] | None, "metrics")
            fitting(result.get("beyond_limit"), float | None, "beyond_limit")
    return result


def _clear(folder: Path) -> None:
    """Delete what a killed process has left half-written."""
    for left in folder.glob(".*.tmp"):
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink()


@lru_cache(maxsize=1)
def _data(source: str, content: str | None, subset: int | None) -> "Splits":
    """Load data; those of the last cell are remembered, as neighbouring cells share them.

    Raises:
        InputError: if the table is not the one that the study was planned with.
    """
    from edgescope.data import load

    where = json.loads(source)["source"]
    if content is not None and content_of(where) != content:
        raise InputError(
            f"{where} has changed since the study was planned; run the study again for cells of "
            "the table as it is now, or restore it"
        )

    splits = load(**json.loads(source), progress=False)
    return splits if subset is None else cut(splits, subset)


def _trained(cell: Cell, splits: "Splits", folder: Path, processes: int) -> "RunFolder":
    from edgescope.train import fit, start

    data = cell.source if cell.subset is None else {**cell.source, SUBSET: cell.subset}
    if cell.state == UNTRAINED:
        return start(cell.recipe, splits, folder, data=data)
    return fit(cell.recipe, splits, folder, data=data, processes=processes)


def _beyond(cell: Cell, splits: "Splits", run: "RunFolder") -> float | None:
    """Return the share of a cell's logits beyond their limit; None if it has no such logits."""
    from edgescope.data import loader

    model = run.model("untrained" if cell.state == UNTRAINED else "trained")
    part = getattr(splits, cell.scan.split)
    return share_beyond(model, loader(part, batch_size=cell.scan.batch_size))


def _scanned(
    cell: Cell, splits: "Splits", run: "RunFolder", folder: Path, shard_every: float
) -> "Scan":
    """Scan a cell's model, a trained one beside what it was before its first step."""
    from edgescope.data import loader
    from edgescope.scanning.store import has_scan, load_scan

    place = folder / "scan"
    if has_scan(place):
        return load_scan(place)  # it is whole: it was moved into place
    rule = criterion(cell.scan.criterion)
    untrained = cell.state == UNTRAINED
    baseline = (
        Untrained(cell.scan.members)
        if rule.members_needed
        else None
        if untrained
        else run.model("untrained")
    )
    part = getattr(splits, cell.scan.split)
    if not len(part):
        raise InputError(f"{part.name} is empty, there is nothing to scan; choose another split")
    print(f"scanning {part.name}", flush=True)  # noqa: T201
    found = scan(
        run.model("untrained" if untrained else "trained"),
        loader(part, batch_size=cell.scan.batch_size),
        baseline=baseline,
        criterion=rule,
        max_rows=cell.scan.max_rows,
        shards=folder / "shards",
        shard_every=shard_every,
        progress=False,
    )
    found.save(place)
    return found


def share_beyond(model: nn.Module, loader: Iterable[Any]) -> float | None:
    """Return the share of logits, of all edges, heads and layers, at or beyond their limit.

    The limit is the clamp's or the cap's of the layer; without either the published
    :data:`~edgescope.models.attention_steps.LOGIT_LIMIT`, so that variants can be compared. It
    takes one forward pass of every batch.

    Args:
        model: the model; only edgescope's own attention has logits with a limit.
        loader: batches that the model is called on.

    Returns:
        The share; None for a model without that attention, and where there are no edges.
    """
    counts = [0, 0]

    def count(module: nn.Module, args: tuple[Tensor, ...]) -> None:
        assert isinstance(module, EdgeWeight)
        limit = module.limit or module.cap or LOGIT_LIMIT
        counts[0] += int((args[0].abs() >= limit).sum())
        counts[1] += args[0].numel()

    modules = [module for module in model.modules() if isinstance(module, EdgeWeight)]
    if not modules:
        return None
    hooks = [module.register_forward_pre_hook(count) for module in modules]
    try:
        with evaluating(model), torch.no_grad():
            for batch in loader:
                call_model(model, batch)
    finally:
        for hook in hooks:
            hook.remove()
    return counts[0] / counts[1] if counts[1] else None
