"""`edgescope data check TABLE`: what it prints, writes and returns."""

import json
import warnings

import pytest

from support.planted_tables import CLEAN
from support.refusals import assert_refused


@pytest.fixture
def write(tmp_path):
    """Write a table of the first molecules and some more rows; returns its path."""

    def table(*rows, count=40):
        path = tmp_path / "mine.csv"
        clean = [f"M{i},{text},{(i * 7) % 13}" for i, text in enumerate(CLEAN[:count])]
        path.write_text("\n".join(["mol_id,smiles,logS", *clean, *rows]) + "\n")
        return path

    return table


def test_a_table_without_a_grave_fault_passes(edgescope, write):
    code, out, _ = edgescope("data", "check", write(count=100), "--target-column", "logS")
    assert code == 0
    assert out.endswith("worth a look; 100 of 100 rows can be used\n") or "nothing grave" in out
    assert "GRAVE" not in out
    assert "NOTE: label spread (logS)" in out


def test_what_is_grave_is_shown_with_rows_identifiers_and_a_remedy(edgescope, write):
    path = write("X1,Cc1ccccc1,90", "X2,CC(", count=100)
    code, out, _ = edgescope("data", "check", path, "--target-column", "logS")
    assert code == 1
    shown = out[out.index("GRAVE: conflicting labels") :].partition("\n\n")[0]
    lines = shown.splitlines()
    assert "1 molecule has conflicting labels, in 2 rows" in lines[1]
    first, second = (line.split() for line in lines if "differ" not in line and " by " in line)
    # Rows as a spreadsheet numbers them: the header is row 1.
    assert {"2", "M0", "c1ccccc1C", "0"} <= set(first)
    assert {"102", "X1", "Cc1ccccc1", "90"} <= set(second)
    assert "What to do: Check the source" in shown
    assert "WORTH A LOOK: rejected rows" in out
    assert out.rstrip().endswith("101 of 102 rows can be used")


def test_json_holds_everything_and_can_be_written_to_a_file(edgescope, write, tmp_path):
    path = write("X1,Cc1ccccc1,90")
    words = ("data", "check", path, "--target-column", "logS", "--format", "json")
    code, out, _ = edgescope(*words)
    assert code == 1
    found = json.loads(out)
    kinds = {each["kind"]: each for each in found["findings"]}
    assert kinds["conflicting labels"]["rows"] == [2, 42]
    assert kinds["conflicting labels"]["examples"][1]["mol_id"] == "X1"
    code, said, _ = edgescope(*words, "--out", tmp_path / "found.json")
    assert code == 1
    assert (tmp_path / "found.json").read_text() == out
    assert said.startswith(found["verdict"])


def test_without_a_target_the_numeric_columns_are_named(edgescope, write):
    _, out, _ = edgescope("data", "check", write())
    assert "No label was checked" in out
    assert "columns of numbers are: logS" in out


def test_the_split_may_be_by_scaffold(edgescope, write):
    path = write(count=100)
    code, out, _ = edgescope("data", "check", path, "--split", "scaffold")
    assert code == 0
    assert "split: scaffold, computed" in " ".join(out.split())
    code, out, _ = edgescope("data", path, "--split", "scaffold,0.6,0.2,0.2")
    assert code == 0
    assert "train" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("check", "nowhere.csv"), "expected a table of molecules at"),
        (("check", "TABLE", "--target-column", "logD"), "did you mean 'logS'?"),
        (("check", "TABLE", "--split", "scafold"), "did you mean 'scaffold'?"),
        (("check", "TABLE", "--split", "scaffold,a,b,c"), "expected numbers after scaffold"),
        (("check", "TABLE", "--split", "random", "--split-column", "x"), "give one of them"),
        (("check", "TABLE", "--features", "rings"), "expected 'types' or 'ogb'"),
        (
            ("check", "solubility", "--format", "json"),
            "--format json, which has no effect with `data check` of a data",
        ),
        (
            ("check", "solubility", "--target-column", "SOL"),
            "which has no effect with `data check` of a data",
        ),
        (
            ("list", "--split", "scaffold"),
            "--split scaffold, which has no effect when listing data sets",
        ),
        (("TABLE", "--out", "x"), "only with `data check` of a table"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line(edgescope, write, words, said):
    path = write()
    assert_refused(edgescope("data", *(path if word == "TABLE" else word for word in words)), said)


def test_training_warns_and_names_the_command(edgescope, write, tmp_path):
    path = write("X1,Cc1ccccc1,90")
    words = ["train", "--out", tmp_path / "run", "--data", path, "--target-column", "logS"]
    words += ["--split", "random", "--recipe", "demo", "--epochs", "1", "--set", "num_layers=1"]
    words += ["--set", "hidden_dim=8", "--set", "num_heads=1"]
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        code, _, said = edgescope(*words)
    assert code == 0
    (line,) = (line for line in said.splitlines() if "conflicting" in line)
    assert line.startswith("warning: mine: 1 molecule occurs more than once with conflicting")
    assert line.endswith("`edgescope data check TABLE` lists the rows")


def test_an_interruption_ends_it_in_one_line(edgescope, write, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("edgescope.data.checks.table_check.read_facts", interrupted)
    code, out, said = edgescope("data", "check", write())
    assert code == 130
    assert out == ""
    assert said.strip().splitlines()[-1].startswith("interrupted; nothing was changed")
