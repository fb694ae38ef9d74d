"""The section on causes has the sentences and the sets of the result, and refuses another's."""

import copy
from dataclasses import replace
from html import unescape

import pytest
import torch

import edgescope as es
from edgescope.lib.errors import InputError
from support.planted_causes import all_of_two_tensors, loader, two_tensors
from support.report_pages import numbers_of, page_of, part, rows


@pytest.fixture(scope="module")
def scan():
    return es.scan(two_tensors()[0], loader(), progress=False)


@pytest.fixture(scope="module")
def tested():
    torch.manual_seed(0)
    return es.intervene.constancy(
        two_tensors()[0], loader(), where=100_000, metric="mae", repeats=1, progress=False
    )


@pytest.fixture(scope="module")
def written(scan, tested, tmp_path_factory):
    path = tmp_path_factory.mktemp("causes") / "report.html"
    return scan.report(path, causes=all_of_two_tensors(), constancy=tested)


def test_the_section_says_what_was_found(written, tested):
    found = all_of_two_tensors()
    section = part(page_of(written), "causes")
    text = unescape(section)
    for said in (*found.verdicts(), tested.conclusion()):
        assert said[0].upper() + said[1:] in text
    sets = found.table("sets").to_dicts()
    table = rows(section, "The smallest sets")
    assert [(row[0][0], row[2][0], row[3][0]) for row in table] == [
        (each["level"], each["units"], each["proof"]) for each in sets
    ]
    costs = rows(section, "What one constant costs")
    assert [row[1][0] for row in costs] == tested.table()["verdict"].to_list()
    assert section.count("<svg") == 2


def test_its_numbers_are_those_of_the_tables(written):
    found, own = all_of_two_tensors(), numbers_of(written)["causes"]
    assert own["all_passes"] == found.info.all_passes
    assert len(own["path"]["shares"]) == len(own["path"]["patched"]) == len(found.info.sites)
    assert {row["level"] for row in own["units"]} == {"tensor"}


def test_without_a_test_of_constancy_and_patches_the_rest_is_there(scan, tmp_path):
    found = all_of_two_tensors()
    without = es.Causes(found.info, {**found.tables, "paths": found.table("paths").head(0)})
    section = part(page_of(scan.report(tmp_path / "r.html", causes=without)), "causes")
    assert "What one constant costs" not in section
    assert section.count("<svg") == 1
    absent = page_of(scan.report(tmp_path / "n.html"))
    assert "es.causes or edgescope causes makes one" in unescape(absent)


def test_results_of_another_model_or_other_graphs_are_refused(scan, tested, tmp_path):
    found, scan = all_of_two_tensors(), copy.copy(scan)
    scan.info = replace(scan.info, data_fingerprint="graphs")
    for info, message in (
        (replace(found.info, model="GATv2"), "causes of GATv2, expected those of GraphTransformer"),
        (replace(found.info, data_fingerprint="other"), "causes on the graphs of"),
    ):
        with pytest.raises(InputError, match=message):
            scan.report(tmp_path / "r.html", causes=es.Causes(info, found.tables))
    other = replace(tested, info=replace(tested.info, model="GATv2"))
    with pytest.raises(InputError, match="constancy of GATv2"):
        scan.report(tmp_path / "r.html", causes=found, constancy=other)
