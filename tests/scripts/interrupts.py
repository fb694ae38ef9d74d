"""Blocks that capture, interrupted at many moments.

``PYTHONPATH=tests python -m scripts.interrupts capture edit``

A process of its own, as an interrupt within torch itself may leave that in a state of its own.
"""

import gc
import sys
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any, Self

import torch
from torch import nn
from torch_geometric.data import Data
from torch_geometric.nn import GATConv, TransformerConv

import edgescope as es
from support.hooks_of import drop_modes, global_hooks, hooks_of, modes

WATCHED = (
    "/edgescope/",
    "/contextlib.py",
    "/torch/utils/hooks.py",
    "/torch/nn/modules/module.py",
    "/torch_geometric/nn/conv/message_passing.py",
)
"""Files in which an interrupt is tried: ours, and those that ours call to hook a module."""
TRIED = 60
"""How many moments of a block are tried, at least."""


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = TransformerConv(2, 4, edge_dim=1), GATConv(4, 4)

    def forward(self, x, edge_index, edge_attr):
        return self.two(self.one(x, edge_index, edge_attr), edge_index)


class Moments:
    """Counts the moments of a block of code, and interrupts it at one of them.

    Moments are the calls, lines and returns in the watched files.
    """

    def __init__(self, at: int | None = None) -> None:
        self.count = 0
        self._at = at

    def __enter__(self) -> Self:
        sys.settrace(self._trace)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def _trace(self, frame: FrameType, event: str, _: Any) -> Any:
        if not any(part in frame.f_code.co_filename for part in WATCHED):
            return None
        if event != "exception":
            self.count += 1
            if self.count == self._at:
                sys.settrace(None)
                raise KeyboardInterrupt
        return self._trace


def inputs() -> dict[str, torch.Tensor]:
    return {
        "x": torch.eye(3)[:, :2],
        "edge_index": torch.tensor([[0, 1, 2], [1, 2, 0]]),
        "edge_attr": torch.tensor([[1.0], [2.0], [3.0]]),
    }


def capture(model: nn.Module) -> None:
    with es.capture(model):
        pass


def edit(model: nn.Module) -> None:
    with es.capture.edit(model, "*:message", lambda _: None):
        pass


def capture_and_run(model: nn.Module) -> None:
    with es.capture(model):
        model(**inputs())


def nested(model: nn.Module) -> None:
    with es.capture(model), es.capture(model, "one:*"):
        pass


def loader() -> list[Data]:
    return [Data(**inputs(), y=torch.zeros(1))]


def scan(model: nn.Module) -> None:
    es.scan(model, loader(), progress=False)


def diagnose(model: nn.Module) -> None:
    es.diagnose(model, loader(), select="attention-*", progress=False)


def ablate(model: nn.Module) -> None:
    es.ablate(
        model,
        loader(),
        where=2,
        value="zero",
        controls=[],
        metric="none",
        progress=False,
        call=lambda model, batch: model(batch.x, batch.edge_index, batch.edge_attr)[:1],
    )


def moments_of(run: Callable[[nn.Module], None]) -> int:
    model = Model().eval()
    run(model)  # what is done once only
    with Moments() as moments:
        run(model)
    return moments.count


def left_behind(run: Callable[[nn.Module], None], at: int) -> list[Any]:
    """Return what hangs on a model after an interrupt; its mode is checked too."""
    model = Model().train()
    with suppress(KeyboardInterrupt), Moments(at):
        run(model)
    gc.collect(0)
    assert model.training
    assert all(parameter.requires_grad for parameter in model.parameters())
    left = [*hooks_of(model), *global_hooks(), *modes()]
    drop_modes()
    return left


BLOCKS = {
    run.__name__: run for run in (capture, edit, nested, capture_and_run, scan, diagnose, ablate)
}
LARGE = {"scan", "diagnose", "ablate"}
"""Blocks that build on a capture: less of their moments are tried."""


def moments_to_try(name: str) -> list[int]:
    """All moments of taking hooks away, where most could be left, and of the rest a part."""
    count = moments_of(BLOCKS[name])
    if name in LARGE:
        return list(range(1, count + 1, 2 * max(1, count // TRIED)))
    last = range(max(1, count - TRIED), count + 1)
    return sorted({*range(1, count, max(1, count // TRIED)), *last})


def captured_as_ever(name: str, at: int) -> bool:
    """Whether a model that was interrupted runs and is captured as if it had not been."""
    model = Model().eval()
    with es.capture(model) as tape:
        expected = model(**inputs())
    values = {site: tape[site].values for site in tape.sites}
    with suppress(KeyboardInterrupt), Moments(at):
        BLOCKS[name](model)
    same = torch.equal(model(**inputs()), expected)
    with es.capture(model) as again:
        model(**inputs())
    return same and all(torch.equal(again[site].values, values[site]) for site in values)


def wrong(name: str) -> str:
    """Return what is wrong after which moments; empty if nothing is."""
    if moments_of(BLOCKS[name]) == 0 or left_behind(BLOCKS[name], 10**9):
        return "no moment interrupts it"
    moments = moments_to_try(name)
    left = {at: found for at in moments if (found := left_behind(BLOCKS[name], at))}
    kinds = {type(each).__name__ for found in left.values() for each in found}
    if left:
        return f"{kinds} left at {len(left)} of {len(moments)} moments, such as {min(left)}"
    changed = [at for at in moments[::8] if not captured_as_ever(name, at)]
    return f"captured otherwise after the moments {changed[:5]}" if changed else ""


if __name__ == "__main__":
    found = {name: wrong(name) for name in sys.argv[1:] or BLOCKS}
    for name, what in found.items():
        sys.stdout.write(f"{name}: {what or 'nothing is left'}\n")
    sys.exit(any(found.values()))
