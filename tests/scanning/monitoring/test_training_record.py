"""What a record says of a training: when the largest ratios rose, and when they passed a bound."""

import numpy as np
import polars as pl
import pytest

import edgescope as es
from edgescope.lib.errors import InputError
from edgescope.scanning.monitoring.training_record import SCHEMA


def record(every=50, **series):
    """Return a record of sites with given largest ratios, one for every 50th step."""
    rows = [
        {"step": every * place, "site": site.replace("_", ":"), "largest_ratio": ratio}
        for place in range(max(map(len, series.values())))
        for site, values in series.items()
        for ratio in values[place : place + 1]
    ]
    return es.TrainingRecord(pl.DataFrame(rows, schema=dict(SCHEMA), orient="row"))


def noisy(levels, seed=0):
    return np.exp(np.log(levels) + 0.2 * np.random.default_rng(seed).normal(size=len(levels)))


def test_each_shape_is_told_with_the_steps_of_its_records():
    there = record(
        a_score=noisy(np.repeat([20.0, 3000.0], [25, 15])),
        b_score=noisy(np.repeat([200.0, 20.0], [10, 30]), 1),
        c_score=noisy(np.geomspace(10.0, 900.0, 40), 2),
        d_score=noisy(np.full(40, 30.0), 3),
        e_score=noisy(np.full(9, 1500.0), 4),
        f_logit=[None] * 40,
        g_score=[np.inf, *noisy(np.full(39, 30.0), 5)],
    )
    found = {row["site"]: row for row in there.emergence().to_dicts()}
    shapes = {site[0]: row["shape"] for site, row in found.items()}
    assert shapes == dict(
        zip("abcdeg", ["rise", "fall", "drift", "steady", "too short", "steady"], strict=True)
    )
    rise = found["a:score"]
    assert rise["low"] <= rise["step"] == 25 * 50 <= rise["high"]
    assert rise["after"] / rise["before"] == pytest.approx(150.0, rel=0.2)
    crossed = {site[0]: row["crossed"] for site, row in found.items()}
    assert crossed == {"a": 1250, "b": None, "c": None, "d": None, "e": 0, "g": 0}
    said = there.sentence()
    assert "ratios above 1,000 at 3 of 6 sites" in said
    assert "rose most at a:score" in said
    assert "from step 1,250 on" in said


def test_nothing_is_made_of_a_training_without_ratios():
    assert record(a_logit=[None] * 30).sentence() == "no site with a ratio was recorded"
    quiet = record(a_score=noisy(np.full(20, 30.0))).sentence()
    assert quiet.startswith("no ratio above 1,000 in training, the largest ")


def test_a_record_comes_back_from_its_file_and_a_lack_of_one_is_said(tmp_path):
    there = record(a_score=noisy(np.full(20, 30.0)))
    assert there.save(tmp_path / "r.parquet") == tmp_path / "r.parquet"
    assert es.TrainingRecord.load(tmp_path / "r.parquet").table.equals(there.table)
    for name in ("monitor.parquet", "massive_activations.parquet"):
        there.save(tmp_path / name / name)
        assert es.TrainingRecord.load(tmp_path / name).table.equals(there.table)
    with pytest.raises(InputError, match="the record of a training"):
        es.TrainingRecord.load(tmp_path / "none.parquet")
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "other.parquet")
    with pytest.raises(InputError, match="'step' is None"):
        es.TrainingRecord.load(tmp_path / "other.parquet")
