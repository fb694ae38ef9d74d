"""The table of variants, against the stored cells."""

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import edgescope as es
from edgescope.cli.study import app
from edgescope.study import study_tables as tables
from edgescope.study.mitigation import mitigation, mitigation_as_text


@pytest.fixture(scope="module")
def compared(describe, run_in_process, chains, tmp_path_factory):
    """A done study of two variants with two seeds."""
    base = {"recipe": "demo", "data": {"source": str(chains), "target_columns": ["target"]}}
    recipes = [base, base | {"name": "soft cap", "set": {"logit_limit": False, "logit_cap": 5.0}}]
    path = describe(models=None, data=None, recipe=None, recipes=recipes)
    out = tmp_path_factory.mktemp("compared") / "study"
    return es.study.load(run_in_process(path, out))


def test_a_row_holds_the_mean_and_spread_of_the_variants_own_cells(compared):
    found = mitigation(compared)
    assert found["variant"].to_list() == [None, "soft cap"]
    every = tables.cells(compared).filter(pl.col("state") == "trained")
    for row, label in zip(
        found.iter_rows(named=True),
        ("GraphTransformer", "GraphTransformer (soft cap)"),
        strict=True,
    ):
        own = every.filter(pl.col("model") == label)
        assert row["seeds"] == own.height == 2
        assert row["mean"] == pytest.approx(own["value"].to_numpy().mean())
        assert row["sd"] == pytest.approx(own["value"].to_numpy().std(ddof=1))
        assert row["prevalence"] == pytest.approx(own["prevalence"].mean())


def test_growth_and_logits_beyond_are_those_of_the_stored_cells(compared):
    for row in mitigation(compared).iter_rows(named=True):
        done = [d for d in compared.finished if d.metrics and d.cell.variant == row["variant"]]
        grown = [max(d.scan().table()["growth"]) for d in done]
        assert (row["growth_low"], row["growth_high"]) == (min(grown), max(grown))
        assert row["growth"] == pytest.approx(np.median(grown))
        assert row["beyond"] == pytest.approx(np.mean([d.beyond_limit for d in done]))


def test_people_read_one_line_per_variant(compared):
    text = mitigation_as_text(mitigation(compared))
    assert text.height == 2
    assert text["test"].str.contains(r"^[0-9.]+ ± [0-9.]+ \(2 seeds\)$").all()
    assert text["logits beyond"].str.contains("%").all()


def test_a_study_of_untrained_cells_has_no_variants_to_compare(finished):
    study = es.study.load(finished)
    study.finished = [done for done in study.finished if done.cell.state == "untrained"]
    assert study.finished
    assert mitigation_as_text(mitigation(study)).height == 0


def test_the_command_prints_and_writes_the_table_where_there_are_variants(
    compared, finished, tmp_path
):
    for folder, shown in ((compared.out, True), (finished, False)):
        out = tmp_path / str(shown)
        result = CliRunner().invoke(app, ["table", str(folder), "--out", str(out)])
        assert result.exit_code == 0
        assert ("Variants: test metric" in result.output) is shown
        assert (out / "mitigation.csv").exists() is shown
