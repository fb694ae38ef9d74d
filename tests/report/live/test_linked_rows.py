"""From a cell, a type or a range to the graphs that hold it, by mouse and by keyboard."""

import csv
import io
import re
from collections.abc import Iterator

import polars as pl
import pytest
import torch

import edgescope as es
from edgescope.plots.formats import number
from edgescope.scanning.result import Scan
from edgescope.scanning.site_shares import edge_types
from support.open_pages import Opened, shown_at, visit

SITE = "#site-1"


@pytest.fixture
def opened(browser, written) -> Iterator[Opened]:
    opened = visit(browser, written.as_uri())
    yield opened
    assert opened.problems == []
    assert opened.requests == [written.as_uri()]
    opened.page.close()


def listed(page, where=SITE):
    """Return the graphs that a panel lists, with the ratio that is said of each."""
    texts = page.locator(f"{where} .linked li > p:first-of-type").all_inner_texts()
    return [re.match(r"Graph (\d+).*?: ratio ([\d,.]+), value", text).groups() for text in texts]


def largest(rows, limit=6):
    """Return the graphs with the largest ratios of some massive rows, likewise."""
    tops = rows.sort("ratio", descending=True, maintain_order=True)
    tops = tops.unique("graph", keep="first", maintain_order=True).head(limit)
    return [(str(row["graph"]), number(row["ratio"])) for row in tops.to_dicts()]


def ratios(pairs):
    return sorted(float(ratio.replace(",", "")) for _, ratio in pairs)


def test_a_cell_leads_to_the_graphs_with_the_largest_ratios_in_it(opened, planted):
    site = list(planted.sites)[1]
    cell = opened.page.locator(f"{SITE} .cell:not(.never)").first
    place, head, channel = map(int, cell.get_attribute("data-cell").split(","))
    cell.click()
    kind = planted.info.edge_type_names[place]
    rows = planted.massive().filter(site=site, edge_type=kind, head=head, channel=channel)
    assert ratios(listed(opened.page)) == pytest.approx(ratios(largest(rows)), rel=1e-3)
    assert set(listed(opened.page)) <= {
        (str(row["graph"]), number(float(f"{row['ratio']:.5g}"))) for row in rows.to_dicts()
    }
    heading = opened.page.locator(f"{SITE} .linked h4")
    assert f"head {head}, channel {channel}, at {site}" in heading.inner_text()


def test_a_type_leads_to_its_graphs_and_back_by_keyboard(opened, planted):
    page, site = opened.page, list(planted.sites)[1]
    bar = page.locator(f"{SITE} .choice").first
    bar.focus()
    assert "trained: " in page.locator(".tip:visible").inner_text()
    page.keyboard.press("Enter")
    kind = planted.info.edge_type_names[int(bar.get_attribute("data-type"))]
    rows = planted.massive().filter(site=site, edge_type=kind)
    assert ratios(listed(page)) == pytest.approx(ratios(largest(rows)), rel=1e-3)
    assert page.evaluate("document.activeElement.closest('.linked') !== null")
    page.keyboard.press("Escape")
    assert page.locator(".linked").count() == 0
    assert page.evaluate("document.activeElement.classList.contains('choice')")


def test_arrows_go_from_cell_to_cell(opened):
    page = opened.page
    page.locator(f"{SITE} [data-live=maps] [tabindex='0'].cell").first.focus()
    at = "document.activeElement.dataset.cell"
    start = page.evaluate(at).split(",")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    assert page.evaluate(at) == ",".join([start[0], "1", "1"])
    page.keyboard.press("Space")
    assert "head 1, channel 1" in page.locator(f"{SITE} .linked h4").inner_text()


