"""Tables and figures of stored cells, against independent computations."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

import edgescope as es
from edgescope.lib.errors import InputError
from edgescope.study import study_figures as figures
from edgescope.study import study_tables as tables
from edgescope.study.association import association
from edgescope.study.export import latex
from edgescope.study.study_metric import higher_is_better, metric_of_test


def cells(prevalence, value, data="zinc", metric="mae"):
    return pl.DataFrame(
        {
            "data": [data] * len(value),
            "metric": [metric] * len(value),
            "prevalence": np.asarray(prevalence, dtype=float),
            "value": np.asarray(value, dtype=float),
        }
    )


def test_the_mean_and_spread_are_those_of_the_runs(finished):
    study = es.study.load(finished)
    found = tables.metrics(tables.cells(study))
    maes = [done.metrics["test_mae"] for done in study.finished if done.metrics]
    (row,) = found.iter_rows(named=True)
    assert (row["metric"], row["state"], row["seeds"]) == ("mae", "trained", 2)
    assert row["mean"] == pytest.approx(np.mean(maes))
    assert row["sd"] == pytest.approx(np.std(maes, ddof=1))
    shown = tables.metrics_as_published(found)
    assert shown["without EBT"][0] == f"{np.mean(maes):.4f} ± {np.std(maes, ddof=1):.4f} (2 seeds)"


def test_layers_count_the_seeds_whose_largest_ratio_exceeds_the_threshold(finished):
    study = es.study.load(finished)
    for row in tables.layers(study).iter_rows(named=True):
        largest = [
            float(done.scan()[row["site"]].maxima[0].max())
            for done in study.finished
            if done.cell.state == row["state"]
        ]
        assert row["exceeded"] == sum(ratio > float(row["threshold"]) for ratio in largest)
        assert (row["seeds"], row["max_ratio"]) == (2, max(largest))


def test_layers_of_some_seeds_only_are_in_brackets():
    rows = [("a", 2), ("b", 0), ("c", 1)]
    found = pl.DataFrame(
        [
            {"model": "m", "data": "d", "state": "trained", "site": site, "threshold": "1000"}
            | {"exceeded": seeds, "seeds": 2, "max_ratio": 7.0}
            for site, seeds in rows
        ]
    )
    assert tables.layers_as_published(found)["ratio > 1000"].to_list() == ["1, (3)"]


def test_calibrated_scans_say_which_sites_are_significant(describe, run_in_process, tmp_path):
    scan = {"criterion": "calibrated", "members": 5, "batch_size": 64}
    out = run_in_process(describe(scan=scan, seeds=[1], states=["untrained"]), tmp_path)
    found = tables.layers(es.study.load(out))
    assert found["threshold"].unique().sort().to_list() == ["1000", "4000", "calibrated"]
    assert "calibrated" in tables.layers_as_published(found).columns


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=12))
def test_the_coefficient_of_one_data_set_is_scipys(pairs):
    prevalence, value = np.array(pairs, dtype=float).T
    (row,) = association(cells(prevalence, value), resamples=20).iter_rows(named=True)
    if len(set(prevalence)) == 1 or len(set(value)) == 1:
        assert np.isnan(row["rho"])
    else:
        assert row["rho"] == pytest.approx(spearmanr(prevalence, value).statistic, abs=1e-12)


def test_over_all_data_sets_ranks_count_and_better_is_better_whatever_the_metric():
    up = np.arange(8)
    mixed = pl.concat([cells(up, 1000 + up), cells(up, -up / 100, "tox21", "rocauc")])
    found = association(mixed)
    assert found["rho"].to_list() == pytest.approx([1, -1, 1])
    assert found["better"].to_list() == ["low", "high", "low"]
    assert found["cells"].to_list() == [8, 8, 16]


def test_the_interval_covers_no_association_about_as_often_as_it_says():
    generator = np.random.default_rng(0)
    covered = 0
    for number in range(50):
        table = cells(generator.normal(size=20), generator.normal(size=20))
        (row,) = association(table, seed=number, resamples=200).iter_rows(named=True)
        covered += row["low"] <= 0 <= row["high"]
    assert 42 <= covered <= 50


def test_too_few_cells_have_no_interval():
    (row,) = association(cells([1, 2, 3, 4], [1, 3, 2, 4])).iter_rows(named=True)
    assert row["rho"] == pytest.approx(0.8)
    assert np.isnan(row["low"])


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [
        (None, None),
        ({"val_loss": 1.0}, None),
        ({"test_loss": 1.0, "test_mae": 2.0}, ("mae", 2.0)),
        ({"test_loss": 1.0}, ("loss", 1.0)),
    ],
)
def test_the_test_metric_is_the_loss_only_if_there_is_no_other(metrics, expected):
    assert metric_of_test(metrics) == expected


@pytest.mark.parametrize(
    ("name", "high"),
    [("mae", False), ("loss", False), ("rocauc", True), ("roc_auc", True), ("accuracy", True)],
)
def test_it_is_known_which_direction_is_better(name, high):
    assert higher_is_better(name) is high


def test_latex_escapes_what_latex_would_take_for_itself():
    table = pl.DataFrame({"a_b & 50 %": ["x_{1}", None], "n": [1.23456, float("nan")]})
    text = latex(table)
    assert r"a\_b \& 50 \% & n \\" in text
    assert r"x\_\{1\} & 1.235 \\" in text
    assert "\N{EN DASH} & \N{EN DASH}" in text
    assert r"\begin{tabular}{lr}" in text


@pytest.mark.parametrize("suffix", ["svg", "png", "pdf"])
def test_figures_are_the_same_bytes_every_time(finished, tmp_path, suffix):
    study = es.study.load(finished)
    first, second = (
        [path.read_bytes() for path in figures.write_figures(study, tmp_path / name, suffix)]
        for name in ("one", "two")
    )
    assert first == second
    assert len(first) == 2


def test_the_grid_has_a_line_for_every_trained_layer_over_the_untrained_range(finished):
    study = es.study.load(finished)
    (axes,) = figures.grid(study).axes
    lines = [line for line in axes.lines if len(line.get_xdata()) == figures.POINTS]
    assert len(lines) == 2
    assert len(axes.collections) == 1
    for line, site in zip(lines, study.finished[0].scan().sites, strict=True):
        drawn = line.get_ydata()
        largest = max(
            float(done.scan()[site].maxima[0].max())
            for done in study.finished
            if done.cell.state == "trained"
        )
        assert drawn[0] == pytest.approx(largest, rel=0.005)
        assert (np.diff(drawn) <= 0).all()


def test_all_tables_of_a_study_are_written_as_values_and_as_published(finished, tmp_path):
    study = es.study.load(finished)
    found = es.study.tables(study)
    assert list(found) == ["cells", "metrics", "association", "layers"]
    files = es.study.write_tables(found, tmp_path / "out")
    filled = [name for name, table in found.items() if table.values.height]
    assert [file.name for file in files] == [
        f"{name}{end}" for name in filled for end in (".csv", ".tex")
    ]
    read = pl.read_csv(tmp_path / "out" / "metrics.csv", schema=found["metrics"].values.schema)
    assert read["mean"].to_list() == pytest.approx(found["metrics"].values["mean"].to_list())
    assert found["metrics"].published.columns[-1] in (tmp_path / "out/metrics.tex").read_text()


def test_a_cell_is_done_where_its_result_is(finished, tmp_path):
    cells = es.study.load(finished).cells
    assert all(es.study.is_done(cell, finished) for cell in cells)
    assert not any(es.study.is_done(cell, tmp_path) for cell in cells)


def test_an_unknown_format_is_refused(finished, tmp_path):
    with pytest.raises(InputError, match="received the format 'bmp', expected one of svg, png"):
        figures.write_figures(es.study.load(finished), tmp_path, "bmp")


def test_cells_stand_beside_what_guessing_gets(finished):
    study = es.study.load(finished)
    every = tables.cells(study)
    trained = [done for done in study.finished if done.metrics]
    rows = every.filter(pl.col("value").is_not_null())
    assert rows["guess"].to_list() == [done.metrics["test_mae_trivial"] for done in trained]
    assert rows["better"].to_list() == [done.metrics["judged"]["better"] for done in trained]
    assert every.filter(pl.col("value").is_null())["guess"].is_null().all()
    (found,) = tables.metrics(every).iter_rows(named=True)
    lost = [done for done in trained if done.metrics["judged"]["better"] is False]
    assert found["not_better"] == len(lost)
    assert found["guess"] == pytest.approx(rows["guess"].mean())
    shown = tables.metrics_as_published(tables.metrics(every))
    assert shown["guessing"][0] == found["guess"]
    said = tables.cautions(study)
    assert [line.partition(":")[0] for line in said] == [done.cell.name for done in lost]
    assert all("untrained in effect: its test MAE" in line for line in said)


def test_studies_of_before_guesses_were_noted_have_their_tables(finished):
    every = tables.cells(es.study.load(finished)).with_columns(
        pl.lit(None, pl.Float64).alias("guess"), pl.lit(None, pl.Boolean).alias("better")
    )
    found = tables.metrics(every)
    assert found["not_better"].to_list() == [None]
    assert tables.metrics_as_published(found).columns == ["model", "data", "metric", "without EBT"]
