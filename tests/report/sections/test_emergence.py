"""The section on training: the curve of every site, and where it changes."""

import numpy as np
import polars as pl
import pytest

import edgescope as es
from edgescope.lib.errors import InputError
from edgescope.report.sections.emergence.numbers import POINTS, collect_emergence
from edgescope.scanning.monitoring.training_record import SCHEMA
from support.report_pages import numbers_of, page_of, part, rows


def record(sites, ratios, logits=True):
    """Return a record in which each site has the given largest ratios, one every tenth step."""
    found = []
    for place in range(len(ratios[0])):
        for site, series in zip(sites, ratios, strict=True):
            own = {"step": 10 * place, "edges": 40, "dtype": "float32", "nonfinite": 0}
            size = {"largest_magnitude": 2.0, "growth": 1.0 + place, "headroom_bits": 127.0}
            ratio = None if series[place] is None else float(series[place])
            found.append({**own, **size, "site": site, "largest_ratio": ratio})
            if logits:
                logit = site.replace(":score", ":logit")
                found.append({**own, **size, "site": logit, "saturated": place / 100})
    return es.TrainingRecord(pl.DataFrame(found, schema=dict(SCHEMA), orient="row"))


@pytest.fixture(scope="module")
def emerging(planted):
    """The first site stays, the second rises a hundredfold at the 13th record."""
    random, sites = np.random.default_rng(0), list(planted.sites)[:2]
    noise = np.exp(0.1 * random.normal(size=(2, 30)))
    return record(sites, [20 * noise[0], np.repeat([20.0, 2000.0], [12, 18]) * noise[1]])


def test_the_page_shows_when_a_site_changes(planted, emerging, tmp_path):
    path = planted.report(tmp_path / "r.html", training=emerging)
    own, page = numbers_of(path)["emergence"], part(page_of(path), "emergence")
    first, second = own["sites"]
    assert (first["shape"], first["step"], first["crossed"]) == ("steady", None, None)
    assert (second["shape"], second["step"], second["crossed"]) == ("rise", 120, 120)
    assert second["curve"]["step"] == list(range(0, 300, 10))
    assert second["saturated"] == pytest.approx(0.29)
    assert second["largest"] == max(second["curve"]["ratio"])
    assert own["sentence"] == emerging.sentence()
    assert page.count("<svg") == 1
    table = rows(page, "Every site")
    assert [row[0][0] for row in table] == list(planted.sites)[:2]
    assert table[1][4] == ("120", "120 to 120")
    assert "not finite" not in page


def test_edges_that_were_not_finite_are_counted(planted, emerging, tmp_path):
    broken = es.TrainingRecord(emerging.table.with_columns(nonfinite=pl.col("step") // 290))
    page = part(page_of(planted.report(tmp_path / "r.html", training=broken)), "emergence")
    assert page.count("bits of float32; 1 edge not finite") == 2


def test_of_a_long_training_the_largest_of_every_few_records_is_drawn(planted):
    series = np.random.default_rng(1).lognormal(3, 1, size=5 * POINTS - 3)
    (site,) = collect_emergence(record(list(planted.sites)[:1], [series]), planted)["sites"]
    assert len(site["curve"]["ratio"]) == POINTS
    assert site["curve"]["ratio"] == [
        max(series[place : place + 5]) for place in range(0, len(series), 5)
    ]


def test_a_record_without_ratios_has_no_figure(planted, tmp_path):
    none = record(list(planted.sites)[:1], [[None] * 4])
    path = planted.report(tmp_path / "r.html", training=none)
    page = part(page_of(path), "emergence")
    assert "No site with a ratio was recorded" in page
    assert "<svg" not in page


def test_a_record_of_another_model_is_refused(planted, tmp_path):
    other = record(["somewhere:score"], [[2.0] * 4])
    with pytest.raises(InputError, match=r"somewhere:score.*pass the record of the scanned model"):
        planted.report(tmp_path / "r.html", training=other)
