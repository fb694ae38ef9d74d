"""Rule: numbers that are not finite, and where they begin."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import nn

from edgescope.diagnosis.finding import MODEL, Finding, Severity, place
from edgescope.diagnosis.non_finite_inputs import Given, Source, own_sources, sources_of
from edgescope.diagnosis.non_finite_place import OUTPUT, Place, Rerun, in_the_batch, in_the_model
from edgescope.diagnosis.rules.diagnosis_rule import (
    BatchSeen,
    LayerInfo,
    LayerSeen,
    Rule,
    Sample,
    StateSeen,
)


@dataclass
class NonFinite(Rule):
    """The first place where a model has a NaN or an infinity."""

    id: ClassVar[str] = "non-finite"
    title: ClassVar[str] = "numbers are not finite"
    severity: ClassVar[Severity] = "error"
    needs: ClassVar[frozenset[str]] = frozenset({"rows", "state", "finite"})
    finite: ClassVar[bool] = False
    samples: ClassVar[bool] = True
    explanation: ClassVar[str] = """\
Once a number is NaN or infinite, so is most of what is computed from it, and nothing that is said
of the rest can be trusted. So this rule names the first place, and the other rules do not judge
layers where a number that they read is not finite: the finding lists these layers.

What every module of the model returns is looked at, and every stage of the attention layers that a
rule reads. If something is not finite, the model runs again on that batch, and the first module, or
stage of attention, with a number that is not finite is found. What leads to it is found by
experiment. All inputs, parameters and buffers that are not finite are set to finite values; if the
model still comes to the same place, the number is *computed* there: an overflow, such as `exp` of
more than 88 in float32 or anything above 65,504 in float16, or something that has no result, such
as 0/0. Else they are left as they were one by one, and the first that leads to that place by itself
is the cause: a *parameter* or *buffer*, or an *input*, with its first row, edge and graph. If what
enters that place is not finite, but no module returned it, it was computed between modules.

A parameter that is not finite and that no batch brought to bear is reported too. An input that is
not finite and that the model does nothing with, such as a missing label, is none. Nor are logits of
minus infinity where a mask forbids pairs of nodes.

**Thresholds.** None.

**What to do.** A parameter: training has diverged; go back to a checkpoint before, and train with a
lower learning rate or clipped gradients. An input: fix the data where the finding says. Computed:
run that part in float32 or bfloat16, or scale what enters it.

