"""Sections of results are there if their result is, and absent otherwise."""

import re
from dataclasses import replace

import polars as pl
import pytest

import edgescope as es
from support.report_pages import numbers_of, page_of, part

SECTIONS = ("interpretation", "ablation", "attribution")


def test_without_results_there_is_no_section(written):
    page = page_of(written)
    assert not any(f'id="{name}"' in page for name in SECTIONS)
    assert [numbers_of(written)[name] for name in SECTIONS] == [None] * 3


@pytest.mark.parametrize(
    ("option", "name"),
    list(zip(("interpretation", "ablation", "leaderboard"), SECTIONS, strict=True)),
)
def test_a_result_alone_has_its_section_alone(planted, results, tmp_path, option, name):
    page = page_of(planted.report(tmp_path / "one.html", **{option: results[option]}))
    assert [each for each in SECTIONS if f'id="{each}"' in page] == [name]


def test_the_rest_of_the_page_is_as_without_results(written, planted, results, tmp_path):
    page = page_of(planted.report(tmp_path / "all.html", run={"seed": 41}, **results))
    for name in SECTIONS:
        whole = page.index(f'<section id="{name}">')
        page = page[:whole] + page[page.index("</section>", whole) + len("</section>") :]
    pages = (page, page_of(written))
    # The verdict rests on them, and the table of contents tells of the sections.
    told = r"<dl class=.answers.*?</dl>|<nav class=.contents.*?</nav>"
    page, without = (re.sub(told, "", p, flags=re.DOTALL) for p in pages)
    assert page.split() == without.split()


def test_same_results_give_the_same_bytes(reported, planted, results, tmp_path):
    again = planted.report(tmp_path / "again.html", **results)
    assert again.read_bytes() == reported.read_bytes()
    assert again.with_suffix(".json").read_bytes() == reported.with_suffix(".json").read_bytes()


def test_ids_are_unique_and_every_reference_has_its_target(reported):
    page = page_of(reported)
    ids = re.findall(r'\bid="([^"]*)"', page)
    assert len(ids) == len(set(ids))
    wanted = re.findall(r'(?:href|aria-labelledby)="#?([^":]*)"', page)
    wanted += re.findall(r"url\(#([^)]*)\)", page)
    assert set(wanted) <= set(ids)


def test_page_stays_below_five_megabytes(reported):
    assert reported.stat().st_size < 5e6


def test_hostile_names_stay_texts(planted, results, tmp_path):
    evil = "<script>alert('$x_1$')</script>"
    found, board = results["interpretation"], results["leaderboard"]
    table = found.enrichment.with_columns(group=pl.lit(evil) + pl.col("group"))
    info = replace(results["ablation"].info, data=evil, where=evil)
    tables = {
        name: getattr(board, name).with_columns(recipe=pl.lit(evil)) for name in board.tables()
    }
    path = planted.report(
        tmp_path / "evil.html",
        interpretation=replace(found, enrichment=table),
        ablation=es.Ablation(info, results["ablation"].table()),
        leaderboard=replace(board, **tables),
    )
    page = page_of(path)
    assert page.count("<script>") == 1  # our own
    assert all("&lt;script&gt;" in part(page, name) for name in SECTIONS)
