"""The report opens in a browser from disk, and everything in it is drawn."""

from collections.abc import Iterator

import pytest

from support.open_pages import Opened, visit

DRAWN = """figures => figures.map(figure => {
  const box = figure.getBoundingClientRect();
  const parts = [...figure.querySelectorAll("path, use, image, rect, text")];
  const seen = parts.filter(part => {
    const own = part.getBoundingClientRect();
    return (own.width > 1 || own.height > 1) && !part.closest("defs");
  });
  return {
    name: figure.getAttribute("aria-labelledby"),
    title: figure.getAttribute("aria-label") ?? figure.querySelector("title").textContent,
    width: box.width,
    height: box.height,
    parts: seen.length,
  };
})"""


@pytest.fixture(scope="module")
def four_sites(build, plant, tmp_path_factory) -> str:
    """A report with enough sites to show one at a time."""
    return build(plant, layers=4).report(tmp_path_factory.mktemp("four") / "report.html").as_uri()


@pytest.fixture
def opened(browser, four_sites) -> Iterator[Opened]:
    opened = visit(browser, four_sites)
    yield opened
    opened.page.close()


def test_opens_without_errors_and_without_requests(opened, four_sites):
    assert opened.problems == []
    assert opened.requests == [four_sites]


def test_every_figure_is_drawn(opened):
    opened.page.click("button[value=all]")
    figures = opened.page.eval_on_selector_all("svg:not([aria-hidden])", DRAWN)
    # 2 of all sites, 3 of each, maps of three types at three, their shifts and the gallery
    assert len(figures) == 2 + 4 * 3 + 3 * 3 + 1 + 12
    for figure in figures:
        assert figure["width"] > 50, figure
        assert figure["height"] > 30, figure
        assert figure["parts"] >= 5, figure
        assert figure["title"], figure
    assert opened.problems == []
    assert len(opened.requests) == 1


def test_starts_with_the_site_that_has_the_largest_share(opened, build, plant):
    table = build(plant, layers=4).table()
    visible = opened.page.locator("section.site:visible h3").all_inner_texts()
    assert visible == [table["site"][table["share_over"].arg_max()]]


def test_chooser_shows_one_site_or_all(opened):
    page = opened.page
    page.get_by_role("button", name="2", exact=True).click()
    assert page.locator("section.site:visible").evaluate_all("s => s.map(x => x.id)") == ["site-2"]
    assert page.locator(".chooser button[aria-pressed=true]").all_inner_texts() == ["2"]
    page.get_by_role("button", name="all", exact=True).click()
    assert page.locator("section.site:visible").count() == 4


def test_link_in_the_table_shows_its_site(opened):
    page = opened.page
    page.locator("table").get_by_role("link", name="layers.0.attention:score").click()
    page.locator("#site-0").wait_for(state="visible")
    assert page.locator("section.site:visible").count() == 1


def test_without_scripts_everything_is_shown(browser, four_sites):
    page = visit(browser, four_sites, scripts=False).page
    assert page.locator("section.site:visible").count() == 4
    assert page.locator(".chooser:visible").count() == 0
    page.close()


def test_printing_shows_every_site(opened):
    opened.page.emulate_media(media="print")
    assert opened.page.locator("section.site:visible").count() == 4


def test_nothing_sticks_out_of_the_page(opened):
    opened.page.click("button[value=all]")
    width = opened.page.evaluate("document.documentElement.scrollWidth")
    assert width <= 1280


@pytest.fixture(scope="module")
def with_results(planted, results, tmp_path_factory) -> str:
    """A report with the sections of all results."""
    return planted.report(tmp_path_factory.mktemp("all") / "report.html", **results).as_uri()


@pytest.mark.parametrize("width", [1280, 390])
def test_sections_of_results_are_drawn_and_fit(browser, with_results, width):
    opened = visit(browser, with_results, width=width)
    opened.page.click("button[value=all]")
    # Tables of groups are folded; what is in them must fit as well.
    opened.page.eval_on_selector_all("details", "all => all.forEach(x => { x.open = true; })")
    figures = opened.page.eval_on_selector_all(
        "#interpretation svg, #ablation svg, #attribution svg", DRAWN
    )
    # 2 of either kind; ablation; 2 of methods and a legend; 4 molecules by 4 methods, and with
    # their true bonds
    assert len(figures) == 2 * 2 + 1 + 3 + 4 * 5
    for figure in figures:
        assert figure["width"] > 50, figure
        assert figure["parts"] >= 5, figure
        assert figure["title"], figure
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    assert opened.problems == []
    assert opened.requests == [with_results]
    opened.page.close()


OUTSIDE = """() => [...document.querySelectorAll("caption")].filter(caption => {
  const [left, right] = [0, document.documentElement.clientWidth];
  const box = caption.getBoundingClientRect();
  return box.width && (box.left < left || box.right > right);
}).map(caption => caption.textContent)"""


def test_captions_and_names_of_rows_stay_on_a_narrow_page(browser, with_results):
    page = visit(browser, with_results, width=400).page
    page.click("button[value=all]")
    page.eval_on_selector_all("details", "all => all.forEach(x => { x.open = true; })")
    assert page.evaluate(OUTSIDE) == []
    table = page.locator(".scroll:has(tr.row)").first
    name = table.locator("tbody th").first
    before = name.bounding_box()
    table.evaluate("box => { box.scrollLeft = 200; }")
    assert name.bounding_box() == before
    page.close()


OVERLAPS = """svg => {
  const boxes = [...svg.querySelectorAll("text")].map(text => text.getBoundingClientRect());
  return boxes.flatMap((a, at) => boxes.slice(at + 1).filter(b =>
    a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom)).length;
}"""


@pytest.mark.parametrize("factor", [3e3, 1e5, 1e7, 1e20])
def test_no_two_numbers_of_the_chart_of_all_sites_touch(browser, build, tmp_path, factor):
    def enlarge(model):
        model.layers[1].attention.edge.weight[5] *= factor

    written = build(enlarge).report(tmp_path / "report.html")
    page = visit(browser, written.as_uri()).page
    assert page.locator("#sites svg.chart").first.evaluate(OVERLAPS) == 0
    page.close()


def test_folded_tables_are_printed(browser, with_results):
    page = visit(browser, with_results).page
    assert page.locator("#interpretation table:visible").count() == 0
    page.emulate_media(media="print")
    heights = page.eval_on_selector_all(
        "#interpretation table", "all => all.map(x => x.getBoundingClientRect().height)"
    )
    assert len(heights) == 2
    assert min(heights) > 20
    page.close()


def test_no_threshold_gives_an_all_clear_beside_a_doubt(browser, build, tmp_path):
    def grow(model):
        model.layers[1].attention.edge.weight *= 1e6

    page = build(grow, layers=2).report(tmp_path / "grown.html").as_uri()
    opened = visit(browser, page)
    first = opened.page.locator(".summary p").first
    for limit in ("3000", "4000", "1000"):
        opened.page.click(f"button[data-preset='{limit}']")
        assert first.inner_text().startswith("This is no all-clear: ")
    assert opened.problems == []
    opened.page.close()
