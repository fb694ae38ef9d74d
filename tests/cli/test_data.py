"""`edgescope data`: data sets that are listed and checked, and what is in a table."""

import edgescope as es
from support.data_layouts import tu
from support.refusals import assert_refused


def test_the_card_of_a_data_set_is_shown_whole(edgescope):
    code, out, _ = edgescope("data", "list", "tox21")
    assert code == 0
    card = es.data.card("tox21")
    for text in (card.title, card.split, card.source, card.licence, "roc_auc", "aromatic 99,512"):
        assert text in out


def test_a_built_in_set_passes_its_check(edgescope):
    code, out, _ = edgescope("data", "check", "solubility")
    assert code == 0
    assert "OK: matches its card" in out


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


def test_what_a_table_loses_and_how_it_was_read_is_printed(edgescope, tmp_path):
    path = tmp_path / "export.csv"
    rows = ["CC;1,5;a", "CCO;2,5;b", "CCC;>3;c", "CC O;1,0;d", "CCN;0,5;e"]
    path.write_text("smiles;logS;Nr\n" + "\n".join(rows) + "\n")
    told = ("--target-column", "logS", "--id-column", "Nr")
    code, out, err = edgescope("data", path, *told)
    assert (code, err) == (0, "")
    assert "1 row cannot be used and is left out" in out
    assert "1 label cannot be used and is left out" in out
    (lost,) = (line for line in out.splitlines() if ">3" in line)
    assert lost.split()[1:4] == ["4", "logS", ">3"]
    assert "note: cells are separated by semicolons" in out
    assert "note: commas in 'logS' are read as decimal points: '1,5' is 1.5" in out


def test_a_column_that_does_not_tell_its_decimal_mark_is_read_with_the_option(edgescope, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('smiles,y\nCC,"1,234"\nCCO,"2,500"\nCCC,7\n')
    told = ("data", path, "--target-column", "y")
    assert_refused(edgescope(*told), "cannot tell whether the decimal mark is a comma or a point")
    code, out, _ = edgescope(*told, "--decimal", ",")
    assert code == 0
    assert "'1,234' is 1.234" in out


def test_options_of_tables_are_refused_where_there_is_none(edgescope):
    assert_refused(edgescope("data", "solubility", "--decimal", ","), "leave out --decimal")
    assert_refused(edgescope("data", "solubility", "--id-column", "x"), "leave out --id-column")
