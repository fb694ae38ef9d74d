"""How training went from starts inside and outside the region, as tables."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from edgescope.study.twins.initialisations import LayerKind
from edgescope.study.twins.tasks import TaskName
from edgescope.study.twins.ties import Share

if TYPE_CHECKING:
    import polars as pl

STARTS = ("above", "below", "opposite", "both")
"""Kinds of starts. Inside the region: all logits of all nodes above zero, or all below. Opposite:
the logits of each node on one side, but not all nodes on the same, so that some twins differ while
no node sees itself. Both: every node has logits on both sides, in some head."""


@dataclass(frozen=True)
class Trace:
    """How the starts of one layer on one task went; ``T`` recorded steps, ``S`` starts.

    Attributes:
        task: the task.
        layer: the layer.
        kind: kind of every start ``[S]``.
        steps: recorded steps ``[T]``; 0 is the start.
        loss: cross-entropy ``[T, S]``.
        inside: share of pairs of twins that are certified in all heads ``[T, S]``.
        above: share of the logits above zero ``[T, S]``, in GATv2 of the channels.
        gradient: norm of the gradient of all weights ``[T, S]``.
        own_gradient: norm of that of ``a_t`` ``[T, S]``; of ``a`` in GATv2.
        accuracy: share of nodes with the right class at the end ``[S]``.
    """

    task: TaskName
    layer: LayerKind
    kind: tuple[str, ...]
    steps: tuple[int, ...]
    loss: Tensor
    inside: Tensor
    above: Tensor
    gradient: Tensor
    own_gradient: Tensor
    accuracy: Tensor

    def starts(self, kind: str) -> Tensor:
        """Return the numbers of the starts of a kind."""
        return torch.tensor([i for i, each in enumerate(self.kind) if each == kind])


@dataclass(frozen=True)
class Escapes:
    """Result of :func:`edgescope.study.twins.escape.escapes`.

    Attributes:
        seed: what decided starts and tasks.
        traces: one per task and layer.
    """

    seed: int
    traces: tuple[Trace, ...]

    def table(self) -> "pl.DataFrame":
        """Return one row per task, layer and kind of start.

        Columns: task, layer, start, starts; outside (share of the starts that tell some pair of
        twins apart at the end) and solved (share with all classes right), with their 95 %
        intervals; escape_step, the median recorded step at which they first told a pair apart;
        loss, its median at the end, with loss_min and loss_max; gradient and own_gradient, their
        medians at the start; final_gradient, at the end.
        """
        import polars as pl

        rows = []
        for trace in self.traces:
            for kind in STARTS:
                chosen = trace.starts(kind)
                if not len(chosen):
                    continue
                outside = trace.inside[:, chosen] < 1
                ever = outside.any(0)
                steps = torch.tensor(trace.steps)[outside[:, ever].int().argmax(0)]
                last = trace.loss[-1, chosen]
                escaped = Share(int(outside[-1].sum()), len(chosen))
                solved = Share(int((trace.accuracy[chosen] == 1).sum()), len(chosen))
                rows.append(
                    {
                        "task": trace.task,
                        "layer": trace.layer,
                        "start": kind,
                        "starts": len(chosen),
                        **escaped.columns("outside"),
                        "escape_step": float(steps.double().median()) if len(steps) else None,
                        **solved.columns("solved"),
                        "loss": float(last.median()),
                        "loss_min": float(last.min()),
                        "loss_max": float(last.max()),
                        "gradient": float(trace.gradient[0, chosen].median()),
                        "own_gradient": float(trace.own_gradient[0, chosen].median()),
                        "final_gradient": float(trace.gradient[-1, chosen].median()),
                    }
                )
        return pl.DataFrame(rows, infer_schema_length=None)

    def curves(self) -> "pl.DataFrame":
        """Return medians over the starts of a kind at every recorded step.

        Columns: task, layer, start, step, loss, inside, above, gradient, own_gradient. For inside
        and above these are means.
        """
        import polars as pl

        rows = [
            {
                "task": trace.task,
                "layer": trace.layer,
                "start": kind,
                "step": step,
                "loss": float(trace.loss[at, chosen].median()),
                "inside": float(trace.inside[at, chosen].mean()),
                "above": float(trace.above[at, chosen].mean()),
                "gradient": float(trace.gradient[at, chosen].median()),
                "own_gradient": float(trace.own_gradient[at, chosen].median()),
            }
            for trace in self.traces
            for kind in STARTS
            for chosen in [trace.starts(kind)]
            if len(chosen)
            for at, step in enumerate(trace.steps)
        ]
        return pl.DataFrame(rows, infer_schema_length=None)
