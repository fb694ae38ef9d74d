"""A soft mask of edges that acts in every layer, whatever the layer makes of self-loops."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.explain.algorithm.utils import clear_masks, set_masks
from torch_geometric.nn import MessagePassing

from edgescope.attribute.flow import BACK, flows
from edgescope.capturing.adapters.adapter import bound_arguments
from edgescope.lib.errors import InputError
from edgescope.models.attention import EdgeAttention

SAME = 1e-4
"""How far an output may be, relative to its size, from that without self-loops that layers
replace; more than rounding means that they are used after all."""


def check_maskable(model: nn.Module) -> None:
    """Refuse a model without a layer that a mask of edges acts in.

    Raises:
        InputError: if it has none.
    """
    if not any(isinstance(module, MessagePassing | EdgeAttention) for module in model.modules()):
        raise InputError(
            f"{type(model).__name__} has no message-passing layer of PyG and no edge attention of "
            "edgescope, in which a mask of edges acts; use another method, such as occlusion"
        )


def loops_to_strip(model: nn.Module, edge_index: Tensor) -> Tensor:
    """Return which self-loops have to go before PyG's masks are right ``[E]``, boolean.

    Layers such as ``GATConv`` drop the self-loops of their input and append one per node. PyG
    notices by the number of edges, so its mask is right without loops in the input. With one per
    node the numbers agree and the order does not, and the mask lands on other edges, silently.

    Loops that no layer reads can go. Where some layers drop them and others use them there is no
    right order.

    Args:
        model: the model.
        edge_index: the edges ``[2, E]``.

    Raises:
        InputError: if there are self-loops which only some layers drop.
    """
    loops = edge_index[0] == edge_index[1]
    layers = [module for module in model.modules() if isinstance(module, MessagePassing)]
    replacing = [layer for layer in layers if getattr(layer, "add_self_loops", False)]
    others = len(replacing) < len(layers) or any(
        isinstance(module, EdgeAttention) for module in model.modules()
    )
    if not bool(loops.any()) or not replacing:
        return torch.zeros_like(loops)
    if others:
        raise InputError(
            f"some layers of {type(model).__name__} drop self-loops and add their own, others use "
            "those given, and a mask of edges cannot be right in both; remove the self-loops from "
            "the data, or use another method"
        )
    return loops


def check_reversed(model: nn.Module, edge_index: Tensor, run: Callable[[], Tensor]) -> None:
    """Refuse a model of reversed flow that a mask of ones changes.

    Under a mask PyG collects the states of nodes in another way, and takes those of sources for
    those of targets in a layer that has two of them, such as ``GATv2Conv``, and
    ``flow="target_to_source"``. What a mask is learnt for is then another model.

    Args:
        model: the model.
        edge_index: the edges that it is called with ``[2, E]``.
        run: calls it and returns its output.

    Raises:
        InputError: if the output is another one under the mask.
    """
    if BACK not in flows(model):
        return
    with torch.no_grad(), clean_masks(model):
        before = run()
        set_masks(
            model, torch.ones(edge_index.size(1), device=edge_index.device), edge_index, False
        )
        after = run()
    if not torch.allclose(before, after, rtol=SAME, atol=SAME):
        raise InputError(
            "under a mask that leaves every edge as it is, PyG computes something else in layers "
            f"of {type(model).__name__} with flow='target_to_source', so a mask of edges cannot be "
            "learnt; turn the edges around and use the default flow, or use another method, such "
            "as occlusion"
        )


@contextmanager
def masked_attention(
    model: nn.Module, edge_index: Tensor, mask: Callable[[], Tensor | None]
) -> Iterator[None]:
    """Multiply attention weights of edgescope's layers by a mask, before they are normalised.

    So an edge with mask 0 is as good as removed. Added pairs of a full graph are not masked.

    Args:
        model: the model.
        edge_index: the edges that the model is called with ``[2, E]``.
        mask: gives the mask ``[E]`` of the moment, or ``None`` for none.
    """

    def hook(layer: EdgeAttention) -> Iterator[Callable[[], None]]:
        factor: list[Tensor] = []

        def enter(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            factor.clear()
            now = mask()
            if now is None:
                return
            given = bound_arguments(layer, args, kwargs)
            factor.append(_on_rows(now, given["edge_index"], given["edge_real"], edge_index))

        def weighed(_: nn.Module, __: object, weight: Tensor) -> Tensor:
            return weight * factor[0].unsqueeze(1) if factor else weight

        yield layer.register_forward_pre_hook(enter, with_kwargs=True).remove
        yield layer.weight.register_forward_hook(weighed).remove

    with ExitStack() as hooks:
        for module in model.modules():
            if isinstance(module, EdgeAttention):
                for remove in hook(module):
                    hooks.callback(remove)
        yield


@contextmanager
def clean_masks(model: nn.Module) -> Iterator[None]:
    """Take away what PyG's explainers leave on layers, also when a call raises."""
    layers = [module for module in model.modules() if isinstance(module, MessagePassing)]
    known = [(layer, "_edge_mask" in layer._parameters) for layer in layers]  # noqa: SLF001
    of_class = [layer for layer in layers if "propagate" not in vars(layer)]
    try:
        yield
    finally:
        if layers:
            clear_masks(model)
        for layer, was_parameter in known:
            if not was_parameter:
                # A mask that was a parameter leaves an entry without value among them.
                layer._parameters.pop("_edge_mask", None)  # noqa: SLF001
                layer._edge_mask = None  # noqa: SLF001
        for layer in of_class:
            # PyG puts back the function of the class as one of the layer's own, for which what is
            # compiled would be compiled anew.
            vars(layer).pop("propagate", None)


def _on_rows(mask: Tensor, seen: Tensor, real: Tensor | None, given: Tensor) -> Tensor:
    """Return the factor of every row of a layer ``[R]``: the mask of its edge, 1 for added pairs.

    Raises:
        InputError: if the layer sees other edges than the model was given.
    """
    rows = torch.ones_like(seen[0], dtype=torch.bool) if real is None else real.view(-1) != 0
    if not torch.equal(seen[:, rows], given):
        raise InputError(
            "a layer sees other edges than the model was given, so a mask of edges would act on "
            "the wrong ones; use another method, such as occlusion"
        )
    position = rows.nonzero().squeeze(1)
    return mask.new_ones(seen.size(1)).index_copy(0, position, mask)
