"""One graph drawn with its massive edges: a molecule, or nodes and arrows."""

import re
from dataclasses import replace

import polars as pl
import pytest
import torch
from torch import nn
from torch_geometric.data import HeteroData
from torch_geometric.loader import DataLoader
from torch_geometric.nn import GATv2Conv, HeteroConv

import edgescope as es
from edgescope.lib.errors import InputError
from edgescope.plots.formats import number
from edgescope.scanning.result import Scan
from support.cards import HOSTILE, Card, card

LOW = es.Criterion("low", ratio=5)


@pytest.fixture(scope="module")
def drugs(molecules):
    """A scan of molecules with massive activations in one channel."""
    torch.manual_seed(0)
    model = es.models.GraphTransformer(
        **molecules.model_sizes, hidden_dim=12, num_heads=3, num_layers=2
    )
    with torch.no_grad():
        model.layers[1].attention.edge.weight[7] *= 3000
    return es.scan(model, es.data.loader(molecules), progress=False)


@pytest.fixture(scope="module")
def networks():
    """Graphs without SMILES, and a scan of them in which some self-loops are added."""
    graphs = es.data.planted("marked", 40, seed=1).train
    torch.manual_seed(0)
    model = es.models.GATv2(**graphs.model_sizes, hidden_dim=8, num_heads=2, num_layers=1)
    return graphs, es.scan(model, es.data.loader(graphs), criterion=LOW, progress=False)


def coloured(svg):
    """Return the bonds that RDKit has drawn a highlight of, below the bond."""
    shape = r'class="bond-(\d+) atom[^"]*"[^>]*fill:#\w{6};[^>]*stroke-width:0\.0px'
    return set(map(int, re.findall(shape, svg)))


