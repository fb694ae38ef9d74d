"""The states that enter each layer of edgescope's own models, as a sum of what blocks have written.

A state block adds to its state and may then normalise. Batch norm in eval mode scales every channel
by a constant and shifts it, so the sum stays a sum: earlier parts are scaled, and the shift is one
more part. Layer norm divides by a number that all parts have made together, and is refused. A block
that normalises first leaves the state itself a plain sum, of which attention is given the norm.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from edgescope.models.attention import EdgeAttention
from edgescope.models.blocks import StateBlock
from edgescope.models.fixed_edges import FixedEdgeLayer
from edgescope.models.graph_transformer import GraphTransformerLayer
from edgescope.models.property_model import PropertyModel

INPUT = "input"
"""What the state is called that enters the first layer."""

Parts = dict[str, Tensor]


class Written(NamedTuple):
    """Places in a projection, ``k`` of them."""

    row: Tensor
    """Node or edge, as the scores are given them ``[k]``."""
    head: Tensor
    channel: Tensor


class Stream:
    """Follows the states of nodes and edges through a model.

    Args:
        model: the model.
        paths: of its attention layers whose states are wanted.

    Attributes:
        unknown: path of a layer and factor to the reason why its writers are not known.
    """

    def __init__(self, model: nn.Module, paths: Sequence[str]) -> None:
        self.unknown: dict[tuple[str, str], str] = {}
        self._modules = dict(model.named_modules())
        self._paths = paths
        self._parts: dict[str, Parts | str] = {}
        self._at: dict[str, dict[str, Parts | str]] = {}
        self._real: dict[str, Tensor | None] = {}
        self._owners = [
            path for path, module in self._modules.items() if isinstance(module, PropertyModel)
        ]

    @contextmanager
    def followed(self) -> Iterator[None]:
        """Follow the states while the block runs."""
        handles: list[Any] = []
        for owner in self._owners:
            layers = self._modules[owner].layers
            for number, layer in enumerate(layers):
                path = f"{owner}.layers.{number}".lstrip(".")
                handles += self._hooks(path, layer, first=number == 0)
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def written(self, path: str, factor: str, at: Written) -> Parts:
        """Return what each writer adds to a projection at some places ``[k]``.

        Empty if that is not known.

        Args:
            path: of the attention layer.
            factor: ``"query"``, ``"key"`` or ``"edge"``.
            at: the places.
        """
        layer = self._modules[path]
        assert isinstance(layer, EdgeAttention)
        held = self._at.get(path)
        parts = "the layers around it are not edgescope's own" if held is None else ""
        if held is not None:
            found = held["edge" if factor == "edge" else "node"]
            if layer.qk_norm and factor != "edge":
                found = "queries and keys are normalised after their projection"
            if not isinstance(found, str):
                return self._projected(path, layer, factor, found, at)
            parts = found
        self.unknown[path, factor] = parts
        return {}

    def _projected(
        self, path: str, layer: EdgeAttention, factor: str, parts: Parts, at: Written
    ) -> Parts:
        size = len(next(iter(parts.values())))
        column = at.head * layer.head_dim + at.channel
        row, added = at.row, torch.zeros_like(at.row, dtype=torch.bool)
        if factor == "edge":
            real = self._real.get(path)
            added = added if real is None else ~real[row]
        elif layer.full_graph:
            row, added = row % size, row >= size
        found: Parts = {}
        weights = [(factor, ~added)] + ([(f"added_{factor}", added)] if layer.full_graph else [])
        for name, which in weights:
            linear = getattr(layer, name)
            weight = linear.weight.detach().double()[column]  # [k, F]
            for writer, part in parts.items():
                product = (weight * part[row]).sum(1).where(which, 0.0)
                found[writer] = found[writer] + product if writer in found else product
            if linear.bias is not None:
                found[f"{path}.{name}.bias"] = linear.bias.detach().double()[column].where(which, 0)
        return found

    def _hooks(self, path: str, layer: nn.Module, first: bool) -> list[Any]:
        if not isinstance(layer, GraphTransformerLayer | FixedEdgeLayer):
            return []

        def enter(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            if first:
                self._parts = {
                    name: {INPUT: state.detach().double()}
                    for name, state in zip(("node", "edge"), args, strict=False)
                }
            self._at[f"{path}.attention"] = {
                name: self._seen(path, layer, name) for name in self._parts
            }
            real = args[3] if len(args) > 3 else kwargs.get("edge_real")  # noqa: PLR2004  (its place)
            self._real[f"{path}.attention"] = real if isinstance(real, Tensor) else None

        handles: list[Any] = [layer.register_forward_pre_hook(enter, with_kwargs=True)]
        for name in ("node", "edge"):
            block = getattr(layer, name, None)
            if isinstance(block, StateBlock):
                handles += self._block_hooks(f"{path}.{name}", name, block)
        return handles

    def _seen(self, path: str, layer: nn.Module, name: str) -> Parts | str:
        """Return the parts of the states that attention is given, not yet those that it adds to."""
        block, parts = getattr(layer, name, None), self._parts[name]
        if not isinstance(block, StateBlock) or not block.norm_first:
            return parts
        return _normalised(parts, f"{path}.{name}.before", block.norm1)

    def _block_hooks(self, path: str, name: str, block: StateBlock) -> list[Any]:
        added: Parts = {}

        def wrote(which: str, value: Tensor) -> None:
            added[which] = value.detach().double()

        def done(*_: object) -> None:
            for which, norm in (("output", block.norm1), ("contract", block.norm2)):
                writer, parts = f"{path}.{which}", self._parts[name]
                if not isinstance(parts, str):
                    parts = {**(parts if block.residual else {}), writer: added[which]}
                self._parts[name] = parts if block.norm_first else _normalised(parts, writer, norm)

        return [
            block.output.register_forward_hook(lambda _, __, value: wrote("output", value)),
            block.contract.register_forward_hook(lambda _, __, value: wrote("contract", value)),
            block.register_forward_hook(done),
        ]


def _normalised(parts: Parts | str, writer: str, norm: nn.Module) -> Parts | str:
    """Return the parts of a state after it was normalised; the shift is named after the writer."""
    if isinstance(parts, str) or isinstance(norm, nn.Identity):
        return parts
    if not isinstance(norm, nn.BatchNorm1d) or norm.running_var is None or norm.training:
        return (
            f"{type(norm).__name__} divides by a number that all parts have made together, so "
            "there is no exact sum of what each of them adds"
        )
    assert norm.running_mean is not None
    scale = (norm.running_var.double() + norm.eps).rsqrt()
    shift = -norm.running_mean.double() * scale
    if norm.affine:
        scale, shift = scale * norm.weight.detach().double(), shift * norm.weight.detach().double()
        shift = shift + norm.bias.detach().double()
    now = {name: part * scale for name, part in parts.items()}
    return {**now, f"{writer}, norm": shift.expand_as(next(iter(now.values())))}
