"""The matrices of a graph that is opened alone show what Python gathered, by mouse and by keys."""

import csv
from itertools import pairwise
from pathlib import Path

import pytest
import torch

import edgescope as es
from edgescope.report.live.attention_data import attention_data
from support.open_pages import visit

OPEN = "[data-live=gallery] button[aria-label^='All sites']"

CELLS = """all => all.map(matrix => ({
  name: matrix.getAttribute("aria-label"),
  cells: [...matrix.querySelectorAll(".cell")].map(cell => cell.getAttribute("aria-label")),
}))"""


@pytest.fixture(scope="module")
def gathered(planted, molecules, plant):
    torch.manual_seed(0)
    sizes = {"num_layers": 3, "hidden_dim": 16, "num_heads": 4}
    model = es.models.GraphTransformer(**molecules.model_sizes, **sizes).eval()
    with torch.no_grad():
        plant(model)
    return es.report.attention_maps(planted, model, es.data.loader(molecules, 5))


@pytest.fixture(scope="module")
def address(planted, gathered, tmp_path_factory):
    page = tmp_path_factory.mktemp("attention") / "report.html"
    return planted.report(page, attention=gathered).as_uri()


def by_ends(of):
    return dict(zip(zip(of.targets, of.sources, strict=True), of.values, strict=True))


def opened_graph(page):
    page.locator(OPEN).first.click()
    return int(page.locator("dialog h3").inner_text().split()[1])


def test_matrices_show_the_weights_and_scores_of_every_layer_and_head(browser, address, gathered):
    opened = visit(browser, address)
    page = opened.page
    graph = opened_graph(page)
    for layer in gathered.layers:
        page.locator("dialog select").select_option(label=layer)
        (weights,) = (m for m in gathered.of(graph) if m.layer == layer and m.stage == "weight")
        (scores,) = (m for m in gathered.of(graph) if m.layer == layer and m.stage == "logit")
        matrices = page.locator("dialog svg.matrix").evaluate_all(CELLS)
        assert len(matrices) == weights.values.shape[1]
        for head, matrix in enumerate(matrices):
            assert f"{layer}, head {head}: weights" in matrix["name"]
            shown = {cell.split("; ")[0]: cell.split("; ")[1] for cell in matrix["cells"]}
            assert len(shown) == len(weights.sources)
            said, logits = by_ends(weights), by_ends(scores)
            for ends, text in shown.items():
                target, source = (part.split()[-1] for part in ends.split(" attends to "))
                weight, score = text.removeprefix("weight ").split(", score ")
                assert float(weight) == pytest.approx(said[target, source][head], abs=5.1e-4)
                assert float(score.replace(",", "")) == pytest.approx(
                    logits[target, source][head], rel=6e-3, abs=6e-4
                )
    page.locator("dialog input[value=logit]").check()
    assert "scores" in page.locator("dialog svg.matrix").first.get_attribute("aria-label")
    assert opened.problems == []
    assert opened.requests == [address]
    page.close()


def test_keys_alone_open_a_graph_and_go_through_its_matrix(browser, address):
    page = visit(browser, address).page
    page.locator(OPEN).first.focus()
    page.keyboard.press("Enter")
    page.locator("dialog svg.matrix .cell[tabindex='0']").first.focus()
    said = []
    for key in ("ArrowDown", "ArrowDown", "ArrowUp"):
        said.append(page.evaluate("document.activeElement.getAttribute('aria-label')"))
        assert page.locator(".tip").inner_text().startswith(said[-1].split(";")[0])
        page.keyboard.press(key)
    assert all(before != after for before, after in pairwise(said))
    page.keyboard.press("Escape")
    assert page.locator("dialog").count() == 0
    assert page.evaluate("document.activeElement.textContent") == "All sites"
    page.close()


def test_keys_alone_choose_the_layer_and_the_stage_and_save(browser, address, gathered):
    page = visit(browser, address).page
    page.locator(OPEN).first.focus()
    page.keyboard.press("Enter")
    first = page.locator("dialog svg.matrix").first
    page.locator("dialog select").focus()
    before = first.get_attribute("aria-label")
    page.keyboard.press("ArrowUp" if gathered.layers[0] not in before else "ArrowDown")
    layer = page.locator("dialog select option:checked").inner_text()
    assert layer in gathered.layers
    assert layer not in before
    assert f"{layer}, head 0: weights" in first.get_attribute("aria-label")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    assert f"{layer}, head 0: scores" in first.get_attribute("aria-label")
    page.keyboard.press("ArrowLeft")
    assert f"{layer}, head 0: weights" in first.get_attribute("aria-label")
    page.keyboard.press("Tab")
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    text = Path(download.value.path()).read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    heads = {(row["layer"], row["head"]) for row in rows}
    assert {name for name, _ in heads} == set(gathered.layers)
    weights = [row for row in rows if row["layer"] == layer and row["head"] == "0"]
    assert len(weights) == page.locator("dialog svg.matrix").first.locator(".cell").count()
    # Then the first cell of the first matrix: of all its cells one stands in the way of Tab.
    page.keyboard.press("Tab")
    assert " attends to " in page.evaluate("document.activeElement.getAttribute('aria-label')")
    page.close()


def test_without_weights_the_page_says_why_and_what_gives_them(browser, planted, written):
    page = visit(browser, written.as_uri()).page
    opened_graph(page)
    text = page.locator("dialog .nothing").inner_text()
    assert text.startswith("Attention weights are not shown here: no attention weights were")
    assert "es.report.attention_maps(scan, model, loader)" in text
    page.close()
    found = attention_data(planted, None, {}, "edgescope scan run")
    assert found["absent"].endswith("To have them: edgescope scan run.")


def test_a_matrix_fits_a_narrow_page(browser, address):
    page = visit(browser, address, width=400).page
    opened_graph(page)
    sizes = page.evaluate("(d => [d.scrollWidth, d.clientWidth])(document.querySelector('dialog'))")
    assert sizes[0] <= sizes[1]
    page.close()
