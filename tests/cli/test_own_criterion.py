"""The command line takes the criterion that an installed package adds."""

from support.own_criterion import WORDS, installed


def test_a_run_is_scanned_and_reported_by_its_name(edgescope, run_folder, tmp_path):
    package = tmp_path / "package"
    package.mkdir()
    with installed(package):
        code, out, _ = edgescope("scan", run_folder, "--criterion", "product")
        assert code == 0
        assert "times the criterion product calls an edge massive" in out
        assert edgescope("report", run_folder, "--out", tmp_path / "report.html")[0] == 0
        assert f"{WORDS}1,000" in (tmp_path / "report.html").read_text()
        code, _, _ = edgescope("ablate", run_folder, "--criterion", "product", "--repeats", "2")
        assert code == 0


def test_rates_that_it_has_not_are_refused(edgescope, run_folder, tmp_path):
    with installed(tmp_path):
        code, _, err = edgescope("scan", run_folder, "--criterion", "product", "--rate", "0.1")
    assert code == 2
    assert "received --rate 0.1, which has no effect with --criterion product" in err


def test_members_that_it_needs_not_are_refused(edgescope, run_folder, tmp_path):
    with installed(tmp_path):
        code, _, err = edgescope("scan", run_folder, "--criterion", "product", "--members", "9")
    assert code == 2
    assert "received --members 9, which has no effect" in err
