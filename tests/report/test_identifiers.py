"""The report names molecules by the identifiers of the user's table, whatever these hold."""

import json
import re
from dataclasses import replace

import pytest
import torch

import edgescope as es
from edgescope.report import write_report

EVIL = (
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "long " * 2000,
    "\u202eright to left",
    "nul\x00 bell\x07 escape\x1b[31m",
    "{{ 7 * 7 }}{% raw %}",
    "</title></svg><b>",
    "]]>--><!--",
    "two\nlines\u2028three",
    "&lt;&amp;",
)
HIDDEN = ("\x00", "\x07", "\x1b", "\u202e", "\u2028")


@pytest.fixture(scope="module")
def named(molecules):
    """The molecules with two identifier columns, one of them hostile."""
    cells = [EVIL[place % len(EVIL)] for place in range(len(molecules))]
    return replace(molecules, identifiers={"<i>id": cells, "edge": [None] * len(molecules)})


@pytest.fixture(scope="module")
def board(named, plant):
    """A leaderboard of them, in which the largest bonds matter."""
    double = named.edge_types == named.edge_type_names.index("double")
    known = replace(
        named, y=torch.ones(len(named), 1), task="regression", edge_truth=double.float()[:, None]
    )
    torch.manual_seed(0)
    sizes = {"num_layers": 2, "hidden_dim": 16, "num_heads": 4}
    model = es.models.GraphTransformer(**known.model_sizes | {"out_dim": 1}, **sizes).eval()
    return es.attribute.leaderboard([("drugs", model, known)], ["degree"], progress=False)


def test_hostile_identifiers_are_whole_in_the_json_and_short_and_harmless_on_the_page(
    build, plant, named, board, tmp_path
):
    def broken(model):
        plant(model)
        with torch.no_grad():
            model.layers[-1].attention.edge.weight[0] = torch.nan

    scan = build(broken, loader=es.data.loader(named, 5), baseline=False)
    path = write_report(scan, tmp_path / "report.html", leaderboard=board)
    page = path.read_text(encoding="utf-8")
    numbers = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    places = [
        numbers["gallery"],
        numbers["extremes"],
        numbers["nonfinite"][0]["first"],
        numbers["attribution"]["subjects"][0]["molecules"],
    ]
    for rows in places:
        assert rows
        for row in rows:
            expected = {name: cells[row["graph"]] for name, cells in named.identifiers.items()}
            found = row["identifiers"]
            assert list(found.values()) == list(expected.values())
    assert len(numbers["gallery"]) > len(EVIL) // 2
    assert page.count("<script>") == 1  # our own
    assert "<img" not in page
    assert "<b>" not in re.findall(r"<title[^>]*>(.*?)</title>", page)
    assert "49" not in re.findall(r"Graph \d+ \((.*?)\)", page)
    assert "{{ 7 * 7 }}" in page
    assert not any(char in page for char in HIDDEN)
    assert "long " * 20 not in page
    assert page.count("<svg") == page.count("</svg>")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_names_stand_in_captions_titles_the_summary_and_the_list_of_what_is_not_finite(
    build, plant, molecules, tmp_path
):
    named = replace(molecules, identifiers={"id": [f"TOX{n}" for n in range(len(molecules))]})
    scan = build(plant, loader=es.data.loader(named, 5), layers=2, baseline=False)
    path = write_report(scan, tmp_path / "report.html")
    page = path.read_text(encoding="utf-8")
    numbers = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    for entry in numbers["gallery"]:
        graph, smiles = entry["graph"], entry["smiles"]
        assert entry["identifiers"] == {"id": f"TOX{graph}"}
        assert f"<b>Graph {graph} (TOX{graph})</b>" in page
        assert f">TOX{graph}, {smiles}, with its most massive" in page
    top = max(scan.extremes().filter(largest="ratio").to_dicts(), key=lambda row: row["ratio"])
    assert f"of graph {top['graph']} ({top['id']});" in " ".join(numbers["summary"])


def test_a_report_of_data_without_identifiers_does_not_speak_of_them(written):
    assert "identifiers" not in written.with_suffix(".json").read_text(encoding="utf-8")


def test_a_saved_leaderboard_names_the_molecules_in_every_table_of_graphs(board, named, tmp_path):
    again = es.attribute.Leaderboard.load(board.save(tmp_path / "board"))
    tables = ["molecules", "graphs", "importances", "stability"]
    assert [n for n in again.tables() if "graph" in getattr(again, n).columns] == sorted(
        tables, key=again.tables().index
    )
    for name in tables:
        table = getattr(again, name)
        at = table.columns.index("graph")
        assert table.columns[at + 1 : at + 3] == ["<i>id", "id_edge"]
        cells = named.identifiers["<i>id"]
        assert table["<i>id"].to_list() == [cells[graph] for graph in table["graph"]]
        assert table["id_edge"].is_null().all()
    assert again.table().equals(board.table())