@pytest.mark.parametrize("way", ["mouse", "keyboard"])
def test_a_range_of_the_histogram_leads_to_the_graphs_in_it(opened, planted, way):
    page, site = opened.page, list(planted.sites)[1]
    if way == "mouse":
        area = page.locator(f"{SITE} .area").first
        area.scroll_into_view_if_needed()
        box = area.bounding_box()
        page.mouse.move(box["x"] + 2, box["y"] + 40)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 60, steps=3)
        page.mouse.up()
        low, high = (
            float(page.locator(f"{SITE} .range input").nth(n).input_value()) for n in (0, 1)
        )
        assert 0 < low < high
    else:
        low, high = 1000, 1e9
        page.locator(f"{SITE} .range input").first.fill("1000")
        page.locator(f"{SITE} .range input").nth(1).fill("1e9")
        page.keyboard.press("Enter")
    found = listed(page)
    tops = planted.massive().filter(site=site).group_by("graph").agg(pl.col("ratio").max())
    inside = dict(tops.filter(pl.col("ratio").is_between(low, high)).iter_rows())
    assert len(found) == min(6, len(inside))
    assert {graph for graph, _ in found} <= {str(graph) for graph in inside}


def test_pointing_at_a_bond_says_what_it_holds_and_sets_off_its_site(opened, planted):
    page = opened.page
    bond = page.locator("#gallery .reach[tabindex]").first
    said = bond.get_attribute("data-tip")
    bond.hover(force=True)
    assert page.locator(".tip:visible").inner_text() == said
    site = next(name for name in planted.sites if name in said)
    rows = planted.massive().filter(site=site)
    ratio, head, channel = re.search(
        r"ratio ([\d,.]+), .*\nhead (\d+), channel (\d+)", said
    ).groups()
    kept = rows.filter(head=int(head), channel=int(channel))["ratio"].to_list()
    assert ratio in [number(float(f"{value:.5g}")) for value in kept]
    assert re.search(r"^\S+ \d+ \u2013 \S+ \d+: (single|double|triple|aromatic) bond", said)
    page.locator("tr.row").nth(2).hover()
    assert page.locator(".lit").evaluate_all("all => all.map(x => x.dataset.site)") == (
        ["site-2"] * page.locator("[data-site='site-2']").count()
    )


def test_one_graph_alone_shows_every_site(opened, planted):
    page = opened.page
    button = page.get_by_role("button", name="All sites of").first
    button.focus()
    page.keyboard.press("Enter")
    assert page.locator("dialog[open] .strip li").count() == len(planted.sites)
    assert page.locator("dialog[open] .strip svg.graph").count() == len(planted.sites)
    assert page.locator("dialog[open] tbody tr").count() > 0
    page.keyboard.press("Escape")
    assert page.locator("dialog").count() == 0
    assert page.evaluate("document.activeElement.textContent") == "All sites"


def test_the_slider_goes_from_bin_to_bin_and_presets_are_buttons(opened, planted):
    page = opened.page
    edges = planted[next(iter(planted.sites))].layout.ratio.edges
    slider = page.get_by_role("slider")
    slider.focus()
    page.keyboard.press("ArrowRight")
    following = f"ratio above {number(float(edges[edges > 1000][0]))}"
    page.locator(".said").filter(has_text=following).wait_for()
    assert slider.get_attribute("aria-valuetext") == following
    page.get_by_role("button", name="ratio above 4000").press("Enter")
    page.locator(".said").filter(has_text="4,000").wait_for()
    assert page.locator("[data-preset='4000']").get_attribute("aria-pressed") == "true"
    page.get_by_role("button", name="as scanned").press("Enter")
    page.locator(".said").filter(has_text="1,000:").wait_for()


def test_what_was_written_comes_back_with_the_criterion(browser, written):
    texts = "() => document.body.innerText"
    opened = visit(browser, written.as_uri())
    before = opened.page.evaluate(texts)
    shown_at(opened.page, [("magnitude", 3.0), ("ratio", 50.0)])
    moved = opened.page.evaluate(texts)
    opened.page.get_by_role("button", name="as scanned").click()
    opened.page.locator(".said").filter(has_text="1,000:").wait_for()
    assert moved != before
    assert opened.page.evaluate(texts) == before
    opened.page.close()


