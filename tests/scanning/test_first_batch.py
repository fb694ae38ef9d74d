"""Entries look into a model on the first batch of a loader, and the loader gives it again."""

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import IterableDataset
from torch_geometric.data import Batch
from torch_geometric.loader import DataLoader
from torch_geometric.nn import GATv2Conv

import edgescope as es
from edgescope.capturing import sites
from edgescope.lib.errors import EdgescopeWarning, InputError
from support.hand_written import WIDTH, Gated, graphs, model, weights_of

GRAPHS = graphs(16)
SITES = ["first:score", "second:score"]


def scanned(net, loader, **options):
    return es.scan(net, loader, progress=False, **options)


class Counted:
    """A loader that counts what it gives."""

    def __init__(self, batches):
        self.batches = batches
        self.given = 0

    def __iter__(self):
        for batch in self.batches:
            self.given += 1
            yield batch


def test_a_scan_discovers_and_says_so():
    scan = scanned(model(), DataLoader(GRAPHS, batch_size=4))
    assert list(scan.sites) == SITES
    assert scan.table()["how"].to_list() == ["discovered", "discovered"]
    assert scan.coverage.complete
    assert scan.coverage.sentence() == "looked at 2 of 2 attention-like layers (2 discovered)"
    edges = sum(graph.num_edges for graph in GRAPHS)
    assert [layer.rows for layer in scan.coverage.seen] == [edges, edges]
    assert scan.coverage.table()["how"].to_list() == ["discovered", "discovered"]


