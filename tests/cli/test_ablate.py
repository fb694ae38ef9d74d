"""`edgescope ablate`, from a trained run to a saved table."""

import pytest

import edgescope as es


def test_a_run_is_ablated_into_its_folder(edgescope, run_folder):
    words = ("--where", "5", "--split", "train", "--repeats", "2", "--controls", "number")
    code, out, err = edgescope("ablate", run_folder, *words)
    assert (code, err) == (0, "")
    found = es.Ablation.load(run_folder / "ablation")
    assert found.info.where == "ratio above 5"
    assert found.info.controls == ("number",)
    assert found.table()["site"][-1] == "all"
    assert "layers.1.attention:score" in out
    assert found.conclusion() in out
    assert f"saved in {run_folder / 'ablation'}" in out


def test_the_scan_of_the_run_says_what_to_replace(edgescope, run_folder, tmp_path):
    edgescope("scan", run_folder)
    out = tmp_path / "there"
    words = ("--where", "scan", "--value", "untrained", "--layers", "-1", "--out", out)
    assert edgescope("ablate", run_folder, *words)[0] == 0
    found = es.Ablation.load(out)
    assert found.info.where == "scan, paper2025"
    assert set(found.table()["site"]) == {"layers.1.attention:score"}


def test_a_path_names_a_layer_and_controls_can_be_left_out(edgescope, run_folder):
    words = ("--layers", "layers.0", "--sites", "*:message", "--controls", "none", "--where", "3")
    assert edgescope("ablate", run_folder, *words)[0] == 0
    table = es.Ablation.load(run_folder / "ablation").table()
    assert table.select("site", "selection").rows() == [("layers.0.attention:message", "chosen")]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--where", "scan"), "has not been scanned; run: edgescope scan"),
        (("--where", "nobody"), "unknown criterion 'nobody'"),
        (("--value", "one"), "received value='one'"),
        (("--controls", "size"), "unknown control 'size'"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(edgescope, run_folder, words, message):
    code, _, err = edgescope("ablate", run_folder, *words)
    assert code == 2
    assert message in err
    assert err.count("\n") == 1
