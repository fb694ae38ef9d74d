"""What a scan is compared with, and by which criterion, on the command line."""

import shutil

import pytest

import edgescope as es
from edgescope.scanning.criteria import CalibratedCriterion
from edgescope.train import RunFolder
from support.refusals import assert_refused

CALIBRATED = ("--criterion", "calibrated", "--members", "5", "--rate", "0.02")


@pytest.fixture(scope="module")
def calibrated(trained, tmp_path_factory):
    """A run scanned with an ensemble of five; tests must not change it."""
    from edgescope.cli import main

    folder = shutil.copytree(trained, tmp_path_factory.mktemp("calibrated") / "run")
    with pytest.raises(SystemExit) as stopped:
        main(["scan", str(folder), *CALIBRATED])
    assert stopped.value.code == 0
    return folder


def scanned(folder):
    return es.load_scan(folder / "scan")


def test_a_calibrated_scan_takes_an_untrained_ensemble_and_says_so(edgescope, run_folder):
    code, out, err = edgescope("scan", run_folder, *CALIBRATED)
    assert code == 0
    assert "comparing with 5 of them (--baseline untrained)" in err
    scan = scanned(run_folder)
    assert len(scan.baseline.members) == 5
    assert isinstance(scan.info.criterion, CalibratedCriterion)
    assert scan.info.criterion.rate == 0.02
    assert (
        f"at {scan.table()['massive'].sum()} of 2 sites the largest edges lie further beyond" in out
    )
    for row in scan.calibration().iter_rows(named=True):
        line = next(x for x in out.splitlines() if row["site"] in x and row["axis"] in x)
        shown = [f"{row['threshold']:.4g}", str(row["over"]), f"{row['expected']:.4g}"]
        assert line.split()[2:5] == shown
        assert line.split()[-1] == ("yes" if row["massive"] else "no")


def test_a_calibrated_scan_is_reported(edgescope, calibrated, tmp_path):
    code, _, _ = edgescope("report", calibrated, "--out", tmp_path / "report.html")
    assert code == 0
    assert "5 untrained models" in (tmp_path / "report.html").read_text()


def test_the_rate_of_false_discoveries_is_taken(edgescope, run_folder):
    edgescope("scan", run_folder, *CALIBRATED, "--fdr", "0.2")
    assert scanned(run_folder).info.criterion.fdr == 0.2


def test_an_ensemble_is_drawn_from_its_seed(edgescope, run_folder, trained):
    words = ("--baseline", "untrained", "--members", "2", "--seed", "7")
    code, _, err = edgescope("scan", run_folder, *words)
    assert (code, err) == (0, "")
    run = RunFolder(trained)
    splits = es.data.load(**run.data, vocabulary=run.vocabulary)
    model, loader = run.model("trained"), es.data.loader(splits.test, batch_size=128)
    expected = es.scan(model, loader, baseline=es.Untrained(2, seed=7))
    assert scanned(run_folder).baseline.table().equals(expected.baseline.table())


def test_another_run_is_compared_with_as_it_was_trained(edgescope, run_folder, trained):
    edgescope("scan", run_folder, "--baseline", trained)
    scan = scanned(run_folder)
    assert scan.baseline.table().equals(scan.table().select(scan.baseline.table().columns))


def test_weights_are_compared_with(edgescope, run_folder, trained):
    edgescope("scan", run_folder, "--baseline", trained / "weights" / "untrained.safetensors")
    named, by_default = scanned(run_folder), edgescope("scan", run_folder)
    assert by_default[0] == 0
    assert named.table().equals(scanned(run_folder).table())


def test_the_ensemble_of_a_saved_scan_serves_again(edgescope, run_folder, calibrated):
    words = ("--baseline", calibrated / "scan" / "baseline", "--criterion", "calibrated")
    code, _, err = edgescope("scan", run_folder, *words, "--rate", "0.02")
    assert (code, err) == (0, "")
    assert scanned(run_folder).calibration().equals(scanned(calibrated).calibration())


