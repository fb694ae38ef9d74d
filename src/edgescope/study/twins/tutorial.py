"""Experiment (a): the example of the UvA deep-learning tutorial 7, with one head and with two.

Four nodes, W the identity, no bias. The third and the fourth node have the same neighbours. With
two heads of one channel they get different outputs; with one head of two channels and
``a = [0.1, -0.1]`` for either end, ``a . W h`` is -0.1 for every node, so attention is uniform and
the outputs are plain means.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from edgescope.diagnosis.twin_certificate import regions
from edgescope.models.dense_gat import DenseGAT

if TYPE_CHECKING:
    import polars as pl

X = ((0.0, 1.0), (2.0, 3.0), (4.0, 5.0), (6.0, 7.0))
"""Features of the four nodes."""

NEIGHBOURS = ((0, 1), (0, 1, 2, 3), (1, 2, 3), (1, 2, 3))
"""What each of them attends to, itself included."""

SETTINGS: dict[str, tuple[tuple[float, ...], ...]] = {
    "2 heads": ((-0.2, 0.3), (0.1, -0.1)),
    "1 head, a = [0.1, -0.1]": ((0.1, -0.1, 0.1, -0.1),),
    "1 head, a = [0.1, -0.1 | -0.2, 0.3]": ((0.1, -0.1, -0.2, 0.3),),
    "1 head, a = [0.3, 0.1 | 0.3, -0.6]": ((0.3, 0.1, 0.3, -0.6),),
}
"""Name to ``[a_t | a_s]`` of every head. The third lies in the linear region without being uniform;
in the last, the third node has logits on both sides of zero."""

TWINS = (2, 3)
"""The two nodes with the same neighbours."""


@dataclass(frozen=True)
class TutorialExample:
    """Result of :func:`tutorial_example`.

    Attributes:
        outputs: setting to the outputs of the nodes ``[4, 2]``.
        region: setting to the region of every node and head, as text ``[4][H]``.
    """

    outputs: dict[str, list[list[float]]]
    region: dict[str, list[list[str]]]

    def table(self) -> "pl.DataFrame":
        """Return a row per setting and node.

        Columns: setting, node (from 1), first and second (its output), logits (where those of each
        head lie) and tied: whether the two nodes with the same neighbours are equal.
        """
        import polars as pl

        rows = []
        for setting, outputs in self.outputs.items():
            one, other = (torch.tensor(outputs[node]) for node in TWINS)
            tied = torch.allclose(one, other)
            for node, (first, second) in enumerate(outputs):
                where = "; ".join(self.region[setting][node])
                rows.append((setting, node + 1, first, second, where, tied))
        schema = ["setting", "node", "first", "second", "logits", "tied"]
        return pl.DataFrame(rows, schema=schema, orient="row")


def tutorial_layer(att: tuple[tuple[float, ...], ...]) -> DenseGAT:
    """Return the tutorial's layer in double precision: two channels over all heads together.

    Args:
        att: ``[a_t | a_s]`` of every head ``[H, 2 * D]``, with ``H * D = 2``.
    """
    values = torch.tensor(att, dtype=torch.float64)
    channels = values.size(1) // 2
    layer = DenseGAT(2, channels, heads=len(att), bias=False).double()
    with torch.no_grad():
        layer.projection.weight.copy_(torch.eye(2))
        layer.att_dst.copy_(values[:, :channels])
        layer.att_src.copy_(values[:, channels:])
    return layer


def tutorial_example() -> TutorialExample:
    """Compute the tutorial's example in several settings.

    Example:
        >>> from edgescope.study.twins.tutorial import tutorial_example
        >>> found = tutorial_example()
        >>> [round(value, 4) for value in found.outputs["2 heads"][2]]
        [4.6798, 4.8362]
    """
    x = torch.tensor(X, dtype=torch.float64)[None]
    adjacency = torch.zeros(1, len(X), len(X))
    for node, others in enumerate(NEIGHBOURS):
        adjacency[0, node, list(others)] = 1
    outputs, region = {}, {}
    for setting, att in SETTINGS.items():
        layer = tutorial_layer(att)
        with torch.no_grad():
            outputs[setting] = layer(x, adjacency)[0].tolist()
            state = layer.projection(x).view(1, len(X), layer.heads, -1)
            logit = torch.nn.functional.leaky_relu(layer.logits(state), layer.negative_slope)
        region[setting] = _regions(logit[0], adjacency[0], layer.negative_slope)
    return TutorialExample(outputs, region)


def _regions(logit: Tensor, adjacency: Tensor, slope: float) -> list[list[str]]:
    """Say where the logits ``[V, V, H]`` of every node and head lie."""
    target, source = adjacency.nonzero(as_tuple=True)
    place = regions(logit[target, source], target, len(adjacency), slope)
    return [
        [
            "uniform"
            if place.uniform[node, head]
            else "above zero"
            if place.above[node, head]
            else "below zero"
            if place.below[node, head]
            else "both sides"
            for head in range(logit.size(2))
        ]
        for node in range(len(adjacency))
    ]