def test_what_a_scan_counts_is_what_the_layers_compute():
    net = model().eval()
    scan = scanned(net, DataLoader(GRAPHS, batch_size=4))
    with torch.no_grad():
        ratios = []
        for graph in GRAPHS:
            state = net.first.norm(net.first.project(graph.x))
            score = (state[graph.edge_index[0]] * state[graph.edge_index[1]]).abs().numpy()
            median = np.sort(score, 1)[:, (WIDTH - 1) // 2]
            ratios.append((score.max(1) / median).max())
    row = scan.table().row(0, named=True)
    assert row["max_ratio"] == pytest.approx(max(ratios), rel=1e-4)


def test_without_discovery_the_model_is_refused():
    with pytest.raises(InputError, match=r"es\.capture\.discover\(model, batch\)"):
        scanned(model(), DataLoader(GRAPHS, batch_size=4), discover=False)
    with pytest.raises(InputError, match="received discover='no', expected True or False"):
        scanned(model(), DataLoader(GRAPHS, batch_size=4), discover="no")


def test_the_loader_is_gone_through_once_and_loses_nothing():
    batches = [Batch.from_data_list(GRAPHS[n : n + 4]) for n in range(0, 16, 4)]
    counted = Counted(batches)
    scan = scanned(model(), counted, edge_type_names=["edge"])
    assert counted.given == len(batches)
    assert scan.info.graphs == len(GRAPHS)


@pytest.mark.parametrize("shuffle", [False, True])
def test_model_and_random_numbers_are_left_as_they_were(shuffle):
    known = model()
    es.capture.discover(known, *first_arguments())
    states = []
    for net in (model(), known):  # the second is not looked at again
        own = torch.Generator().manual_seed(3)
        loader = DataLoader(GRAPHS, batch_size=4, shuffle=shuffle, generator=own)
        before = copy.deepcopy(net.state_dict())
        torch.manual_seed(5)
        scanned(net, loader, edge_type_names=["edge"])
        states.append((torch.get_rng_state(), own.get_state()))
        assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
        assert net.training
    for one, other in zip(*states, strict=True):
        assert torch.equal(one, other)


def first_arguments():
    batch = Batch.from_data_list(GRAPHS[:4])
    return batch.x, batch.edge_index, batch.batch


def test_a_stream_is_looked_at_as_well():
    class Stream(IterableDataset):
        def __iter__(self):
            return iter(GRAPHS)

    with pytest.warns(EdgescopeWarning, match="does not say which graphs"):
        scan = scanned(model(), DataLoader(Stream(), batch_size=4), edge_type_names=["edge"])
    assert scan.info.graphs == len(GRAPHS)
    assert list(scan.sites) == SITES


def test_an_untrained_ensemble_has_the_same_sites():
    scan = scanned(
        model(),
        DataLoader(GRAPHS, batch_size=4),
        baseline=es.Untrained(members=5),
        criterion=es.Calibrated(rate=0.05),
    )
    assert list(scan.baseline.sites) == SITES
    assert [list(member.sites) for member in scan.baseline.members] == [SITES] * 5
    assert scan.calibration().height == 4


def test_a_baseline_of_the_same_build_has_the_names_that_the_user_gave():
    net = model()
    es.capture.discover(net, *first_arguments())
    es.capture.pin(net, {"first": "mine"})
    scan = scanned(net, DataLoader(GRAPHS, batch_size=4), baseline=model(seed=1))
    assert list(scan.sites) == list(scan.baseline.sites) == ["mine:score", "second:score"]


def test_a_scan_that_was_interrupted_goes_on_with_another_copy_of_the_model(tmp_path):
    class Stops(Exception):  # noqa: N818  (no error)
        pass

    batches = [Batch.from_data_list(GRAPHS[n : n + 4]) for n in range(0, 16, 4)]
    calls = []

    def call(net, batch):
        calls.append(1)
        if len(calls) == 5:  # two of them discover
            raise Stops
        return net(batch.x, batch.edge_index, batch.batch)

    options = {"shards": tmp_path / "shards", "shard_every": 0, "edge_type_names": ["edge"]}
    with pytest.raises(Stops):
        scanned(model(), batches, call=call, **options)
    whole = scanned(model(), batches, edge_type_names=["edge"])
    resumed = scanned(model(), batches, call=call, **options)
    assert resumed.table().equals(whole.table())
    assert resumed.coverage == whole.coverage


def test_a_saved_scan_has_its_pins_beside_it(tmp_path):
    net = model()
    scan = scanned(net, DataLoader(GRAPHS, batch_size=4))
    scan.save(tmp_path / "scan")
    again = es.load_scan(tmp_path / "scan")
    assert again.info.pins == scan.info.pins
    assert again.coverage == scan.coverage
    other = model(seed=2)
    es.capture.pin(other, tmp_path / "scan" / "pins.json")
    assert list(scanned(other, DataLoader(GRAPHS, batch_size=4)).sites) == SITES


def test_a_scan_of_known_layers_has_no_pins(tmp_path):
    class Known(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = GATv2Conv(WIDTH, WIDTH)

        def forward(self, x, edge_index):
            return self.conv(x, edge_index)

    scan = scanned(Known(), DataLoader(GRAPHS, batch_size=4))
    scan.save(tmp_path / "scan")
    assert not (tmp_path / "scan" / "pins.json").exists()
    assert "how" not in scan.table().columns
    assert scan.info.pins is None


class Mixed(nn.Module):
    """A layer that an adapter knows, and one that is written by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.known = GATv2Conv(WIDTH, WIDTH, add_self_loops=False)
        self.own_attention = Gated()

    def forward(self, x, edge_index):
        return self.own_attention(self.known(x, edge_index), edge_index)


def test_known_and_discovered_layers_stand_side_by_side():
    scan = scanned(Mixed(), DataLoader(GRAPHS, batch_size=4))
    assert list(scan.sites) == ["known:score", "own_attention:score"]
    assert scan.table()["how"].to_list() == ["adapter", "discovered"]
    assert scan.coverage.share() == "2 of 2 attention-like layers (1 discovered)"


def test_a_part_in_which_nothing_is_found_stays_a_gap_with_the_reason():
    class Pools(nn.Module):
        def __init__(self):
            super().__init__()
            self.known = GATv2Conv(WIDTH, WIDTH)
            self.attention = nn.Linear(WIDTH, 1)

        def forward(self, x, edge_index):
            x = self.known(x, edge_index)
            return (self.attention(x).softmax(0) * x).sum(0)

    scan = scanned(Pools(), DataLoader(GRAPHS, batch_size=1))
    assert not scan.coverage.complete
    assert [layer.how for layer in scan.coverage.seen] == ["adapter"]


def test_a_model_that_cannot_be_run_alone_says_so_in_the_coverage():
    calls = []

    class Moody(Mixed):
        def forward(self, x, edge_index):
            calls.append(1)
            if len(calls) == 1:
                raise RuntimeError("not today")
            return super().forward(x, edge_index)

    scan = scanned(Moody(), DataLoader(GRAPHS, batch_size=4))
    assert list(scan.sites) == ["known:score"]
    [gap] = scan.coverage.unseen
    assert "discovery could not look into it (RuntimeError: not today)" in gap.reason


def test_massive_edges_are_explained_on_discovered_layers():
    graphs_ = es.data.planted("marked", 60).test
    width = graphs_.model_sizes

    class Small(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(width["num_atom_types"], WIDTH)
            self.attend = Gated()

        def forward(self, x, edge_index, batch):
            x = self.attend(self.embed(x.view(-1)), edge_index)
            return torch.zeros(int(batch.max()) + 1, WIDTH).index_add(0, batch, x).sum(1, True)

    net = Small().eval()
    found = es.attribute.importances(
        net, graphs_, [es.MassiveActivationExplainer(), es.attribute.AttentionWeight()]
    )
    assert torch.isfinite(found["massive"].edge).all()
    graph = graphs_[0]
    weights = weights_of(net.attend, net.embed(graph.x.view(-1)).detach(), graph.edge_index)
    got = found["attention"].edge[: graph.edge_index.size(1)].double().numpy()
    # The mean over both directions of a bond, as of every method.
    ends = [tuple(edge) for edge in graph.edge_index.T.tolist()]
    back = [ends.index((target, source)) for source, target in ends]
    np.testing.assert_allclose(got, (weights + weights[back]) / 2, rtol=1e-4)


@pytest.mark.parametrize("compared", [False, True])
def test_a_scan_finds_the_sites_of_a_model_once_before_it_runs_and_once_after(
    compared, monkeypatch
):
    looked, known = [], sites._known_layers
    monkeypatch.setattr(sites, "_known_layers", lambda m, p: looked.append(m) or known(m, p))
    nets = [nn.ModuleList([GATv2Conv(WIDTH, WIDTH)]) for _ in range(2)]
    own, other = (Called(net) for net in nets)
    scanned(own, DataLoader(GRAPHS, batch_size=4), baseline=other if compared else None)
    assert [looked.count(each) for each in (own, other)] == [2, 2 * compared]


class Called(nn.Module):
    """A model of one known layer."""

    def __init__(self, layers):
        super().__init__()
        self.layers = layers

    def forward(self, x, edge_index, **_):
        return self.layers[0](x, edge_index)
