"""Data of a task of classes, as one graph of which a part of the nodes or graphs is trained on."""

from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from edgescope.data import GraphDataset, NodeDataset, Splits, load

DATA = {
    "chameleon": "node",
    "chameleon-filtered": "node",
    "tu-mutag": "graph",
    "squirrel-filtered": "node",
    "tu-proteins": "graph",
    "squirrel": "node",
}
"""Data sets of the study, the quickest first, to what has a class in them."""

SPLITS = 10
"""Divisions of each: the published ones of pages, random ones of graphs."""


class Division(NamedTuple):
    """What is trained on, or evaluated: units are nodes, or graphs where those have classes.

    Attributes:
        inputs: what the model is given.
        y: class of every unit ``[N]`` int64, -1 where it is not of this part.
    """

    inputs: Any
    y: Tensor


class ClassTask(NamedTuple):
    """A task of classes in three parts.

    Attributes:
        name: of the data set.
        split: number of the division, 0 to 9.
        pooled: whether graphs have classes, rather than nodes.
        in_channels: features of a node.
        classes: number of classes.
        train: what is trained on.
        val: what decides the epoch.
        test: what is reported.
        parts: the data sets.
    """

    name: str
    split: int
    pooled: bool
    in_channels: int
    classes: int
    train: Division
    val: Division
    test: Division
    parts: Splits

    @property
    def sizes(self) -> tuple[int, int, bool]:
        """Features of a node, number of classes, and whether graphs have them."""
        return self.in_channels, self.classes, self.pooled

    @property
    def guess(self) -> float:
        """Accuracy on the test part of the class that is most frequent in training."""
        frequent = torch.bincount(_known(self.train.y)).argmax()
        return float((_known(self.test.y) == frequent).double().mean())


def class_task(name: str, root: str | Path, split: int = 0) -> ClassTask:
    """Load one division of a data set.

    Pages have ten published divisions. Graphs have none, and are divided 8 : 1 : 1 at random, with
    the number of the division as the seed.

    Args:
        name: one of :data:`DATA`.
        root: folder of the data sets.
        split: number of the division, 0 to 9.

    Raises:
        InputError: if the data cannot be loaded.

    Example:
        >>> from edgescope.study.node_classes.class_task import class_task
        >>> task = class_task("chameleon", "FOLDER")  # doctest: +SKIP
        >>> task.classes  # doctest: +SKIP
        5
    """
    pooled = DATA[name] == "graph"
    options: dict[str, Any] = {"seed": split} if pooled else {"split": split}
    parts = load(name, root, progress=False, **options)
    train_part, val, test = map(_whole, parts)
    train = parts.train
    if isinstance(train, NodeDataset):
        sizes = train.x.size(1), len(train.class_names)
    else:
        sizes = len(train.vocabulary), 2
    return ClassTask(name, split, pooled, *sizes, train_part, val, test, parts)


def _whole(part: GraphDataset) -> Division:
    """Join all graphs of a part."""
    if isinstance(part, NodeDataset):
        return Division(part[0], part.y)
    return Division(part.batch(torch.arange(len(part))), part.y[:, 0].long())


def _known(y: Tensor) -> Tensor:
    return y[y >= 0]
