"""An interpretation as a whole: what it joins, on disk and back."""

import polars as pl
import pytest
import torch

import edgescope as es
from edgescope.interpret import ANY, Interpretation, interpret
from edgescope.lib.errors import InputError

FEW = {"permutations": 30, "resamples": 30, "progress": False}


@pytest.fixture(scope="module")
def found(scan, molecules):
    values = torch.rand(molecules.edge_index.size(1))
    by = ["bond_type", "element_pair"]
    return interpret(scan, molecules, by=by, importance=values, **FEW)


def test_it_says_what_was_interpreted_and_how(found):
    info = found.info
    assert info["model"] == "GraphTransformer"
    assert (info["graphs"], info["permutations"], info["seed"]) == (40, 30, 0)
    assert info["criterion"] == "large"
    assert set(info["added"].values()) == {0}


def test_it_comes_back_from_disk_as_it_was(found, tmp_path):
    loaded = Interpretation.load(found.save(tmp_path / "interpret"))
    assert loaded.table().equals(found.table())
    assert loaded.importance.equals(found.importance)
    assert loaded.correlations.equals(found.correlations)
    assert loaded.overall.equals(found.overall)
    assert loaded.info == found.info


def test_overall_counts_the_massive_edges_of_which_a_kind_can_be_told(scan, molecules):
    labels = [None if place % 3 else "third" for place in range(molecules.edge_index.size(1))]
    found = interpret(scan, molecules, by=["bond_type"], labels={"thirds": labels}, **FEW)
    start = molecules.edge_ptr.tolist()
    massive = {site: set() for site in [*scan.sites, ANY]}
    for row in scan.massive().iter_rows(named=True):
        for site in (row["site"], ANY):
            massive[site].add(start[row["graph"]] + row["edge"])
    for row in found.overall.iter_rows(named=True):
        told = {place for place, name in enumerate(labels) if name or row["kind"] == "bond_type"}
        assert (row["edges"], row["massive"]) == (len(told), len(told & massive[row["site"]]))
    assert set(found.overall["site"]) == set(found.enrichment["site"])


def test_the_conclusion_counts_the_tests_that_are_clear(found):
    table = found.enrichment.filter(pl.col("site") != ANY, pl.col("exchangeable") > 0)
    clear = table.filter(pl.col("q") <= 0.5)
    more = (clear["massive"] > clear["expected"]).sum()
    text = found.conclusion(fdr=0.5)
    assert text.startswith(f"of {table.height} tests (site x group), {more} find more massive")
    assert f"and {clear.height - more} fewer, at a false discovery rate of 0.5" in text


def test_without_importances_there_are_no_tables_of_them(scan, molecules, tmp_path):
    folder = tmp_path / "interpret"
    interpret(scan, molecules, by=["bond_type"], importance=None, **FEW).save(folder)
    assert Interpretation.load(folder).correlations is None


def test_an_earlier_interpretation_is_replaced_and_other_files_are_not(found, tmp_path):
    folder = tmp_path / "interpret"
    found.save(folder)
    Interpretation(found.enrichment, info={"seed": 5}).save(folder)
    again = Interpretation.load(folder)
    assert again.importance is None
    assert again.info == {"seed": 5}
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="holds files that are no interpretation"):
        found.save(tmp_path / "other")
    assert [path.name for path in tmp_path.glob(".*")] == []


def test_what_is_missing_or_damaged_is_named(found, tmp_path):
    with pytest.raises(InputError, match="found none there"):
        Interpretation.load(tmp_path)
    folder = found.save(tmp_path / "interpret")
    (folder / "enrichment.parquet").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"cannot be read .* interpret again"):
        Interpretation.load(folder)
    found.enrichment.drop("q").write_parquet(folder / "enrichment.parquet")
    with pytest.raises(InputError, match="interpret again"):
        Interpretation.load(folder)
    (folder / "interpretation.json").write_text("{")
    with pytest.raises(InputError, match="interpret again"):
        Interpretation.load(folder)


def test_notable_groups_are_both_ends_of_a_kind(found):
    whole = found.notable(None).filter(kind="element_pair")
    ratio = whole["over_expected"]
    assert (ratio == whole["massive"] / whole["expected"]).all()
    assert ratio.is_sorted(descending=True)
    ends = found.notable(1).filter(kind="element_pair")["group"].to_list()
    assert ends == [whole["group"][0], whole["group"][-1]]


def test_notable_counts_sites_of_either_sign(found):
    rows = found.notable(None, fdr=1.0)
    table = found.table().filter(pl.col("site") != ANY)
    for row in rows.iter_rows(named=True):
        of = table.filter(kind=row["kind"], group=row["group"])
        more = int((of["massive"] > of["expected"]).sum())
        assert (row["enriched"], row["depleted"], row["sites"]) == (more, 2 - more, 2)


def test_labels_of_the_user_are_a_kind(scan, molecules):
    labels = {"half": torch.arange(molecules.edge_index.size(1)) % 2}
    table = interpret(scan, molecules, by=[], labels=labels, **FEW).table()
    assert set(table["kind"]) == {"half"}


def test_a_scan_of_other_graphs_is_refused(scan, molecules):
    with pytest.raises(InputError, match="give the data set that was scanned"):
        interpret(scan, molecules[:5])


def test_it_is_reached_from_the_package():
    assert es.interpret.interpret is interpret
