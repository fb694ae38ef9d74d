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
from edgescope.study.measures.measured_cell import MeasuredCell
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


ONE_PAIR = (
    "CC#N",
    "CCN",
    "CC(C)O",
    "C=CC#N",
    "NCC#N",
    "CC=O",
    "OCCN",
    "C=CN",
    "CC",
    "C#CCO",
)
"""Molecules with single, double and triple bonds of the same two elements."""


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


@pytest.fixture(scope="session")
def few_molecules(tmp_path_factory):
    """A table of 40 molecules, all of which are the test part."""
    path = tmp_path_factory.mktemp("tables") / "few.csv"
    rows = [f"{smiles},{len(smiles) + copy / 7},test" for copy in range(4) for smiles in ONE_PAIR]
    rows += ["CCC,1,train", "CCO,2,train", "CCCC,1,val"]
    path.write_text("\n".join(["smiles,target,part", *rows]))
    return path


@pytest.fixture(scope="session")
def cell_on(few_molecules):
    """Make a measured cell: of rewired data or not, its massive edges those of a planted type."""

    def make(planted=None, rewire=None, graphs=40, dataset=None):
        data = {"source": str(few_molecules), "target_columns": ["target"], "split": "part"}
        if rewire:
            data["rewire"] = rewire
        sizes = {"num_layers": 2, "hidden_dim": 8, "num_heads": 2}
        spec = es.study.StudySpec(
            models=["GraphTransformer"],
            recipe="demo",
            data=[data],
            states=["trained"],
            seeds=[1],
            overrides=sizes,
        )
        cell = es.study.plan(spec)[0]
        splits = es.data.load(**cell.source, progress=False)
        part = splits.test[:graphs] if dataset is None else dataset(splits.test)
        models = []
        for seed in range(2):
            torch.manual_seed(seed)
            model = es.models.GraphTransformer(**splits.test.model_sizes, **sizes).eval()
            models.append(_planted(model, part, planted))
        scan = es.scan(models[0], es.data.loader(part), baseline=models[1], progress=False)
        return MeasuredCell(cell, *models, scan, splits, part, None)

    return make


def _planted(model, part, kind):
    """Make one channel of the scores of a type of edges huge at layer 0, and of no other edge."""
    with torch.no_grad():
        scale = torch.ones(model.edge_embedding.weight.shape)
        if kind is not None:
            scale[part.edge_type_names.index(kind), 3] = 1e7
        model.edge_embedding.weight.copy_(scale)
        project = model.layers[0].attention.edge
        project.weight.copy_(torch.eye(8))
    return model
