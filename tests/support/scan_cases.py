"""Random graphs to scan, and what is captured of them without a scan."""

import copy

import torch
from torch_geometric.data import Data

import edgescope as es

SITES = ["layers.0.attention:score", "layers.1.attention:score"]


def random_graphs(number, seed=0, types=3):
    random = torch.Generator().manual_seed(seed)
    graphs = []
    for _ in range(number):
        nodes = int(torch.randint(2, 9, (1,), generator=random))
        edges = int(torch.randint(1, 20, (1,), generator=random))
        graphs.append(
            Data(
                x=torch.randint(0, 5, (nodes,), generator=random),
                edge_index=torch.randint(0, nodes, (2, edges), generator=random),
                edge_attr=torch.randint(0, types, (edges,), generator=random),
                smiles="C" * nodes,
            )
        )
    return graphs


def captured(model, graphs):
    """Capture graph by graph: site to values, graph, position and type of every edge."""
    model = copy.deepcopy(model).eval()
    found = {site: [] for site in SITES}
    for number, graph in enumerate(graphs):
        with torch.no_grad(), es.capture(model) as tape:
            model(graph.x, graph.edge_index, graph.edge_attr)
        for site in SITES:
            rows = tape[site]
            where = torch.full((graph.num_edges,), number)
            found[site].append((rows.values, where, rows.input_edge, rows.edge_type))
    return {
        site: [torch.cat(part) for part in zip(*parts, strict=True)]
        for site, parts in found.items()
    }
