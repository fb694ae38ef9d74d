"""Models that are not ours, in the spirit of PyG's examples, are scanned as they are."""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.data import Data
from torch_geometric.loader import DataLoader
from torch_geometric.nn import AttentiveFP
from torch_geometric.transforms import AddRandomWalkPE

import edgescope as es
from edgescope.scanning.criteria import Criterion
from support.example_models import GAT, GPS, GATv2, UniMP, gine, transformer

LOW = Criterion("low", ratio=3.0)
"""Low enough that untrained models have many rows to look at."""

BONDS = ("none", "single", "double", "triple")


@dataclass
class Example:
    """A model with what is known about a scan of it, without a scan.

    Attributes:
        model: the model.
        graphs: its graphs.
        counts: for every site of a scan, in order, how many edges and how many added rows it has.
        names: names of the edge types.
        site: the site that is recomputed.
        values: gives its values for a graph from each source to each target ``[V, V, H, D]``.
        options: what ``es.scan`` must be told.
    """

    model: nn.Module
    graphs: list[Data]
    counts: dict[str, tuple[int, int]]
    names: tuple[str, ...]
    site: str
    values: Callable[[Data], Tensor]
    options: dict[str, tuple[str, ...]]


def citations() -> Data:
    """A graph with a self-loop on every tenth node, and no two edges between the same nodes."""
    random = torch.Generator().manual_seed(0)
    chosen = torch.randperm(60 * 60, generator=random)[:300]
    loops = torch.arange(0, 60, 10)
    edges = torch.stack([chosen // 60, chosen % 60])
    edges = torch.cat([edges[:, edges[0] != edges[1]], loops.expand(2, -1)], dim=1)
    return Data(
        x=torch.randn(60, 12, generator=random),
        y=torch.randint(5, (60,), generator=random),
        edge_index=edges[:, torch.randperm(edges.size(1), generator=random)],
        label_mask=torch.rand(60, generator=random) < 0.5,
    )


def totals(graphs):
    """Count edges, nodes, and pairs of nodes of the same graph."""
    sizes = [graph.num_nodes for graph in graphs]
    edges = sum(graph.edge_index.size(1) for graph in graphs)
    return edges, sum(sizes), sum(size * size for size in sizes)


def dense(graph, values):
    """Put a value per edge in place ``[V, V, ...]``."""
    placed = values.new_zeros(graph.num_nodes, graph.num_nodes, *values.shape[1:])
    placed[tuple(graph.edge_index)] = values
    return placed


def gat(_):
    data, model = citations(), GAT()
    kept = int((data.edge_index[0] != data.edge_index[1]).sum())

    def values(graph):
        _, (edges, weight) = model.conv1(graph.x, graph.edge_index, return_attention_weights=True)
        placed = weight.new_zeros(60, 60, 4)
        placed[tuple(edges)] = weight
        return placed.unsqueeze(-1) * model.conv1.lin(graph.x).view(60, 1, 4, 8)

    counts = {"conv1:message": (kept, 60), "conv2:message": (kept, 60)}
    return Example(model, [data], counts, ("edge", "added"), "conv1:message", values, {})


def gatv2(molecules):
    edges, nodes, _ = totals(molecules)
    model = GATv2()

    def values(graph):
        conv, x, edge = model.convs[0], model.atom(graph.x), model.bond(graph.edge_attr)
        # An added self-loop gets the mean feature of the edges that arrive at its node.
        features = dense(graph, edge)
        arriving = (features != 0).any(-1).sum(0).clamp(min=1).unsqueeze(-1)
        features += torch.diag_embed((features.sum(0) / arriving).t()).permute(1, 2, 0)
        state = conv.lin_l(x)[:, None] + conv.lin_r(x)[None] + conv.lin_edge(features)
        return F.leaky_relu(state, 0.2).unflatten(-1, (4, 6)) * conv.att

    counts = dict.fromkeys(["convs.0:score", "convs.1:score"], (edges, nodes))
    names = {"edge_type_names": BONDS}
    return Example(model, molecules, counts, (*BONDS, "added"), "convs.0:score", values, names)


def unimp(_):
    data, model = citations(), UniMP()

    def values(graph):
        conv = model.convs[0]
        x = graph.x + torch.where(graph.label_mask.unsqueeze(1), model.label(graph.y), 0.0)
        key, query = conv.lin_key(x).view(60, 1, 3, 8), conv.lin_query(x).view(1, 60, 3, 8)
        return query * key / math.sqrt(8)

    counts = dict.fromkeys(["convs.0:score", "convs.1:score"], (data.num_edges, 0))
    return Example(model, [data], counts, ("edge",), "convs.0:score", values, {})


def gps(molecules, local):
    graphs = [AddRandomWalkPE(walk_length=20, attr_name="pe")(graph) for graph in molecules]
    edges, _, pairs = totals(graphs)
    model = GPS(local)

    def values(graph):
        x = torch.cat((model.node_emb(graph.x), model.pe_lin(model.pe_norm(graph.pe))), 1)
        attention = model.convs[0].attn
        state = F.linear(x, attention.in_proj_weight, attention.in_proj_bias)
        query, key, _ = state.view(len(x), 3, 4, 8).unbind(1)
        return query.unsqueeze(0) * key.unsqueeze(1) / math.sqrt(8)

    counts = {}
    for number in range(2):
        if local is transformer:
            counts[f"convs.{number}.conv:score"] = (edges, 0)
        counts[f"convs.{number}.attn:score"] = (edges, pairs - edges)
    names = {"edge_type_names": BONDS}
    site = "convs.0.attn:score"
    return Example(model, graphs, counts, (*BONDS, "added"), site, values, names)


def attentive_fp(molecules):
    graphs = [
        Data(
            x=F.one_hot(graph.x, 32).float(),
            edge_index=graph.edge_index,
            edge_attr=F.one_hot(graph.edge_attr, 4).float(),
            smiles=graph.smiles,
        )
        for graph in molecules
    ]
    model = AttentiveFP(32, 24, 1, edge_dim=4, num_layers=3, num_timesteps=2, dropout=0.2)

    def values(graph):
        conv, x = model.gate_conv, F.leaky_relu(model.lin1(graph.x))
        source, target = graph.edge_index
        state = F.leaky_relu(conv.lin1(torch.cat([x[source], graph.edge_attr], dim=1)))
        logit = F.leaky_relu(state @ conv.att_l.t() + x[target] @ conv.att_r.t())
        weight = dense(graph, logit.exp())
        weight = weight / weight.sum(0, keepdim=True)
        return (weight * conv.lin2(x).unsqueeze(1)).unsqueeze(2)

    sites = ["gate_conv:message", "atom_convs.0:message", "atom_convs.1:message"]
    counts = dict.fromkeys(sites, (totals(graphs)[0], 0))
    return Example(model, graphs, counts, ("edge",), sites[0], values, {})


EXAMPLES = {
    "GAT": gat,
    "GATv2 with edge features": gatv2,
    "TransformerConv with beta": unimp,
    "GPS around GINEConv": lambda molecules: gps(molecules, gine),
    "GPS around TransformerConv": lambda molecules: gps(molecules, transformer),
    "AttentiveFP": attentive_fp,
}


def scanned(build, molecules):
    torch.manual_seed(1)
    example = build(molecules)
    loader = DataLoader(example.graphs, batch_size=7)
    scan = es.scan(example.model, loader, criterion=LOW, progress=False, **example.options)
    return example, scan


@pytest.fixture(scope="module")
def molecules():
    part = es.data.load("solubility", progress=False).test
    return [part[number] for number in range(30)]


@pytest.fixture(scope="module", params=EXAMPLES)
def found(request, molecules):
    return scanned(EXAMPLES[request.param], molecules)


def assert_complete(example, scan):
    """Compare the sites and their numbers of edges with what is known."""
    assert scan.info.edge_type_names == example.names
    counts = {site: [0, 0] for site in scan.sites}
    for site in scan.sites:
        edges_by_type = scan[site].counts["edges"].tolist()
        for name, edges in zip(example.names, edges_by_type, strict=True):
            counts[site][name == "added"] += edges
    assert list(counts) == list(example.counts)
    assert {site: tuple(both) for site, both in counts.items()} == example.counts


def assert_rows_are_right(example, scan):
    """Compare the rows with the edges of the graphs, and with values that are recomputed."""
    rows = scan.massive().sample(fraction=1, shuffle=True, seed=0)
    for row in rows.head(300).iter_rows(named=True):
        graph, ends = example.graphs[row["graph"]], [row["source"], row["target"]]
        if row["edge_type"] == "added":
            assert row["edge"] == -1
            assert max(ends) < graph.num_nodes
            assert ends[0] == ends[1] or ends not in graph.edge_index.t().tolist()
            continue
        assert graph.edge_index[:, row["edge"]].tolist() == ends
        typed = len(example.names) > 2
        kind = example.names[graph.edge_attr[row["edge"]]] if typed else "edge"
        assert row["edge_type"] == kind
    example.model.eval()
    recomputed = rows.filter(site=example.site).head(100)
    assert recomputed.height > 20
    for row in recomputed.iter_rows(named=True):
        with torch.no_grad():
            values = example.values(example.graphs[row["graph"]])
        value = values[row["source"], row["target"], row["head"], row["channel"]].item()
        assert value == pytest.approx(row["value"], rel=1e-4, abs=1e-6)


def test_every_site_has_the_edges_of_the_graphs_and_what_its_layer_adds(found):
    assert_complete(*found)


def test_rows_belong_to_their_edges_and_hold_their_values(found):
    assert_rows_are_right(*found)


def test_bond_types_of_real_pairs_are_those_of_the_data(molecules):
    _, scan = scanned(EXAMPLES["GPS around TransformerConv"], molecules)
    types = torch.cat([graph.edge_attr for graph in molecules]).bincount(minlength=4)
    for site in scan.sites:
        assert scan[site].counts["edges"][:4].tolist() == types.tolist()


@pytest.mark.parametrize("local", [gine, transformer])
def test_gps_is_scanned_on_zinc(shared, local):
    part = es.data.load("zinc12k", shared / "data" / "zinc12k", progress=False).test
    found = scanned(lambda graphs: gps(graphs, local), [part[number] for number in range(20)])
    assert_complete(*found)
    assert_rows_are_right(*found)


def test_a_scan_with_added_rows_is_saved_and_reported(molecules, tmp_path):
    _, scan = scanned(EXAMPLES["GPS around TransformerConv"], molecules)
    loaded = es.load_scan(scan.save(tmp_path / "scan"))
    assert loaded.massive().equals(scan.massive())
    assert loaded.by_edge_type().equals(scan.by_edge_type())
    assert (scan.massive()["edge"] == -1).any()
    assert scan.heat_map("convs.1.attn:score", 10, edge_type="added").shape == (4, 8)
    page = loaded.report(tmp_path / "report.html")
    edges, _, pairs = totals(molecules)
    assert f"{pairs - edges:,} added by layers" in page.read_text(encoding="utf-8")
    numbers = json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))
    assert numbers["scanned"]["edges"] == edges
    assert numbers["gallery"]
    assert all(entry["edge"] >= 0 for entry in numbers["gallery"])
