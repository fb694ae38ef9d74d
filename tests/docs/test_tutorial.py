"""The tutorials run from their first cell to their last, and are saved with what they show."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from notebooks import markdown

from support.cards import Card

ROOT = Path(__file__).resolve().parents[2]
TUTORIALS = sorted((ROOT / "docs").glob("*.ipynb"))
CARD = '<div class="edgescope-card">'


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def kinds(cell):
    """What a cell shows: text, a card, a table or a figure."""
    shown = [out for out in cell.outputs if out.output_type != "stream"]
    texts = {out.get("name") for out in cell.outputs if out.output_type == "stream"} - {"stderr"}
    names = [sorted(set(out.get("data", {})) - {"text/plain"}) for out in shown]
    cards = [out.data["text/html"].startswith(CARD) for out in shown if "text/html" in out.data]
    return texts, names, cards


@pytest.mark.slow
@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_a_tutorial_runs_and_shows_what_it_is_saved_with(path, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    monkeypatch.delenv("MPLBACKEND", raising=False)
    notebook = nbformat.read(path, as_version=4)
    saved = [kinds(cell) for cell in code(notebook)]
    client = NotebookClient(notebook, timeout=None, resources={"metadata": {"path": tmp_path}})
    client.execute()
    assert all(cell.execution_count for cell in code(notebook))
    assert [kinds(cell) for cell in code(notebook)] == saved


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_a_tutorial_is_saved_with_its_output_and_nothing_of_a_machine(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    for cell in code(notebook):
        assert cell.outputs
        assert all(out.output_type != "error" for out in cell.outputs)
        assert {out.get("name", "stdout") for out in cell.outputs} == {"stdout"}
        for out in cell.outputs:
            html = out.get("data", {}).get("text/html", "")
            assert str(ROOT) not in html
            Card(html)


def test_the_page_of_a_tutorial_holds_its_cards_and_figures():
    path = ROOT / "docs" / "tutorial-pictures.ipynb"
    page = markdown(path.read_text(encoding="utf-8"))
    outputs = [out for cell in code(nbformat.read(path, as_version=4)) for out in cell.outputs]
    cards = sum(CARD in out.get("data", {}).get("text/html", "") for out in outputs)
    figures = sum("image/png" in out.get("data", {}) for out in outputs)
    assert cards >= 7
    assert page.count(CARD) == cards
    assert page.count('src="data:image/png;base64,') == figures
