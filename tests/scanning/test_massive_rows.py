"""The rows that a scan keeps."""

import torch

from edgescope.capturing import EdgeActivations, EdgeIdentity
from edgescope.scanning.massive_rows import RowKeeper
from edgescope.statistics import edge_ratios


def activations(values, graph):
    size = len(values)
    position = torch.arange(size)
    identity = EdgeIdentity(
        torch.stack([position, position + 1]),
        position,
        torch.full((size,), graph),
        torch.full((size,), 2),
        torch.zeros(2, size, dtype=torch.int64),
    )
    return EdgeActivations("site", values, identity)


def feed(keeper, values, graph):
    return keeper.update(activations(values, graph), edge_ratios(values).tops)


def edge_with(ratio, channels=5):
    values = torch.ones(1, 1, channels)
    values[0, 0, 3] = -ratio
    return values


def test_a_row_says_where_the_activation_is_and_what_it_is():
    keeper = RowKeeper(floor=1000, limit=10)
    values = torch.ones(3, 2, 4)
    values[1, 1, 2] = -2000
    feed(keeper, values, graph=7)
    assert keeper.rows().rows(named=True) == [
        {
            "graph": 7,
            "edge": 1,
            "source": 1,
            "target": 2,
            "head": 1,
            "channel": 2,
            "value": -2000.0,
            "ratio": 2000.0,
            "edge_type": 2,
            "input": "",
        }
    ]


def test_ends_of_an_edge_are_numbered_each_within_its_own_kind_of_node():
    keeper = RowKeeper(floor=1000, limit=10)
    found = activations(edge_with(2000.0), graph=0)
    offset = torch.tensor([[4], [1]])
    identity = found.identity._replace(edge_index=torch.tensor([[7], [3]]), node_offset=offset)
    keeper.update(found._replace(identity=identity), edge_ratios(found.values).tops)
    assert keeper.rows().select("source", "target").row(0) == (3, 2)


def test_of_too_many_rows_those_with_the_largest_ratios_are_kept():
    keeper = RowKeeper(floor=1000, limit=5)
    ratios = [1001.0 + 37 * (number * 17 % 101) for number in range(101)]
    for number, ratio in enumerate(ratios):
        feed(keeper, edge_with(ratio), graph=number)
    assert keeper.seen == 101
    assert keeper.rows()["ratio"].to_list() == sorted(ratios, reverse=True)[:5]
    assert {ratios[number] for number in keeper.graphs()} == set(sorted(ratios)[-5:])


def test_the_largest_ratio_and_magnitude_are_kept_below_the_floor_too():
    keeper = RowKeeper(floor=1000, limit=5)
    feed(keeper, edge_with(30.0), graph=0)
    feed(keeper, edge_with(7.0) * 100, graph=1)
    extremes = {row["largest"]: row for row in keeper.extremes().rows(named=True)}
    assert (extremes["ratio"]["graph"], extremes["ratio"]["ratio"]) == (0, 30.0)
    assert (extremes["magnitude"]["graph"], extremes["magnitude"]["value"]) == (1, -700.0)
    assert keeper.rows().height == 0


def test_broken_edges_are_listed_by_graph_and_never_kept():
    keeper = RowKeeper(floor=1000, limit=5)
    values = torch.ones(4, 1, 5)
    values[0, 0, 0], values[2, 0, 1] = float("nan"), float("inf")
    feed(keeper, values, graph=3)
    assert keeper.nonfinite().rows() == [(3, 2)]
    assert keeper.rows().height == 0
    assert keeper.extremes()["value"].to_list() == [1.0, 1.0]


def test_edges_whose_median_is_zero_have_no_ratio_to_keep():
    keeper = RowKeeper(floor=1000, limit=5)
    values = torch.zeros(1, 1, 5)
    values[0, 0, 0] = 5
    feed(keeper, values, graph=0)
    assert keeper.rows().height == 0
    assert keeper.extremes()["largest"].to_list() == ["magnitude"]


def test_no_edges_leave_everything_empty():
    keeper = RowKeeper(floor=1000, limit=5)
    assert feed(keeper, torch.zeros(0, 1, 5), graph=0) == set()
    assert keeper.rows().height == keeper.extremes().height == keeper.nonfinite().height == 0
