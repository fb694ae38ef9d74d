"""Loaders of every kind give graphs that are found again, in the same order in every pass."""

import random

import numpy as np
import pytest
import torch
from torch.utils.data import IterableDataset, WeightedRandomSampler
from torch_geometric.data import Batch, Data
from torch_geometric.loader import CachedLoader, DataLoader, PrefetchLoader

import edgescope as es
from edgescope.lib.errors import EdgescopeWarning, InputError
from edgescope.scanning.criteria import Criterion
from edgescope.scanning.loaders import GraphLoader, graph_loader
from support.loader_cases import LOADERS, OneLayer, distributed, told_apart

ALL = Criterion("all", ratio=1e-9)


def scanned(loader, model=None, **options):
    return es.scan(model or OneLayer(), loader, criterion=ALL, progress=False, **options)


def alone(model, graph):
    """The scores of a graph by itself ``[E, 1, D]``, and the ratios, without a scan."""
    with es.capture(model, "*:score") as tape, torch.no_grad():
        model.eval()(graph.x, graph.edge_index, torch.zeros(graph.num_nodes, dtype=torch.long))
    return tape["conv:score"].values


@pytest.mark.parametrize("kind", LOADERS)
def test_every_row_of_a_scan_is_found_again_in_the_data_set(kind):
    torch.manual_seed(11)
    loader, model = LOADERS[kind](), OneLayer()
    rows = scanned(loader, model).massive()
    assert len(rows)
    seen = set()
    for row in rows.iter_rows(named=True):
        graph = loader.dataset[row["graph"]]
        ends = graph.edge_index[:, row["edge"]].tolist()
        assert ends == [row["source"], row["target"]]
        value = alone(model, graph)[row["edge"], row["head"], row["channel"]]
        assert row["value"] == pytest.approx(float(value), rel=1e-3)
        seen.add(row["graph"])
    given = [index for batch in graph_loader(loader) for index in _positions(batch, loader)]
    if kind in {"in order", "a subset", "shuffle", "workers", "rank 1 of 3"}:
        assert len(seen) == len(given)


def _positions(batch, loader):
    """Positions that a batch says, or as many as it holds."""
    held = getattr(batch, "graph", None)
    return list(range(getattr(batch, "num_graphs", 1))) if held is None else held.tolist()


@pytest.mark.parametrize("kind", LOADERS)
def test_neither_the_loader_nor_any_random_numbers_are_changed(kind):
    def state():
        return torch.get_rng_state().tolist(), np.random.get_state()[1].tolist(), random.getstate()  # noqa: NPY002

    def order(loader):
        drawn = loader.sampler if loader.batch_sampler is None else loader.batch_sampler
        return [batch if isinstance(batch, int) else list(batch) for batch in drawn]

    def seeded():
        torch.manual_seed(7)
        np.random.seed(7)  # noqa: NPY002
        random.seed(7)

    seeded()
    untouched = LOADERS[kind]()
    seeded()
    loader = LOADERS[kind]()
    before = state()
    wrapped = graph_loader(loader)
    assert state() == before
    passes = [[batch.x.tolist() for batch in wrapped] for _ in range(2)]
    assert passes[0] == passes[1]
    if kind not in {"in order", "in order by a sampler"}:  # which torch gives, and draws a seed for
        assert state() == before
    seeded()
    expected = order(untouched)
    seeded()
    assert order(loader) == expected


@pytest.mark.parametrize("kind", ["shuffle", "the last left out", "workers", "rank 1 of 3"])
def test_all_members_of_an_ensemble_see_the_same_graphs(kind):
    loader = LOADERS[kind]()
    found = scanned(loader, baseline=es.Untrained(members=3))
    every = [set(m.massive(ALL)["graph"]) for m in (found, *found.baseline.members)]
    assert all(each == every[0] for each in every)


def test_an_ablation_takes_the_scan_of_a_shuffled_loader():
    model, loader = OneLayer(), LOADERS["shuffle"]()
    found = scanned(loader, model, keep_ratio=2.0, baseline=None)
    plain = DataLoader(told_apart(), batch_size=3)
    options = {"repeats": 1, "controls": ["number"], "metric": "mae", "progress": False}
    rule = Criterion("above 8", ratio=8.0)
    found = es.scan(model, loader, criterion=rule, progress=False)
    one = es.ablate(model, LOADERS["shuffle"](), where=found, **options).table()
    other = es.ablate(model, plain, where=rule, **options).table()
    columns = ["activations", "metric", "change", "moved"]
    assert one["activations"][0] > 0
    row, expected = one.row(0, named=True), other.row(0, named=True)
    assert [row[c] for c in columns] == pytest.approx([expected[c] for c in columns], rel=1e-3)


def test_several_seeds_are_scanned_in_one_order():
    from edgescope.scanning.seeds import scan_seeds

    loader = DataLoader(told_apart(), batch_size=4, shuffle=True, drop_last=True)
    found = scan_seeds([OneLayer(0), OneLayer(1)], loader, criterion=ALL, progress=False)
    seen = [set(scan.massive()["graph"]) for scan in found.scans.values()]
    assert seen[0] == seen[1]


def test_graphs_that_come_twice_are_counted_twice_with_a_warning():
    data = told_apart()
    sampler = WeightedRandomSampler([1.0] * len(data), 20, replacement=True)
    with pytest.warns(EdgescopeWarning, match=r"gives 20 graphs, of which \d+ are repeats"):
        found = scanned(DataLoader(data, batch_size=4, sampler=sampler))
    assert found.info.graphs == 20


def test_processes_that_share_graphs_are_warned_of():
    data = told_apart(10)
    sampler = torch.utils.data.DistributedSampler(data, num_replicas=3, rank=0, shuffle=False)
    with pytest.warns(EdgescopeWarning, match="gives 2 graphs to two processes"):
        scanned(DataLoader(data, batch_size=2, sampler=sampler))


