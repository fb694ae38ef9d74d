"""Tables of every width, as JSON, quietly; help and completion."""

import json

import polars as pl
import pytest
import typer

import edgescope as es
from edgescope.cli._tables import printing, show
from support.printed_tables import FOLDER, TABLES, all_widths, printed


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_as_it_was_looked_at_in_four_terminals_and_a_pipe(name):
    # After a change: PYTHONPATH=tests python -m scripts.write_tables, and look at the difference.
    assert all_widths(name) == (FOLDER / f"{name}.txt").read_text(encoding="utf-8")


def test_no_line_is_wider_than_the_terminal():
    for name in TABLES:
        for width in (60, 80, 100, 200):
            assert max(map(len, printed(name, width).splitlines())) <= width


def test_a_pipe_has_no_codes_and_a_terminal_only_if_colours_are_wanted():
    assert "\x1b" not in printed("calibrated_scan", None, NO_COLOR="")
    assert "\x1b" not in printed("calibrated_scan", 100, NO_COLOR="1")
    assert "\x1b" not in printed("calibrated_scan", 100, NO_COLOR="", TERM="dumb")
    assert "\x1b[1m" in printed("calibrated_scan", 100, NO_COLOR="")


def test_json_holds_the_whole_table(edgescope):
    code, printed, _ = edgescope("diagnose", "--list-rules", "--json")
    assert (code, json.loads(printed)) == (0, {"rules": es.diagnose.rules().to_dicts()})
    code, printed, _ = edgescope("data", "list", "--json")
    assert [row["name"] for row in json.loads(printed)["data sets"]] == es.data.names()
    page = json.loads(edgescope("diagnose", "--explain", "dead-head", "--json")[1])
    assert page == {"explanation": es.diagnose.explain("dead-head")}


def test_numbers_of_json_are_not_rounded_and_none_is_not_a_number(capsys):
    frame = pl.DataFrame({"a": [0.123456789, float("nan"), float("inf")], "b ": [1, None, 3]})
    with printing(json=True, quiet=False):
        typer.echo("a sentence")
        show(frame, "numbers", of={"data": "x"})
        show(frame.head(1), "numbers", of={"data": "y"})
    out, err = capsys.readouterr()
    rows = [(0.123456789, 1, "x"), (None, None, "x"), (None, 3, "x"), (0.123456789, 1, "y")]
    assert json.loads(out) == {"numbers": [{"data": d, "a": a, "b": b} for a, b, d in rows]}
    assert err == "a sentence\n"


def test_sentences_are_beside_the_json_and_an_error_prints_none(edgescope, trained):
    code, out, err = edgescope("scan", trained, "--list-sites", "--json")
    assert code == 0
    found = json.loads(out)
    assert {row["site"] for row in found["sites"]} >= {"layers.0.attention:score"}
    assert "A scan takes the :score of every layer" in err
    code, out, err = edgescope("data", "list", "no-such-data", "--json")
    assert (code, out) == (2, "")
    assert err.startswith("error: ")


def test_quiet_leaves_out_hints_and_progress(edgescope, scanned):
    words = ("ablate", scanned, "--split", "train", "--where", "scan", "--controls", "none")
    loud, quiet = edgescope(*words), edgescope(*words, "-q")
    assert loud[0] == quiet[0] == 0
    assert "saved in" in loud[1]
    assert quiet[1] == loud[1].replace(f"saved in {scanned / 'ablation'}\n", "")


def test_a_table_goes_to_where_what_is_said_above_it_goes(capsys):
    show(pl.DataFrame({"row": [1]}), "rows", err=True)
    assert capsys.readouterr() == ("", "row\n  1\n")


@pytest.mark.parametrize("words", [(), ("data",), ("study",), ("study", "table")])
def test_a_short_option_shows_the_help(edgescope, words):
    assert edgescope(*words, "-h") == edgescope(*words, "--help")


def test_every_command_with_tables_has_the_same_options(edgescope):
    for words in (("scan",), ("data",), ("study", "run"), ("study", "twins"), ("import", "malog")):
        said = edgescope(*words, "-h")[1]
        assert "--json" in said, words
        assert "--quiet" in said, words
    for words in (("report",), ("study", "figure"), ("import", "checkpoint")):
        said = edgescope(*words, "-h")[1]
        assert "--json" not in said, words
        assert "--quiet" in said, words


def test_a_shell_completes_commands_and_options(edgescope, monkeypatch):
    monkeypatch.setenv("_EDGESCOPE_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "edgescope dia")
    monkeypatch.setenv("COMP_CWORD", "1")
    assert edgescope()[1].split() == ["diagnose"]
    monkeypatch.setenv("COMP_WORDS", "edgescope diagnose --write")
    monkeypatch.setenv("COMP_CWORD", "2")
    assert edgescope()[1].split() == ["--write-baseline"]
