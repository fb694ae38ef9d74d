"""`edgescope study dossier` from a folder of result tables."""

import json

import pytest

from support.claim_tables import Planted, store_tables


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    of = Planted()
    for seed in range(5):
        of.sites(of.cell(seed), 2500.0 + 100 * seed)
    return store_tables(of.tables(), tmp_path_factory.mktemp("results"))


def test_it_prints_every_verdict(edgescope, stored):
    code, out, err = edgescope("study", "dossier", stored)
    assert code == 0
    rows = {line.split()[0]: line for line in out.splitlines() if line.strip()}
    assert " holds " in rows["C1"]
    assert "undecided" in rows["C2"]
    assert "1 holds; 22 undecided at this budget" in err


def test_a_claim_is_shown_with_its_numbers_and_written(edgescope, stored, tmp_path):
    words = ("study", "dossier", stored, "--claim", "C1", "--out", tmp_path, "--json")
    code, out, _ = edgescope(*words)
    assert code == 0
    printed = json.loads(out)
    assert [row["claim"] for row in printed["claims"]] == ["C1"]
    assert printed["numbers"][0]["seeds_for"] == 5
    assert (tmp_path / "dossier.html").exists()


def test_a_folder_without_tables_says_that_nothing_is_measured(edgescope, tmp_path):
    code, out, _ = edgescope("study", "dossier", tmp_path, "--claim", "C6")
    assert code == 0
    assert "not measured" in out


def test_an_unknown_claim_is_refused(edgescope, stored):
    code, _, err = edgescope("study", "dossier", stored, "--claim", "C99")
    assert code != 0
    assert "there is no claim 'C99'" in err
