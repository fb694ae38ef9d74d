"""Scales moved between the weights of projections whose outputs are multiplied.

A score of edgescope's own attention is ``K h_j * Q h_i / sqrt(D) * W e_ij``, channel by channel. If
a channel of one projection is multiplied by ``s`` and another divided by it, the score stays. With
powers of two it stays to the bit, as long as no number leaves the range of normal float32. So the
largest magnitudes of the three are made alike, as in cross-layer equalisation (Nagel et al.,
arXiv 1906.04721, section 4.1), which brings no score down, but what it is computed from.
"""

import torch
from torch import Tensor, nn

from edgescope.intervene.number_formats.place_record import Records
from edgescope.models.attention import EdgeAttention

PROJECTIONS = (("query", "key", "edge"), ("added_query", "added_key", "added_edge"))
"""Names of the projections that are multiplied; the second ones are of added pairs."""


def fold_scales(model: nn.Module, records: Records) -> tuple[int, str]:
    """Make the projections of a model alike in place, where that changes no score.

    Args:
        model: the model in float32.
        records: what its modules return.

    Returns:
        How many channels were scaled, and what could not be done and why.
    """
    scaled, left = 0, []
    own = [(path, each) for path, each in model.named_modules() if isinstance(each, EdgeAttention)]
    for path, layer in own:
        reason = why_not(layer)
        if reason:
            left.append(f"{path or 'the model'}: {reason}")
            continue
        for names in PROJECTIONS if layer.full_graph else PROJECTIONS[:1]:
            inside = [f"{path}.{name}" if path else name for name in names]
            found = [records.channels(name) for name in inside]
            if any(each is None for each in found):
                continue  # never run, as there is no edge of the kind
            factors = balance(torch.stack([each.cpu() for each in found if each is not None]))
            scaled += int((factors != 1).any(0).sum())
            with torch.no_grad():
                for name, factor in zip(names, factors, strict=True):
                    _scale(getattr(layer, name), factor)
    if not own:
        left.append(
            "no layer computes its scores as a product of projections in a form that is known"
        )
    return scaled, "; ".join(left)


def why_not(layer: EdgeAttention) -> str:
    """Return why no scale can be moved between the projections of a layer; empty if it can."""
    if layer.qk_norm:
        return "queries and keys are normalised after their projection"
    if layer.explicit_bias:
        return "the explicit bias term is computed from the query"
    return ""


def balance(largest: Tensor) -> Tensor:
    """Return powers of two whose product is 1, that make three magnitudes alike.

    Args:
        largest: the largest magnitudes of the channels of three projections ``[3, C]``.

    Returns:
        Factors ``[3, C]``; 1 where a magnitude is zero or not finite.

    Example:
        >>> balance(torch.tensor([[1.0], [64.0], [1.0]])).flatten().tolist()
        [4.0, 0.0625, 4.0]
    """
    bits = largest.double().log2()
    known = bits.isfinite().all(0)
    bits = bits.where(known, 0.0)
    shift = (bits.mean(0) - bits).round()
    shift[2] = -shift[0] - shift[1]
    return torch.exp2(shift).float()


def _scale(projection: nn.Linear, factor: Tensor) -> None:
    weight = projection.weight
    factor = factor.to(weight)
    weight.mul_(factor.unsqueeze(1))
    if projection.bias is not None:
        projection.bias.mul_(factor)
