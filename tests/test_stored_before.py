"""What was stored before the modules moved still loads, and holds what it held.

`data/stored/figures.json` was written by the version that stored the results; see `make.py` there.
"""

import json
import shutil
from pathlib import Path

import pytest

import edgescope as es
from edgescope.lib.errors import InputError
from support import interrupted_scan
from support.stored_figures import edgescope, figures_of, of_scan

STORED = Path(__file__).parent / "data" / "stored"
BEFORE = json.loads((STORED / "figures.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    """A copy: reports are written beside what they are of."""
    return shutil.copytree(STORED, tmp_path_factory.mktemp("stored") / "copy")


def assert_holds(found, before, where=""):
    """Show that everything is there that was; there may be more now."""
    if isinstance(before, dict):
        for name, value in before.items():
            assert name in found, f"{where} lacks {name}"
            assert_holds(found[name], value, f"{where} > {name}")
    elif isinstance(before, list):
        assert len(found) == len(before), where
        for number, (one, other) in enumerate(zip(found, before, strict=True)):
            assert_holds(one, other, f"{where} > {number}")
    elif isinstance(before, float):
        assert found == pytest.approx(before, rel=1e-5, abs=1e-7, nan_ok=True), where
    else:
        assert found == before, where


@pytest.mark.parametrize("name", BEFORE)
def test_a_stored_result_holds_what_it_held(copied, name):
    assert_holds(json.loads(json.dumps(figures_of(copied)[name]())), BEFORE[name], name)


def test_every_kind_is_kept():
    """Files that no figure is of would be read by no test."""
    kept = {path.name for path in STORED.iterdir() if path.is_dir()}
    assert kept == {"large", "planted", "run", "scans", "seeds", "shards", "study"}
    assert {path.name for path in (STORED / "run").iterdir() if path.is_dir()} == {
        *("weights", "checkpoints", "scan", "interpret", "ablation", "explain")
    }


def test_training_goes_on_from_a_stored_checkpoint(copied, tmp_path):
    folder = shutil.copytree(copied / "run", tmp_path / "run")
    before = es.train.RunFolder(folder)
    history, recipe, splits = before.metrics["history"], before.recipe, before.splits(copied)
    run = es.train.fit(recipe, splits, folder, data=before.data, epochs=3, progress=False)
    assert run.metrics["history"][:2] == history
    other = es.train.fit(recipe, splits, tmp_path / "other", epochs=3, progress=False)
    # Not bit for bit, as another machine rounds otherwise than the one that began the training.
    assert run.metrics["train_loss"] == pytest.approx(other.metrics["train_loss"], rel=0.05)
    assert run.metrics["train_loss"] < history[-1]["train_loss"]


def test_a_scan_goes_on_from_stored_shards(tmp_path):
    folder = shutil.copytree(STORED / "shards", tmp_path / "shards")
    with pytest.raises(InputError, match="other batches than those counted"):
        interrupted_scan.run(interrupted_scan.Loader(seed=1), folder, max_rows=500)
    resumed = interrupted_scan.run(interrupted_scan.Loader(), folder, max_rows=500)
    alone = interrupted_scan.run(interrupted_scan.Loader(), max_rows=500)
    assert_holds(of_scan(resumed), of_scan(alone))
    assert not folder.exists()


def test_a_stored_scan_is_a_baseline_on_the_command_line(copied, tmp_path):
    folder = shutil.copytree(copied / "run", tmp_path / "run")
    edgescope("scan", folder, "--root", copied, "--baseline", copied / "run" / "scan")
    scan = es.load_scan(folder / "scan")
    assert scan.baseline.table().equals(es.load_scan(copied / "run" / "scan").table())


def test_a_stored_run_is_diagnosed_interpreted_and_ablated(copied, tmp_path):
    folder = shutil.copytree(copied / "run", tmp_path / "run")
    few = ("--permutations", 50, "--resamples", 50)
    by = ("--by", "bond_type", "--by", "degree_product")
    edgescope("interpret", folder, "--root", copied, *by, *few)
    edgescope("ablate", folder, "--root", copied, "--where", "scan", "--repeats", 2)
    edgescope("diagnose", folder, "--root", copied, "--fail-on", "never")
    for name, load in (("interpret", es.interpret.Interpretation), ("ablation", es.Ablation)):
        again, before = load.load(folder / name).table(), load.load(copied / "run" / name).table()
        assert again.columns == before.columns
        assert again.height == before.height
