"""A section of one's own is on the page, in the JSON file and in the table of contents.

It is written in one file, registered by a decorator, or found by the entry point of a package.
"""

import re
import sys
from pathlib import Path

import pytest

import edgescope as es
from edgescope.lib.errors import EdgescopeWarning, InputError
from edgescope.report import section_registry as registry
from edgescope.report.numbers import collect
from support.plugin_packages import as_new_process
from support.report_pages import numbers_of, page_of, part

PAGE = Path(__file__).resolve().parents[2] / "docs" / "extending-section.md"

OWN = re.search(r"^```python\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)[1]
"""The section that the page on sections of one's own explains."""

COUNTS = {"triple": 6, "source": "<b>so</b>"}


@pytest.fixture(autouse=True)
def _forget_sections():
    """Take back what tests register."""
    registry.all_sections()
    known = dict(registry.SECTIONS)
    yield
    registry.SECTIONS.clear()
    registry.SECTIONS.update(known)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Install a package of one module whose entry point is a section."""

    def install(code, value):
        folder = tmp_path / "site"
        described = folder / "own_bonds-1.0.dist-info"
        described.mkdir(parents=True)
        (folder / "own_bonds.py").write_text(code)
        (described / "METADATA").write_text("Metadata-Version: 2.1\nName: own-bonds\nVersion: 1.0")
        entry = f"[{registry.GROUP}]\ntriples = own_bonds{value}\n"
        (described / "entry_points.txt").write_text(entry)
        monkeypatch.syspath_prepend(folder)
        monkeypatch.delitem(sys.modules, "own_bonds", raising=False)
        as_new_process(monkeypatch)

    return install


def names(scan, **results):
    return [each["name"] for each in collect(scan, **results)["contents"] if not each["absent"]]


def test_it_is_on_the_page_in_the_file_and_in_the_contents(planted, tmp_path):
    exec(compile(OWN, "own.py", "exec"), {"__name__": "own"})  # noqa: S102  (written above)
    path = planted.report(tmp_path / "own.html", counts=COUNTS)
    page, numbers = page_of(path), numbers_of(path)
    rows = planted.by_edge_type().filter(edge_type="triple").to_dicts()
    own = part(page, "triple-bonds")
    assert own.strip().startswith("<h2>Triple bonds</h2>")
    for row in rows:
        assert f"<p>{row['site']}: {row['over']} of {row['edges']}</p>" in own
    assert "6 triple bonds, &lt;b&gt;so&lt;/b&gt;." in own
    assert own.count("<svg") == own.count("How to read this.") == 1
    assert [row["over"] for row in numbers["triple_bonds"]["rows"]] == [r["over"] for r in rows]
    contents = re.search(r'<nav class="contents".*?</nav>', page, re.DOTALL)[0]
    assert '<a href="#triple-bonds">Triple bonds</a>' in contents
    # Place 250 is between all sites and site by site.
    shown = re.findall(r'<section id="([\w-]+)">', page)
    assert shown.index("sites") < shown.index("triple-bonds") < shown.index("by-site")


def test_without_what_it_needs_it_is_absent_with_the_reason(planted, tmp_path):
    exec(compile(OWN, "own.py", "exec"), {"__name__": "own"})  # noqa: S102  (as above)
    path = planted.report(tmp_path / "without.html")
    page, numbers = page_of(path), numbers_of(path)
    reason = "no counts was given; counting makes one"
    assert 'id="triple-bonds"' not in page
    assert f"<li>Triple bonds: {reason}</li>" in page
    assert numbers["triple_bonds"] is None
    known = {each["name"]: each["absent"] for each in numbers["contents"]}
    assert known["triple-bonds"] == reason


def test_a_result_of_another_class_is_refused(planted, tmp_path):
    exec(compile(OWN, "own.py", "exec"), {"__name__": "own"})  # noqa: S102  (as above)
    with pytest.raises(InputError, match="counts= of type list, expected dict, as counting"):
        planted.report(tmp_path / "refused.html", counts=[6])
    assert list(tmp_path.iterdir()) == []


def test_a_package_adds_one_by_an_entry_point(planted, package):
    package(OWN, ":Triple")
    assert "triple-bonds" in names(planted, counts=COUNTS)


def test_its_class_need_not_be_decorated(planted, package):
    package(OWN.replace("@es.report.section\n", ""), ":Triple")
    assert "triple-bonds" in names(planted, counts=COUNTS)


@pytest.mark.parametrize(
    ("code", "value", "why"),
    [
        ("import nothing_of_this_name", ":Triple", "ModuleNotFoundError: No module named 'nothing"),
        (OWN, ":Quadruple", "AttributeError: .*Quadruple"),
        ("Triple = 3", ":Triple", "InputError: received 3, expected a class derived from"),
        (
            OWN.replace('"triple-bonds", "T', '"sites", "T'),
            ":Triple",
            "InputError: .*'sites', as is edgescope",
        ),
    ],
    ids=["import", "name", "class", "taken"],
)
def test_a_broken_package_is_told_once_and_the_report_is_made_without_it(
    planted, package, code, value, why
):
    before = names(planted)
    package(code, value)
    with pytest.warns(EdgescopeWarning, match=f"'triples' of own-bonds .* is left out: {why}"):
        assert names(planted) == before
    assert names(planted) == before  # warnings of ours are errors


def test_what_a_run_holds_is_loaded(tmp_path):
    exec(compile(OWN, "own.py", "exec"), {"__name__": "own"})  # noqa: S102  (as above)
    (tmp_path / "counts.json").write_text('{"triple": 1}')
    (tmp_path / "elsewhere").write_text('{"triple": 2}')
    assert es.report.stored_results(tmp_path) == {"counts": {"triple": 1}}
    found = es.report.stored_results(tmp_path, counts=tmp_path / "elsewhere")
    assert found == {"counts": {"triple": 2}}


def section(**parts):
    """Define and register a section that says nothing else."""
    own = type("Own", (es.report.Section,), {"name": "own", "title": "Own", **parts})
    return es.report.section(own)


def test_it_may_be_written_again(planted):
    section(template="first")
    section(template="second")
    assert names(planted).count("own") == 1


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"name": "sites"}, "'sites', as is edgescope"),
        ({"title": None}, "has no title; give it one"),
    ],
)
def test_a_section_that_cannot_be_told_apart_is_refused(parts, said):
    with pytest.raises(InputError, match=said):
        section(**parts)


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"key": "table"}, "have the key 'table', as others of the report have"),
        ({"numbers": lambda *_: {"sites": {1, 2}}}, "cannot be written as JSON .*set"),
        ({"figures": lambda *_: {"glance": "<svg/>"}}, "has a figure 'glance', as another"),
        ({"readings": lambda *_: {"glance": "So."}}, "has a reading 'glance', as another"),
        ({"context": lambda *_: {"marked": []}}, "has a name in its template 'marked', as"),
    ],
)
def test_what_stands_in_the_way_of_others_is_refused(planted, tmp_path, parts, said):
    section(template="nothing", **parts)
    with pytest.raises(InputError, match=said):
        planted.report(tmp_path / "refused.html")
    assert list(tmp_path.iterdir()) == []


def test_the_page_on_sections_says_where_they_stand():
    places = [f"`{each.name}` {each.place}" for each in registry.all_sections()]
    assert f"rising place: {', '.join(places)}. " in PAGE.read_text()
    assert f"Without one it is {es.report.Section.place} " in PAGE.read_text()
