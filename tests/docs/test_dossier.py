"""The page of the dossier is the one that the stored tables give, and so are its verdicts."""

import json
import re
import runpy
import shutil
from pathlib import Path

import polars as pl

import edgescope as es
from edgescope.study.study_figures import grid

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "dossier.md").read_text()


def test_the_page_is_made_from_the_stored_tables():
    assert runpy.run_path(str(DOCS / "make_dossier.py"))["page"]() == PAGE


def test_the_verdicts_are_those_that_the_rules_give_today():
    found = es.study.rulings(es.study.read_results(DOCS / "dossier"))
    written = re.findall(r"^\| \[(\w+)\].*? \| \*\*(.*?)\*\* \|", PAGE, re.MULTILINE)
    assert dict(written) == {key: ruling.verdict for key, ruling in found.items()}


def test_the_stored_tables_stay_small():
    assert sum(path.stat().st_size for path in (DOCS / "dossier").iterdir()) < 2e6


def test_a_study_goes_on_from_the_stored_tables(tmp_path):
    shutil.copytree(DOCS / "dossier", tmp_path / "results")
    found = es.study.results(tmp_path)
    assert found.keys() | {"records"} == {path.stem for path in (DOCS / "dossier").iterdir()}
    left = es.study.work_left(es.study.read("paper-small", root="data"), tmp_path)
    done = left.keys() & set(found["cells"]["cell"])
    assert done
    assert {cell for cell, work in left.items() if work == "nothing"} == done
    drawn = grid(es.study.load(tmp_path))
    titles = [axes.get_title() for axes in drawn.axes if axes.lines]
    models = set(found["cells"]["model"])
    assert any("one function with SAN" in each for each in titles) == ({"SAN", "GraphiT"} <= models)


def test_without_tables_nothing_is_measured(tmp_path):
    script = runpy.run_path(str(DOCS / "make_dossier.py"))
    script["page"].__globals__["TABLES"] = tmp_path / "nowhere"
    page = script["page"]()
    assert "Nothing is measured yet" in page
    assert "## Verdicts" not in page


def test_the_documents_say_what_of_the_ablation_has_been_run():
    """Until the published design stands in the tables, it is said that it does not."""
    tables = es.study.read_results(DOCS / "dossier")
    if "added" in tables:  # then claim C6 says what was found
        return
    for name in ("paper.md", "intervene.md"):
        said = " ".join((DOCS / name).read_text().split())
        assert "not confirmed for random edges; the published design has not been run" in said


def test_no_table_names_a_folder_of_the_machine_that_made_it():
    records = pl.read_parquet(DOCS / "dossier" / "records.parquet")["record"].to_list()
    assert records
    assert all("root" not in json.loads(each)["cell"]["source"] for each in records)