def test_a_molecule_has_its_massive_bonds_coloured_and_the_scale_said(drugs):
    rows = drugs.massive().sort("ratio", descending=True)
    top = rows.row(0, named=True)
    own = rows.filter(graph=top["graph"], site=top["site"])
    found = drugs.show()
    assert coloured(found.svg) == {edge // 2 for edge in own["edge"]}
    text = card(found).text
    assert text.startswith(f"Graph {top['graph']} at {top['site']}, GraphTransformer")
    assert f"{own['edge'].n_unique()} massive edges (ratio above 1,000)" in text
    assert f"ratio {number(top['ratio'])}, on a" in text
    of_bonds = own.group_by(pl.col("edge") // 2).agg(pl.col("ratio").max())["ratio"]
    low, high = number(of_bonds.min()), number(of_bonds.max())
    assert f"logarithmic, from {low} to {high}" in text
    assert card(found).rows[1][-1] == number(top["ratio"])


def test_any_graph_and_site_can_be_asked_for(drugs):
    rows = drugs.massive()
    for graph in rows["graph"].unique().to_list()[:3]:
        found = drugs.show(graph, site="layers.1.attention:score")
        own = rows.filter(graph=graph, site="layers.1.attention:score")
        assert coloured(found.svg) == {edge // 2 for edge in own["edge"]}


def test_other_graphs_are_drawn_as_the_ends_of_their_massive_edges(networks):
    graphs, scan = networks
    found = scan.show(1)
    rows = scan.massive().filter(graph=1).sort("ratio", descending=True)
    drawn = rows.unique(["edge", "source", "target"], keep="first", maintain_order=True).head(12)
    ends = {str(end) for side in ("source", "target") for end in drawn[side]}
    assert set(re.findall(r">\s*(\d+)\s*</text>", found.svg)) == ends
    assert "edges that are not massive are not drawn; data= gives them" in found.notes
    edges = rows.select("edge_type", "edge", "source", "target").n_unique()
    assert any(f"the 12 most massive of {edges} massive edges" in note for note in found.notes)
    assert len(graphs[1].x) >= len(ends)


def test_with_the_data_all_nodes_around_are_drawn_whichever_way_they_come(networks):
    graphs, scan = networks
    every = {str(node) for node in range(graphs[1].num_nodes)}
    one = scan.show(1, data=graphs[1])
    assert set(re.findall(r">\s*(\d+)\s*</text>", one.svg)) == every
    for data in (graphs, [graphs[0], graphs[1]]):
        assert scan.show(1, data=data).svg == one.svg
    for data, said in (
        ([graphs[0], graphs[2]], "has no edge"),
        ([graphs[0]], "without an edge_index of graph 1"),
        (3, "received data=int"),
    ):
        with pytest.raises(InputError, match=said):
            scan.show(1, data=data)


def test_massive_nodes_are_drawn_as_atoms_or_as_nodes(drugs, molecules, networks):
    sizes = {**molecules.model_sizes, "hidden_dim": 12, "num_heads": 3, "num_layers": 1}
    model = es.models.GraphTransformer(**sizes)
    options = {"sites": "*:state", "criterion": es.Criterion("low", ratio=4), "progress": False}
    scan = es.scan(model, es.data.loader(molecules), **options)
    found = scan.show()
    rows = scan.massive().sort("ratio", descending=True)
    own = rows.filter(graph=rows["graph"][0], site=rows["site"][0])
    atoms = set(map(int, re.findall(r"<ellipse[^>]*class=\"atom-(\d+)\"", found.svg)))
    assert atoms == set(own["node"])
    assert card(found).rows[0][0] == "node"
    graphs, _ = networks
    model = es.models.GATv2(**graphs.model_sizes, hidden_dim=8, num_heads=2, num_layers=1)
    states = es.scan(model, es.data.loader(graphs), **options)
    graph = states.massive()["graph"][0]
    assert "massive node" in states.show(graph, data=graphs).lead
    with pytest.raises(InputError, match="a scan of nodes knows no edges; pass the graphs"):
        states.show(graph)


class Hetero(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        to = ("paper", "cites", "paper"), ("author", "writes", "paper")
        convs = {each: GATv2Conv((4, 4), 4, heads=2, add_self_loops=False) for each in to}
        self.conv = HeteroConv(convs)

    def forward(self, x_dict, edge_index_dict):
        return self.conv(x_dict, edge_index_dict)


def test_nodes_of_several_types_bear_their_type():
    data = HeteroData()
    random = torch.Generator().manual_seed(0)
    for name, size in (("paper", 5), ("author", 4)):
        data[name].x = torch.randn(size, 4, generator=random)
    data["paper", "cites", "paper"].edge_index = torch.tensor([[0, 1, 2], [1, 2, 3]])
    data["author", "writes", "paper"].edge_index = torch.tensor([[0, 1, 3], [0, 1, 4]])
    low = es.Criterion("low", ratio=1.5)
    scan = es.scan(Hetero().eval(), DataLoader([data]), criterion=low, progress=False)
    rows = scan.massive().filter(site=scan.massive()["site"][0])
    found = scan.show(site=rows["site"][0])
    ends = set()
    for row in rows.iter_rows(named=True):
        first, _, second = row["edge_type"].split()
        ends |= {f"{first} {row['source']}", f"{second} {row['target']}"}
    assert set(re.findall(r">\s*(\w+ \d+)\s*</text>", found.svg)) == ends
    with pytest.raises(InputError, match="nodes of several kinds"):
        scan.show(data=data)


def test_what_cannot_be_shown_is_refused_with_what_can(drugs, networks):
    _, scan = networks
    with pytest.raises(InputError, match="received graph=99, expected one of 0 to"):
        scan.show(99)
    with pytest.raises(InputError, match="graph"):
        scan.show("first")
    with pytest.raises(InputError, match="no site 'x'"):
        scan.show(site="x")
    quiet = set(range(drugs.info.graphs)) - set(drugs.massive()["graph"])
    best = drugs.massive().sort("ratio", descending=True)["graph"][0]
    for graph in sorted(quiet)[:1]:
        said = f"graph {graph} holds nothing massive; .* graphs {best},"
        with pytest.raises(InputError, match=said):
            drugs.show(graph)
    high = Scan(scan.sites, replace(scan.info, criterion=es.Criterion("high", ratio=1e9)))
    with pytest.raises(InputError, match=r"nothing to show: the criterion high \(ratio above"):
        high.show()


def test_a_picture_is_saved_as_it_is_drawn_and_names_break_nothing(drugs, tmp_path):
    found = drugs.show()
    path = found.save(tmp_path / "new" / "picture.svg")
    assert path.read_text(encoding="utf-8") == found.svg
    assert repr(found).startswith("Picture(Graph ")
    assert drugs.show().svg == found.svg
    before, drugs.identifiers = drugs.identifiers, {"id": dict.fromkeys(range(40), HOSTILE)}
    try:
        assert "</p></table><script>" in Card(drugs.show()._repr_html_()).text
    finally:
        drugs.identifiers = before
