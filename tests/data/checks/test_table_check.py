"""``check_table``: what was planted is found, and nothing else; real files; what it returns."""

import gzip
import json
from collections import defaultdict

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rdkit import Chem

from edgescope.data import check, check_table, load
from edgescope.lib.errors import InputError
from support.planted_tables import CLEAN, Planted


def rows_of(found, kind):
    """All rows of the findings of a kind."""
    return {row for each in found.findings.filter(kind=kind)["rows"].to_list() for row in each}


def checked(frame, **options):
    options = {"target_columns": "y", "split": "part", "cache": False, **options}
    return check_table(frame, progress=False, **options)


def test_a_clean_table_has_nothing_grave():
    assert len({Chem.CanonSmiles(text) for text in CLEAN}) == len(CLEAN)
    found = checked(Planted(0).frame())
    assert not found.grave
    assert found.verdict.endswith("; 60 of 60 rows can be used")


counts = st.integers(0, 4)


@settings(max_examples=12)
@given(st.integers(0, 2**20), counts, counts, counts, counts, counts, st.integers(0, 3))
def test_what_was_planted_is_found_and_nothing_else(
    seed, conflicts, repeats, leaks, salts, mixtures, broken
):
    table = Planted(seed)
    wanted = {
        "conflict": conflicts,
        "repeat": repeats,
        "leak": leaks,
        "salt": salts,
        "mixture": mixtures,
        "broken": broken,
    }
    for kind, count in wanted.items():
        for _ in range(count):
            getattr(table, kind)()
    frame = table.frame()
    found = checked(frame)
    assert rows_of(found, "conflicting labels") == table.truth("conflict")
    assert rows_of(found, "molecules in two parts") == table.truth("leak")
    assert rows_of(found, "duplicates") == table.truth("repeat", "leak")
    assert rows_of(found, "salts and solvates") == table.truth("salt")
    assert rows_of(found, "mixtures") == table.truth("mixture")
    assert rows_of(found, "rejected rows") == table.truth("broken")
    grave = {finding.kind for finding in found.grave}
    kinds = {"conflicting labels": conflicts, "molecules in two parts": leaks}
    assert grave == {kind for kind, count in kinds.items() if count}


