"""Two scans side by side: what both say, matched by site, and what keeps them from comparing."""

import copy
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import edgescope as es
from edgescope.lib.errors import EdgescopeWarning, InputError
from edgescope.report.numbers import whole
from edgescope.report.sections.comparison.cautions import cautions
from edgescope.report.sections.comparison.numbers import collect_comparison
from edgescope.scanning.compare import compare
from edgescope.scanning.result import Scan
from support.report_pages import numbers_of, page_of, part, rows


def beside(scan, other, **options):
    found = es.report.Beside(other, **options)
    return collect_comparison(found, scan, whole(scan))


@pytest.fixture(scope="module")
def both(planted, quiet):
    """The planted scan beside the quiet one."""
    return beside(planted, quiet, name="after", own="before", run={"seed": 7})


def test_every_number_is_the_scans_own(both, planted, quiet):
    assert [row["site"] for row in both["sites"]] == list(planted.sites)
    for row in both["sites"]:
        for side, scan in (("own", planted), ("other", quiet)):
            own = scan.table().filter(site=row["site"]).row(0, named=True)
            assert row[side]["at_own"] == row[side]["share"] == own["share_over"]
            assert row[side]["max_ratio"] == own["max_ratio"]
            assert row[side]["max_magnitude"] == own["max_magnitude"]
        effects = compare(quiet[row["site"]], planted[row["site"]]).ratio
        assert row["shift"] == effects.shift[0.5].value
    assert both["summaries"] == [whole(planted)["summary"], whole(quiet)["summary"]]
    assert both["cautions"] == []
    assert {"what": "seed", "own": None, "other": 7} in both["facts"]


def test_shares_by_type_are_over_one_threshold(both, planted, quiet):
    expected = {
        (row["site"], row["edge_type"]): row["rate"] for row in quiet.by_edge_type(1000).to_dicts()
    }
    assert len(both["types"]) == planted.by_edge_type().height
    for row in both["types"]:
        assert row["other"]["rate"] == expected[row["site"], row["edge_type"]]


def test_a_scan_beside_itself_has_no_difference(planted):
    found = beside(planted, planted)
    assert all(row["own"] == row["other"] and row["shift"] == 0 for row in found["sites"])
    assert all(each["own"] == each["other"] for each in found["maxima"])


def renamed(scan, names):
    sites = dict(zip(names, scan.sites.values(), strict=False))
    return Scan(sites, scan.info, scan.names)


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(st.lists(st.sampled_from("abcde"), unique=True, min_size=1, max_size=3), st.data())
def test_every_site_of_either_is_there_once_and_said_to_be_alone_if_it_is(quiet, first, data):
    second = data.draw(st.lists(st.sampled_from("abcde"), unique=True, min_size=1, max_size=3))
    scans = [renamed(quiet, [f"l.{name}:score" for name in names]) for names in (first, second)]
    said = " ".join(cautions(*scans, ("A", "B")))
    for name, own, other in (("A", first, second), ("B", second, first)):
        assert (f"Only {name} has" in said) is bool(set(own) - set(other))
    assert ("no site in common" in said) is not bool(set(first) & set(second))


def test_sites_of_one_scan_only_have_no_numbers_of_the_other(planted, build, plant):
    found = beside(planted, build(plant, layers=4), own="three", name="four")
    last = found["sites"][-1]
    assert (last["own"], last["shift"]) == (None, None)
    assert last["other"]["max_ratio"]
    assert "Only four has layers.3.attention:score." in found["cautions"]


def test_other_thresholds_are_said_and_shares_compared_over_one(planted, build, plant):
    other = build(plant, criterion=es.Criterion("low", ratio=50.0))
    found = beside(planted, other)
    assert any(each.startswith("The thresholds differ at") for each in found["cautions"])
    assert any(each.startswith("The criteria differ") for each in found["cautions"])
    for row in found["sites"]:
        assert row["thresholds_differ"]
        assert row["other"]["at_own"] == row["own"]["at_own"] <= row["other"]["share"]


def test_other_data_are_said_and_nothing_is_measured_between_them(planted):
    strange = copy.copy(planted)
    strange.info = replace(planted.info, data_fingerprint="0" * 32, data="elsewhere/test")
    with pytest.warns(EdgescopeWarning, match="the two scans are of different data"):
        found = beside(planted, strange)
    assert "different data" in found["cautions"][0]
    assert all(row["shift"] is None for row in found["sites"])
    assert all(row["other"]["max_ratio"] for row in found["sites"])


def test_nodes_are_not_put_beside_edges(planted):
    nodes = copy.copy(planted)
    nodes.info = replace(planted.info, rows="node")
    with pytest.raises(InputError, match="scan of nodes beside one of edges"):
        beside(planted, nodes)


def test_the_page_shows_both_and_hostile_names_stay_texts(planted, quiet, tmp_path):
    evil = "<script>$x_1$"
    found = es.report.Beside(quiet, name=evil, own="before", run={evil: evil})
    path = planted.report(tmp_path / "both.html", beside=found)
    page, numbers = page_of(path), numbers_of(path)["comparison"]
    assert page.count("<script>") == 1  # our own
    own = part(page, "comparison")
    table = rows(own, "Site by site")
    assert [row[0][0] for row in table] == [row["site"] for row in numbers["sites"]]
    assert own.count("<svg") == 1
    assert page.index('id="comparison"') < page.index('id="scanned"')
