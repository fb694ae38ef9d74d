"""What is right, from the layers themselves and from the graphs as they were given."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from inspect import signature
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch_geometric.data import Batch, Data
from torch_geometric.nn import FAConv, HGTConv, MessagePassing

from support.zoo.case import Case

Calls = dict[str, list[tuple[tuple[Any, ...], dict[str, Any], Any]]]


@contextmanager
def watched(model: nn.Module) -> Iterator[Calls]:
    """Note every call of every layer: arguments and output."""
    calls: Calls = defaultdict(list)
    handles = [
        layer.register_forward_hook(
            lambda _, args, kwargs, out, path=path: calls[path].append((args, kwargs, out)),
            with_kwargs=True,
        )
        for path, layer in named_originals(model)
    ]
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()


def named_originals(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Give every module with its path; not what torch.compile wraps around one."""
    for path, module in model.named_modules():
        if type(module).__name__ != "OptimizedModule":
            names = [name for name in path.split(".") if name != "_orig_mod"]
            yield ".".join(names), module


def own_weights(layer: nn.Module, call: Any) -> tuple[Tensor, Tensor] | None:
    """Return a layer's edges and attention, if it gives them."""
    if "return_attention_weights" not in signature(layer.forward).parameters:
        return None
    args, kwargs, _ = call
    with torch.no_grad():
        _, (edges, weight) = layer.forward(*args, **kwargs, return_attention_weights=True)
    return edges, weight


def check_layer(model: nn.Module, path: str, calls: Calls, tape: Any) -> int:
    """Compare what was captured of a layer with what it says itself; return how many calls."""
    layer = model.get_submodule(path)
    layer = getattr(layer, "_orig_mod", layer)
    for number, call in enumerate(calls[path], 1):
        name = path if number == 1 else f"{path}@{number}"
        found = tape[f"{name}:weight"]
        own = own_weights(layer, call)
        if own is not None:
            edges, weight = own
            assert torch.equal(found.edge_index, edges)
            theirs = weight.view(found.values.shape).float()
            torch.testing.assert_close(found.values.float(), theirs, rtol=2e-2, atol=1e-3)
            if weight.dtype == torch.float32:
                torch.testing.assert_close(found.values, weight.view(found.values.shape))
        # HGT takes the softmax over all relations that end in a type of nodes.
        hgt = isinstance(layer, HGTConv)
        if not isinstance(layer, FAConv):  # whose weights are gates
            check_sums(found, (lambda name: name.split()[-1]) if hgt else str)
    return len(calls[path])


def check_sums(found: Any, together: Callable[[str], str]) -> None:
    """Check that the weights of every target sum to one, over the relations put ``together``."""
    said, values = found.identity, found.values[:, :, 0].double()
    names = ("",) if said.relations is None else said.relations
    numbers = torch.zeros_like(said.target) if said.relation is None else said.relation
    groups = [together(names[number]) for number in numbers.tolist()]
    keys = list(zip(groups, said.target.tolist(), strict=True))
    number_of = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    index = torch.tensor([number_of[key] for key in keys])
    total = values.new_zeros(len(number_of), values.size(1)).index_add(0, index, values)
    torch.testing.assert_close(total, torch.ones_like(total), rtol=2e-2, atol=2e-2)


def graphs_of(batch: Any, told: bool) -> list[Any]:
    """Return the graphs of a batch as they were before it was made, if a model is told them."""
    return batch.to_data_list() if isinstance(batch, Batch) and told else [batch]


def given_edges(batch: Any, said: str, graph: int, relation: str | None, told: bool) -> Tensor:
    """Return the edges of a graph that a row's input names ``[2, M]``."""
    if relation is not None:
        return batch[tuple(relation.split())].edge_index
    if isinstance(batch, dict):
        key, _, field = said.partition(".")
        held = batch[key.split("[")[0]]
        held = held[int(key.split("[")[1][:-1])] if "[" in key else held
        return graphs_of(held, told)[graph][field or "edge_index"]
    return graphs_of(batch, told)[graph][said.rpartition(".")[2] or "edge_index"]


def check_edges(found: Any, batch: Any, told: bool) -> int:
    """Check that the rows that name an edge have the ends of that edge; return how many do."""
    said = found.identity
    for row in found.real.nonzero().squeeze(1).tolist():
        relation = None if said.relations is None else said.relations[int(said.edge_type[row])]
        edges = given_edges(batch, said.input, int(said.graph[row]), relation, told)
        ends = edges[:, int(said.input_edge[row])].tolist()
        own = [int(said.own_source[row]), int(said.own_target[row])]
        turned = (said.target_row == 0) != found.site.partition(":")[0].endswith("conv_out")
        assert ends == (own[::-1] if turned else own)
    return int(found.real.sum())


def place_of(found: Any, batch: Any, told: bool) -> np.ndarray:
    """Return the position in the whole batch of every row's edge ``[E]``, or -1."""
    if not told:
        return found.input_edge.numpy()
    graph_of = getattr(batch, "x_t_batch", getattr(batch, "batch", None))
    target = batch.edge_index[1]
    graph_of = target * 0 if graph_of is None else graph_of[target]
    places = [(graph_of == g).nonzero().squeeze(1) for g in range(int(graph_of.max()) + 1)]
    pairs = zip(found.graph.tolist(), found.input_edge.tolist(), strict=True)
    return np.array([int(places[g][k]) if k >= 0 else -1 for g, k in pairs])


def ratios(values: Tensor) -> np.ndarray:
    """Return the largest magnitude over the lower median magnitude, of every edge ``[E]``."""
    size = np.sort(np.abs(values.flatten(1).double().numpy()), axis=1)
    return size[:, -1] / size[:, (size.shape[1] - 1) // 2]


def without_messages(case: Case, path: str) -> float:
    """Return how far predictions move if nothing is aggregated in a layer."""
    model, changes = build(case), []
    model = getattr(model, "_orig_mod", model)  # compiled code calls no hooks
    layer = model.get_submodule(path)
    if not isinstance(layer, MessagePassing):
        return float("nan")
    with torch.no_grad():
        for before, after in zip(case.batches(), case.batches(), strict=True):
            expected = case.run(model, before)
            handle = layer.register_aggregate_forward_hook(
                lambda _layer, _inputs, out: torch.zeros_like(out)
            )
            changes.append((case.run(model, after) - expected).abs().flatten())
            handle.remove()
    return float(torch.cat(changes).mean())


def build(case: Case) -> nn.Module:
    """Return the model of a case, the same each time."""
    torch.manual_seed(0)
    return case.model().eval()


def changed(data: Data, name: str, edge: int) -> Data:
    """Return a batch in which the features of one edge are others."""
    other = data.clone()
    other[name] = data[name].clone()
    other[name][edge] += 1
    return other
