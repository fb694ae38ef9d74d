"""A small table of molecules, and a model small enough to train on it in a second."""

from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest

from edgescope.data import Splits, load
from edgescope.train import Recipe, recipe


@pytest.fixture(scope="session")
def table(tmp_path_factory) -> Path:
    """216 different chains, with fluorine at one end; every seventh target is missing."""
    groups = ("O", "N", "C(=O)", "C#C", "S", "C=C")
    rows = ["smiles,target,label"]
    for number, (left, group, right) in enumerate(product(range(1, 7), groups, range(1, 7))):
        value = "" if number % 7 == 0 else f"{left - 0.5 * right + groups.index(group)}"
        rows.append(f"{'C' * left}{group}{'C' * right}F,{value},{number % 2}")
    path = tmp_path_factory.mktemp("table") / "chains.csv"
    path.write_text("\n".join(rows))
    return path


@pytest.fixture(scope="session")
def splits(table) -> Splits:
    return load(table, target_columns="target", cache=False, progress=False)


@pytest.fixture(scope="session")
def tiny() -> Callable[..., Recipe]:
    """The demo recipe on one narrow layer with dropout, and whatever a test changes in it."""

    def make(**overrides) -> Recipe:
        small = {"num_layers": 1, "hidden_dim": 16, "num_heads": 2, "batch_size": 32}
        return recipe("demo", **{**small, "dropout": 0.2, "max_epochs": 2, **overrides})

    return make
