"""What layers are trained on that need to tell twins apart.

- *twins*: two nodes with three shared neighbours have different labels.
- *look-up*: the dictionary look-up of Brody et al. (arXiv 2105.14491, section 4.1). Every query
  attends to all keys and must name the value of the key with its own attribute, for all
  assignments of values to keys. All queries of a graph are twins. One head of GAT cannot solve it
  wherever it starts, as it ranks the keys the same for all queries.
"""

import itertools
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

TaskName = Literal["twins", "look-up"]

KEYS = 4
"""Keys, and queries, of the dictionary; 24 assignments of values to keys."""

FEATURES = 8
"""Random features of a node in the twins' task."""

NEIGHBOURS = 3
"""Neighbours of the twins."""

MARGIN = 1e-6
"""By how much the right class must win; tied twins may differ by rounding."""


class Task(NamedTuple):
    """What is learnt: in each of ``G`` graphs, ``m`` nodes attend to ``k`` of ``n`` others."""

    others: Tensor
    """Features of all nodes that are looked at in any graph ``[S, n, F]``."""
    nodes: Tensor
    """Features of the nodes that look, in every graph the same ``[S, m, F]``."""
    picks: Tensor
    """Which of the others are in each graph ``[G, k]``."""
    labels: Tensor
    """Class of every node in every graph ``[m, G]``."""

    @property
    def classes(self) -> int:
        """Number of classes."""
        return int(self.labels.max()) + 1


def twins_task(starts: int, generator: torch.Generator) -> Task:
    """Return one graph for each start: two twins of different classes, with random features."""
    others, nodes = (
        torch.randn(starts, size, FEATURES, generator=generator, dtype=torch.float64)
        for size in (NEIGHBOURS, 2)
    )
    return Task(others, nodes, torch.arange(NEIGHBOURS)[None], torch.tensor([[0], [1]]))


def look_up_task(starts: int) -> Task:
    """Return the dictionary look-up, in all assignments of values to keys.

    A key has its attribute and its value as one-hot numbers, a query its attribute only.
    """
    one_hot = torch.eye(KEYS, dtype=torch.float64)
    attribute = one_hot.repeat_interleave(KEYS, 0)
    others = torch.cat([attribute, one_hot.repeat(KEYS, 1)], 1)
    nodes = torch.cat([one_hot, torch.zeros_like(one_hot)], 1)
    values = torch.tensor(list(itertools.permutations(range(KEYS))))
    picks = torch.arange(KEYS) * KEYS + values
    return Task(
        others.expand(starts, -1, -1), nodes.expand(starts, -1, -1), picks, values.T.contiguous()
    )


def task_loss(task: Task, scores: Tensor) -> Tensor:
    """Return the cross-entropy of every start ``[S]``."""
    labels = task.labels.expand(scores.shape[:3])
    entropy = F.cross_entropy(scores.flatten(0, 2), labels.flatten(), reduction="none")
    return entropy.view(labels.shape).mean((1, 2))


def task_accuracy(task: Task, scores: Tensor) -> Tensor:
    """Return the share of nodes whose class has the highest score, by a margin ``[S]``."""
    labels = task.labels.expand(scores.shape[:3]).unsqueeze(-1)
    own = scores.gather(3, labels)
    others = scores.scatter(3, labels, -torch.inf).amax(3, keepdim=True)
    return (own - others > MARGIN).double().mean((1, 2, 3))
