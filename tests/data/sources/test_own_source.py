"""A data set in one file: loaded, listed, checked, trained on and scanned by its name."""

from importlib.util import module_from_spec, spec_from_file_location

import pytest

import edgescope as es
from edgescope.cli import main
from edgescope.data.sources import source
from edgescope.lib.errors import EdgescopeWarning, InputError
from edgescope.study import study_file
from edgescope.study.cells import plan
from support.plugin_packages import install
from support.refusals import assert_refused

CODE = """
import polars as pl
import edgescope as es


@es.data.register
class Alkanes(es.data.Source):
    name = "alkanes"
    card = es.data.Card(
        title="boiling points of small alkanes",
        level="graph",
        task="regression",
        targets=1,
        parts=(8, 1, 1),
        edge_types={"single": 72, "double": None},
        split="8 : 1 : 1 at random with seed",
    )
    files = False

    def load(self, request):
        smiles = ["CC", "CCC", "CCCC", "CC(C)C", "CCCCC", "CCC(C)C", "CC(C)(C)C", "CCCCCC"]
        smiles += ["CCCC(C)C", "CCC(C)(C)C"]
        frame = pl.DataFrame({"smiles": smiles, "bp": range(10)})
        return request.table(frame, "bp")
"""
NAME = "edgescope.datasets"


@pytest.fixture(autouse=True)
def _forget(monkeypatch):
    """Take back what a test registers."""
    es.data.names()
    monkeypatch.setattr(source, "_KNOWN", dict(source._KNOWN))


@pytest.fixture
def edgescope(capsys):
    """Run the command line in this process: exit code, standard output, standard error."""

    def run(*words):
        with pytest.raises(SystemExit) as stopped:
            main([str(word) for word in words])
        return stopped.value.code, *capsys.readouterr()

    return run


@pytest.fixture
def alkanes(tmp_path):
    """The data set, from a file that is imported."""
    path = tmp_path / "alkanes.py"
    path.write_text(CODE)
    spec = spec_from_file_location("alkanes", path)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Alkanes


@pytest.mark.usefixtures("alkanes")
def test_it_is_loaded_by_its_name_with_the_name_and_task_of_its_card():
    splits = es.data.load("alkanes", seed=3)
    assert [part.name for part in splits] == ["alkanes/train", "alkanes/val", "alkanes/test"]
    assert list(map(len, splits)) == [8, 1, 1]
    assert (splits.train.task, splits.train.metric) == ("regression", "mae")
    assert splits.train.split == "random, seed 3"
    assert es.data.load("alkanes", features="ogb").test[0].x.shape[1] == 9
    assert "alkanes" in es.data.names()
    assert not es.data.needs_files("alkanes")


@pytest.mark.usefixtures("alkanes")
def test_the_command_line_lists_and_checks_it(edgescope):
    code, out, _ = edgescope("data", "list")
    assert (code, "boiling points of small alkanes" in out) == (0, True)
    code, out, _ = edgescope("data", "list", "alkanes")
    assert code == 0
    for text in ("boiling points", "8 / 1 / 1 graphs", "mae", "single 72", "double not stated"):
        assert text in out
    code, out, _ = edgescope("data", "check", "alkanes")
    assert (code, "OK: matches its card" in out) == (0, True)
    assert_refused(edgescope("data", "alkane"), "did you mean 'alkanes'")
    assert_refused(edgescope("data", "alkanes", "--root", "x"), "leave out --root")


def test_what_differs_from_its_card_is_named(alkanes):
    alkanes.card = es.data.Card("alkanes", "graph", "regression", 1, (7, 2, 1))
    with pytest.raises(InputError, match="alkanes has 8 graphs in train, expected 7"):
        es.data.check("alkanes", progress=False)


@pytest.mark.usefixtures("alkanes")
def test_a_recipe_trains_on_it_and_its_run_is_scanned(edgescope, tmp_path):
    sizes = ("--set", "num_layers=1", "--set", "hidden_dim=8", "--set", "num_heads=2")
    told = ("train", "--data", "alkanes", "--recipe", "demo", "--epochs", 1)
    code, _, _ = edgescope(*told, *sizes, "--out", tmp_path / "run")
    assert code == 0
    run = es.train.RunFolder(tmp_path / "run")
    scan = es.scan(run.model("trained"), es.data.loader(run.splits().test), progress=False)
    assert (scan.info.data, scan.info.graphs) == ("alkanes/test", 1)


def test_a_study_takes_it_with_a_recipe(alkanes, tmp_path):
    text = "models: [GraphTransformer]\nrecipe: demo\ndata: [alkanes]\nseeds: [0]\n"
    (tmp_path / "study.yaml").write_text(text)
    cells = plan(study_file.read(tmp_path / "study.yaml"))
    assert {cell.data for cell in cells} == {"alkanes"}
    alkanes.recipes = "zinc"
    (tmp_path / "study.yaml").write_text(text.replace("recipe: demo\n", ""))
    (trained,) = {
        cell.recipe.name
        for cell in plan(study_file.read(tmp_path / "study.yaml"))
        if cell.state == "trained"
    }
    assert trained == "graphtransformer-zinc"


def test_an_installed_package_adds_one_when_an_unknown_name_is_asked_for(monkeypatch, tmp_path):
    install(monkeypatch, tmp_path, NAME, CODE, alkanes="Alkanes")
    assert es.data.card("solubility").targets == 1  # one of edgescope's own needs no other package
    assert "alkanes" not in source._KNOWN
    assert len(es.data.load("alkanes").train) == 8


def test_a_package_that_cannot_be_imported_is_told_once_by_its_name(monkeypatch, tmp_path):
    install(monkeypatch, tmp_path, NAME, "raise OSError('no such disk')", alkanes="Alkanes")
    with pytest.warns(EdgescopeWarning, match="'alkanes' of my-package.*OSError: no such disk"):
        known = es.data.names()
    assert "alkanes" not in known
    assert es.data.names() == known  # a second warning would be an error


def test_what_is_no_data_set_is_refused(alkanes):
    with pytest.raises(InputError, match=r"expected a subclass of es\.data\.Source with a method"):
        es.data.register(es.data.Source)
    with pytest.raises(InputError, match="expected a subclass"):
        es.data.register(alkanes())
    for changes in ({"name": "my.csv"}, {"name": ""}, {"card": None}):
        with pytest.raises(InputError, match="expected a word without dots and slashes"):
            es.data.register(type("Other", (alkanes,), changes))
    with pytest.raises(InputError, match=r"'tox21', which is that of .*tox21\.Tox21"):
        es.data.register(type("Other", (alkanes,), {"name": "tox21"}))
    assert len(es.data.names()) == 15


def test_a_class_that_is_defined_again_takes_its_place(alkanes):
    again = type("Alkanes", (alkanes,), {"__module__": alkanes.__module__, "splits": ("a",)})
    es.data.register(again)
    assert isinstance(source.find("alkanes"), again)


def test_parts_that_are_not_as_on_the_card_are_refused(alkanes):
    alkanes.card = es.data.Card("alkanes", "graph", "regression", 2, (8, 1, 1))
    with pytest.raises(InputError, match=r"loads 1 target.*expected 2 of the kind 'regression'"):
        es.data.load("alkanes")
    alkanes.load = lambda *_: [1]
    with pytest.raises(InputError, match=r"loads a list of int, expected es\.data\.Splits"):
        es.data.load("alkanes")
