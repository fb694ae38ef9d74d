"""A dictionary of tensors is a batch, as ``model(**batch)`` takes it."""

import pytest
import torch
from torch import nn
from torch_geometric.data import Batch, Data
from torch_geometric.nn import GATv2Conv, global_add_pool

import edgescope as es
from edgescope.lib.errors import EdgescopeWarning


class Convolution(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.out = GATv2Conv(4, 4, heads=2, edge_dim=1), nn.Linear(8, 1)

    def forward(self, x, edge_index, edge_attr, batch=None):
        return global_add_pool(self.out(self.conv(x, edge_index, edge_attr)), batch).squeeze(1)


def batch_of(seed):
    random = torch.Generator().manual_seed(seed)
    made = []
    for nodes in (3, 5, 4):
        ends = torch.randint(nodes, (2, 6), generator=random)
        x, y = torch.randn(nodes, 4, generator=random), torch.randn(1, generator=random)
        made.append(Data(x=x, edge_index=ends, edge_attr=torch.ones(6, 1), y=y))
    return Batch.from_data_list(made)


def as_dictionary(batch):
    return {name: batch[name] for name in ("x", "edge_index", "edge_attr", "batch", "y")}


def test_it_gives_what_a_batch_of_pyg_gives():
    model, batches = Convolution().eval(), [batch_of(0), batch_of(1)]
    dictionaries = [as_dictionary(each) for each in batches]

    def results(loader):
        scan = es.scan(model, loader, sites="*:message", keep_ratio=1, progress=False)
        several = es.Criterion("several", ratio=2)
        ablation = es.ablate(
            model, loader, where=several, sites="*:message", metric="mae", repeats=1, progress=False
        )
        return scan.table(), scan.massive(several), ablation.table()

    for one, other in zip(results(batches), results(dictionaries), strict=True):
        assert one.equals(other, null_equal=True)


class Padded(nn.Module):
    """Attention over padded graphs, of which only the mask says where the nodes are."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.query, self.key, self.value = (nn.Linear(4, 8) for _ in range(3))

    def forward(self, states, mask):
        heads = [each(states).unflatten(2, (2, 4)).transpose(1, 2) for each in (
            self.query, self.key, self.value)]  # fmt: skip
        logit = heads[0] @ heads[1].transpose(2, 3) / 2
        weight = logit.masked_fill(~mask[:, None, None], -torch.inf).softmax(3)
        return ((weight @ heads[2]).sum(1) * mask[..., None]).sum((1, 2))


def padded(*sizes):
    random = torch.Generator().manual_seed(sum(sizes))
    states = torch.randn(len(sizes), max(sizes), 4, generator=random)
    mask = torch.arange(max(sizes)) < torch.tensor(sizes)[:, None]
    return {"states": states, "mask": mask}


def test_a_padded_one_holds_as_many_graphs_as_the_model_finds_in_it():
    loader = [padded(3, 5, 4), padded(2, 6)]
    with pytest.warns(EdgescopeWarning, match="each row of a dense batch for a graph"):
        scan = es.scan(Padded().eval(), loader, sites="*:message", keep_ratio=0, progress=False)
    assert scan.info.graphs == 5
    assert scan.table()["edges"].to_list() == [9 + 25 + 16 + 4 + 36]
    assert set(scan.massive(es.Criterion("any", ratio=0.1))["graph"]) == set(range(5))


@pytest.mark.filterwarnings("ignore:Padded was given no edges:edgescope.errors.EdgescopeWarning")
def test_a_report_has_the_attention_of_padded_graphs():
    loader, model = [padded(3, 5, 4), padded(2, 6)], Padded().eval()
    scan = es.scan(model, loader, sites="*:message", keep_ratio=0, progress=False)
    maps = es.report.attention_maps(scan, model, loader)
    assert set(maps.rows["graph"]) == set(range(5))
