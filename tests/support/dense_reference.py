"""Dense attention from its definition, one pair of nodes after the other, in plain numpy."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor, nn

from support.layer_reference import Array, numbers

STAGES = ("score", "logit", "weight", "message")


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
