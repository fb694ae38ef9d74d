"""Dense attention from its definition, one pair of nodes after the other, in plain numpy."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

WIDTH, HEADS, SIZES = 8, 2, (3, 1, 4)
LONGEST = max(SIZES)
INF = -math.inf
Array = np.ndarray
STAGES = ("score", "logit", "weight", "message")


class Dense(nn.Module):
    """A model on a dense batch: no edges are given to it."""

    def __init__(self, layer: nn.Module, call: Callable[..., Any]) -> None:
        super().__init__()
        self.layer = layer
        self.call = call

    def forward(self, *args: Any, **options: Any) -> Any:
        return self.call(self.layer, *args, **options)


def numbers(tensor: Tensor) -> Array:
    return tensor.detach().double().numpy()


def projections(attention: nn.MultiheadAttention) -> list[tuple[Array, Array]]:
    """Return weight and bias of queries, keys and values."""
    if attention.in_proj_weight is None:
        names = ("q_proj_weight", "k_proj_weight", "v_proj_weight")
        weights = [numbers(getattr(attention, name)) for name in names]
    else:
        weights = np.split(numbers(attention.in_proj_weight), 3)
    if attention.in_proj_bias is None:
        return [(weight, np.zeros(len(weight))) for weight in weights]
    return list(zip(weights, np.split(numbers(attention.in_proj_bias), 3), strict=True))


def attend(
    attention: nn.MultiheadAttention, states: Array, values: Array, added: Array
) -> dict[str, Array]:
    """Return every stage for the pairs of one graph with ``n`` nodes.

    Args:
        attention: the layer.
        states: states of queries and keys ``[n, F]``.
        values: states of values ``[n, F]``.
        added: what the masks add to each logit ``[H, n, n]``; minus infinity forbids a pair.

    Returns:
        The stages ``[P, H, D]`` and the pairs ``[P, 2]``, query and key, under ``"pairs"``.
    """
    heads, size = attention.num_heads, len(states)
    query, key, value = (
        (given @ weight.T + bias).reshape(size, heads, -1)
        for given, (weight, bias) in zip(
            (states, states, values), projections(attention), strict=True
        )
    )
    found: dict[str, list[Array]] = {name: [] for name in (*STAGES, "pairs")}
    for i in range(size):
        allowed = [j for j in range(size) if (added[:, i, j] > -np.inf).any()]
        if not allowed:
            continue
        score = np.stack([query[i] * key[j] / np.sqrt(key.shape[2]) for j in allowed])
        logit = np.stack([score[at].sum(1) + added[:, i, j] for at, j in enumerate(allowed)])
        top = np.where(np.isinf(logit.max(0)), 0, logit.max(0))
        powers = np.exp(logit - top)
        weight = powers / np.maximum(powers.sum(0), 1e-300)
        found["pairs"] += [np.array([i, j]) for j in allowed]
        found["score"] += list(score)
        found["logit"] += list(logit[:, :, None])
        found["weight"] += list(weight[:, :, None])
        found["message"] += [weight[at][:, None] * value[j] for at, j in enumerate(allowed)]
    width = {"pairs": (2,), "logit": (heads, 1), "weight": (heads, 1)}
    return {
        name: np.array(rows).reshape(-1, *width.get(name, (heads, attention.head_dim)))
        for name, rows in found.items()
    }


def attend_batch(
    attention: nn.MultiheadAttention,
    graphs: Sequence[Tensor],
    values: Sequence[Tensor] | None = None,
    added: Tensor | None = None,
) -> dict[str, Array]:
    """Do the same for several graphs; ``"graph"`` says which, and ``added`` is ``[B, H, S, S]``."""
    found = []
    for number, states in enumerate(graphs):
        size = len(states)
        masks = np.zeros((attention.num_heads, size, size))
        if added is not None:
            masks = numbers(added[number, :, :size, :size])
        taken = states if values is None else values[number]
        part = attend(attention, numbers(states), numbers(taken), masks)
        found.append(part | {"graph": np.full(len(part["pairs"]), number)})
    return {name: np.concatenate([part[name] for part in found]) for name in found[0]}


def padded(graphs: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Return graphs as a dense batch ``[B, S, F]``, padded with 9, and where the padding is."""
    dense = nn.utils.rnn.pad_sequence(list(graphs), batch_first=True, padding_value=9.0)
    sizes = torch.tensor([len(graph) for graph in graphs])
    return dense, torch.arange(dense.size(1)) >= sizes[:, None]


def assert_matches(
    tape: Any, expected: dict[str, Array], path: str = "layer", tolerance: float = 1e-5
) -> None:
    """Compare every stage that a tape holds of a layer with the definition, and its rows."""
    sites = [site for site in tape.sites if site.startswith(f"{path}:")]
    assert sites
    for site in sites:
        found = tape[site]
        stage = site.rpartition(":")[2]
        np.testing.assert_allclose(
            numbers(found.values), expected[stage], rtol=tolerance, atol=tolerance, err_msg=site
        )
        local = found.edge_index - found.identity.node_offset
        assert np.array_equal(local.flip(0).t().numpy(), expected["pairs"])
        assert np.array_equal(found.graph.numpy(), expected["graph"])


def normal(layer: nn.Module) -> nn.Module:
    """Return a layer with biases and norms as they are after training, in evaluation."""
    for parameter in layer.parameters():
        nn.init.normal_(parameter, std=0.5)
    return layer.eval()


def graphs(dtype: torch.dtype = torch.float32, width: int = WIDTH) -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(size, width, generator=generator).to(dtype) for size in SIZES]


def random_mask(*shape: int, seed: int = 2) -> Tensor:
    """Return a boolean mask that forbids a third of the pairs, but none of a node with itself."""
    generator = torch.Generator().manual_seed(seed)
    mask = torch.rand(*shape, generator=generator) < 1 / 3
    mask.diagonal(dim1=-2, dim2=-1).fill_(False)
    return mask


def random_bias(*shape: int, seed: int = 3) -> Tensor:
    """Return a float mask that forbids as many and adds something to the others."""
    bias = torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
    return bias.masked_fill(random_mask(*shape, seed=seed), INF)


def additive(mask: Tensor) -> Tensor:
    return torch.zeros(mask.shape).masked_fill(mask, INF) if mask.dtype == torch.bool else mask


SQUARE = (LONGEST, LONGEST)
CAUSAL = torch.ones(SQUARE, dtype=torch.bool).triu(1)
MASKS = {
    "no mask": None,
    "boolean, shared": random_mask(*SQUARE),
    "float, shared": random_bias(*SQUARE),
    "boolean, per head": random_mask(len(SIZES) * HEADS, *SQUARE),
    "float, per head": random_bias(len(SIZES) * HEADS, *SQUARE),
    "causal": CAUSAL,
}


def by_head(mask: Tensor | None) -> Tensor:
    """Return what a mask adds to the logits ``[B, H, S, S]``."""
    shape = (len(SIZES), HEADS, *SQUARE)
    if mask is None:
        return torch.zeros(shape)
    return additive(mask).expand(shape) if mask.dim() == 2 else additive(mask).view(shape)
