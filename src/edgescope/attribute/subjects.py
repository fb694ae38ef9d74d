"""What methods are judged on: graphs, and the trainings of a model."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import nn

from edgescope.attribute.bonds import Ints
from edgescope.data.graphs import GraphDataset
from edgescope.lib.errors import InputError
from edgescope.lib.task_metrics import TASK_OF

if TYPE_CHECKING:
    from edgescope.train import RunFolder


class Subject(NamedTuple):
    """Graphs, and one model or several trainings of it that differ in their seed.

    Example:
        >>> import edgescope as es
        >>> graphs = es.data.planted("marked", 60).test
        >>> model = es.models.GATv2(**graphs.model_sizes, hidden_dim=8, num_heads=2, num_layers=1)
        >>> subject = es.attribute.Subject("planted", [model], graphs, recipe="untrained")
        >>> subject.data, len(subject.models)
        ('planted', 1)
    """

    data: str
    """What the graphs are called in tables."""
    models: Sequence[nn.Module]
    """The model, trained with one seed or with several."""
    dataset: GraphDataset
    """The graphs, which no model should have been trained on."""
    recipe: str = ""
    """What the model is called in tables."""
    positions: Ints | None = None
    """Position of every graph ``[G]`` in the data that they were drawn from."""
    seeds: tuple[int, ...] = ()
    """Seed of every training; their numbers from 0 if it is empty."""


def subjects_of(
    runs: Sequence["RunFolder"],
    *,
    part: str = "test",
    graphs: int | None = None,
    seed: int = 0,
    root: str | Path | None = None,
) -> list[Subject]:
    """Group training runs: those of one recipe and the same data differ in their seed alone.

    Args:
        runs: folders of finished runs.
        part: which part of their data to judge on: train, val or test.
        graphs: how many graphs to draw, where there are more; by default all are taken.
        seed: decides which.
        root: folder of the data's files, if it is not where the runs found it.

    Raises:
        InputError: if there is no run, a run is given twice or does not say where its data came
            from, or there is no such part or nothing in it.

    Example:
        >>> import tempfile
        >>> import edgescope as es
        >>> splits = es.data.load("solubility")
        >>> recipe = es.train.recipe("demo", max_epochs=1, num_layers=1, hidden_dim=8, num_heads=2)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     run = es.train.fit(recipe, splits, folder, data={"source": "solubility"})
        ...     subjects = es.attribute.subjects_of([run], graphs=5)
        >>> subjects[0].data, len(subjects[0].dataset)
        ('solubility/test', 5)
    """
    if not runs:
        raise InputError("received no run to explain, expected the folder of at least one")
    groups: dict[str, list[RunFolder]] = {}
    for run in runs:
        if run.data is None:
            raise InputError(
                f"{run.path} does not say where its data came from; judge its model with "
                "es.attribute.leaderboard and a Subject"
            )
        recipe = run.recipe.model_dump(exclude={"seed"})
        # Two runs of one table may have found different molecules in it.
        key = json.dumps([recipe, run.data, run.config["splits"]], sort_keys=True, default=str)
        groups.setdefault(key, []).append(run)
    subjects: list[Subject] = []
    for group in groups.values():
        seeds = tuple(run.recipe.seed for run in group)
        if len(set(seeds)) < len(seeds):
            paths = ", ".join(str(run.path) for run in group)
            raise InputError(
                f"{paths} have the seeds {', '.join(map(str, seeds))}, expected a different seed "
                "for each run of a recipe; leave out runs with the same seed"
            )
        first = group[0]
        dataset, positions = _graphs(first, part, graphs, seed, root)
        name = first.recipe.name
        same = sum(each.data == dataset.name and each.recipe == name for each in subjects)
        recipe_name = f"{name} ({same + 1})" if same else name
        models = [run.model() for run in group]
        subjects.append(Subject(dataset.name, models, dataset, recipe_name, positions, seeds))
    return subjects


def _graphs(
    run: "RunFolder", part: str, graphs: int | None, seed: int, root: str | Path | None
) -> tuple[GraphDataset, Ints]:
    """Return the graphs of a run that are judged on, and their positions in the part."""
    splits = run.splits(root, progress=True)._asdict()
    if part not in splits:
        raise InputError(f"received the split {part!r}, expected one of {', '.join(splits)}")
    # A table of molecules does not say what its targets are; the loss does.
    dataset: GraphDataset = replace(splits[part], task=TASK_OF[run.recipe.loss])
    if not len(dataset):
        raise InputError(f"the {part} split of {dataset.name} is empty; choose another --split")
    if graphs is not None and graphs < 1:
        raise InputError(f"received graphs={graphs}, expected 1 or more")
    if graphs is None or graphs >= len(dataset):
        return dataset, np.arange(len(dataset))
    drawn = np.random.default_rng(seed).choice(len(dataset), graphs, replace=False)
    positions = np.sort(drawn)
    return dataset.subset(torch.from_numpy(positions)), positions
