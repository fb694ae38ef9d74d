"""Rule: edge features that reach no layer."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from edgescope.diagnose.finding import MODEL, Finding, Severity, place
from edgescope.diagnose.rules.base import LayerInfo, LayerSeen, Rule, Sample

SAME = 1e-5
"""Largest difference of the outputs, relative to their largest magnitude, up to which they are the
same: a hundred times the precision of float32, as sums on a GPU may come in another order."""

FEATURES = ("edge_attr", "edge_type", "edge_weight")
"""What a PyG batch may hold for every edge."""


@dataclass
class EdgeFeaturesIgnored(Rule):
    """A model, or layers of it, that do not use the edge features of the batch.

    Attributes:
        same: largest difference of the outputs, relative to their largest magnitude, up to which
            they count as unchanged.
    """

    id: ClassVar[str] = "edge-features-ignored"
    title: ClassVar[str] = "edge features make no difference"
    severity: ClassVar[Severity] = "warning"
    needs: ClassVar[frozenset[str]] = frozenset({"rows"})
    samples: ClassVar[bool] = True
    explanation: ClassVar[str] = """\
PyG's layers take no notice of `edge_attr` unless they are built with `edge_dim` *and* called with
it, and say nothing. Two things are looked at. On a sample of batches the features (`edge_attr`,
`edge_type`, `edge_weight`) are permuted among the edges and the model is run again: if its output
stays the same, the model does not use them, which is a warning. And a layer that could take edge
features, but was called without them, is a note if the rest of the model uses them.

Batches whose edges all have the same features tell nothing and are passed over.

**Threshold.** `same` = 1e-5, relative to the largest output: a hundred times the precision of
float32, as sums on a GPU may come in another order.

**What to do.** Build the layers with `edge_dim=` the number of features and call them with
`edge_attr`; embed integer types first (`torch.nn.Embedding`).

**False alarm?** The note is one where a layer leaves out edge features on purpose, as the first
layer of several may. An untrained model whose readout starts at zero has the same output for
everything.
"""

    same: float = SAME

    def begin(self, layers: Sequence[LayerInfo]) -> None:
        """Forget what was seen."""
        del layers
        self._without: dict[str, type] = {}
        self._changes: list[float] = []

    def observe(self, seen: LayerSeen) -> None:
        """Note the layers that could take edge features and are called without."""
        arguments = seen.arguments or {}
        if hasattr(seen.layer, "edge_dim") and arguments.get("edge_attr", 0) is None:
            self._without[seen.path] = type(seen.layer)

    def probe(self, sample: Sample) -> None:
        """Permute the edge features of each batch and see how much the output changes."""
        generator = torch.Generator().manual_seed(sample.seed)
        for batch, output in zip(sample.batches, sample.outputs, strict=True):
            permuted = permute_edge_features(batch, generator)
            if permuted is not None:
                again = sample.call(sample.model, permuted)
                self._changes.append(relative_change(output, again))

    def findings(self) -> list[Finding]:
        """Report the model, or else the layers that were called without features."""
        if not self._changes:
            return []
        change, tried = max(self._changes), len(self._changes)
        evidence: dict[str, float | int | str | list[Any]] = {
            "largest_change": change,
            "batches": tried,
        }
        evidence["without"] = list(self._without)
        remedy = "build the layers with edge_dim= and call them with edge_attr"
        if change <= self.same:
            where = list(self._without)
            return [
                Finding(
                    self.id,
                    self.severity,
                    MODEL,
                    f"permuting the edge features of {tried} batches changes no output by more "
                    f"than {change:.1e} of its size",
                    evidence,
                    f"{_list(where)} could take edge features and got none"
                    if where
                    else "no layer takes edge features, or what takes them has weights of zero",
                    remedy,
                    "edge-dim" if where else None,
                )
            ]
        return [
            Finding(
                self.id,
                "note",
                place(path),
                f"this {kind.__name__} was called without edge_attr, though the batch has edge "
                "features and other parts of the model use them",
                evidence,
                "it is built without edge_dim, or edge_attr is not handed on to it",
                remedy,
                "edge-dim",
            )
            for path, kind in self._without.items()
        ]


def permute_edge_features(batch: Any, generator: torch.Generator) -> Any | None:  # noqa: ANN401  (any PyG batch)
    """Return a copy of a batch with its edge features permuted among the edges of each relation.

    Returns:
        The copy; ``None`` if the batch has no edge features, or all are alike.
    """
    changed = copy.copy(batch)
    moved = False
    for store in getattr(changed, "edge_stores", []):
        for name in FEATURES:
            values = store.get(name)
            if not isinstance(values, Tensor) or not values.dim() or len(values) < 2:  # noqa: PLR2004  (to permute)
                continue
            order = torch.randperm(len(values), generator=generator).to(values.device)
            moved = moved or not torch.equal(values, values[order])
            store[name] = values[order]
    return changed if moved else None


def relative_change(before: object, after: object) -> float:
    """Return the largest difference between two outputs over the largest magnitude in them.

    0 if both are zero; infinite if their shapes differ, or only one of them is finite somewhere.
    """
    difference = largest = 0.0
    for one, other in zip(_tensors(before), _tensors(after), strict=True):
        if one.shape != other.shape or not torch.equal(one.isfinite(), other.isfinite()):
            return torch.inf
        known = one.isfinite()
        pair = torch.stack([one[known], other[known]]).double()
        if pair.numel():
            difference = max(difference, float(pair.diff(dim=0).abs().max()))
            largest = max(largest, float(pair.abs().max()))
    return difference / largest if largest else 0.0


def _tensors(output: object) -> Iterator[Tensor]:
    """Go through the tensors in what a model returns."""
    if isinstance(output, Tensor):
        yield output
    elif isinstance(output, Mapping):
        for each in output.values():
            yield from _tensors(each)
    elif isinstance(output, tuple | list):
        for each in output:
            yield from _tensors(each)


def _list(paths: Sequence[str]) -> str:
    shown = [path or MODEL for path in paths[:3]]
    return ", ".join(shown) + (f" and {len(paths) - 3} more" if len(paths) > len(shown) else "")
