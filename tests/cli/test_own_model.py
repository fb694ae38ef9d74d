"""Models of people's own, from a file to a report on the command line."""

import json
import sys
from pathlib import Path

import lightning
import polars as pl
import pytest
import torch
from safetensors.torch import save_file

import edgescope as es
from edgescope.lib.named_objects import named_object
from support.refusals import assert_refused

MODELS = Path(__file__).parents[1] / "support" / "own_models"


def of(file, name):
    return named_object(f"{MODELS / file}:{name}")


def marked(bonds, edge):
    """Let one channel of what a layer makes of one type of bond grow by five orders."""
    with torch.no_grad():
        bonds[:, 0], edge[0, 0] = 0, 1e5
        bonds[3, 0] = 1


def pyg_example(folder):
    model = of("pyg_example.py", "Net")()
    marked(model.bonds.weight, model.convs[0].lin_edge.weight)
    torch.save(model.state_dict(), folder / "net.pt")
    loader = f"{MODELS / 'pyg_example.py'}:test_loader"
    return f"{MODELS / 'pyg_example.py'}:Net", "--loader", loader, "--checkpoint", folder / "net.pt"


def lightning_module(folder):
    module = of("lightning_module.py", "Module")(width=8)
    marked(module.net.bonds.weight, module.net.convs[0].lin_edge.weight)
    quiet = ("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary")
    trainer = lightning.Trainer(accelerator="cpu", max_steps=1, **dict.fromkeys(quiet, False))
    trainer.fit(module, of("lightning_module.py", "Molecules")())
    trainer.save_checkpoint(folder / "last.ckpt")
    name = f"{MODELS / 'lightning_module.py'}:build"
    return name, "--checkpoint", folder / "last.ckpt", "--arg", "width=8"


def hetero(folder):
    model, loader = of("hetero.py", "build")()
    batch = next(iter(loader))
    model(batch.x_dict, batch.edge_index_dict)  # which makes its lazy layers
    with torch.no_grad():
        next(iter(model.convs[0].convs.values())).lin_l.weight[0] *= 1e5
    torch.save({"epoch": 3, "model_state_dict": model.state_dict()}, folder / "hetero.pt")
    return f"{MODELS / 'hetero.py'}:build", "--checkpoint", folder / "hetero.pt"


def graphgym_style(folder):
    model = of("graphgym_style.py", "create_model")().model
    marked(model.encoder.edge.weight, model.layers[0].gps.conv.lin_edge.weight)
    torch.save({"model_state": model.state_dict(), "optimizer_state": {}}, folder / "99.ckpt")
    loader = f"{MODELS / 'graphgym_style.py'}:create_dataset"
    name = f"{MODELS / 'graphgym_style.py'}:create_model"
    return name, "--loader", loader, "--checkpoint", folder / "99.ckpt"


def torch_transformer(folder):
    model, _ = of("torch_transformer.py", "build")()
    marked(model.bonds.weight, model.attention[0].e.weight)
    save_file(model.state_dict(), folder / "plain.safetensors")
    name = f"{MODELS / 'torch_transformer.py'}:build"
    return name, "--checkpoint", folder / "plain.safetensors"


ABLATIONS = {
    pyg_example: ("--where", "scan"),
    lightning_module: ("--where", "scan"),
    # All edges of a relation are massive, so that none is left to take a mean or controls of.
    hetero: ("--where", "scan", "--value", "zero", "--controls", "none"),
    graphgym_style: (),  # global attention cannot be edited, and is left out
    torch_transformer: ("--where", "scan"),
}
"""What is replaced in each of the models."""


@pytest.mark.filterwarnings("default::edgescope.lib.errors.EdgescopeWarning")
@pytest.mark.parametrize("make", ABLATIONS, ids=lambda make: make.__name__)
def test_a_model_of_ones_own_goes_from_its_file_to_a_report(make, edgescope, tmp_path):
    torch.manual_seed(1)
    words = make(tmp_path)
    run = tmp_path / "run"
    code, out, err = edgescope("scan", *words, "--run", run)
    assert code == 0, err
    assert f"edgescope ablate {words[0]}" in out
    scan = es.load_scan(run)  # of the run, which holds it
    assert scan.table()["max_ratio"].max() > 1000
    assert scan.baseline is not None
    assert not scan.coverage.unseen
    assert edgescope("diagnose", *words, "--run", run, "--fail-on", "never")[0] == 0
    controls = () if "--controls" in ABLATIONS[make] else ("--repeats", "1")
    code, out, err = edgescope("ablate", *words, "--run", run, *ABLATIONS[make], *controls)
    assert code == 0, err
    assert "nothing was replaced" not in out
    few = ("--permutations", "20", "--resamples", "20")
    code, out, err = edgescope("interpret", *words, "--run", run, *few)
    assert code == 0, err
    found = es.interpret.Interpretation.load(run / "interpret")
    assert found.overall["massive"].sum() > 0
    known = dict(zip(scan.sites, found.info["added"].values(), strict=True))
    of_scan = scan.massive().filter(pl.col("edge") < 0).group_by("site").len()
    assert {site: n for site, n in known.items() if n} == dict(of_scan.iter_rows())
    stored = set(es.report.stored_results(run))
    assert stored == {"attention", "interpretation", "ablation", "diagnosis"}
    if make in {pyg_example, hetero}:  # a page takes longer than all that is on it
        code, out, _ = edgescope("report", run)
        assert (code, "sections: scan, attention, interpretation, ablation, diagnosis" in out) == (
            0,
            True,
        )
        assert words[0] in (run / "report.html").read_text()


