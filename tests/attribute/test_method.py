"""Importances over a data set: aligned with its edges, merged, and finite."""

import pytest
import torch
from typing_extensions import override

from edgescope.attribute import METHODS, Method, importances, make
from edgescope.attribute.layer_edges import layer_rows, sites_at
from edgescope.data.edges.directions import batched_edges, merge_directions
from edgescope.lib.errors import InputError
from edgescope.lib.model_call import call_model
from support.attribution_cases import data_set, own_model


class Numbered(Method):
    """Gives every edge the number it has in the data set."""

    def __init__(self, data, name="numbered"):
        self.data = data
        self.name = name

    @override
    def attribute(self, model, batch, *, call=call_model):
        sizes = self.data.edge_ptr.diff()[batch.graph]
        first = torch.repeat_interleave(self.data.edge_ptr[batch.graph], sizes)
        start = torch.repeat_interleave(sizes.cumsum(0) - sizes, sizes)
        return first + torch.arange(len(first)) - start


@pytest.mark.parametrize("batch_size", [1, 2, 3, 64])
def test_importances_are_aligned_with_the_data_set(batch_size):
    data = data_set()
    found = importances(
        own_model(), data, Numbered(data), batch_size=batch_size, merge="none", progress=False
    )
    assert found["numbered"].edge.tolist() == list(range(data.edge_index.size(1)))


@pytest.mark.parametrize("merge", ["mean", "max", "sum"])
def test_directions_are_merged_within_their_graph(merge):
    data = data_set()
    found = importances(own_model(), data, Numbered(data), merge=merge, progress=False)
    numbers = torch.arange(data.edge_index.size(1)).float()
    expected = merge_directions(numbers, batched_edges(data), merge)
    assert found["numbered"].edge.equal(expected)


@pytest.mark.parametrize("name", [n for n in METHODS if n not in {"gnnexplainer", "occlusion"}])
def test_the_size_of_batches_does_not_matter(name):
    data, model = data_set(), own_model()
    one, all_ = (
        importances(model, data, name, batch_size=size, progress=False)[name].edge
        for size in (1, 64)
    )
    torch.testing.assert_close(one, all_, rtol=1e-4, atol=1e-5)


def test_by_default_every_method_of_the_table_is_run_in_its_order():
    data = data_set([(3, [(0, 1), (1, 0), (1, 2), (2, 1)])])
    assert list(importances(own_model(), data, progress=False)) == list(METHODS)


def test_the_task_decides_what_is_explained():
    data = data_set(task="classes", outputs=3)
    model = own_model(out_dim=3)
    found = importances(model, data, "gradient_x_input", progress=False)
    predicted = importances(model, data, "gradient_x_input", target="predicted", progress=False)
    first = importances(model, data, "gradient_x_input", target=0, progress=False)
    assert found["gradient_x_input"].edge.equal(predicted["gradient_x_input"].edge)
    assert not found["gradient_x_input"].edge.equal(first["gradient_x_input"].edge)


class Given(Method):
    """Returns what it was made with."""

    name = "given"

    def __init__(self, values):
        self.values = values

    @override
    def attribute(self, model, batch, *, call=call_model):
        return self.values


def test_a_number_that_is_not_finite_is_refused_with_its_edge():
    data = data_set([(2, [(0, 1)]), (3, [(1, 2), (2, 0)])])
    values = torch.tensor([0.0, 1.0, float("nan")])
    with pytest.raises(InputError, match="gave nan to the edge from node 2 to 0 of graph 1"):
        importances(own_model(), data, Given(values), progress=False)


@pytest.mark.parametrize(
    ("methods", "options", "message"),
    [
        (["degree", "degree"], {}, "several methods named degree"),
        ("degrees", {}, "unknown method 'degrees'"),
        ("degree", {"batch_size": 0}, "batch_size=0, expected at least 1"),
        ("degree", {"merge": "min"}, "unknown merge 'min'"),
        (Given(torch.zeros(3)), {}, r"shape \[3\] for 1 edges"),
    ],
)
def test_what_cannot_be_done_is_refused(methods, options, message):
    with pytest.raises(InputError, match=message):
        importances(own_model(), data_set([(2, [(0, 1)])]), methods, progress=False, **options)


def test_a_single_method_may_be_given_by_itself():
    found = importances(own_model(), data_set(), make("degree"), progress=False)
    assert list(found) == ["degree"]


def test_a_call_that_passes_other_edges_is_refused():
    batch = data_set().batch(slice(None))

    def turned(model, batch):
        other = batch.clone()
        other.edge_index = batch.edge_index.flip(0)
        return call_model(model, other)

    with pytest.raises(InputError, match="called with other edges than the batch holds"):
        make("massive").attribute(own_model(), batch, call=turned)


def test_a_model_that_is_not_told_the_graphs_is_explained_as_well():
    batch = data_set().batch(slice(None))

    def of_nodes(model, batch):
        return model(batch.x, batch.edge_index, batch.edge_attr)

    model = own_model(readout="node")
    told = make("massive").attribute(model, batch)
    assert make("massive").attribute(model, batch, call=of_nodes).equal(told)


def test_edges_without_a_row_get_what_stands_for_none():
    batch = data_set([(2, [(0, 1), (1, 1), (1, 0)])]).batch([0])
    model = own_model("GAT", num_layers=1)
    names = [site.name for site in sites_at(model, "weight")]
    rows = layer_rows(
        model, names, lambda: call_model(model, batch), batch.edge_index, lambda v: v.mean((1, 2))
    )
    assert rows[0].on_edges(3, -7.0)[1] == -7
    assert bool((rows[0].on_edges(3, -7.0)[[0, 2]] > 0).all())


def test_a_stage_that_no_layer_has_is_refused_with_those_there_are():
    with pytest.raises(InputError, match=r"GraphTransformer has no site :key, only layers\.0"):
        sites_at(own_model(), "key")
