"""A dossier from result tables: its files, and what decides their bytes."""

import json
import re

import polars as pl
import pytest

import edgescope as es
from edgescope.lib.errors import InputError
from edgescope.study import cell_facts
from edgescope.study.claim_dossier import FILES
from edgescope.study.claim_figures import PUBLISHED
from edgescope.study.claims import cell_roles as roles
from edgescope.study.claims.site_numbers import pairs
from edgescope.study.table_folder import TableFolder
from support.claim_tables import Planted, a_study, store_tables


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """The folder of a study with its result tables."""
    return store_tables(a_study(3), tmp_path_factory.mktemp("study") / "results").parent


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
    page = (out / "dossier.html").read_text()
    assert page.count("SAN and GraphiT are one function in the published setting.") == len(claims)
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


def changed(path):
    notes = {k: v for k, v in pl.read_parquet_metadata(path).items() if k != "ARROW:schema"}
    pl.read_parquet(path).with_columns(pl.col("max_ratio") * 10).write_parquet(path, metadata=notes)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda path: path.write_bytes(b"PAR1 no table"), "restore it"),
        (lambda path: pl.read_parquet(path).write_parquet(path), "a table of something else"),
        (lambda path: path.write_bytes(path.with_name("laws.parquet").read_bytes()), "table laws"),
        (changed, "changed after it was written"),
    ],
    ids=["cut", "plain", "of another name", "changed"],
)
def test_a_table_that_is_not_as_it_was_written_is_refused_with_the_reason(spoil, said, tmp_path):
    folder = store_tables(a_study(3, pictures=False), tmp_path / "results")
    spoil(folder / "sites.parquet")
    with pytest.raises(InputError, match=rf"sites\.parquet cannot be read .*{said}"):
        es.study.dossier(tmp_path)


def test_a_folder_that_is_none_is_refused(tmp_path):
    with pytest.raises(InputError, match="there is no folder"):
        es.study.dossier(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["paper", "paper-small"])
def test_every_cell_of_the_shipped_studies_stands_for_something_of_its_own(name, tmp_path):
    """By what a study stores of them: two that answered the same would be refused."""
    files = TableFolder(tmp_path / "results")
    files.folder.mkdir()
    cells = es.study.plan(es.study.read(name))
    result = {"metrics": None, "versions": {}, "seconds": 1.0}
    facts = pl.concat(cell_facts.facts(cell, result) for cell in cells)
    records = [json.dumps({"cell": cell.model_dump(mode="json")}) for cell in cells]
    store_tables(
        {"cells": facts, "records": pl.DataFrame({"cell": facts["cell"], "record": records})},
        files.folder,
    )
    found = es.study.dossier(tmp_path).results
    assert not found.idle
    biased = found.chosen(roles.BIASES)
    assert set(biased["cell"]) == {
        cell.name for cell in cells if cell.recipe.model.use_bias and cell.state == "trained"
    }
    with_it = found.chosen(states=("ebt-released", "ebt-described"))
    assert pairs(with_it, biased).height == with_it.height  # each has its control
    assert len({(cell.label, cell.data, cell.state, cell.seed) for cell in cells}) == len(cells)


def test_cells_of_nodes_are_listed_with_what_they_ran_on():
    of = Planted()
    of.sites(of.cell(1), 2000.0)
    for part in ("cured-8", "twins"):
        row = {"cell": f"{part}-tu-mutag-3", "part": part, "data": "tu-mutag", "seed": 3}
        of.add("node_cells", **row, seconds=60.0, threads=1, hardware="b", version_torch="2.13")
    study = es.study.dossier(of.tables()).as_dict()["study"]
    assert [cell["model"] for cell in study["cells"]] == [
        "GraphTransformer",
        "GAT",
        "GCN, GAT, GATv2",
    ]
    assert {cell["data"] for cell in study["cells"]} == {"ZINC-12k", "MUTAG"}
    assert study["seconds"] == 720.0
    assert study["versions"] == ['{"torch": "2.13"}']
    assert study["hardware"] == ["a machine", "b"]