**False alarm?** A model may let infinities arise on purpose and remove them later, as distances
between parts that are not connected.
"""

    def begin(self, layers: Sequence[LayerInfo]) -> None:
        """Forget what was seen."""
        del layers
        self._silent: dict[str, None] = {}
        self._broken: BatchSeen | None = None
        self._found: tuple[Place, Source | None] | None = None
        self._before = 0

    def observe(self, seen: LayerSeen) -> None:
        """Note a layer in which something is not finite."""
        if not seen.finite:
            self._silent[seen.path or MODEL] = None

    def observe_state(self, seen: StateSeen) -> None:
        """Note a block that returns something that is not finite."""
        if not seen.finite and seen.path != "input":
            self._silent[seen.path or MODEL] = None

    def observe_batch(self, seen: BatchSeen) -> None:
        """Keep the first batch in which something is not finite."""
        noticed = not seen.finite or len(self._silent) > self._before
        self._before = len(self._silent)
        if noticed and self._broken is None:
            self._broken = seen

    def probe(self, sample: Sample) -> None:
        """Run the model again on that batch, and find the first place and its cause."""
        if self._broken is None:
            return
        batch = self._broken.batch
        rerun = Rerun(sample.model, sample.call, batch, list(self._layers.values()), sample.inputs)
        found = rerun.first_place()
        if found is not None:
            sources = sources_of(sample.model, batch, found.path)
            self._found = found, rerun.cause(found, sources)

    def check(self, model: nn.Module, layers: Sequence[LayerInfo]) -> list[Finding]:
        """Report what is not finite in the parameters, if that has come to bear nowhere."""
        del layers
        if self._found is not None:
            return []
        return [
            Finding(
                self.id,
                self.severity,
                place(source.path),
                f"the parameter {source.name} is not finite: {source.broken.said()}, the first is "
                f"{source.broken.kind}; no batch used it",
                {"cause": "parameter", "name": source.name, **_numbers(source)},
                *_REMEDIES["parameter"],
            )
            for source in own_sources(model)
            if source.kind == "parameter"
        ]

    def findings(self) -> list[Finding]:
        """Report the first place, and what leads to it."""
        if self._found is None or self._broken is None:
            return []
        found, source = self._found
        seen = self._broken
        layers = [info.path for info in self._layers.values() if _within(found.path, info.path)]
        where = found.path or MODEL
        stage = (
            f"what {where} returns" if found.stage == OUTPUT else f"the {found.stage} of {where}"
        )
        evidence: dict[str, Any] = {
            "batch": seen.number,
            "first_seen": found.path,
            "stage": found.stage,
            "layers": layers,
            "not_judged": list(self._silent),
        }
        what: str
        if source is not None:
            what = source.kind
            evidence |= {"cause": what, "name": source.name, **_numbers(source)}
            at = ""
            if isinstance(source, Given):
                more, at = in_the_batch(seen.batch, source.key, source.broken.first)
                evidence |= more
            message = (
                f"the {what} {source.name} is not finite{f' in batch {seen.number}' * bool(at)}: "
                f"{source.broken.said()}, the first is {source.broken.kind}{at}; first seen in "
                f"{stage}, batch {seen.number}"
            )
        else:
            what = "between" if found.inputs_finite is False else "computed"
            more, at = in_the_model(found, seen.batch)
            evidence |= {"cause": what, "name": found.path, **_numbers(found), **more}
            message = (
                f"{found.broken.said()} in {stage} in batch {seen.number}, the first is "
                f"{found.broken.kind}{at}; {_entered(found)}"
            )
        if self._silent:
            message += f"; other rules do not judge {_list(list(self._silent))}"
        return [
            Finding(
                self.id,
                self.severity,
                place(found.path if source is None else source.path),
                message,
                evidence,
                *_REMEDIES[what],
            )
        ]


_REMEDIES = {
    "parameter": (
        "training has diverged, or what the weights were read from is broken",
        "go back to a checkpoint before; train with a lower learning rate or clipped gradients",
    ),
    "buffer": (
        "a buffer, such as a batch norm's running mean, took in such a number",
        "reset the buffer (reset_running_stats for a batch norm), and fix what fed it",
    ),
    "input": (
        "the data hold numbers that are not finite",
        "fix or drop that graph, or fill in the missing number",
    ),
    "computed": (
        "what enters is too large for the numbers it is computed in, or something is 0/0",
        "compute this part in float32 or bfloat16, scale what enters it, or bound it before exp",
    ),
    "between": (
        "it is computed between modules, in the forward of what holds them",
        "look at what is computed there: exp, a division, a logarithm or a square root",
    ),
}
"""Cause and remedy by what the first place is."""


def _numbers(of: Source | Place) -> dict[str, Any]:
    broken = of.broken
    return {
        "kind": broken.kind,
        "position": list(broken.first),
        "not_finite": broken.number,
        "values": broken.values.numel(),
        "dtype": str(broken.values.dtype).removeprefix("torch."),
    }


def _entered(found: Place) -> str:
    """Say what entered the place."""
    dtype = found.broken.values.dtype
    name, most = str(dtype).removeprefix("torch."), torch.finfo(dtype).max
    if found.inputs_finite is False:
        return "no module returned what enters it, so it was computed between modules"
    given = f" and no larger than {found.largest:.3g}" if found.largest else ""
    return f"what enters it is finite{given}; {name} holds numbers up to {most:.3g}"


def _within(path: str, layer: str) -> bool:
    return path == layer or not layer or path.startswith(f"{layer}.")


def _list(paths: Sequence[str]) -> str:
    shown = ", ".join(paths[:4])
    return shown + (f" and {len(paths) - 4} more" if len(paths) > 4 else "")  # noqa: PLR2004  (of those shown)
