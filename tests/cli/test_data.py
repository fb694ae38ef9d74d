"""`edgescope data list` and `edgescope data check`."""

import edgescope as es
from data_layouts import tu
from refusals import assert_refused


def test_the_card_of_a_data_set_is_shown_whole(edgescope):
    code, out, _ = edgescope("data", "list", "tox21")
    assert code == 0
    card = es.data.card("tox21")
    for text in (card.title, card.split, card.source, card.licence, "roc_auc", "aromatic 99,512"):
        assert text in out


def test_a_built_in_set_passes_its_check(edgescope):
    code, out, _ = edgescope("data", "check", "solubility")
    assert code == 0
    assert "solubility is the data set of its card" in out


def test_files_that_are_not_those_of_the_card_are_refused(edgescope, tmp_path):
    folder = tu(tmp_path, "MUTAG", edge_labels=True)
    refused = edgescope("data", "check", "tu-mutag", "--root", folder)
    assert_refused(refused, "tu-mutag has 8 graphs in train, expected 150")
    (folder / "MUTAG" / "raw" / "MUTAG_edge_labels.txt").write_text("0\n")
    refused = edgescope("data", "check", "tu-mutag", "--root", folder)
    assert_refused(refused, "MUTAG_edge_labels.txt 1 lines, expected one per edge")


def test_what_cannot_be_listed_or_checked_is_said(edgescope):
    assert_refused(edgescope("data", "check"), "without a name")
    assert_refused(edgescope("data", "check", "zinc12"), "did you mean 'zinc12k'")
    assert_refused(edgescope("data", "list", "mutag"), "did you mean 'tu-mutag'")
    assert_refused(edgescope("data", "tox21", "check"), "expected `data list check`")
