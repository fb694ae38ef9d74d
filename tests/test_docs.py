"""The documentation runs as it is written."""

import doctest
import importlib
import pkgutil
import re
import runpy
from pathlib import Path

import pytest
import torch

import edgescope
from edgescope.capturing.adapters.registry import ADAPTERS
from edgescope.data import names
from edgescope.data.sources import source
from edgescope.report.section_registry import SECTIONS, all_sections
from support.own_criterion import forgotten_kinds

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
ALONE = [page for page in PAGES if not page.name.startswith("howto-")]
"""Pages whose Python needs none of their commands; the others are tested with both."""
MODULES = [
    module.name
    for module in pkgutil.walk_packages(edgescope.__path__, "edgescope.")
    if not module.name.endswith("__main__")
]


@pytest.fixture(autouse=True)
def _forget_what_is_registered(monkeypatch):
    """Take back what the examples register."""
    names()
    monkeypatch.setattr(source, "_KNOWN", dict(source._KNOWN))
    all_sections()
    adapters, sections = list(ADAPTERS), dict(SECTIONS)
    with forgotten_kinds():
        yield
    ADAPTERS[:] = adapters
    SECTIONS.clear()
    SECTIONS.update(sections)


@pytest.mark.parametrize("page", ALONE, ids=lambda page: page.name)
def test_the_examples_on_a_page_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    examples = re.findall(r"^```python\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)
    namespace: dict[str, object] = {}
    for example in examples:
        exec(compile(example, page.name, "exec"), namespace)  # noqa: S102  (our own page)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_a_module_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    assert doctest.testmod(importlib.import_module(name)).failed == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_within_the_repository_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#]+)\)", page.read_text())
    for link in links:
        assert link.startswith("https://") or (page.parent / link).exists(), link


def test_the_page_on_data_names_every_published_set():
    page = (ROOT / "docs" / "data.md").read_text()
    assert all(f'`"{name}"`' in page for name in names())


def test_the_page_on_layers_is_what_the_adapters_say():
    written = runpy.run_path(str(ROOT / "docs" / "make_layers.py"))["page"]()
    assert (ROOT / "docs" / "layers.md").read_text() == written, "run make docs"


def test_the_readme_fits_on_a_few_screens():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 120


def test_the_page_on_rules_is_what_the_rules_say():
    written = runpy.run_path(str(ROOT / "docs" / "make_rules.py"))["page"]()
    assert (ROOT / "docs" / "rules.md").read_text() == written, "run make docs"
