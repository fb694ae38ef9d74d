"""`edgescope interpret` on a scanned run."""

import pytest

import edgescope as es
from edgescope.cli.interpret import command

QUICK = ("--permutations", "20", "--resamples", "20")


def test_it_prints_groups_and_saves_the_table(edgescope, scanned):
    code, out, err = edgescope("interpret", scanned, "--split", "train", "--all", *QUICK)
    assert (code, err) == (0, "")
    for kind in (*es.interpret.CHEMISTRY, *es.interpret.GENERAL):
        assert f"\n{kind} " in out
    found = es.interpret.Interpretation.load(scanned / "interpret")
    assert f"saved in {scanned / 'interpret'}" in out
    assert set(found.table()["site"]) == {
        "layers.0.attention:score",
        "layers.1.attention:score",
        es.interpret.ANY,
    }


def test_it_says_so_where_nothing_is_massive(edgescope, scanned):
    words = ("--by", "ring", "--criterion", "sun2024")
    code, out, _ = edgescope("interpret", scanned, "--split", "train", *words, *QUICK)
    assert code == 0
    assert "nothing is massive by the criterion sun2024 at any site" in out


def test_kinds_and_criterion_may_be_chosen(edgescope, scanned):
    words = ("--by", "ring", "--by", "bond_type", "--criterion", "sun2024", "--seed", "3")
    code, _, _ = edgescope("interpret", scanned, "--split", "train", *words, *QUICK)
    assert code == 0
    found = es.interpret.Interpretation.load(scanned / "interpret")
    assert found.table()["kind"].unique(maintain_order=True).to_list() == ["ring", "bond_type"]
    assert (found.info["criterion"], found.info["seed"]) == ("sun2024", 3)


def test_importance_is_measured_beside_prevalence(edgescope, scanned):
    words = ("--by", "element_pair", "--importance", "occlusion", *QUICK)
    code, out, err = edgescope("interpret", scanned, "--split", "train", *words)
    assert (code, err) == (0, "")
    assert "rank correlations over the groups of a kind" in out
    for pair in ("frequency and importance", "importance and prevalence"):
        assert pair in out
    found = es.interpret.Interpretation.load(scanned / "interpret")
    run = es.train.RunFolder(scanned)
    molecules = es.data.load(**run.data, vocabulary=run.vocabulary).train
    expected = es.attribute.importances(run.model(), molecules, "occlusion")["occlusion"].edge
    table = found.importance
    mean = (table["importance"] * table["measured"]).sum() / table["measured"].sum()
    assert mean == pytest.approx(float(expected.abs().mean()), rel=1e-5)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--split", "test"], "give the data set that was scanned"),
        (["--split", "train", "--by", "rings"], "unknown kind 'rings', expected some of"),
        (["--split", "train", "--importance", "oclusion"], "did you mean 'occlusion'?"),
    ],
)
def test_what_cannot_be_interpreted_is_one_line(edgescope, scanned, words, message):
    code, _, err = edgescope("interpret", scanned, *words)
    assert code == 2
    assert message in err
    assert err.count("\n") == 1


def test_a_run_without_a_scan_is_told_to_scan(edgescope, run_folder):
    code, _, err = edgescope("interpret", run_folder)
    assert code == 2
    assert f"has not been scanned; run: edgescope scan {run_folder}" in err


def test_the_help_names_every_kind():
    help_text = command.__annotations__["by"].__metadata__[0].help
    for kind in (*es.interpret.CHEMISTRY, *es.interpret.GENERAL):
        assert kind in help_text