def test_the_processes_of_a_distributed_sampler_merge_to_the_scan_of_the_whole():
    parts = [scanned(distributed(rank)) for rank in range(3)]
    whole = scanned(DataLoader(told_apart(12), batch_size=4))
    merged = es.merge_scans(parts)
    assert merged.info.graphs == 12
    keys = ["graph", "edge", "source", "target", "head", "channel"]
    assert set(merged.massive()[keys].iter_rows()) == set(whole.massive()[keys].iter_rows())


class Noisy(torch.utils.data.Dataset):
    """Graphs with other noise each time they are asked for."""

    def __len__(self):
        return 6

    def __getitem__(self, position):
        graph = told_apart(6)[position]
        graph.x = graph.x + torch.randn_like(graph.x)
        return graph


class Stream(IterableDataset):
    """Graphs without positions."""

    def __iter__(self):
        return iter(told_apart(6))


class Reordering:
    """Batches in another order in every pass."""

    def __iter__(self):
        graphs = told_apart(6)
        return (graphs[place] for place in torch.randperm(6).tolist())


@pytest.mark.parametrize(
    "loader",
    [
        DataLoader(Noisy(), batch_size=2),
        DataLoader(Noisy(), batch_size=2, shuffle=True),
        Noisy(),
        Reordering(),
    ],
    ids=["noise", "noise and shuffle", "a data set", "an order of its own"],
)
@pytest.mark.parametrize("function", ["scan", "seeds"])
def test_other_graphs_in_every_pass_are_refused_where_passes_are_compared(loader, function):
    from edgescope.scanning.seeds import scan_seeds

    calls = {
        "scan": lambda: scanned(loader, baseline=es.Untrained(members=2)),
        "seeds": lambda: scan_seeds([OneLayer(0), OneLayer(1)], loader, progress=False),
    }
    with pytest.raises(InputError, match="gives other graphs each time it is gone through"):
        calls[function]()


def test_a_loader_of_a_stream_says_that_its_graphs_may_not_be_found_again():
    with pytest.warns(EdgescopeWarning, match="does not say which graphs of its data set"):
        found = scanned(DataLoader(Stream(), batch_size=2))
    assert found.info.graphs == 6


def test_a_cached_order_that_nobody_knows_is_warned_of():
    loader = CachedLoader(DataLoader(told_apart(), batch_size=4, shuffle=True), device="cpu")
    with pytest.warns(EdgescopeWarning, match="does not say which graphs of its data set"):
        scanned(loader)


def test_batches_that_say_their_positions_may_come_in_any_order():
    graphs = told_apart()
    for position, graph in enumerate(graphs):
        graph.graph = position

    class Positioned:
        def __iter__(self):
            order = torch.randperm(len(graphs)).tolist()
            return iter([Batch.from_data_list([graphs[p] for p in order[:7]])])

    rows = scanned(Positioned(), edge_type_names=["edge"]).massive()
    for row in rows.iter_rows(named=True):
        ends = graphs[row["graph"]].edge_index[:, row["edge"]].tolist()
        assert ends == [row["source"], row["target"]]


def test_something_else_that_is_called_graph_is_not_taken_for_a_position():
    graphs = [Data(x=g.x, edge_index=g.edge_index, graph=g.x) for g in told_apart()]
    with pytest.warns(EdgescopeWarning, match="another number of graphs than the loader's sampler"):
        scanned(DataLoader(graphs, batch_size=4, shuffle=True))


@pytest.mark.parametrize(
    "given",
    [
        lambda graphs: graphs[0],
        lambda graphs: graphs,
        tuple,
        Batch.from_data_list,
        lambda graphs: torch.utils.data.Subset(graphs, range(len(graphs))),
        lambda graphs: [Batch.from_data_list(graphs[:5]), Batch.from_data_list(graphs[5:])],
    ],
    ids=["one graph", "a list", "a tuple", "one batch", "a data set", "a list of batches"],
)
@pytest.mark.parametrize("function", ["scan", "diagnose", "ablate"])
def test_graphs_without_a_loader_serve_as_one(given, function):
    graphs, model = told_apart(), OneLayer()
    loader = given(graphs)
    number = 1 if isinstance(loader, Data) and not isinstance(loader, Batch) else len(graphs)
    if function == "scan":
        assert scanned(loader, model).info.graphs == number
    elif function == "diagnose":
        found = es.diagnose(model, loader, every=1, progress=False)
        assert found.graphs == number
    else:
        options = {"repeats": 1, "controls": [], "metric": "none", "progress": False}
        assert es.ablate(model, loader, where=2, **options).info.graphs == number


def test_a_data_set_of_edgescope_is_gone_through_in_batches(molecules):
    found = graph_loader(molecules)
    assert isinstance(found, GraphLoader)
    assert found.dataset is molecules


def test_attributes_of_the_loader_are_there():
    loader = DataLoader(told_apart(), batch_size=4, shuffle=True)
    wrapped = graph_loader(loader)
    assert (wrapped.dataset, len(wrapped), wrapped.batch_size) == (loader.dataset, 4, 4)
    assert graph_loader(wrapped) is wrapped
    with pytest.raises(AttributeError, match="nothing"):
        wrapped.nothing  # noqa: B018


def test_a_loader_that_only_moves_batches_ahead_of_time_has_the_positions_of_the_one_inside():
    loader = PrefetchLoader(DataLoader(told_apart(), batch_size=4, shuffle=True), device="cpu")
    given = [p for batch in graph_loader(loader) for p in batch.graph.tolist()]
    assert sorted(given) == list(range(len(told_apart())))