def saved(page, button):
    with page.expect_download() as started:
        button.click()
    text = started.value.path().read_text(encoding="utf-8")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_shares_are_saved_as_python_counts_them(opened, planted):
    shown_at(opened.page, [("ratio", 50.0)])
    rows = saved(opened.page, opened.page.get_by_role("button", name="Shares as CSV"))
    expected = edge_types(planted, "ratio", 50.0)
    trained = [row for row in rows if row["state"] == "trained"]
    names = ("edges", "over", "rate", "low", "high")
    assert [(row["site"], row["edge_type"]) for row in trained] == [
        (row["site"], row["edge_type"]) for row in expected
    ]
    for state, ending in (("trained", ""), ("untrained", "_untrained")):
        found = [[float(row[name]) for name in names] for row in rows if row["state"] == state]
        for ours, theirs in zip(found, expected, strict=True):
            assert ours == pytest.approx([theirs[f"{name}{ending}"] for name in names], rel=1e-12)


def test_listed_activations_are_saved(opened, planted):
    page = opened.page
    page.locator(f"{SITE} .choice").first.click()
    rows = saved(page, page.locator(".linked button").filter(has_text="Save as CSV"))
    known = {
        (row["graph"], row["source"], row["target"], row["head"], row["channel"])
        for row in planted.massive().filter(site=list(planted.sites)[1]).to_dicts()
    }
    keys = ("graph", "source", "target", "head", "channel")
    assert rows
    assert {tuple(int(row[key]) for key in keys) for row in rows} <= known


def test_graphs_without_smiles_are_nodes_and_arrows(browser, tmp_path):
    torch.manual_seed(0)
    graphs = es.data.planted("marked", 60).test[:6]
    model = es.models.GATv2(**graphs.model_sizes, hidden_dim=8, num_heads=2, num_layers=1)
    rule = es.Criterion("low", ratio=3)
    scan = es.scan(model, es.data.loader(graphs), criterion=rule, progress=False)
    path = scan.report(tmp_path / "ring.html")
    opened = visit(browser, path.as_uri())
    drawn = opened.page.locator("#gallery svg.graph").first
    graph = re.search(r"graph (\d+)", drawn.get_attribute("aria-label"))[1]
    rows = scan.massive().filter(graph=int(graph)).head(6)
    ends = set(rows["source"].to_list()) | set(rows["target"].to_list())
    assert {str(end) for end in ends} <= set(drawn.locator("text").all_text_contents())
    assert drawn.locator(".node").count() >= len(ends) > 1
    assert drawn.locator(".head").count() >= 1
    assert opened.problems == []
    opened.page.close()


def test_hostile_names_stay_texts_at_any_threshold(browser, planted, tmp_path):
    evil = "</script><img src=x onerror=alert(1)><script>alert(2)</script>"
    smiles = {graph: f"{text} {evil}" for graph, text in planted.smiles.items()}
    before, after = (
        {f"{evil}{site}": found for site, found in list(scan.sites.items())[1:2]}
        for scan in (planted.baseline, planted)
    )
    scan = Scan(after, planted.info, smiles, Scan(before, planted.baseline.info))
    path = scan.report(tmp_path / "evil.html")
    opened = visit(browser, path.as_uri())
    shown_at(opened.page, [("ratio", 50.0), ("magnitude", 3.0)])
    shown_at(opened.page, [("ratio", 1000.0)])
    opened.page.locator(".choice").first.click()
    opened.page.get_by_role("button", name="All sites of").first.click()
    assert opened.page.locator("img").count() == 0
    assert opened.page.locator("script").count() == 2
    assert opened.problems == []
    assert opened.requests == [path.as_uri()]
    opened.page.close()


@pytest.mark.parametrize("width", [400, 2560])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_fits_any_width_in_any_light(browser, written, width, scheme):
    opened = visit(browser, written.as_uri(), width=width, color_scheme=scheme)
    page = opened.page
    page.locator(".choice").first.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    paper, ink = page.evaluate(
        "['backgroundColor', 'color'].map(each => getComputedStyle(document.body)[each])"
    )
    light, dark = (sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in (paper, ink))
    assert (light > dark + 450) if scheme == "light" else (dark > light + 450)
    page.close()


def test_nothing_of_it_is_there_without_scripts(browser, written):
    page = visit(browser, written.as_uri(), scripts=False).page
    assert page.locator(".control:visible").count() == 0
    assert page.locator("[data-live=maps] svg[role=img]:visible").count() == 2
    page.close()