@pytest.fixture
def own(edgescope, tmp_path, monkeypatch):
    """A folder with the example that `edgescope init` writes, scanned."""
    monkeypatch.chdir(tmp_path)
    code, out, _ = edgescope("init", "example.py")
    assert (code, out.splitlines()[-1]) == (0, "next: edgescope scan example.py:build")
    assert edgescope("scan", "example.py:build")[0] == 0
    return tmp_path


def test_a_folder_runs_no_code_that_it_names(edgescope, own, monkeypatch):
    held = json.loads((own / "run" / "model.json").read_text())
    assert held["words"]["model"] == "example.py:build"
    (own / "example.py").write_text("raise SystemExit(7)")
    assert edgescope("report", "run")[0] == 0
    for command in ("scan", "diagnose", "ablate", "interpret", "explain"):
        refused = edgescope(command, "run")
        assert_refused(refused, "only if you name it", f"{command} example.py:build --run run")


def test_another_model_does_not_go_into_the_same_folder(edgescope, own):
    refused = edgescope("scan", "example.py:build", "--arg", "width=8")
    assert_refused(refused, "run holds results of another model", "its weights", "--run")
    assert edgescope("scan", "example.py:build", "--arg", "width=8", "--run", "other")[0] == 0


def test_explain_and_an_untrained_ensemble_take_a_model_of_ones_own(edgescope, own):
    words = ("example.py:build", "--run", "run")
    code, out, _ = edgescope("explain", *words, "--methods", "massive")
    assert (code, "massive" in out) == (0, True)
    assert edgescope("scan", *words, "--baseline", "untrained", "--members", "2")[0] == 0
    assert len(es.load_scan("run").baseline.members) == 2
    assert set(es.report.stored_results(Path("run"))) == {"attention", "leaderboard"}


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ("scan example.py", ["edgescope scan example.py:NAME", "edgescope init", "es.scan(model"]),
        ("scan my.package", ["my.package:NAME"]),
        ("scan weights.pt", ["--checkpoint weights.pt", "model.py:NAME"]),
        ("scan nowhere", ["there is no folder nowhere", "--run nowhere"]),
        ("scan nowhere.py:build", ["expected a Python file at nowhere.py"]),
        ("scan no_such_module:build", ["no module no_such_module"]),
        ("scan example.py:bild", ["no 'bild'", "did you mean 'build'"]),
        ("scan example.py:torch", ["received a module as example.py:torch", "torch.nn.Module"]),
        ("scan example.py:build --arg widht=8", ["unexpected keyword argument 'widht'"]),
        ("scan example.py:build --arg width", ["--arg NAME=VALUE"]),
        ("scan example.py:build --arg width=8 --arg width=9", ["--arg width=8 and --arg width=9"]),
        (
            "scan example.py:build --arg width=wide",
            ["example.py:build raised TypeError", "--debug"],
        ),
        ("scan example.py:Net --arg width=8", ["makes a model and no loader", "--loader"]),
        ("scan example.py:build --loader example.py:build --run x", ["as the loader"]),
        ("scan example.py:build --checkpoint none.pt", ["found nothing there"]),
        ("scan example.py:build --checkpoint weights.pt --run x", ["does not fit Net", "1 unexp"]),
        ("scan example.py:build --split val", ["--split val", "with a model of your own"]),
        ("scan run --loader example.py:graphs", ["--loader", "with the folder of a run"]),
        ("explain example.py:build run", ["one model of your own at a time"]),
        ("init example.py", ["exists already"]),
        ("report example.py:build", ["takes the folder of a run", "--run"]),
        ("report nowhere", ["there is no folder nowhere"]),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(edgescope, own, words, parts):
    torch.save({"stray": torch.zeros(2)}, "weights.pt")
    code, _, err = edgescope(*words.split())
    last = err.splitlines()[-1]
    assert code == 2
    assert last.startswith("error: ")
    assert [part for part in parts if part not in last] == []


def test_what_differs_in_a_checkpoint_is_shown_as_a_table(edgescope, own):
    model = named_object("example.py:Net")(8)
    torch.save(model.state_dict(), "narrow.pt")
    code, _, err = edgescope("scan", "example.py:build", "--checkpoint", "narrow.pt")
    rows = {line.split()[0]: line.split()[1] for line in err.splitlines()[:-1] if " shape " in line}
    assert code == 2
    assert set(rows) == set(model.state_dict()) - {"out.bias"}


def test_a_module_of_the_working_folder_is_found_by_its_name(edgescope, own, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    Path("own_package").mkdir()
    Path("own_package/net.py").write_text(Path("example.py").read_text())
    assert edgescope("scan", "own_package.net:build", "--run", "x")[0] == 0
