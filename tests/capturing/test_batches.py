"""Batches: what is captured of 64 graphs together is what is captured of each by itself."""

import pytest
import torch
from torch_geometric.data import Batch, Data

import edgescope as es
from support.graph_cases import EDGE_DIM, TYPES, WIDTH
from support.layer_cases import CASES, build

SIZE = 64
MIXES_GRAPHS = {"HANConv"}  # it weighs relations by a mean over all nodes of the batch


def random_graphs():
    """Return graphs of one to nine nodes, most with loops and duplicates, some without edges."""
    generator = torch.Generator().manual_seed(0)
    found = []
    for number in range(SIZE):
        nodes = int(torch.randint(1, 10, (), generator=generator))
        edges = int(torch.randint(0, 3 * nodes, (), generator=generator)) if number % 8 else 0
        found.append(
            Data(
                x=torch.randn(nodes, WIDTH, generator=generator),
                edge_index=torch.randint(nodes, (2, edges), generator=generator),
                edge_attr=torch.randn(edges, EDGE_DIM, generator=generator),
                edge_type=torch.randint(TYPES, (edges,), generator=generator),
            )
        )
    return found


def capture(model, case, data):
    with torch.no_grad(), es.capture(model) as tape:
        model(**case.inputs(data))
    return tape


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_batch_is_captured_as_its_graphs_one_by_one(case):
    model, data = build(case).eval(), random_graphs()
    together = capture(model, case, Batch.from_data_list(data))
    alone = [capture(model, case, graph) for graph in data]
    assert together.sites
    for site in together.sites:
        batch, singles = together[site], [tape[site] for tape in alone]
        # Added loops of all graphs may come after all edges: compare graph by graph.
        order = batch.graph.argsort(stable=True)
        assert torch.equal(
            batch.graph[order],
            torch.arange(SIZE).repeat_interleave(torch.tensor([len(s.values) for s in singles])),
        )
        local = batch.edge_index - batch.identity.node_offset
        assert torch.equal(local[:, order], torch.cat([s.edge_index for s in singles], 1))
        assert torch.equal(batch.input_edge[order], torch.cat([s.input_edge for s in singles]))
        assert batch.relations == singles[0].relations
        kinds = [single.edge_type for single in singles]
        if batch.edge_type is None:
            assert all(kind is None for kind in kinds)
        else:
            assert torch.equal(batch.edge_type[order], torch.cat(kinds))
        if case.name in MIXES_GRAPHS and not site.startswith(case.first):
            continue
        values = torch.cat([single.values for single in singles])
        torch.testing.assert_close(batch.values[order], values, atol=2e-6, rtol=1e-5)
