"""The page of a dossier: one file, no script, nothing from elsewhere."""

import re

import pytest

import edgescope as es
from support.claim_tables import Planted, a_study
from support.report_pages import page_of

EVIL = "<script>alert('$x$')</script>"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    out = tmp_path_factory.mktemp("dossier")
    es.study.dossier(a_study(3, pictures=False), out)
    return page_of(out / "dossier.html")


def test_it_needs_nothing_from_elsewhere_and_runs_nothing(page):
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    assert "<script" not in page
    assert not re.findall(r'(?:src|href)="(?!#|data:)[^"]*"', page)
    assert not re.findall(r"url\((?!#)", page)


def test_ids_are_unique_and_every_reference_has_its_target(page):
    ids = re.findall(r'\bid="([^"]*)"', page)
    assert len(ids) == len(set(ids))
    wanted = re.findall(r'(?:href|aria-labelledby)="#?([^":]*)"', page)
    wanted += re.findall(r"url\(#([^)]*)\)", page)
    assert set(wanted) <= set(ids)


def test_every_claim_has_its_verdict_in_the_table_and_a_section_with_all_of_it(page):
    table = page.partition('id="verdicts"')[2].partition("</section>")[0]
    for key, claim in es.study.CLAIMS.items():
        assert f'href="#{key}"' in table
        part = page.partition(f'<section id="{key}">')[2].partition("</section>")[0]
        text = re.sub(r"&#39;|&amp;", lambda found: {"&#39;": "'", "&amp;": "&"}[found[0]], part)
        for said in (claim.statement, claim.design, claim.rule, claim.change, claim.command):
            assert said in text.replace("&lt;", "<").replace("&gt;", ">")


def test_it_says_that_san_and_graphit_coincide_and_which_proteins_it_is_about(page, tmp_path):
    assert "SAN and GraphiT are the same function in the published setting" in page
    of = Planted()
    for seed in range(3):
        of.sites(of.cell(seed, data="tu-proteins"), 10.0 + seed)
    es.study.dossier(of.tables(), tmp_path, claims=["C1"])
    other = page_of(tmp_path / "dossier.html")
    assert "same function in the published setting: they" not in other
    assert "PROTEINS (TU) is not ogbn-proteins" in other


def test_without_tables_it_says_that_nothing_is_measured(tmp_path):
    es.study.dossier({}, tmp_path)
    page = page_of(tmp_path / "dossier.html")
    assert "Nothing is measured yet" in page
    assert "<figure" not in page


def test_names_from_tables_stay_texts(tmp_path):
    of = Planted()
    for seed in range(3):
        of.sites(of.cell(seed, model=EVIL, hardware=EVIL), 2000.0 + seed)
    es.study.dossier(of.tables(), tmp_path, claims=["C1"])
    page = page_of(tmp_path / "dossier.html")
    assert "<script" not in page
    assert "&lt;script&gt;" in page
