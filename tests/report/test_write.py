"""The two files: complete, self-contained, repeatable, and never half of one."""

import json
import re
import sys

import matplotlib as mpl
import pytest

from edgescope.lib.errors import InputError, MissingExtraError
from edgescope.plots.formats import number, percent
from edgescope.report import write_report
from edgescope.scanning.result import Scan

FIVE_MEGABYTES = 5e6


def test_writes_html_and_json_side_by_side_and_says_where(planted, tmp_path):
    path = write_report(planted, tmp_path / "deep" / "first.html")
    assert path == tmp_path / "deep" / "first.html"
    assert sorted(file.name for file in path.parent.iterdir()) == ["first.html", "first.json"]


def test_page_loads_nothing_from_anywhere(written):
    page = written.read_text(encoding="utf-8")
    loaded = re.findall(r"""(?:src|href|url|action|data)\s*=\s*["']([^"']*)""", page)
    loaded += re.findall(r"url\(([^)]*)\)", page)
    assert loaded
    assert all(address.startswith(("#", "data:image/png;base64,")) for address in loaded)
    remote = set(re.findall(r"https?://[^\"' ]*", page))
    assert all(
        address.startswith(("http://www.w3.org/", "http://www.rdkit.org/")) for address in remote
    )
    assert "@import" not in page


def test_ids_are_unique_on_the_page(written):
    ids = re.findall(r'\bid="([^"]*)"', written.read_text(encoding="utf-8"))
    assert len(ids) == len(set(ids))


def test_every_reference_has_its_target(written):
    page = written.read_text(encoding="utf-8")
    ids = set(re.findall(r'\bid="([^"]*)"', page))
    wanted = re.findall(r'(?:href|aria-labelledby)="#?([^":]*)"', page) + re.findall(
        r"url\(#([^)]*)\)", page
    )
    assert wanted
    assert set(wanted) <= ids


def test_same_scan_gives_the_same_bytes(planted, written, tmp_path):
    again = planted.report(tmp_path / "again.html", run={"seed": 41})
    assert again.read_bytes() == written.read_bytes()
    assert again.with_suffix(".json").read_bytes() == written.with_suffix(".json").read_bytes()


def test_users_drawing_settings_neither_matter_nor_change(planted, written, tmp_path):
    with mpl.rc_context({"font.size": 30, "axes.grid": False, "svg.fonttype": "path"}):
        again = planted.report(tmp_path / "again.html", run={"seed": 41})
        assert mpl.rcParams["font.size"] == 30
    assert again.read_bytes() == written.read_bytes()


def test_ten_sites_stay_below_five_megabytes(build, plant, tmp_path):
    path = build(plant, layers=10, hidden_dim=64, num_heads=8).report(tmp_path / "ten.html")
    assert path.stat().st_size < FIVE_MEGABYTES


def test_hostile_texts_stay_texts(planted, tmp_path):
    evil = "<script>alert('$x_1$')</script>"
    # RDKit takes what follows a blank for the molecule's name.
    smiles = {graph: f"{text} {evil}" for graph, text in planted.smiles.items()}
    before, after = (
        {f"{evil}{site}": found for site, found in scan.sites.items()}
        for scan in (planted.baseline, planted)
    )
    scan = Scan(after, planted.info, smiles, Scan(before, planted.baseline.info))
    page = scan.report(tmp_path / "evil.html", title=evil, run={evil: evil}).read_text("utf-8")
    assert page.count("<script>") == 1  # our own
    assert page.count("&lt;script&gt;") > 20


def test_run_facts_are_shown_and_kept(planted, tmp_path):
    facts = {"recipe": "demo", "test MAE": 0.423, "epochs": 20, "where": tmp_path, "best": None}
    path = planted.report(tmp_path / "run.html", run=facts, title="A run")
    run = json.loads(path.with_suffix(".json").read_text())["run"]
    assert run == facts | {"where": str(tmp_path)}
    page = path.read_text(encoding="utf-8")
    assert "<h1>A run</h1>" in page
    assert '<th scope="row">test MAE</th><td>0.423</td>' in page


def test_site_table_shows_before_left_of_after(written, planted):
    row = planted.table().row(1, named=True)
    page = written.read_text(encoding="utf-8")
    cells = re.search(rf">{row['site']}</a></th>(.*?)</tr>", page, re.DOTALL)
    shown = re.findall(r"<td[^>]*>(.*?)</td>", cells[1])
    assert shown == [
        number(row["max_ratio_untrained"]),
        number(row["max_ratio"]),
        percent(row["share_over_untrained"]),
        percent(row["share_over"]).replace(">", "&gt;"),
        number(row["max_magnitude_untrained"]),
        number(row["max_magnitude"]),
        number(row["growth"]),
        *["0"] * 4,
    ]


@pytest.mark.parametrize("name", ["report.json", "folder"])
def test_refuses_a_path_that_is_no_page(planted, tmp_path, name):
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match=r"expected the name of an HTML file, such as .*\.html"):
        planted.report(tmp_path / name)


def test_refuses_a_folder_that_cannot_be_made(planted, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="cannot write in the output folder"):
        planted.report(tmp_path / "file" / "report.html")


def test_failure_leaves_an_older_report_as_it_was(planted, tmp_path, monkeypatch):
    path = tmp_path / "report.html"
    path.write_text("older")
    monkeypatch.setattr("edgescope.report.write.json.dumps", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        planted.report(path)
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]
    assert path.read_text() == "older"


@pytest.mark.parametrize("module", ["jinja2", "matplotlib", "rdkit"])
def test_missing_extra_is_named(planted, tmp_path, monkeypatch, module):
    for name in list(sys.modules):
        if name.partition(".")[0] == module:
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [_Without(module), *sys.meta_path])
    with pytest.raises(MissingExtraError, match=rf"{module} is not installed .* pip install"):
        planted.report(tmp_path / "report.html")


class _Without:
    """An import path on which a package cannot be found."""

    def __init__(self, package: str) -> None:
        self.package = package

    def find_spec(self, name, *_):
        if name.partition(".")[0] == self.package:
            raise ModuleNotFoundError(name=name)