def test_rows_are_numbered_as_the_table_numbers_them_and_shown_with_their_cells(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("smiles,y\n" + "".join(f"{text},{i % 7}\n" for i, text in enumerate(CLEAN)))
    first = load(path, target_columns="y", split=(0, 0, 1)).test.row[0].item()
    with path.open("a") as file:
        file.write("Cc1ccccc1,40\n")
    found = checked(path, split="random")
    (conflict,) = [each for each in found.grave if each.kind == "conflicting labels"]
    assert conflict.rows == (first, first + len(CLEAN))
    assert conflict.examples["SMILES"].to_list() == ["c1ccccc1C", "Cc1ccccc1"]
    assert conflict.examples["y"].to_list() == [0, 40]
    assert conflict.examples["differ in"].to_list() == ["y by 40"] * 2


def test_the_result_is_a_table_json_and_text_of_the_same_findings():
    table = Planted(3)
    table.conflict()
    table.leak()
    table.broken()
    found = checked(table.frame())
    as_json = json.loads(found.json())
    assert as_json["verdict"] == found.verdict
    assert [each["kind"] for each in as_json["findings"]] == found.findings["kind"].to_list()
    assert found.findings["severity"].to_list() == sorted(
        found.findings["severity"], key=["grave", "look", "note"].index
    )
    listed = found.table()
    assert listed.filter(kind="conflicting labels")["row"].to_list() == sorted(
        table.truth("conflict")
    )
    text = str(found)
    assert text.rstrip().endswith(found.verdict)
    assert found.verdict.startswith("2 grave, ")
    for finding in found.found:
        assert f": {finding.kind}" in text
    for finding in found.grave:
        assert finding.remedy.split(",")[0] in " ".join(text.split())


def test_what_is_alike_of_several_targets_is_one_section():
    smiles = CLEAN[:40]
    tasks = {f"task {number}": [0.0] * 40 for number in range(3)}
    found = checked(pl.DataFrame({"smiles": smiles, **tasks}), target_columns=[*tasks], split=None)
    assert [each.column for each in found.grave] == [*tasks]
    assert str(found).count("GRAVE: ") == 1
    assert str(found).count("All 40 labels of task ") == 3
    assert found.verdict.startswith("1 grave")


def test_everything_is_the_same_again_and_whatever_the_order_of_the_rows():
    table = Planted(5)
    for _ in range(3):
        table.conflict()
        table.leak()
        table.salt()
    frame = table.frame().with_row_index("number")
    once = checked(frame)
    assert checked(frame).json() == once.json()
    turned = frame[::-1]
    again = checked(turned)
    kinds = once.findings.select("kind", "severity", "column", "count").sort(pl.all())
    assert again.findings.select("kind", "severity", "column", "count").sort(pl.all()).equals(kinds)
    for kind in kinds["kind"]:
        assert {frame.height - 1 - row for row in rows_of(again, kind)} == rows_of(once, kind)


def test_without_targets_it_is_said_that_no_label_was_checked():
    frame = Planted(1).frame().with_columns(mass=pl.lit("12.5"), name=pl.lit("x"))
    found = checked(frame, target_columns=None)
    (finding,) = [each for each in found.found if each.kind == "no label checked"]
    assert finding.sentence.endswith("columns of numbers are: y, mass")


def test_a_name_is_still_compared_with_its_card_and_takes_no_options_of_a_table():
    assert check("solubility", progress=False).columns == ["what", "expected", "found"]
    with pytest.raises(InputError, match="received target_columns for solubility"):
        check("solubility", target_columns="SOL")
    with pytest.raises(InputError, match="expected 'types' or 'ogb'"):
        checked(Planted(0).frame(), features="rings")
    with pytest.raises(InputError, match="no column 'logS'"):
        checked(Planted(0).frame(), target_columns="logS")


def counted(smiles, labels, parts):
    """Duplicates of a real file, counted without edgescope: with other labels, in two parts."""
    places = defaultdict(list)
    for place, text in enumerate(smiles):
        places[Chem.MolToSmiles(Chem.MolFromSmiles(text))].append(place)
    several = [each for each in places.values() if len(each) > 1]
    leaks = {place for each in several if len({parts[i] for i in each}) > 1 for place in each}
    other = {place for each in several if len({labels[i] for i in each}) > 1 for place in each}
    return several, leaks, other


def test_the_known_leaks_of_the_solubility_set_are_found():
    splits = load("solubility", progress=False)
    rows = [
        {"smiles": text, "y": label, "part": name}
        for name, part in splits._asdict().items()
        for text, label in zip(part.smiles, part.y[:, 0].tolist(), strict=True)
    ]
    frame = pl.DataFrame(rows)
    several, leaks, other = counted(frame["smiles"], frame["y"], frame["part"])
    found = checked(frame)
    assert rows_of(found, "molecules in two parts") == leaks
    assert len(leaks) >= 2 * 4  # four test molecules stand in the training part
    contradictory = rows_of(found, "conflicting labels")
    assert contradictory <= other
    assert contradictory | rows_of(found, "duplicates") == {i for each in several for i in each}


def test_the_real_tox21_table_has_no_duplicates_and_its_single_atoms_are_listed(shared):
    path = shared / "data" / "tox21" / "tox21.csv.gz"
    with gzip.open(path) as file:
        frame = pl.read_csv(file.read())[2::5]
    targets = ["NR-AR", "SR-p53"]
    found = check_table(frame, target_columns=targets, features="ogb", progress=False)
    read = [(text, Chem.MolFromSmiles(text)) for text in frame["smiles"]]
    usable = [molecule for _, molecule in read if molecule is not None]
    several, _, _ = counted([text for text, m in read if m], [0] * len(usable), [0] * len(usable))
    assert not several
    assert not rows_of(found, "duplicates")
    counts = dict(found.findings.select("kind", "count").iter_rows())
    assert counts["rejected rows"] == len(read) - len(usable) > 0
    assert counts["single atoms"] == sum(m.GetNumHeavyAtoms() == 1 for m in usable)
    assert counts["mixtures"] + counts["salts and solvates"] == sum(
        len(Chem.GetMolFrags(m)) > 1 for m in usable
    )
    assert counts["charged molecules"] == sum(Chem.GetFormalCharge(m) != 0 for m in usable)
