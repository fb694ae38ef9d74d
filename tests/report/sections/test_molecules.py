"""Molecules are drawn with the bonds that their edges run along."""

import re

import pytest
from rdkit import Chem

from edgescope.lib.errors import InputError
from edgescope.plots import molecules as drawing
from edgescope.plots.molecules import parse
from edgescope.report.sections.molecules.figures import draw_molecules, legend
from edgescope.report.sections.molecules.numbers import LIMIT, choose


def test_chosen_graphs_have_the_largest_ratios(planted):
    chosen = choose(planted)
    best = planted.massive().sort("ratio", descending=True).unique("graph", maintain_order=True)
    assert len(chosen) == LIMIT
    assert [entry["ratio"] for entry in chosen] == best["ratio"][:LIMIT].to_list()
    assert len({entry["graph"] for entry in chosen}) == LIMIT


def test_every_entry_is_a_massive_activation_of_the_scan(planted):
    rows = planted.massive().to_dicts()
    for entry in choose(planted):
        assert {name: entry[name] for name in rows[0]} in rows


def test_bond_joins_the_atoms_of_its_edge_and_has_its_type(planted):
    for entry in choose(planted):
        molecule = Chem.MolFromSmiles(entry["smiles"])
        Chem.Kekulize(molecule, clearAromaticFlags=True)
        bond = molecule.GetBondWithIdx(entry["bond"])
        assert {bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()} == {entry["source"], entry["target"]}
        assert bond.GetBondType().name.lower() == entry["edge_type"]


def test_coloured_bonds_have_the_larger_ratio_of_their_directions(planted):
    entry = choose(planted)[0]
    rows = planted.massive().filter(site=entry["site"], graph=entry["graph"]).to_dicts()
    expected = {}
    for row in rows:
        bond = row["edge"] // 2
        expected[bond] = max(expected.get(bond, 0.0), row["ratio"])
    assert {bond["bond"]: bond["ratio"] for bond in entry["bonds"]} == expected


def test_drawings_colour_exactly_these_bonds_and_darker_for_more(planted):
    entry = choose(planted)[0]
    entry["bonds"] = [{"bond": 0, "ratio": 2e3}, {"bond": 3, "ratio": 9e4}]
    (svg,) = draw_molecules([entry])
    # RDKit draws a highlight as a filled shape without an outline, below the bond.
    shape = r'class="bond-(\d+) atom[^"]*"[^>]*fill:#(\w{6});[^>]*stroke-width:0\.0px'
    shades = {int(bond): int(colour[2:4], 16) for bond, colour in re.findall(shape, svg)}
    assert set(shades) == {0, 3}
    assert shades[0] > shades[3]


def test_the_atoms_of_the_top_bond_are_numbered(planted, monkeypatch):
    entry = choose(planted)[0]
    molecule = parse(entry["smiles"], "graph 0")
    monkeypatch.setattr(drawing, "parse", lambda *_: molecule)
    draw_molecules([entry])
    notes = {
        a.GetIdx(): a.GetProp("atomNote") for a in molecule.GetAtoms() if a.HasProp("atomNote")
    }
    assert notes == {atom: str(atom) for atom in (entry["source"], entry["target"])}


def test_one_ratio_alone_has_a_colour_and_a_legend(planted):
    entry = choose(planted)[0]
    entry["bonds"] = entry["bonds"][:1]
    assert draw_molecules([entry])
    assert legend([entry])


@pytest.mark.parametrize(("smiles", "problem"), [("C1CC", "does not parse"), ("CC", "expected")])
def test_smiles_of_another_molecule_are_refused_before_anything_is_written(
    build, plant, tmp_path, smiles, problem
):
    scan = build(plant)
    scan.smiles = dict.fromkeys(scan.smiles, smiles)
    with pytest.raises(InputError, match=problem):
        scan.report(tmp_path / "report.html")
    assert not list(tmp_path.iterdir())
