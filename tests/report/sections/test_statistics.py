"""The section on statistics says what the scan's own tables say."""

import math

import pytest

import edgescope as es
from edgescope.plots.formats import between, fixed, number, percent
from edgescope.statistics.laws import LAWS
from support.report_pages import numbers_of, page_of, part, rows

NO_NUMBER = (number(None),)


def same(left, right):
    """Compare rows; a number that is not finite is None in JSON."""
    return left == right or (isinstance(left, float) and not math.isfinite(left) and right is None)


def known(value):
    return value if value is not None and math.isfinite(value) else None


@pytest.fixture(scope="module")
def section(written):
    return part(page_of(written), "statistics")


@pytest.mark.parametrize(
    ("key", "table"),
    [
        ("comparison", lambda scan: scan.compare()),
        ("concentration", lambda scan: scan.concentration()),
        ("laws", lambda scan: scan.laws()),
    ],
)
def test_the_json_file_has_the_scans_tables(written, planted, key, table):
    expected, found = table(planted).to_dicts(), numbers_of(written)["statistics"][key]
    assert len(expected) == len(found) >= 3
    for ours, theirs in zip(expected, found, strict=True):
        assert ours.keys() == theirs.keys()
        assert all(same(value, theirs[name]) for name, value in ours.items())


def test_trained_against_untrained_is_a_row_per_site_and_measure(section, planted):
    table = rows(section, "The largest ratio, and the largest magnitude")
    expected = planted.compare().to_dicts()
    assert [(row[0][0], row[1][0]) for row in table] == [
        (of["site"], of["measure"]) for of in expected
    ]
    for row, of in zip(table, expected, strict=True):
        ends = known(of["shift_median_low"]), known(of["shift_median_high"])
        interval = () if None in ends else (between(*ends),)
        assert row[3] == (number(known(of["shift_median"])), *interval)
        assert row[6][0] == number(known(of["enrichment_999"]))


def test_the_channel_that_was_planted_is_named_with_its_share(section, planted):
    for row, of in zip(
        rows(section, "Activations over the threshold"),
        planted.concentration().to_dicts(),
        strict=True,
    ):
        if not of["over"]:
            assert row[3:] == [NO_NUMBER] * 8
            continue
        # Channel 1 of head 1, of four channels per head.
        assert (row[5], row[6]) == ((percent(1.0),), ("5",))
        assert row[3] == (fixed(of["channels_gini"]),)
        assert (row[9], row[10]) == ((percent(1.0),), ("1",))


def test_the_likeliest_law_of_a_site_stands_beside_the_gamma_law(section, planted):
    laws = planted.laws()
    for row in rows(section, "The likeliest law of every site"):
        of = laws.filter(site=row[0][0])
        gamma = of.filter(law="gamma").row(0, named=True)
        assert row[1:] == [
            (of["law"][0],),
            (number(of["ks"][0]),),
            (number(known(gamma["ks"])),),
            (number(known(gamma["behind"])),),
        ]
    assert len(rows(section, "Laws by falling likelihood")) == len(planted.sites) * len(LAWS)


def test_what_moved_is_drawn(section):
    assert section.count("<svg") == 1
    assert "median<" in section
    # 280 edges tell nothing of one in 10,000.
    assert "0.9999 quantile<" not in section


def test_without_a_baseline_there_is_no_comparison_and_the_reason_is_given(build, plant, tmp_path):
    path = build(plant, baseline=False).report(tmp_path / "alone.html")
    section = part(page_of(path), "statistics")
    assert numbers_of(path)["statistics"]["comparison"] is None
    assert "There is no comparison: no untrained model was scanned to compare with." in section
    assert "Trained against untrained" not in section
    assert rows(section, "Laws by falling likelihood")


def test_magnitudes_are_counted_where_the_criterion_bounds_only_these(build, plant, tmp_path):
    rule = es.Criterion("large", ratio=0, magnitude=2.0)
    scan = build(plant, criterion=rule)
    found = numbers_of(scan.report(tmp_path / "large.html"))["statistics"]
    assert found["measure"] == "magnitude"
    expected = scan.concentration(measure="magnitude")
    assert [row["over"] for row in found["concentration"]] == expected["over"].to_list()
