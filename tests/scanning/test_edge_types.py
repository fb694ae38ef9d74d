"""What an edge's type is: the values that occur; where that is not certain, it is said."""

import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch_geometric.data import Data
from torch_geometric.loader import DataLoader
from torch_geometric.nn import GATv2Conv

import edgescope as es
from edgescope.lib.errors import EdgescopeWarning, InputError
from edgescope.scanning.criteria import Criterion
from edgescope.scanning.edge_types import MOST_TYPES, EdgeTypes
from support.scan_equality import differences

ALL = Criterion("all", ratio=1e-9)

INTEGERS = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)


class Net(nn.Module):
    """One layer; the subclasses differ in what their ``forward`` takes."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv = GATv2Conv(3, 4, add_self_loops=False)


class TakesAttr(Net):
    def forward(self, x, edge_index, edge_attr):  # noqa: ARG002  (types are what is asked about)
        return self.conv(x, edge_index)


class TakesType(Net):
    def forward(self, x, edge_index, edge_type, edge_attr=None):  # noqa: ARG002  (as above)
        return self.conv(x, edge_index)


class TakesBatch(Net):
    def forward(self, data):
        return self.conv(data.x, data.edge_index)


class TakesNeither(Net):
    def forward(self, x, edge_index):
        return self.conv(x, edge_index)


def graphs(sizes, **tensors):
    """Graphs of some edges each, with tensors ``[E, ...]`` shared out among them."""
    draw = torch.Generator().manual_seed(0)
    found, first = [], 0
    for size in sizes:
        graph = Data(
            x=torch.randn(4, 3, generator=draw),
            edge_index=torch.randint(0, 4, (2, size), generator=draw),
        )
        for name, values in tensors.items():
            graph[name] = values[first : first + size]
        first += size
        found.append(graph)
    return found


def scanned(model, data, **options):
    return es.scan(model, DataLoader(data, 2), criterion=ALL, progress=False, **options)


def counts(scan):
    """How many edges have each type, by name."""
    return dict(
        zip(scan.info.edge_type_names, scan["conv:score"].counts["edges"].tolist(), strict=True)
    )


@st.composite
def type_tensors(draw):
    """Integers of any type and range for up to forty edges, few of them different."""
    dtype = draw(st.sampled_from(INTEGERS))
    info = torch.iinfo(dtype)
    kinds = draw(st.lists(st.integers(info.min, info.max), min_size=1, max_size=4, unique=True))
    sizes = draw(st.lists(st.integers(0, 10), min_size=1, max_size=4).filter(sum))
    chosen = draw(st.lists(st.sampled_from(kinds), min_size=sum(sizes), max_size=sum(sizes)))
    shape = draw(st.sampled_from([(-1,), (-1, 1)]))
    return sizes, torch.tensor(chosen, dtype=dtype).view(shape)


@given(
    made=type_tensors(),
    model=st.sampled_from([TakesAttr, TakesType, TakesBatch]),
    name=st.sampled_from(["edge_attr", "edge_type"]),
)
def test_the_values_that_occur_are_counted_under_their_own_names(made, model, name):
    sizes, values = made
    if (model, name) in {(TakesAttr, "edge_type"), (TakesType, "edge_attr")}:
        name = "edge_attr" if model is TakesAttr else "edge_type"
    found = scanned(model(), graphs(sizes, **{name: values}))
    flat = values.flatten().tolist()
    expected = {f"type {value}": flat.count(value) for value in sorted(set(flat))}
    assert counts(found) == expected
    assert found.info.types_from == name
    by_row = found.massive().unique(["graph", "edge"])["edge_type"].to_list()
    assert sorted(by_row) == sorted(f"type {value}" for value in flat)


@settings(max_examples=12, deadline=None)
@given(made=type_tensors())
def test_types_are_counted_alike_if_the_user_says_so(made):
    sizes, values = made
    found = scanned(TakesAttr(), graphs(sizes, edge_attr=values), edge_type_names=())
    assert counts(found) == {"edge": len(values)}
    assert found.info.types_from == ""


@pytest.mark.parametrize("offset", [0, -(10**6), 1_600_000_000, 2**62])
@pytest.mark.parametrize("name", ["edge_attr", "edge_type"])
def test_more_kinds_than_can_be_types_are_refused_with_what_to_pass(offset, name):
    values = torch.arange(MOST_TYPES + 1) * 7 + offset
    model = TakesAttr() if name == "edge_attr" else TakesType()
    data = graphs([100, 100, 57], **{name: values})
    with pytest.raises(InputError, match=f"as {name}, with more than {MOST_TYPES} different"):
        scanned(model, data)
    assert counts(scanned(model, data, edge_type_names=())) == {"edge": len(values)}
    for graph in data:
        graph[name] = graph[name].double()
    if name == "edge_attr":
        assert counts(scanned(model, data)) == {"edge": len(values)}


def test_as_many_kinds_as_can_be_types_are_counted():
    values = torch.arange(MOST_TYPES).repeat(2) * 1000
    found = scanned(TakesType(), graphs([len(values)], edge_type=values))
    assert set(counts(found).values()) == {2}


def test_a_model_that_is_not_given_the_integers_has_no_types():
    data = graphs([300], edge_attr=torch.arange(300), edge_type=torch.arange(300))
    assert counts(scanned(TakesNeither(), data)) == {"edge": 300}


DOUBTS = {
    "several columns": (torch.zeros(40, 3, dtype=torch.int64), "column 0 of 3 of edge_attr"),
    "two columns": (torch.arange(80).view(40, 2) % 4, "column 0 of 2 of edge_attr"),
    "as many values as edges": (torch.arange(40), "holds 40 different integers on 40 edges"),
    "many values": (torch.arange(40) % 20, "holds 20 different integers on 40 edges"),
    "truth values": (torch.arange(40) % 2 == 0, "holds truth values, which were not taken"),
    "a column of truth values": (torch.ones(40, 1).bool(), "holds truth values"),
}


@pytest.mark.parametrize(("values", "says"), DOUBTS.values(), ids=DOUBTS)
@pytest.mark.parametrize("model", [TakesAttr, TakesBatch, TakesNeither])
def test_integers_that_may_be_no_types_are_warned_of_where_the_model_gets_them(values, says, model):
    data = graphs([15, 25], edge_attr=values)
    if model is TakesNeither:
        scanned(model(), data)  # warnings of ours are errors here
        return
    with pytest.warns(EdgescopeWarning, match=says) as caught:
        scanned(model(), data, baseline=es.Untrained(members=2))
    assert len(caught) == 1
    assert "edge_type_names=()" in str(caught[0].message)
    scanned(model(), data, edge_type_names=())


def test_the_ways_out_of_a_doubt_are_quiet():
    columns = torch.stack([torch.arange(40) % 2, torch.arange(40)], 1)
    data = graphs([15, 25], edge_attr=columns)
    found = scanned(TakesAttr(), data, edge_type_names=["even", "odd"])
    assert counts(found) == {"even": 20, "odd": 20}
    truth = graphs([15, 25], edge_attr=torch.arange(40) % 2 == 0)
    found = scanned(TakesAttr(), truth, inputs={"edge_type": "edge_attr"})
    assert counts(found) == {"type 0": 20, "type 1": 20}
    kinds = graphs([15, 25], edge_attr=torch.arange(40))
    found = scanned(TakesAttr(), kinds, inputs={"edge_type": "edge_attr"})
    assert len(counts(found)) == 40


def test_what_is_called_edge_type_goes_before_features():
    data = graphs([40], edge_type=torch.arange(40) % 3, edge_attr=torch.arange(40) % 2 + 7)
    model = TakesType()
    assert list(counts(scanned(model, data))) == ["type 0", "type 1", "type 2"]
    assert scanned(model, data).info.types_from == "edge_type"
    # A model that is not given edge_type has the types that it is given.
    found = scanned(TakesAttr(), data)
    assert (list(counts(found)), found.info.types_from) == (["type 7", "type 8"], "edge_attr")


@pytest.mark.parametrize("values", [torch.rand(40), torch.rand(40, 2), torch.ones(80).long()])
def test_an_edge_type_that_holds_no_integer_per_edge_is_no_reason_to_take_the_features(values):
    data = graphs([40], edge_attr=torch.arange(40) % 3)
    data[0].edge_type = values
    with pytest.warns(EdgescopeWarning, match="expected an integer for each"):
        found = scanned(TakesType(), data)
    assert counts(found) == {"edge": 40}


def test_truth_values_that_are_called_types_are_two_types():
    found = scanned(TakesType(), graphs([40], edge_type=torch.arange(40) % 4 == 0))
    assert counts(found) == {"type 0": 30, "type 1": 10}


def test_names_stand_for_positions_as_ever():
    data = graphs([40], edge_attr=torch.arange(40) % 2 + 1)
    found = scanned(TakesAttr(), data, edge_type_names=["none", "single", "double"])
    assert counts(found) == {"none": 0, "single": 20, "double": 20}
    with pytest.raises(InputError, match="received edge types from 1 to 2, expected 0 to 1"):
        scanned(TakesAttr(), data, edge_type_names=["none", "single"])
    with pytest.raises(InputError, match="received edge_type_names='single', expected a list"):
        scanned(TakesAttr(), data, edge_type_names="single")


def test_the_names_of_a_data_set_hold_for_a_subset_of_it(molecules):
    model = es.models.GraphTransformer(
        **molecules.model_sizes, hidden_dim=8, num_heads=2, num_layers=1
    )
    part = torch.utils.data.Subset(molecules, [3, 1, 7])
    found = es.scan(model, DataLoader(part, batch_size=2, shuffle=True), progress=False)
    assert found.info.edge_type_names[: len(molecules.edge_type_names)] == molecules.edge_type_names


def test_values_that_a_call_of_ones_own_passes_start_the_scan_again():
    data = graphs([10, 10, 10], kind=torch.arange(30) // 10 * 50)

    def call(model, batch):
        return model(batch.x, batch.edge_index, batch.kind)

    found = es.scan(TakesAttr(), data, call=call, criterion=ALL, progress=False)
    assert counts(found) == {"type 0": 10, "type 50": 10, "type 100": 10}
    assert found.info.types_from == "integers"


@settings(max_examples=15, deadline=None)
@given(made=type_tensors(), cut=st.integers(0, 4))
def test_parts_that_lack_some_types_merge_to_the_scan_of_the_whole(made, cut):
    sizes, values = made
    data = graphs(sizes, edge_attr=values)
    for position, graph in enumerate(data):
        graph.graph = position
    cut = min(cut, len(data))
    parts = [part for part in (data[:cut], data[cut:]) if part]
    scans = [
        es.scan(TakesAttr(), part, criterion=ALL, progress=False, baseline=TakesAttr())
        for part in parts
    ]
    whole = es.scan(TakesAttr(), data, criterion=ALL, progress=False, baseline=TakesAttr())
    merged = es.merge_scans(scans)
    found = differences(merged, whole)
    assert not [each for each in found if each != "data"]


def test_parts_named_in_different_ways_are_not_merged():
    data = graphs([10, 10], edge_attr=torch.arange(20) % 2)
    for position, graph in enumerate(data):
        graph.graph = position
    scans = [
        es.scan(TakesAttr(), [graph], edge_type_names=names, progress=False)
        for graph, names in zip(data, (["a", "b"], ["b", "a"]), strict=True)
    ]
    with pytest.raises(InputError, match="cannot merge scans with different edge_type_names"):
        es.merge_scans(scans)


def test_a_large_value_takes_no_more_memory_than_a_small_one():
    types = EdgeTypes([Data(edge_index=torch.zeros(2, 1).long(), edge_attr=torch.tensor([2**62]))],
                      None, None, added=False)  # fmt: skip
    assert types.names == (f"type {2**62}",)


def test_an_ablation_warns_of_types_that_a_control_matches_and_may_be_none():
    data = graphs([40, 40], edge_attr=torch.arange(80) // 2)
    options = {"where": 3, "repeats": 1, "metric": "none", "progress": False, "sites": "*:score"}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        es.ablate(TakesAttr(), data, controls=["number"], **options)
    with pytest.warns(EdgescopeWarning, match="which the control 'edge_type' matches; leave that"):
        es.ablate(TakesAttr(), data, controls=["edge_type"], **options)
