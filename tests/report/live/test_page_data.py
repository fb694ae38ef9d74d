"""What the page says of any threshold is what Python says of it."""

import math
from dataclasses import replace

import numpy as np
import pytest

import edgescope as es
from edgescope.plots.formats import interval, number, percent
from edgescope.report.counts import judged
from edgescope.report.numbers import collect
from edgescope.report.summary import summary
from edgescope.report.template_files import file_text
from edgescope.scanning.result import Scan
from edgescope.scanning.site_shares import edge_types
from edgescope.statistics.sketch_layout import JOINT_FLOOR
from support.open_pages import shown_at, visit

random = np.random.default_rng(0)
RATIOS = [3.0, 7.8125, 1000.0, 3000.0, 4000.0, *10 ** random.uniform(0.3, 6.5, 20)]
MAGNITUDES = [100.0, *10 ** random.uniform(-4, 4.5, 24)]
FIFTY = [("ratio", float(f"{t:.6g}")) for t in RATIOS]
FIFTY += [("magnitude", float(f"{t:.6g}")) for t in MAGNITUDES]


@pytest.fixture(scope="module")
def shown(browser, written):
    opened = visit(browser, written.as_uri())
    found = shown_at(opened.page, FIFTY)
    assert opened.problems == []
    assert opened.requests == [written.as_uri()]
    opened.page.close()
    return dict(zip(FIFTY, found, strict=True))


def test_fifty_thresholds_are_asked_for():
    assert len(FIFTY) == 50


@pytest.mark.parametrize("asked", range(50))
def test_tables_charts_and_counts_are_those_of_the_scan(shown, planted, asked):
    axis, limit = FIFTY[asked]
    page = shown[axis, limit]
    rows = edge_types(planted, axis, limit)
    exact = rows[0]["threshold"]
    for site, own in zip(planted.sites, page["sites"], strict=True):
        expected = [row for row in rows if row["site"] == site]
        assert own["types"] == [
            [
                number(row["edges"]),
                number(row["over"]),
                percent(row["rate"]),
                interval(row["low"], row["high"]),
                number(row["enrichment"]),
                number(row["over_untrained"]),
                percent(row["rate_untrained"]),
                interval(row["low_untrained"], row["high_untrained"]),
            ]
            for row in expected
        ]
        for bar, row in zip(own["bars"], expected, strict=True):
            over, edges = number(row["over"]), number(row["edges"])
            assert f"; trained: {over} of {edges}, {percent(row['rate'])}" in bar
        for state, scan in (("trained", planted), ("untrained", planted.baseline)):
            bins = getattr(scan[site].layout, axis)
            first, _ = bins.edge_near(limit)
            counts = scan[site].counts[f"graph_{axis}"]
            over = f"{int(counts[first:].sum())} of {int(counts.sum())} graphs {state}"
            assert over in own["graphs"][0]
        assert own["caption"][0] == f"Edges with a {axis} above {number(exact)}, by edge type"
    edges = sum(row["over"] for row in rows)
    before = sum(row["over_untrained"] for row in rows)
    assert f": {number(edges)} edge" in page["said"][0]
    assert page["said"][0].endswith(f"; {number(before)} untrained")


@pytest.mark.parametrize("asked", range(50))
def test_heat_maps_are_those_of_the_scan(shown, planted, asked):
    axis, limit = FIFTY[asked]
    own_sites = shown[axis, limit]["sites"]
    for site, own in zip(planted.sites, own_sites, strict=True):
        sketch = planted[site]
        # The page moves the threshold to where counts of edges are exact, and maps on from there.
        _, limit = getattr(sketch.layout, axis).edge_near(limit)
        _, exact = getattr(sketch.layout, f"joint_{axis}").edge_near(limit)
        if axis == "ratio" and exact < JOINT_FLOOR:
            assert own["nothing"] == ["Maps are kept from a ratio of 7.81 on."]
            continue
        counted = np.flatnonzero(sketch.counted_edges(axis))
        maps = [sketch.heat_map(limit, int(place), axis)[0] for place in counted]
        if not np.any(maps):
            assert own["nothing"][0].startswith("No head and no channel exceeds")
            continue
        assert [[text.partition(": ")[2] for text in cells] for cells in own["maps"]] == [
            [percent(share) for share in found.flatten()] for found in maps
        ]


@pytest.fixture(scope="module")
def numbers(planted):
    return collect(planted)


@pytest.mark.parametrize("asked", range(50))
def test_the_sentences_on_top_are_those_of_a_report_with_this_criterion(
    shown, planted, numbers, asked
):
    axis, limit = FIFTY[asked]
    exact = edge_types(planted, axis, limit)[0]["threshold"]
    rule = es.Criterion("moved", **({"ratio": 0} | {axis: exact}))
    info = replace(planted.info, criterion=rule, keep_ratio=1000.0)
    moved = Scan(planted.sites, info, planted.names, planted.baseline)
    found = judged(moved, planted.table())
    sites = [
        {**site, "judged": found[site["site"]], "axis": axis, "threshold": exact}
        for site in numbers["sites"]
    ]
    shares = {site["site"]: site["judged"][axis] for site in sites}
    over = [name for name, of in shares.items() if of["over"]]
    expected = numbers | {
        "scanned": numbers["scanned"] | {"axis": axis, "threshold": exact, "plain": True},
        "sites": sites,
        "by_edge_type": edge_types(moved, axis),
        "busiest": max(over, key=lambda name: shares[name]["share"]) if over else None,
    }
    sentences = summary(expected)
    where = sentences[1] if over else ""
    assert shown[axis, limit]["summary"] == [sentences[0], where, sentences[-1]]
    assert shown[axis, limit]["shares"] == [
        percent(shares[site][f"share{ending}"])
        for site in planted.sites
        for ending in ("_untrained", "")
    ]


SAMPLES = [
    *(float(value) for value in 10 ** random.uniform(-13, 13, 600)),
    *(float(value) for value in -(10 ** random.uniform(-5, 8, 50))),
    *(k / 8 for k in range(-20, 200)),
    *(k / n for n in (3, 7, 16, 64, 200, 1000) for k in range(n + 1)),
    *(0.0, 0.5, 1.5, 2.5, 999.5, 1000.5, 11250000.0, 99.5, 9.995, 0.99996, math.nan, math.inf),
]


def test_numbers_are_written_as_python_writes_them(browser):
    page = browser.new_page()
    formats = file_text("script/formats.js")
    encoded = [repr(value).replace("nan", "NaN").replace("inf", "Infinity") for value in SAMPLES]
    written = page.evaluate(
        f"() => {{ {formats}\nreturn [{','.join(encoded)}]"
        ".map(value => [number(value), percent(Math.abs(value))]); }"
    )
    expected = [
        [number(value), percent(abs(value)) if abs(value) < 1e4 else None] for value in SAMPLES
    ]
    for value, found, own in zip(SAMPLES, written, expected, strict=True):
        assert found[0] == own[0], value
        assert own[1] is None or found[1] == own[1], value
    pairs = [(a / 997, (a + b) / 997) for a in range(0, 990, 37) for b in (0, 1, 7)]
    written = page.evaluate(
        f"pairs => {{ {formats}\nreturn pairs.map(([low, high]) => interval(low, high)); }}", pairs
    )
    assert written == [interval(*pair) for pair in pairs]
    page.close()
