"""Rules see the edge features that a layer works with, as its adapter says."""

from typing import ClassVar

import pytest
import torch
from torch_geometric.data import Data
from torch_geometric.nn import GATConv, RGATConv, TransformerConv

import edgescope as es
from edgescope.diagnosis import Rule
from edgescope.diagnosis.layer_view import edge_features

EDGES = torch.tensor([[0, 1, 0, 1], [2, 2, 3, 3]])
ATTR = torch.tensor([[1.0], [2.0], [3.0], [4.0]])
TYPE = torch.tensor([0, 1, 1, 0])


class Features(Rule):
    """Keeps the edge features of a layer."""

    id: ClassVar[str] = "features"
    needs: ClassVar[frozenset] = frozenset({"rows"})

    def observe(self, seen):
        self.found = edge_features(seen)


@pytest.mark.parametrize(
    ("layer", "attr", "columns"),
    [
        (GATConv(3, 2, add_self_loops=False), ATTR, []),  # drops them without edge_dim
        (GATConv(3, 2, add_self_loops=False, edge_dim=1), ATTR, [ATTR]),
        (TransformerConv(3, 1, edge_dim=1), ATTR, [ATTR]),
        (TransformerConv(3, 1), ATTR[:, None], [ATTR]),  # adds them as they are
        (RGATConv(3, 2, num_relations=2, edge_dim=1), ATTR, [TYPE[:, None], ATTR]),
        (RGATConv(3, 2, num_relations=2), None, [TYPE[:, None]]),
    ],
)
def test_the_features_are_those_that_the_layer_works_with(layer, attr, columns):
    rule = Features()
    data = Data(x=torch.randn(4, 3), edge_index=EDGES, edge_attr=attr, edge_type=TYPE)
    es.diagnose(layer, [data], rules=[rule], progress=False)
    if columns:
        assert torch.equal(rule.found, torch.cat(columns, 1).double())
    else:
        assert rule.found is None
