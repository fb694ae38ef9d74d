"""The table of variants, against the stored cells."""

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import edgescope as es
from edgescope.cli.study import app
from edgescope.lib.errors import InputError
from edgescope.study import study_tables as tables
from edgescope.study.mitigation import mitigation, mitigation_as_text, mitigation_seeds
from edgescope.study.mitigation_figures import mitigation_panels


@pytest.fixture(scope="module")
def compared(describe, run_in_process, chains, tmp_path_factory):
    """A done study of two variants with two seeds."""
    base = {"recipe": "demo", "data": {"source": str(chains), "target_columns": ["target"]}}
    recipes = [base, base | {"name": "soft cap", "set": {"logit_limit": False, "logit_cap": 5.0}}]
    changes = {"models": None, "data": None, "recipe": None, "states": ["trained"]}
    path = describe(**changes, measures=["precision"], recipes=recipes)
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


def test_what_few_bits_cost_is_that_of_the_measured_cells(compared):
    measured = es.study.results(compared.out)["precision"]
    for row in mitigation(compared).iter_rows(named=True):
        own = [d.cell.name for d in compared.finished if d.cell.variant == row["variant"]]
        trained = [name for name in own if "-trained-" in name]
        for form in ("float16", "int8"):
            of = measured.filter(pl.col("cell").is_in(trained), format=form)
            assert row[f"{form}_loss"] == pytest.approx(np.mean(of["loss"].to_numpy()))
            assert row[f"{form}_loss_sd"] == pytest.approx(np.std(of["loss"].to_numpy(), ddof=1))
            assert row[f"{form}_overflows"] == 0
            if form == "float16":
                assert row["headroom"] == of["headroom_bits"].min()
        guesses = [d.guess for d in compared.finished if d.cell.name in trained]
        assert row["guess"] == pytest.approx(np.mean(guesses))


def test_an_overflow_is_counted_and_its_loss_is_left_out(compared, monkeypatch):
    measured = es.study.results(compared.out)["precision"]
    seed = compared.finished[-1].cell.name
    gone = (pl.col("cell") == seed) & (pl.col("format") == "float16")
    changed = measured.with_columns(
        pl.when(gone).then(None).otherwise("loss").alias("loss"),
        pl.when(gone).then(pl.lit("overflows")).otherwise("verdict").alias("verdict"),
    )
    monkeypatch.setattr(type(compared.tables), "table", lambda *_: changed)
    row = mitigation(compared).row(-1, named=True)
    assert row["float16_overflows"] == 1
    assert row["float16_loss_sd"] is None  # of one seed
    assert "overflows in 1 of 2" in mitigation_as_text(mitigation(compared))["lost in float16"][-1]


def test_a_study_that_did_not_measure_formats_has_no_columns_of_them(compared, monkeypatch):
    monkeypatch.setattr(type(compared.tables), "table", lambda *_: None)
    found = mitigation(compared)
    assert found["float16_loss"].is_null().all()
    assert not {name for name in mitigation_as_text(found).columns if name.startswith("lost in")}


def test_the_figure_has_a_panel_for_each_measure_and_a_point_for_each_seed(compared, tmp_path):
    (path,) = es.study.write_figures(compared, tmp_path, names=["mitigation"])
    assert path.name == "mitigation-GraphTransformer-chains.svg"
    ((_, drawn),) = mitigation_panels(compared)
    axes = drawn.axes
    words = [each.get_xlabel().replace("\n", " ") for each in axes]
    assert [word.partition(" (")[0] for word in words] == [
        "test MAE",
        "edges with a ratio above 1000",
        "largest magnitude over untrained median",
        "MAE lost in float16",
        "MAE lost in int8",
    ]
    labels = [tick.get_text() for tick in axes[0].get_yticklabels()]
    assert labels == ["as the recipe has it", "soft cap"]
    seeds = mitigation_seeds(compared)
    for place, variant in enumerate((None, "soft cap")):
        own = seeds.filter(pl.col("variant").eq_missing(variant))["value"].sort().to_list()
        points = [line for line in axes[0].lines if set(line.get_ydata()) == {place + 0.2}]
        assert sorted(points[0].get_xdata()) == pytest.approx(own)
    dashed = [line for line in axes[0].lines if line.get_label() == "guessing"]
    assert dashed[0].get_xdata()[0] == pytest.approx(seeds["guess"].mean())


def test_a_study_without_variants_or_scans_is_refused(finished, compared, monkeypatch, tmp_path):
    with pytest.raises(InputError, match="has no variants of a recipe to draw"):
        es.study.write_figures(es.study.load(finished), tmp_path, names=["mitigation"])
    monkeypatch.setattr(type(compared.finished[0]), "has_scan", False)
    with pytest.raises(InputError, match="read from scans, and not all are in"):
        es.study.write_figures(compared, tmp_path, names=["mitigation"])


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
