"""Rule: edge features that reach no layer."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from edgescope.diagnosis.finding import MODEL, Finding, Severity, place
from edgescope.diagnosis.layer_remedies import applicable
from edgescope.diagnosis.module_values import tensors_in
from edgescope.diagnosis.neighbour_sums import all_finite, largest_magnitude, scaled
from edgescope.diagnosis.rules.diagnosis_rule import LayerInfo, LayerSeen, Rule, Sample

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
    finite: ClassVar[bool] = False
    samples: ClassVar[bool] = True
    explanation: ClassVar[str] = """\
Three things are looked at. *Dropped*: a `GATConv` that was built without `edge_dim` and is called
with `edge_attr` ignores it silently (in PyG 2.8, `GATv2Conv` and `RGATConv` raise an
error then, and `TransformerConv` adds the raw features to the values, or raises an error). That is
a warning, read off the layer and its arguments. *Without effect*: on a sample of batches the
features (`edge_attr`, `edge_type`, `edge_weight`) are permuted among the edges and the model is run
again; if its output stays the same, the model does not use them, which is a warning. *Not handed
on*: a layer that could take edge features, but is called without them, is a note if the rest of the
model uses them.

Batches whose edges all have the same features tell nothing of effects and are passed over. Nothing
is said of effects either where no node has several edges: all of its weight is on the one that it
has, whatever its features.

**Threshold.** `same` = 1e-5, relative to the largest output: a hundred times the precision of
float32, as sums on a GPU may come in another order.

**What to do.** Build the layers with `edge_dim=` the number of features *and* call them with
`edge_attr`; embed integer types first (`torch.nn.Embedding`). Where the layer is called with real
features and only `edge_dim` is missing, `try_remedy` does that.

**False alarm?** The note is one where a layer leaves out edge features on purpose, as the first
layer of several may. An untrained model whose readout starts at zero has the same output for
everything.
"""

    same: float = SAME

    def begin(self, layers: Sequence[LayerInfo]) -> None:
        """Forget what was seen."""
        del layers
        self._dropped: dict[str, tuple[nn.Module, Tensor]] = {}
        self._without: dict[str, tuple[nn.Module, bool]] = {}
        self._changes: list[float] = []
        self._choices = False

    def observe(self, seen: LayerSeen) -> None:
        """Note the layers that drop edge features, and those that could take some and get none."""
        self._choices = self._choices or bool((seen.degree > 1).any())
        if seen.adapter.edge_option is None:
            return
        given = (seen.arguments or {}).get("edge_attr", ())
        if given is None:
            self._without[seen.path] = (seen.layer, _built_for_features(seen))
        elif isinstance(given, Tensor) and "edge_attr" not in seen.adapter.edge_arguments(
            seen.layer
        ):
            self._dropped[seen.path] = (seen.layer, given[:0].detach())

    def probe(self, sample: Sample) -> None:
        """Permute the edge features of each batch and see how much the output changes."""
        generator = torch.Generator().manual_seed(sample.seed)
        for batch, output in zip(sample.batches, sample.outputs, strict=True):
            permuted = permute_edge_features(batch, generator)
            if permuted is not None:
                change = relative_change(output, sample.call(sample.model, permuted))
                if change is None:
                    self.leave_out("")
                else:
                    self._changes.append(change)

    def findings(self) -> list[Finding]:
        """Report the layers that drop features, and the model or else the layers without any."""
        dropped = [self._drop(path, *each) for path, each in self._dropped.items()]
        if not self._changes:
            return dropped
        if max(self._changes) <= self.same:
            return [*dropped, self._no_effect()] if self._choices else dropped
        return [*dropped, *(self._not_handed_on(path) for path in self._without)]

    def _drop(self, path: str, layer: nn.Module, given: Tensor) -> Finding:
        real = given.is_floating_point()
        number = given.size(1) if given.dim() > 1 else 1
        return Finding(
            self.id,
            self.severity,
            place(path),
            f"this {type(layer).__name__} is called with edge_attr of {number} "
            f"feature{'s' * (number > 1)} and ignores it",
            {"edge_dim": number, "real": int(real)},
            "it is built without edge_dim",
            f"build it with edge_dim={number}"
            if real
            else "embed the integers (torch.nn.Embedding), and build it with edge_dim= the width",
            applicable("edge-dim", layer, edge_dim=number) if real else None,
        )

    def _no_effect(self) -> Finding:
        change, tried = max(self._changes), len(self._changes)
        causes = [
            f"{_list(list(paths))} {what}"
            for paths, what in (
                (self._dropped, "dropped edge_attr"),
                (self._without, "could take edge features and got none"),
            )
            if paths
        ]
        return Finding(
            self.id,
            self.severity,
            MODEL,
            f"permuting the edge features of {tried} batch{'es' * (tried > 1)} changes no output "
            f"by more than {change:.1e} of its size",
            {
                "largest_change": change,
                "batches": tried,
                "dropped": list(self._dropped),
                "without": list(self._without),
            },
            "; ".join(causes) or "no layer takes edge features, or what takes them has no effect",
            "build the layers with edge_dim= and call them with edge_attr",
        )

    def _not_handed_on(self, path: str) -> Finding:
        layer, built = self._without[path]
        return Finding(
            self.id,
            "note",
            place(path),
            f"this {type(layer).__name__} was called without edge_attr, though the batch has edge "
            "features and other parts of the model use them",
            {"largest_change": max(self._changes), "batches": len(self._changes)},
            "the model does not pass edge_attr to it"
            + ("" if built else ", and it is built without edge_dim"),
            "call it with edge_attr" + ("" if built else ", and build it with edge_dim="),
        )


def _built_for_features(seen: LayerSeen) -> bool:
    """Return whether a layer was built with a number of edge features."""
    return getattr(seen.layer, seen.adapter.edge_option or "", None) is not None


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


def relative_change(before: object, after: object) -> float | None:
    """Return the largest difference between two outputs over the largest magnitude in them.

    0 if both are zero, infinite if their shapes differ, ``None`` if a number is not finite.
    """
    pairs = list(zip(tensors_in(before), tensors_in(after), strict=True))
    if any(one.shape != other.shape for one, other in pairs):
        return torch.inf
    if not all(all_finite(one) and all_finite(other) for one, other in pairs):
        return None
    sizes = [largest_magnitude(each) for pair in pairs for each in pair]
    largest = max(sizes, default=0.0)
    return max(
        (largest_magnitude(scaled(one, largest) - scaled(other, largest)) for one, other in pairs),
        default=0.0,
    )


def _list(paths: Sequence[str]) -> str:
    shown = [path or MODEL for path in paths[:3]]
    return ", ".join(shown) + (f" and {len(paths) - 3} more" if len(paths) > len(shown) else "")
