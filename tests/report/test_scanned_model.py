"""Molecules have the true and the predicted values of the model and graphs that were scanned."""

import copy
from dataclasses import replace

import pytest
import torch
from rdkit import Chem

import edgescope as es
from edgescope.lib.errors import InputError
from edgescope.plots.formats import kind_of_edge, number, with_article
from edgescope.report.live.page_data import page_data
from edgescope.report.numbers import whole
from edgescope.report.section_protocol import Material
from edgescope.report.sections.facts import Facts
from edgescope.report.sections.molecules.numbers import choose
from edgescope.report.summary import summary
from support.report_pages import page_of, part


@pytest.fixture(scope="module")
def drugs(molecules):
    """The molecules with two targets, of which one is missing somewhere."""
    y = torch.stack([torch.linspace(-1, 1, len(molecules)), torch.ones(len(molecules))], dim=1)
    y[3, 1] = torch.nan
    names = ("made up", "ones")
    return replace(
        molecules, y=y, target_names=names, target_units=("mol/L", ""), task="regression"
    )


@pytest.fixture(scope="module")
def model(drugs, plant):
    torch.manual_seed(0)
    sizes = {"num_layers": 2, "hidden_dim": 16, "num_heads": 4}
    made = es.models.GraphTransformer(**drugs.model_sizes, **sizes).eval()
    with torch.no_grad():
        plant(made)
    return made


@pytest.fixture(scope="module")
def scan(model, drugs):
    return es.scan(model, es.data.loader(drugs, 5), progress=False)


def test_values_are_those_of_the_data_and_of_the_model(scan, model, drugs):
    with torch.no_grad():
        batch = next(iter(es.data.loader(drugs, len(drugs))))
        expected = model(batch.x, batch.edge_index, batch.edge_attr, batch.batch)
    chosen = choose(scan, es.report.Scanned(model, drugs))
    assert len(chosen) > 5
    for entry in chosen:
        graph = entry["graph"]
        assert entry["row"] == int(drugs.row[graph])
        for column, value in enumerate(entry["values"]):
            true = drugs.y[graph, column]
            assert value["true"] == (None if true.isnan() else float(true))
            assert value["predicted"] == pytest.approx(float(expected[graph, column]), rel=1e-4)
        assert [value["unit"] for value in entry["values"]] == ["mol/L", ""]


def test_labels_are_predicted_as_probabilities(model, drugs):
    labels = replace(drugs, task="labels")
    numbers, logits = (es.report.Scanned(model, each).values([2])[2] for each in (drugs, labels))
    for shown, logit in zip(numbers, logits, strict=True):
        assert logit["predicted"] == pytest.approx(torch.tensor(shown["predicted"]).sigmoid())


def test_what_is_not_known_is_no_number(model, drugs):
    one = replace(drugs, y=drugs.y[:, :1], target_names=("made up",), target_units=())
    (value,) = es.report.Scanned(model, one).values([0])[0]  # the model predicts two
    assert (value["true"], value["predicted"], value["unit"]) == (-1.0, None, "")


def check(scan, scanned):
    Facts().numbers(Material(scan, {"scanned": scanned}, {}))


def test_another_model_and_other_graphs_are_refused(scan, model, drugs):
    check(scan, es.report.Scanned(model, drugs))
    other = copy.deepcopy(model)
    with torch.no_grad():
        other.layers[-1].attention.edge.weight *= 1.01
    with pytest.raises(InputError, match="pass the model that was scanned"):
        check(scan, es.report.Scanned(other, drugs))
    with pytest.raises(InputError, match=r"graphs of .* expected the 14 of"):
        check(scan, es.report.Scanned(model, drugs[:5]))
    with pytest.raises(InputError, match="expected a data set"):
        check(scan, es.report.Scanned(model, list(drugs)))


def test_what_is_true_of_a_graph_is_told_wherever_the_page_shows_it(scan, model, drugs):
    scanned = es.report.Scanned(model, drugs)
    told = scanned.told([2, 3])
    first, second = scanned.values([2])[2]
    assert told[2] == (
        f"Row {number(int(drugs.row[2]))} of the data; made up: true {number(first['true'])}, "
        f"predicted {number(first['predicted'])} mol/L; ones: true {number(second['true'])}, "
        f"predicted {number(second['predicted'])}"
    )
    graphs = page_data(scan, whole(scan), scanned)["graphs"]
    assert all(graph["values"].startswith("Row ") for graph in graphs.values())


def test_the_page_shows_targets_rows_and_values(scan, model, drugs, tmp_path):
    path = scan.report(tmp_path / "report.html", scanned=es.report.Scanned(model, drugs))
    page = page_of(path)
    assert "made up (mol/L), ones" in part(page, "scanned")
    assert "Rows left out" in part(page, "scanned")
    entry = choose(scan)[0]
    assert f"Row {int(drugs.row[entry['graph']])} of the data" in part(page, "gallery")
    assert "made up: true <b>" in part(page, "gallery")


def test_rejected_rows_are_counted_by_reason(tmp_path):
    table = tmp_path / "table.csv"
    table.write_text("smiles,y\nCCO,1\nnot one,2\nCC,3\nnor this,4\nC1CC,2\n", encoding="utf-8")
    options = {"target_columns": ["y"], "cache": False, "progress": False}
    whole_table = es.data.load(table, split=(0.0, 0.0, 1.0), **options).test
    found = es.report.Scanned(torch.nn.Identity(), whole_table).facts()
    assert sum(each["rows"] for each in found["rejected"]) == whole_table.rejected.height == 3
    assert [each["target"] for each in found["targets"]] == ["y"]


def test_aromatic_bonds_are_called_so_whatever_the_data_call_them(scan, drugs, tmp_path):
    numbers = whole(scan)
    assert numbers["scanned"]["kekulised"] is True
    assert {row["aromatic"] for row in numbers["extremes"]} <= {True, False}
    entries = choose(scan)
    assert {bond["aromatic"] for entry in entries for bond in entry["bonds"]} == {True, False}
    assert any(entry["aromatic"] for entry in entries)
    for entry in entries:
        molecule = Chem.MolFromSmiles(entry["smiles"])
        ends = entry["source"], entry["target"]
        assert molecule.GetBondBetweenAtoms(*ends).GetIsAromatic() is entry["aromatic"]
        assert molecule.GetNumAtoms() == entry["atoms"]
        for bond in entry["bonds"]:
            assert molecule.GetBondWithIdx(bond["bond"]).GetIsAromatic() is bond["aromatic"]
    page = page_of(scan.report(tmp_path / "report.html"))
    assert "aromatic bond (" in part(page, "gallery")
    assert "written as alternating single and double bonds" in part(page, "scanned")
    top = max(
        (row for row in numbers["extremes"] if row["largest"] == "ratio"),
        key=lambda row: row["ratio"],
    )
    top["aromatic"] = True
    said = with_article(kind_of_edge(top["edge_type"], aromatic=True))
    assert said == f"an aromatic bond ({top['edge_type']} in the data)"
    assert f" on {said} of graph {top['graph']}" in " ".join(summary(numbers))
