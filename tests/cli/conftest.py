"""A small table of molecules, and a run trained on it through the command line."""

import io
import shutil
import signal
from contextlib import redirect_stderr

import pytest

import edgescope as es
from edgescope.cli import main

MOLECULES = [
    ("CCO", 0.5),
    ("CC(=O)O", 0.1),
    ("c1ccccc1", -1.2),
    ("CC#N", 0.9),
    ("CCN(CC)CC", -0.4),
    ("C=CC=C", -1.5),
    ("CCCl", -0.8),
    ("c1ccncc1O", 0.2),
    ("OCC(O)CO", 1.1),
    ("C#CCO", 0.7),
    ("CC(C)=O", 0.6),
    ("Nc1ccccc1", -0.6),
    ("CCOC(C)=O", -0.1),
    ("ClC=CCl", -1.1),
    ("N#CCC#N", 0.3),
]
HOMOLOGUES = (
    *("CCCO", "CCC(=O)O", "Cc1ccccc1", "CCC#N", "CCCN(CC)CC", "CC=CC=C", "CCCCl", "Cc1ccncc1O"),
    *("COCC(O)CO", "CC#CCO", "CCC(C)=O", "CNc1ccccc1", "CCCOC(C)=O", "CC(Cl)=CCl", "N#CCCC#N"),
)
"""One for each of the molecules, with the same label in the table."""


@pytest.fixture
def edgescope(capsys):
    """Run the command line in this process: exit code, standard output, standard error."""

    def run(*words):
        capsys.readouterr()
        with pytest.raises(SystemExit) as stopped:
            main([str(word) for word in words])
        printed = capsys.readouterr()
        return stopped.value.code, printed.out, printed.err

    return run


@pytest.fixture(scope="session")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("tables") / "molecules.csv"
    rows = [f"{smiles},{value}" for smiles, value in MOLECULES]
    rows += [f"{smiles},{row[1]}" for smiles, row in zip(HOMOLOGUES, MOLECULES, strict=True)]
    path.write_text("\n".join(["smiles,value", *rows]) + "\n")
    return path


@pytest.fixture(scope="session")
def trained(tmp_path_factory, table):
    """The folder of a finished run; tests must not change it."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    words = ["train", "--out", folder, "--data", table, "--target-column", "value"]
    words += ["--recipe", "demo", "--epochs", "2", "--set", "num_layers=2"]
    words += ["--set", "hidden_dim=16", "--set", "num_heads=4"]
    said = io.StringIO()
    with pytest.raises(SystemExit) as stopped, redirect_stderr(said):
        main([str(word) for word in words])
    if stopped.value.code == 128 + signal.SIGTERM:  # which training answers by an exit of its own
        pytest.exit("terminated while a model was trained", returncode=stopped.value.code)
    assert stopped.value.code == 0, f"exit code {stopped.value.code}: {said.getvalue()}"
    return folder


@pytest.fixture
def run_folder(trained, tmp_path):
    """A finished run of the test's own."""
    return shutil.copytree(trained, tmp_path / "run")


@pytest.fixture(scope="session")
def scanned_run(trained, tmp_path_factory):
    """A run scanned with a criterion that a barely trained model meets."""
    folder = shutil.copytree(trained, tmp_path_factory.mktemp("scanned") / "run")
    run = es.train.RunFolder(folder)
    molecules = es.data.load(**run.data, vocabulary=run.vocabulary, progress=False).train
    rule = es.Criterion("low", ratio=10)
    loader = es.data.loader(molecules)
    es.scan(run.model("trained"), loader, criterion=rule, progress=False).save(folder / "scan")
    return folder


@pytest.fixture
def scanned(scanned_run, tmp_path):
    return shutil.copytree(scanned_run, tmp_path / "run")
