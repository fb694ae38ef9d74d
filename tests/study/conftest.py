"""A study small enough to run in seconds, and its folder once it is done."""

import os
import subprocess
import sys
from itertools import product

import pytest
import torch
import yaml

import edgescope as es
from edgescope.study import local
from edgescope.study.worker import attempt

SMALL = {
    "models": ["GraphTransformer"],
    "recipe": "demo",
    "states": ["untrained", "trained"],
    "seeds": [41, 42],
    "overrides": {
        "epochs": 2,
        "subset": 40,
        "batch_size": 16,
        "num_layers": 2,
        "hidden_dim": 16,
        "num_heads": 2,
        "dropout": 0.2,
    },
    "scan": {"batch_size": 1},
    "threads": 1,
}


@pytest.fixture(scope="session")
def chains(tmp_path_factory):
    """A table of 216 different chains, with fluorine at one end."""
    groups = ("O", "N", "C(=O)", "C#C", "S", "C=C")
    rows = ["smiles,target"]
    for left, group, right in product(range(1, 7), groups, range(1, 7)):
        rows.append(f"{'C' * left}{group}{'C' * right}F,{left - 0.5 * right + groups.index(group)}")
    path = tmp_path_factory.mktemp("tables") / "chains.csv"
    path.write_text("\n".join(rows))
    return path


@pytest.fixture(scope="session")
def describe(chains, tmp_path_factory):
    """Write the small study to a file, with some of its keys replaced; None leaves one out."""

    def write(**changes):
        data = [{"source": str(chains), "target_columns": ["target"]}]
        fields = {"data": data} | SMALL | changes
        path = tmp_path_factory.mktemp("studies") / "study.yaml"
        path.write_text(yaml.safe_dump({k: v for k, v in fields.items() if v is not None}))
        return path

    return write


@pytest.fixture(scope="session")
def run_in_process():
    """Run all cells of a study in this process, which spares the start of one."""

    def run(path, out):
        threads = torch.get_num_threads()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(local.Worker, "work", lambda _, task: attempt(task)["reason"])
            try:
                endings = es.study.run(es.study.read(path), out, progress=False)
            finally:
                torch.set_num_threads(threads)
        assert {ending.status for ending in endings} == {"done"}
        return out

    return run


@pytest.fixture(scope="session")
def finished(describe, run_in_process, tmp_path_factory):
    """The folder of the small study, undisturbed; tests must not change it."""
    return run_in_process(describe(), tmp_path_factory.mktemp("finished") / "study")


@pytest.fixture(scope="session")
def begin():
    """Start the command line as a process of its own."""

    def start(*words, **environment):
        return subprocess.Popen(
            [sys.executable, "-m", "edgescope", *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"} | environment,
        )

    return start
