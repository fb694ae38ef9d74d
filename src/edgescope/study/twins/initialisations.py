"""Random initialisations of attention layers on a pair of twins, many at once.

Every draw is a graph with two twins, the last two nodes, which attend to the same ``n`` neighbours,
and a layer with random weights. All draws are computed together, in double precision.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from edgescope.diagnosis.twin_certificate import Certificate, Regions
from edgescope.lib.errors import InputError
from edgescope.models.dense_gat import XAVIER_GAIN

LayerKind = Literal["GAT", "GATv2"]
Init = Literal["tutorial", "glorot", "kaiming", "normal"]
Features = Literal["tutorial", "fixed", "normal", "positive", "negative"]

TUTORIAL_X = ((2.0, 3.0), (4.0, 5.0), (6.0, 7.0))
"""Features of the nodes that the tutorial's twins attend to; the twins are the last two."""

CHUNK = 5_000
"""Draws that are computed at once."""

TWINS = torch.tensor([[0], [1]])


@dataclass(frozen=True)
class Setting:
    """What is drawn.

    Attributes:
        layer: ``"GAT"`` or ``"GATv2"``.
        heads: number of heads ``H``.
        channels: channels ``D`` of each head.
        in_channels: features of a node; 2 where ``features`` are the tutorial's.
        neighbours: how many nodes both twins attend to.
        self_loops: whether the twins are two of these neighbours.
        slope: slope of the LeakyReLU below zero.
        init: ``"glorot"`` as PyG draws ``GATConv`` and ``GATv2Conv``; ``"tutorial"`` with a gain of
            1.414, ``[a_t | a_s]`` as one matrix and a bias in the projection; ``"kaiming"`` uniform
            for the LeakyReLU; ``"normal"``, every weight with a standard deviation of 0.1.
        features: ``"normal"`` random numbers, anew for every draw, or their absolute values with a
            ``"positive"`` or ``"negative"`` sign; ``"fixed"``, the same normal numbers for all
            draws; or those of the ``"tutorial"``, for which ``neighbours`` is 3 with self-loops.
    """

    layer: LayerKind = "GAT"
    heads: int = 1
    channels: int = 8
    in_channels: int = 8
    neighbours: int = 3
    self_loops: bool = False
    slope: float = 0.2
    init: Init = "glorot"
    features: Features = "normal"

    def __post_init__(self) -> None:
        """Refuse sizes that make no sense."""
        least = 2 if self.self_loops else 1
        if min(self.heads, self.channels, self.in_channels) < 1 or self.neighbours < least:
            raise InputError(f"received {self}, expected sizes of 1 or more, 2 with self_loops")
        fits = self.self_loops and self.neighbours == len(TUTORIAL_X) and self.in_channels == 2  # noqa: PLR2004  (as the tutorial's features)
        if self.features == "tutorial" and not fits:
            raise InputError(
                "received the tutorial's features, expected neighbours=3, in_channels=2 and "
                "self_loops=True with them"
            )

    @property
    def nodes(self) -> int:
        """Number of nodes: the neighbours first, the twins last."""
        return self.neighbours if self.self_loops else self.neighbours + 2


class Weights(NamedTuple):
    """Weights of ``S`` layers."""

    source: Tensor
    """W of the node that is looked at ``[S, H, D, F]``."""
    source_bias: Tensor
    """Its bias ``[S, H, D]``."""
    target: Tensor
    """W of the node that looks; the same in GAT."""
    target_bias: Tensor
    """Its bias."""
    att_src: Tensor
    """a_s ``[S, H, D]``; a in GATv2."""
    att_dst: Tensor
    """a_t ``[S, H, D]``; a in GATv2."""


class Ties(NamedTuple):
    """For ``S`` draws and each of ``H`` heads, whether the twins' outputs are equal, and why."""

    tied: Tensor
    """Equal in the sense of ``torch.allclose`` with its default tolerances ``[S, H]``."""
    linear: Tensor
    """Certified: linear region, and attention not uniform ``[S, H]``."""
    uniform: Tensor
    """Certified: uniform attention ``[S, H]``."""

    @property
    def certified(self) -> Tensor:
        """Whether the certificate holds ``[S, H]``."""
        return self.linear | self.uniform


def draw_features(setting: Setting, draws: int, generator: torch.Generator) -> Tensor:
    """Return the features of all nodes ``[S, V, F]``."""
    if setting.features == "tutorial":
        return torch.tensor(TUTORIAL_X, dtype=torch.float64).expand(draws, -1, -1)
    rows = 1 if setting.features == "fixed" else draws
    x = _normal((rows, setting.nodes, setting.in_channels), generator)
    if setting.features in {"positive", "negative"}:
        x = x.abs() if setting.features == "positive" else -x.abs()
    return x.expand(draws, -1, -1)


