"""A dossier from result tables: its files, and what decides their bytes."""

import json
import re

import polars as pl
import pytest

import edgescope as es
from edgescope.lib.errors import InputError
from edgescope.study.claim_dossier import FILES
from edgescope.study.claim_figures import PUBLISHED
from support.claim_tables import Planted, a_study


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """The folder of a study with its result tables."""
    folder = tmp_path_factory.mktemp("study") / "results"
    folder.mkdir()
    for name, table in a_study(3).items():
        table.write_parquet(folder / f"{name}.parquet")
    return folder.parent


@pytest.fixture(scope="module")
def written(stored, tmp_path_factory):
    out = tmp_path_factory.mktemp("dossier")
    return es.study.dossier(stored, out), out


def test_it_is_written_as_a_page_its_numbers_and_tables_for_papers(written):
    made, out = written
    assert {path.name for path in out.iterdir()} == set(FILES)
    numbers = json.loads((out / "dossier.json").read_text())
    assert [claim["claim"] for claim in numbers["claims"]] == list(es.study.CLAIMS)
    for claim in numbers["claims"]:
        assert claim["verdict"] == made.rulings[claim["claim"]].verdict
    for name in FILES[2:]:
        assert (out / name).read_text().startswith(r"\begin{tabular}")


def test_the_same_tables_in_another_order_give_the_same_page(written, tmp_path):
    _, out = written
    shuffled = {
        name: table.sample(fraction=1.0, shuffle=True, seed=2) for name, table in a_study(3).items()
    }
    es.study.dossier(shuffled, tmp_path, claims=["C1", "C6"])
    again = json.loads((tmp_path / "dossier.json").read_text())["claims"]
    first = {c["claim"]: c for c in json.loads((out / "dossier.json").read_text())["claims"]}
    for claim in again:
        assert claim["verdict"] == first[claim["claim"]]["verdict"]
    page = (tmp_path / "dossier.html").read_text()
    figures = [part.partition("</svg>")[0] for part in page.split("<svg")[1:]]
    before = (out / "dossier.html").read_text()
    assert figures
    assert all(figure in before for figure in figures)


def test_every_published_figure_is_drawn_from_its_table_and_none_without_it(written):
    _, out = written
    drawn = set(re.findall(r'aria-labelledby="([^"]*)-title"', (out / "dossier.html").read_text()))
    claims = {name: key for key, claim in es.study.CLAIMS.items() for name in claim.figures}
    assert set(claims) == set(PUBLISHED)
    assert {f"{key}-{name}" for name, key in claims.items()} <= drawn
    without = es.study.dossier(a_study(3, pictures=False), claims=["C4", "C5"]).figures()
    assert without["C4"]
    assert not {f"{key}-{name}" for name, key in claims.items()} & {
        each.name for of in without.values() for each in of
    }


def test_heat_maps_have_heads_as_rows_and_channels_as_columns():
    of = Planted()
    of.pictures(of.cell(41))
    drawn = PUBLISHED["heat"][0](es.study.dossier(of.tables()).results)
    axes = next(axes for axes in drawn.axes if axes.images)
    assert axes.images[0].get_array().shape == (2, 3)  # two heads, three channels
    assert axes.get_xlabel() == "channel"
    assert axes.get_ylabel().endswith("head")
    shares = axes.images[0].get_array()
    assert shares[1, 2] == pytest.approx(2 * shares[1, 1])  # rises with the channel


def test_claims_can_be_chosen_and_the_correction_is_that_of_all(stored):
    every, one = es.study.dossier(stored), es.study.dossier(stored, claims=["C6"])
    assert list(one.rulings) == ["C6"]
    assert one.rulings["C6"].p_adjusted == every.rulings["C6"].p_adjusted
    assert one.table().equals(every.table().filter(claim="C6"))


def test_planned_cells_without_results_are_open():
    spec = es.study.StudySpec(models=["GAT"], data=["zinc12k"], recipe="demo", seeds=[1, 2])
    cells = es.study.plan(spec)
    rows = {"cells": a_study(3)["cells"].head(1).with_columns(cell=pl.lit(cells[0].name))}
    found = es.study.dossier(rows, planned=cells)
    assert found.unfinished == tuple(cell.name for cell in cells[1:])


@pytest.mark.parametrize(
    ("claims", "said"), [(["C13"], "there is no claim 'C13'"), (["c1"], "did you mean 'C1'")]
)
def test_an_unknown_claim_is_refused(claims, said):
    with pytest.raises(InputError, match=said):
        es.study.dossier({}, claims=claims)


def test_a_folder_that_is_none_and_a_table_that_is_none_are_refused(tmp_path):
    with pytest.raises(InputError, match="there is no folder"):
        es.study.dossier(tmp_path / "nowhere")
    (tmp_path / "sites.parquet").write_bytes(b"PAR1 no table")
    with pytest.raises(InputError, match=r"sites\.parquet is no table"):
        es.study.dossier(tmp_path)