def test_progress_shows_which_member_is_scanned(edgescope, run_folder, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    words = ("--baseline", "untrained", "--members", "2")
    _, _, err = edgescope("scan", run_folder, *words)
    assert "untrained member 1/2" in err
    assert "untrained member 2/2" in err


def test_a_criterion_with_two_bounds_is_counted_by_both(edgescope, run_folder):
    code, out, _ = edgescope("scan", run_folder, "--criterion", "sun2024")
    assert code == 0
    found = scanned(run_folder).massive_edges()
    where = f"at {(found['massive'] > 0).sum()} of 2 sites"
    line = f"{found['massive'].sum()} times the criterion sun2024 calls an edge massive, {where}"
    assert line in out


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("--members", "5"), ("--members 5", "before training", "--baseline untrained")),
        (("--baseline", "RUN", "--seed", "1"), ("--seed 1", "--baseline untrained")),
        (("--rate", "0.1"), ("--rate 0.1", "--criterion calibrated")),
        (("--criterion", "sun2024", "--fdr", "0.1"), ("--fdr 0.1", "leave out --fdr")),
        (("--criterion", "calibrated", "--rate", "2"), ("rate=2.0", "between 0 and 1")),
        (("--criterion", "calibrated", "--members", "4"), ("at least 5", "--members 4")),
        (("--criterion", "calibrated", "--baseline", "RUN"), ("at least 5", "untrained")),
        (("--members", "0"), ("--members",)),
        (("--baseline", "nowhere"), ("nowhere", "does not exist")),
        (("--baseline", "EMPTY"), ("is none of these",)),
    ],
)
def test_options_that_do_not_fit_together(edgescope, run_folder, trained, tmp_path, words, parts):
    (tmp_path / "empty").mkdir()
    paths = {"RUN": trained, "EMPTY": tmp_path / "empty"}
    result = edgescope("scan", run_folder, *(paths.get(word, word) for word in words))
    assert_refused(result, *parts)
    assert not (run_folder / "scan").exists()


def test_a_scan_of_one_model_is_no_ensemble_but_its_baseline_may_be(
    edgescope, run_folder, calibrated
):
    words = ("--criterion", "calibrated", "--baseline", calibrated / "scan")
    result = edgescope("scan", run_folder, *words)
    assert_refused(result, "is of 1", f"--baseline {calibrated / 'scan' / 'baseline'}")


def test_a_baseline_of_another_architecture(edgescope, run_folder, tmp_path):
    other = es.models.GraphTransformer(
        num_atom_types=9, num_bond_types=4, hidden_dim=8, num_heads=2, num_layers=1
    )
    path = es.models.save(other, tmp_path / "other.safetensors")
    assert_refused(edgescope("scan", run_folder, "--baseline", path), "another configuration")


class _Interrupted:
    """A loader that is interrupted in its second pass."""

    def __init__(self, loader):
        self.loader, self.dataset, self.passes = loader, loader.dataset, 0

    def __len__(self):
        return len(self.loader)

    def __iter__(self):
        self.passes += 1
        if self.passes == 4:
            raise KeyboardInterrupt
        yield from self.loader


@pytest.fixture
def interrupting(monkeypatch):
    """Let the scan be interrupted once."""
    load = es.data.loader

    def once(*arguments, **options):
        monkeypatch.setattr(es.data, "loader", load)
        return _Interrupted(load(*arguments, **options))

    monkeypatch.setattr(es.data, "loader", once)


def test_an_interrupted_scan_goes_on_from_its_shards(
    edgescope, run_folder, calibrated, tmp_path, interrupting
):
    words = ("scan", run_folder, *CALIBRATED, "--shards", tmp_path / "shards")
    code, _, err = edgescope(*words)
    assert code == 130
    assert "run the same command again to resume" in err
    assert list((tmp_path / "shards").iterdir())
    code, _, _ = edgescope(*words)
    assert code == 0
    assert not (tmp_path / "shards").exists()
    assert scanned(run_folder).calibration().equals(scanned(calibrated).calibration())


def test_without_shards_an_interruption_does_not_promise_anything(
    edgescope, run_folder, interrupting
):
    code, _, err = edgescope("scan", run_folder, "--baseline", "untrained", "--members", "3")
    assert code == 130
    assert "--shards" in err
