"""The first site as a function of the types of an edge and of its two ends, enumerated whole."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import polars as pl
import torch
from torch import Tensor, nn

from edgescope.capturing import EdgeActivations, edit
from edgescope.capturing.forward_pass import Trust
from edgescope.intervene.origins.massive_counts import Choose
from edgescope.intervene.replay import Passes, Place
from edgescope.lib.compiled_parts import plain_path
from edgescope.lib.eval_mode import evaluating
from edgescope.lib.model_call import Call, attribute
from edgescope.scanning.batches import device_of, on_device

SAME = 1e-5
"""Relative deviation up to which two edges have the same values: a hundred times the rounding of
float32, as matrix products of other sizes add up in another order."""

MOST_TRIPLES = 4096
"""Different triples beyond which features are no types."""

TYPES: dict[str, type[pl.DataType]] = {
    "site": pl.String,
    "source": pl.String,
    "target": pl.String,
    "edge": pl.String,
    "edges": pl.Int64,
    "massive": pl.Boolean,
    "massive_untrained": pl.Boolean,
    "largest": pl.Float64,
    "largest_untrained": pl.Float64,
}

Key = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]
"""Types of the source, of the target and of the edge; an added edge has none."""


class NotEnumerable(Exception):  # noqa: N818  (no error: something is not possible)
    """A site is no function of types, or there is nothing to find; the reason is the message."""


class OneTriple(NamedTuple):
    """What a site has for edges of one kind."""

    massive: bool
    largest: float
    values: Tensor
    """``[H, D]``, of the first such edge."""


class TripleCall:
    """Calls a model and remembers on which batch, whose features are looked up then.

    Args:
        call: how to call the model.
        inputs: what the model calls its inputs.
    """

    def __init__(self, call: Call, inputs: Mapping[str, str] | None) -> None:
        self._call = call
        self._names = dict(inputs or {})
        self._batch: Any = None
        self.number = -1

    def __call__(self, model: nn.Module, batch: Any) -> Any:  # noqa: ANN401  (as any call)
        """Call the model."""
        self._batch, self.number = batch, self.number + 1
        return self._call(model, batch)

    def keys(self, found: EdgeActivations) -> tuple[Tensor, int, int]:
        """Return the types of the ends and of every edge of a site ``[E, C]``.

        Returns:
            The types, and how many columns source and target have.

        Raises:
            NotEnumerable: if features are no types.
        """
        of = found.identity
        if of.relations is not None:
            raise NotEnumerable("nodes of several sets have features of their own")
        node = _types(attribute(self._batch, self._names.get("x", "x")), "x")
        edge = attribute(self._batch, self._names.get("edge_attr", "edge_attr"))
        given = of.in_input.cpu()
        if edge is None:
            kind = torch.zeros(len(given), 1, dtype=torch.int64)
        else:
            types = _types(edge, "edge_attr")  # none at all, where only loops were added
            kind = types[given.clamp(min=0)] if len(types) else types.new_zeros(len(given), 1)
        kind = torch.cat([kind, (given >= 0).long().unsqueeze(1)], 1)
        kind = kind * kind[:, -1:]  # an added edge has no type
        ends = [node[end.cpu()] for end in (of.source, of.target)]
        return torch.cat([*ends, kind], 1), node.size(1), node.size(1)


def _types(given: object, name: str) -> Tensor:
    """Return features as integers ``[N, C]``."""
    if not isinstance(given, Tensor):
        raise NotEnumerable(f"the batches have no {name}")
    values = given.detach().cpu()
    values = values.unsqueeze(1) if values.dim() == 1 else values.flatten(1)
    whole = values.isfinite() & (values == values.round()) if values.is_floating_point() else None
    if whole is not None and not bool(whole.all()):
        raise NotEnumerable(f"{name} holds real numbers, which are no types")
    return values.long()


class Triples:
    """The triples of types that occur in the data, and what a site has for each.

    Args:
        site: name of the site.
        choose: says what is massive.
        call: calls the model.

    Attributes:
        edges: how many edges of each kind there are.
        batches: numbers of the batches in which there was a new kind.
        deviation: the largest relative deviation between edges of one kind.
        divided: whether of one kind some edges are massive and some are not.
    """

    def __init__(self, site: str, choose: Choose, call: TripleCall) -> None:
        self.site = site
        self.edges: dict[Key, int] = {}
        self.batches: list[int] = []
        self.deviation = 0.0
        self.divided = False
        self._choose = choose
        self._call = call

    def run(self, passes: Passes) -> dict[Key, OneTriple]:
        """Return what a model has at the site for each kind.

        Raises:
            NotEnumerable: if features are no types, or edges of one kind differ.
        """
        found: dict[Key, OneTriple] = {}
        self.edges, self.batches, self._call.number = {}, [], -1

        def take(activations: EdgeActivations, place: Place) -> None:
            if activations.site != self.site:
                return  # a second call of the layer, whose input is no type
            keys, sources, targets = self._call.keys(activations)
            values = activations.values.detach().cpu()
            chosen = self._choose(place()).flatten(1).any(1).cpu()
            chosen = chosen & values.float().isfinite().flatten(1).all(1)
            unique, which = torch.unique(keys, dim=0, return_inverse=True)
            first = torch.full((len(unique),), len(which)).scatter_reduce(
                0, which, torch.arange(len(which)), "amin"
            )
            counts = which.bincount(minlength=len(unique)).tolist()
            for number, row in enumerate(unique.tolist()):
                ends = sources + targets
                key = tuple(row[:sources]), tuple(row[sources:ends]), tuple(row[ends:])
                at = int(first[number])
                if key not in found:
                    top = values[at].float().abs().nan_to_num()
                    largest = float(top.max()) if top.numel() else 0.0
                    found[key] = OneTriple(bool(chosen[at]), largest, values[at])
                    if self.batches[-1:] != [self._call.number]:
                        self.batches.append(self._call.number)
                self.edges[key] = self.edges.get(key, 0) + counts[number]
                self._compare(values[which == number], found[key].values)
                alike = chosen[which == number] == found[key].massive
                self.divided = self.divided or not bool(alike.all())
            if len(found) > MOST_TRIPLES:
                raise NotEnumerable(
                    f"there are more than {MOST_TRIPLES:,} different triples of features"
                )

        passes.observed([self.site], take, "", False)
        if self.deviation > SAME:
            raise NotEnumerable(
                f"edges of the same types differ there by up to {self.deviation:.2g} of their "
                "largest value, as something else enters"
            )
        if self.divided:
            raise NotEnumerable(
                "of edges of the same types some are massive there and some are not, as where= "
                "looks at something else, or their values are within rounding of a threshold"
            )
        return found

    def _compare(self, values: Tensor, own: Tensor) -> None:
        same = own.double().nan_to_num()
        gap = (values.double().nan_to_num() - same).abs().max()
        largest = same.abs().max()
        self.deviation = max(self.deviation, float(gap / largest) if largest else float(gap))

    def massive(self, found: Mapping[Key, OneTriple], edges: Mapping[Key, int]) -> int:
        """Return how many edges of the whole data hold something massive."""
        return sum(edges[key] for key, one in found.items() if one.massive)

    def table(
        self, trained: Mapping[Key, OneTriple], untrained: Mapping[Key, OneTriple]
    ) -> list[dict[str, Any]]:
        """Return one row per kind, those with the largest values first."""
        rows = []
        for key, one in trained.items():
            source, target, edge = (", ".join(map(str, part)) for part in key)
            other = untrained[key]
            row: dict[str, Any] = {"site": self.site, "source": source, "target": target}
            row["edge"] = edge.rpartition(", ")[0] if key[2][-1] else "added"
            row |= {"massive": one.massive, "massive_untrained": other.massive}
            row |= {"largest": one.largest, "largest_untrained": other.largest}
            rows.append(row | {"edges": self.edges[key]})
        return sorted(rows, key=lambda row: -row["largest"])


def upstream(
    model: nn.Module,
    batch: Any,  # noqa: ANN401  (any PyG batch)
    site: str,
    call: Call,
    inputs: Mapping[str, str] | None,
    trust: Trust = (),
) -> list[str]:
    """Return the names of the parameters that the values of a site depend on, by autograd.

    Buffers are named as well if the module that holds them was entered before the site.

    Args:
        model: the model.
        batch: a batch to run it on.
        site: name of the site, which can be edited.
        call: how to call the model.
        inputs: what the model calls its inputs.
        trust: sites whose edges the user vouches for.
    """
    parameters = {
        name: tensor for name, tensor in model.named_parameters() if tensor.is_floating_point()
    }
    asked = {name: parameter.requires_grad for name, parameter in parameters.items()}
    ran: set[str] = set()
    before: set[str] = set()
    found: list[str] = []
    handles = [
        module.register_forward_pre_hook(lambda *_, path=path: ran.add(path))
        for path, module in model.named_modules()
    ]

    def look(activations: EdgeActivations) -> None:
        if before or found:
            return  # of a layer that runs several times, the first
        before.update(ran)
        total = activations.values.double().sum()
        if not total.requires_grad:
            return
        grads = torch.autograd.grad(total, list(parameters.values()), allow_unused=True)
        found.extend(name for name, grad in zip(parameters, grads, strict=True) if grad is not None)

    try:
        for parameter in parameters.values():
            parameter.requires_grad_(True)
        with evaluating(model), torch.enable_grad(), edit(model, site, look, inputs, trust):
            call(model, on_device(batch, device_of(model)))
    finally:
        for handle in handles:
            handle.remove()
        for name, parameter in parameters.items():
            parameter.requires_grad_(asked[name])
    own = [name for name, _ in model.named_buffers() if name.rpartition(".")[0] in before]
    return [plain_path(model, name) for name in (*found, *own)]