def draw_weights(setting: Setting, draws: int, generator: torch.Generator) -> Weights:
    """Return the weights of ``draws`` random layers."""
    heads, channels, fan_in = setting.heads, setting.channels, setting.in_channels
    matrix, vector = (draws, heads, channels, fan_in), (draws, heads, channels)
    v2 = setting.layer == "GATv2"
    if setting.init == "normal":
        source, target = (0.1 * _normal(matrix, generator) for _ in range(2))
        att_src, att_dst = (0.1 * _normal(vector, generator) for _ in range(2))
    else:
        bound, att_bound = _bounds(setting)
        source, target = (bound * _uniform(matrix, generator) for _ in range(2))
        att_src, att_dst = (att_bound * _uniform(vector, generator) for _ in range(2))
    has_bias = setting.init == "tutorial" or (v2 and setting.init == "glorot")
    size = fan_in**-0.5 if has_bias else 0.0  # as torch.nn.Linear and PyG's Linear draw it
    source_bias, target_bias = (size * _uniform(vector, generator) for _ in range(2))
    if v2:
        return Weights(source, source_bias, target, target_bias, att_src, att_src)
    return Weights(source, source_bias, source, source_bias, att_src, att_dst)


def _bounds(setting: Setting) -> tuple[float, float]:
    """Return up to where weights are drawn uniformly: those of W, and those of a."""
    heads, channels, fan_in = setting.heads, setting.channels, setting.in_channels
    if setting.init == "tutorial":
        pair = 2 * channels if setting.layer == "GAT" else channels
        fans = (fan_in + heads * channels, heads + pair)
        bound, att_bound = (XAVIER_GAIN * (6 / fan) ** 0.5 for fan in fans)
        return bound, att_bound
    if setting.init == "glorot":
        return (6 / (fan_in + heads * channels)) ** 0.5, (6 / (heads + channels)) ** 0.5
    gain = (2 / (1 + setting.slope**2)) ** 0.5
    return gain * (3 / fan_in) ** 0.5, gain * (3 / channels) ** 0.5


class Attention(NamedTuple):
    """Attention of ``S`` layers before the softmax: ``m`` nodes look at ``n`` others."""

    source: Tensor
    """Projected states of the others ``[S, n, H, D]``."""
    rectified: Tensor
    """What LeakyReLU returned ``[S, m, n, H]``, in GATv2 by channel ``[S, m, n, H, D]``."""
    logit: Tensor
    """What the softmax is taken of ``[S, m, n, H]``."""


def attend(setting: Setting, weights: Weights, others: Tensor, nodes: Tensor) -> Attention:
    """Compute the logits of ``S`` layers.

    Args:
        setting: which layer, and its slope.
        weights: weights of the layers.
        others: features of the nodes that are looked at ``[S, n, F]``.
        nodes: features of the nodes that look ``[S, m, F]``.
    """
    source = torch.einsum("shdf,snf->snhd", weights.source, others)
    source = source + weights.source_bias.unsqueeze(1)
    target = torch.einsum("shdf,smf->smhd", weights.target, nodes)
    target = target + weights.target_bias.unsqueeze(1)
    if setting.layer == "GAT":
        looked_at = torch.einsum("snhd,shd->snh", source, weights.att_src)
        looks = torch.einsum("smhd,shd->smh", target, weights.att_dst)
        logit = F.leaky_relu(looks.unsqueeze(2) + looked_at.unsqueeze(1), setting.slope)
        return Attention(source, logit, logit)
    rectified = F.leaky_relu(target.unsqueeze(2) + source.unsqueeze(1), setting.slope)
    return Attention(source, rectified, torch.einsum("smnhd,shd->smnh", rectified, weights.att_src))


def regions_of(setting: Setting, rectified: Tensor) -> Regions:
    """Return the regions of nodes ``[m, S, H]``, in GATv2 by channel ``[m, S, H, D]``.

    Args:
        setting: which layer, and its slope.
        rectified: as :class:`Attention` has it.
    """
    values = rectified.movedim(1, 0)
    return Regions.from_range(values.amin(2), values.amax(2), setting.slope)


def certify(setting: Setting, rectified: Tensor, pairs: Tensor) -> Certificate:
    """Return what is certified for pairs ``[2, P]`` of the nodes, ``[P, S, H]``.

    In GATv2 it holds for a head if it holds for all its channels.
    """
    found = regions_of(setting, rectified).certify(pairs)
    if setting.layer == "GAT":
        return found
    return Certificate(found.holds.all(-1), found.uniform.all(-1))


def draw_ties(setting: Setting, draws: int, seed: int) -> Iterator[Ties]:
    """Draw layers and features, and yield in chunks whose twins are tied and why.

    Args:
        setting: what is drawn.
        draws: how many times.
        seed: decides all of it; fixed features depend on the seed alone.

    Yields:
        What up to :data:`CHUNK` draws gave.

    Raises:
        InputError: if ``draws`` is below 1.
    """
    if draws < 1:
        raise InputError(f"received draws={draws}, expected 1 or more")
    generator = torch.Generator().manual_seed(seed)
    fixed = draw_features(setting, 1, generator) if setting.features == "fixed" else None
    for start in range(0, draws, CHUNK):
        size = min(CHUNK, draws - start)
        x = draw_features(setting, size, generator) if fixed is None else fixed.expand(size, -1, -1)
        weights = draw_weights(setting, size, generator)
        found = attend(setting, weights, x[:, : setting.neighbours], x[:, -2:])
        output = torch.einsum("smnh,snhd->mshd", found.logit.softmax(2), found.source)
        proof = certify(setting, found.rectified, TWINS)
        uniform = proof.uniform[0]
        tied = torch.isclose(output[0], output[1]).all(-1)
        yield Ties(tied, proof.linear[0] & ~uniform, uniform)


def _normal(size: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.randn(size, generator=generator, dtype=torch.float64)


def _uniform(size: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return 2 * torch.rand(size, generator=generator, dtype=torch.float64) - 1
