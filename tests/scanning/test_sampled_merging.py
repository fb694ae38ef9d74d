"""Scans of parts of one large graph: what merging and resuming make of them."""

import pytest
import torch
from torch_geometric.loader import ClusterLoader
from torch_geometric.nn import TransformerConv

import edgescope as es
from edgescope.lib.errors import InputError
from edgescope.scanning.merge import merge_scans
from support.one_layer import Model
from support.sampled_cases import RandomClusters, large_graph, numbered, whole_numbers
from support.scan_equality import differences


def batches():
    partition = RandomClusters(numbered(large_graph(edges=400)), num_parts=6, log=False)
    return list(ClusterLoader(partition, batch_size=1))


def model(seed=0):
    return whole_numbers(Model(TransformerConv(6, 4, heads=2)), seed)


def on_edges(model, batch):
    return model(batch.x, batch.edge_index)


def scan(loader, **options):
    return es.scan(model(), loader, **{"keep_ratio": 1.5, "progress": False} | options)


def test_clusters_scanned_apart_are_merged_into_one_graph():
    parts = [scan([batch], baseline=model(1)) for batch in batches()]
    whole = scan(batches(), baseline=model(1))
    merged = merge_scans(parts)
    assert not differences(merged, whole)
    assert merged.info.graphs == merged.baseline.info.graphs == 1
    for measure in ("ratio", "magnitude"):
        assert merged["conv:score"].counts[f"graph_{measure}"].sum() == 1


def test_members_of_an_ensemble_are_counted_once_each():
    torch.manual_seed(0)
    options = {"baseline": es.Untrained(members=2), "call": on_edges}
    merged = merge_scans([scan([batch], **options) for batch in batches()])
    whole = scan(batches(), **options)
    assert not differences(merged, whole)
    assert merged.baseline["conv:score"].counts["graph_magnitude"].sum() == 2


def test_parts_that_share_edges_are_not_merged():
    first = scan(batches()[:4])
    with pytest.raises(InputError, match="parts that share no edge, such as clusters") as error:
        merge_scans([first, scan(batches()[3:])])
    assert "\n" not in str(error.value)


def test_a_scan_of_parts_is_not_merged_with_one_of_whole_graphs():
    graph = large_graph()
    del graph.edge_attr
    parts = batches()
    for part in parts:
        del part.edge_attr
    with pytest.raises(InputError, match="cannot merge scans with different parts"):
        merge_scans([scan(parts), scan([graph])])


class Stop(Exception):  # noqa: N818  (no error)
    """Ends a scan before it is complete."""


@pytest.mark.parametrize("last", range(1, 6))
def test_a_scan_that_was_stopped_goes_on_to_the_same_result(tmp_path, last):
    calls = []

    def call(model, batch):
        calls.append(batch)
        if len(calls) > last:
            raise Stop
        return on_edges(model, batch)

    options = {"shards": tmp_path / "shards", "shard_every": 0}
    with pytest.raises(Stop):
        scan(batches(), call=call, **options)
    resumed = scan(batches(), call=on_edges, **options)
    assert not differences(resumed, scan(batches(), call=on_edges))


class StopsAtTheEnd(list):
    def __iter__(self):
        yield from super().__iter__()
        raise Stop


def test_a_scan_that_was_stopped_after_its_last_batch_is_still_of_one_graph(tmp_path):
    options = {"shards": tmp_path / "shards", "shard_every": 0, "call": on_edges}
    options["edge_type_names"] = ("edge",)  # so that the loader is not looked through for them
    with pytest.raises(Stop):
        scan(StopsAtTheEnd(batches()), **options)
    assert options["shards"].is_dir()
    resumed = scan(batches(), **options)
    assert (resumed.info.graphs, resumed.info.parts) == (1, True)
    assert not differences(resumed, scan(batches(), call=on_edges))


def test_one_graph_gives_no_intervals_and_says_why():
    found = scan(batches(), baseline=model(1)).compare()
    assert found["problems"].str.contains("graphs in 1 groups").all()
    assert found["ks"].is_not_nan().all()


def test_a_scan_of_parts_is_read_back_as_it_was(tmp_path):
    found = scan(batches())
    back = es.load_scan(found.save(tmp_path / "scan"))
    assert back.info == found.info
    assert not differences(back, found)
