"""An option or argument that came after the adapter was written does not slip through."""

import warnings
from typing import ClassVar

import pytest
import torch
from torch_geometric.nn import GATConv, MessagePassing

import edgescope as es
from edgescope.capturing import MessagePassingAdapter, Stage
from edgescope.capturing.adapters.gat import GATAdapter
from edgescope.capturing.adapters.registry import ADAPTERS
from edgescope.lib.errors import EdgescopeWarning, InputError
from support.layer_reference import MULTIGRAPH, NODE_DIM, Alone

INPUTS = (MULTIGRAPH.x, MULTIGRAPH.edge_index)


@pytest.fixture
def later(monkeypatch):
    """Pretend that an option of GATConv came after the adapter was written."""

    def forget(name, kind="options"):
        (adapter,) = [each for each in ADAPTERS if str(each.layer).endswith("gat_conv.GATConv")]
        monkeypatch.setattr(type(adapter), kind, getattr(adapter, kind) - {name})

    return forget


def gat(**options):
    return Alone(GATConv(NODE_DIM, 3, **options)).eval()


def test_a_new_option_at_its_default_changes_nothing(later):
    model = gat(heads=2)
    with es.capture(model) as before:
        model(*INPUTS)
    later("residual")
    with es.capture(model) as after:
        model(*INPUTS)
    assert before.sites == after.sites


@pytest.mark.parametrize(
    ("name", "options"),
    [("residual", {"residual": True}), ("negative_slope", {"negative_slope": 0.3})],
)
def test_a_layer_built_with_a_new_option_is_refused_by_its_name_and_value(later, name, options):
    later(name)
    value = options[name]
    with pytest.raises(InputError, match=rf"{name}={value}, an option of GATConv that .* know"):
        es.capture(gat(**options), discover=False).__enter__()
    assert es.capture.sites(gat(**options))["reason"].item().startswith(f"it is built with {name}")


def test_a_new_option_of_the_base_of_all_layers_counts_too(later):
    later("flow")
    with pytest.raises(InputError, match="flow='target_to_source'"):
        es.capture(gat(flow="target_to_source"), discover=False).__enter__()
    with es.capture(gat()):
        pass


def test_a_new_option_that_cannot_be_read_off_the_layer_is_warned_of(later):
    later("bias")  # it is kept under its name only as a parameter
    model = gat()
    del model.conv.bias
    with pytest.warns(EdgescopeWarning, match="GATConv has an option 'bias' that edgescope does"):
        es.capture.sites(model)


def test_a_new_argument_is_refused_where_it_is_given(later):
    later("size", "arguments")
    model = gat()
    with es.capture(model):
        model(*INPUTS)
    with (
        pytest.raises(InputError, match="GATConv was called with size=, an arg"),
        es.capture(model),
    ):
        model(*INPUTS, size=(5, 5))


def test_an_adapter_that_does_not_say_what_it_knows_is_not_held_to_it(own_adapters):
    class Mean(MessagePassing):
        def __init__(self, gain):
            super().__init__(aggr="mean")
            self.gain = gain

        def forward(self, x, edge_index):
            return self.propagate(edge_index, x=x)

        def message(self, x_j):
            return self.gain * x_j

    class MeanAdapter(MessagePassingAdapter):
        layer = Mean
        stages: ClassVar = {"message": Stage("gain * x_j", "[E, 1, D]")}

    es.capture.register(MeanAdapter())
    model = Alone(Mean(2.0))
    with es.capture(model) as tape, warnings.catch_warnings():
        warnings.simplefilter("error")
        model(*INPUTS)
    source = MULTIGRAPH.edge_index[0]
    assert torch.equal(tape["conv:message"].values.squeeze(1), 2 * MULTIGRAPH.x[source])


def test_an_adapter_derived_for_a_layer_with_more_options_answers_for_them(own_adapters):
    class Named(GATConv):
        def __init__(self, name, **options):
            super().__init__(NODE_DIM, 3, **options)
            self.name = name

        def forward(self, x, edge_index, note=None):
            del note
            return super().forward(x, edge_index)

    class NamedAdapter(GATAdapter):
        layer = Named

    es.capture.register(NamedAdapter())
    model = Alone(Named("first"))
    with es.capture(model) as tape:
        model(*INPUTS, note="said")
    assert "conv:weight" in tape.sites


@pytest.mark.parametrize("adapter", [each for each in ADAPTERS if each.options is not None])
def test_every_layer_of_another_package_has_its_options_listed(adapter):
    assert adapter.arguments


def test_only_edgescopes_own_layer_has_no_list():
    without = [each for each in ADAPTERS if each.options is None]
    assert [each.layer for each in without] == [es.models.EdgeAttention]
