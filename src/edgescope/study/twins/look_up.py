"""The dictionary look-up of Brody et al. as data for PyG, and a model to train on it.

In each graph, every key has an attribute and a value, and every query an attribute (arXiv
2105.14491, section 4.1). There is an edge from each key to each query. A query's class is the value
of the key with its attribute. To solve it, each query has to rank another key highest.
"""

import itertools
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from edgescope.lib.errors import InputError
from edgescope.lib.progress import track

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch_geometric.data import Data

MOST_KEYS = 6
"""Above, the assignments of values to keys are too many to hold: 7 keys have 5,040."""


def look_up_data(keys: int = 4, *, graphs: int | None = None, seed: int = 0) -> "list[Data]":
    """Return dictionaries with all assignments of values to keys, in random order.

    Each graph has ``keys`` nodes with a one-hot attribute and a one-hot value, then as many queries
    with an attribute alone: ``x`` ``[2 * keys, 2 * keys]``. ``y`` ``[2 * keys]`` is the class of
    every query, and -1 for the keys.

    Args:
        keys: number of keys, of queries and of values.
        graphs: how many to return; all by default.
        seed: decides their order.

    Raises:
        InputError: if there would be fewer than 2 keys, or more than :data:`MOST_KEYS`.
    """
    from torch_geometric.data import Data

    if not 2 <= keys <= MOST_KEYS:  # noqa: PLR2004  (one key needs no look-up)
        raise InputError(f"received keys={keys}, expected 2 to {MOST_KEYS}")
    values = torch.tensor(list(itertools.permutations(range(keys))))
    order = torch.randperm(len(values), generator=torch.Generator().manual_seed(seed))
    one_hot = torch.eye(keys)
    edges = torch.cartesian_prod(torch.arange(keys), torch.arange(keys, 2 * keys)).T
    queries = torch.cat([one_hot, torch.zeros_like(one_hot)], 1)
    none = torch.full((keys,), -1)
    return [
        Data(
            x=torch.cat([torch.cat([one_hot, one_hot[value]], 1), queries]),
            edge_index=edges.contiguous(),
            y=torch.cat([none, value]),
        )
        for value in values[order[:graphs]]
    ]


class LookUp(nn.Module):
    """One attention layer and a linear read-out of the classes.

    Args:
        conv: a layer of PyG, from ``2 * keys`` features.
        out_channels: width of what it returns.
        keys: number of classes.
    """

    def __init__(self, conv: nn.Module, out_channels: int, keys: int = 4) -> None:
        super().__init__()
        self.conv = conv
        self.readout = nn.Linear(out_channels, keys)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        """Return the scores of the classes ``[V, keys]``."""
        return self.readout(self.conv(x, edge_index))  # type: ignore[no-any-return]


def train_look_up(
    model: nn.Module,
    graphs: "Sequence[Data]",
    *,
    steps: int = 400,
    lr: float = 0.01,
    progress: bool = False,
) -> float:
    """Train a model on all graphs at once with Adam, and return its accuracy on them.

    What is asked is whether the model can express the task, so there is nothing to hold out.

    Args:
        model: called with ``x`` and ``edge_index``; trained in place, and left in eval mode.
        graphs: from :func:`look_up_data`.
        steps: steps of Adam.
        lr: learning rate.
        progress: whether to show a bar.
    """
    from torch_geometric.data import Batch

    batch = Batch.from_data_list(list(graphs))
    asked = batch.y >= 0
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    model.train()
    for _ in track(range(steps), "training on the look-up", steps, progress):
        optimizer.zero_grad()
        scores = model(batch.x, batch.edge_index)[asked]
        loss = nn.functional.cross_entropy(scores, batch.y[asked])
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    model.eval()
    with torch.no_grad():
        found = model(batch.x, batch.edge_index)[asked].argmax(1)
    return float((found == batch.y[asked]).double().mean())
