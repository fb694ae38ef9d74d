"""Pages of unusual scans follow the threshold as well; drawings are those of the molecules."""

import math

import pytest
from rdkit import Chem

import edgescope as es
from edgescope.plots.formats import number
from edgescope.plots.molecules import flat_molecule
from edgescope.scanning.site_shares import edge_types
from support.open_pages import shown_at, visit


def broken(build, molecules):
    def change(model):
        model.node_embedding.weight[molecules.vocabulary.encode(["Cl"])[0]] = float("nan")

    return build(change, layers=1)


def nothing_massive(build, molecules):
    return build(layers=1, baseline=False)


def magnitudes(build, molecules):
    rule = es.Criterion("large", ratio=0, magnitude=0.5)
    return build(layers=1, criterion=rule, baseline=False)


def either(build, molecules):
    rule = es.Criterion("low", ratio=9.0) | es.Criterion("large", ratio=0, magnitude=0.5)
    return build(layers=1, criterion=rule, baseline=False)


@pytest.mark.parametrize("make", [broken, nothing_massive, magnitudes, either])
def test_pages_of_unusual_scans_follow(browser, build, molecules, tmp_path, make):
    scan = make(build, molecules)
    path = scan.report(tmp_path / "unusual.html")
    opened = visit(browser, path.as_uri())
    asked = [("ratio", 5.0), ("magnitude", 0.25), ("ratio", 1000.0)]
    for (axis, limit), page in zip(asked, shown_at(opened.page, asked), strict=True):
        for site, own in zip(scan.sites, page["sites"], strict=True):
            rows = [row for row in edge_types(scan, axis, limit) if row["site"] == site]
            assert [found[:2] for found in own["types"]] == [
                [number(row["edges"]), number(row["over"])] for row in rows
            ]
    assert "NaN" not in opened.page.locator("main").inner_text().replace("a NaN", "")
    assert opened.problems == []
    assert opened.requests == [path.as_uri()]
    opened.page.close()


SMILES = ("CC(=O)Oc1ccccc1C(=O)O", "N#Cc1ccc(cc1)C#N", "c1ccc2[nH]ccc2c1", "C[N+](C)(C)CC([O-])=O")


@pytest.mark.parametrize("smiles", SMILES)
def test_a_laid_out_molecule_has_the_atoms_and_bonds_of_the_smiles(smiles):
    flat, molecule = flat_molecule(smiles, "it"), Chem.MolFromSmiles(smiles)
    ends = {
        frozenset((bond.GetBeginAtomIdx(), bond.GetEndAtomIdx())): bond
        for bond in molecule.GetBonds()
    }
    assert {frozenset(link[:2]) for link in flat["links"]} == set(ends)
    assert len(flat["nodes"]) == molecule.GetNumAtoms()
    charge = 0
    for (name, *_, text), atom in zip(flat["nodes"], molecule.GetAtoms(), strict=True):
        assert name == str(atom.GetIdx())
        charge += text.count("\u207a") - text.count("\u207b")
        assert text.startswith(atom.GetSymbol()) or (text == "" and atom.GetSymbol() == "C")
    assert charge == Chem.GetFormalCharge(molecule)
    orders = {1: 0, 2: 0, 3: 0}
    for a, b, order, ring, aromatic in flat["links"]:
        orders[order] += 1
        bond = ends[frozenset((a, b))]
        assert (ring, aromatic) == (bond.IsInRing(), bond.GetIsAromatic())
        assert not aromatic or order in {1, 2}
        (_, x, y, _), (_, u, v, _) = flat["nodes"][a], flat["nodes"][b]
        assert 1.0 < math.hypot(x - u, y - v) < 2.2
    assert orders[3] == smiles.count("#")
