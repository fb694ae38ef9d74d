"""What discovery reads in a run: every attention with its stages, and the ends of its rows."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from edgescope.capturing.discovery.program import Found, read
from edgescope.capturing.discovery.row_ends import Ends
from edgescope.capturing.discovery.trace import Trace
from edgescope.capturing.observer_mode import entered, leave


class Reading(NamedTuple):
    """One attention that was read."""

    kind: str
    stages: dict[str, Tensor]
    target: Tensor
    source: Tensor | None


def of_run(run: Callable[[], Any]) -> list[Reading]:
    """Return every attention in a run."""
    trace = Trace()
    with torch.no_grad(), entered(trace):
        run()
    return of_trace(trace)


def of_trace(trace: Trace) -> list[Reading]:
    """Return every attention in a trace."""
    flow, read_in = read(trace)
    along = [found for _, found in read_in if isinstance(found, Found)]
    return [_reading(flow.trace, found) for found in along if _is_readable(found)]


def _is_readable(found: Found) -> bool:
    return isinstance(found.ends, Ends) or found.ends.source is not None


def _reading(trace: Trace, found: Found) -> Reading:
    stages = {stage: recipe(trace) for stage, recipe in found.recipes.items()}
    if isinstance(found.ends, Ends) and found.ends.source is None:
        by, dim = found.ends.target
        index = trace.values[by].now
        return Reading(
            found.kind,
            stages,
            index.movedim(dim, 0).flatten(1)[:, 0] if index.dim() > 1 else index,
            None,
        )
    rows = found.ends.rows(trace)
    edges = rows.edge_index
    return Reading(found.kind, stages, edges[rows.target_row], edges[1 - rows.target_row])


def of_layers(
    model: nn.Module, paths: list[str], run: Callable[[], Any]
) -> dict[str, list[Reading]]:
    """Return every attention in some modules of a model, each traced alone while it runs."""
    running: list[Trace] = []
    read_in: dict[str, list[Reading]] = {}

    def begin(*_: Any) -> None:
        running.append(Trace())
        running[-1].__enter__()

    handles = []
    for path in paths:

        def end(*_: Any, path: str = path) -> None:
            leave(running[-1])
            with torch.no_grad():
                read_in[path] = of_trace(running.pop())

        module = model.get_submodule(path)
        handles += [module.register_forward_pre_hook(begin), module.register_forward_hook(end)]
    with torch.no_grad():
        run()
    for handle in handles:
        handle.remove()
    return read_in
