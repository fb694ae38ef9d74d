"""What enters and leaves every layer, held against hooks of plain torch."""

from functools import partial
from typing import ClassVar

import pytest
import torch
from torch import nn
from torch_geometric.data import Data
from torch_geometric.nn import GATConv, GATv2Conv, HANConv, HeteroConv, HGTConv, TransformerConv

import edgescope as es
from edgescope.capturing import MessagePassingAdapter, Stage
from edgescope.lib.errors import InputError
from support.graph_cases import WIDTH, some_graphs
from support.hooks_of import hooks_of
from support.layer_cases import CASES, build

ONE_SET = [case for case in CASES if not case.name.startswith("HypergraphConv")]
PLAIN = [case for case in ONE_SET if not case.pairs and not case.hetero]


def captured(model, inputs, sites="*:state", **options):
    with torch.no_grad(), es.capture(model, sites, **options) as tape:
        model(**inputs)
    return tape


def hooked(model, inputs, paths):
    """Return what the modules at some paths are first called with, and what they return."""
    seen: dict[str, list] = {}

    def note(path, layer, args, kwargs, output):
        first = args[0] if args else next(iter(kwargs.values()))
        seen.setdefault(path, [first, output[0] if isinstance(output, tuple) else output])

    handles = [
        model.get_submodule(path).register_forward_hook(partial(note, path), with_kwargs=True)
        for path in paths
    ]
    with torch.no_grad():
        model(**inputs)
    for handle in handles:
        handle.remove()
    return seen


@pytest.mark.parametrize("case", PLAIN, ids=lambda case: case.name)
def test_states_are_what_a_hook_of_torch_sees(case):
    model, inputs = build(case).eval(), case.inputs(some_graphs())
    tape = captured(model, inputs)
    enters, leaves = hooked(model, inputs, [case.first])[case.first]
    assert torch.equal(tape[f"{case.first}.in:state"].values, enters.unsqueeze(1))
    assert torch.equal(tape[f"{case.first}:state"].values, leaves.unsqueeze(1))


@pytest.mark.parametrize("case", ONE_SET, ids=lambda case: case.name)
def test_a_row_is_a_node_of_the_user_and_nothing_is_changed_or_left_behind(case):
    model, data = build(case).eval(), some_graphs()
    inputs = case.inputs(data)
    before = hooks_of(model)
    with torch.no_grad():
        plain = model(**inputs)
        with es.capture(model, "*:state") as tape:
            observed = model(**inputs)
    assert torch.equal(plain, observed)
    assert hooks_of(model) == before
    assert tape.sites
    for site in tape.sites:
        identity = tape[site].identity
        assert identity.of == "node"
        assert identity.graph.equal(data.batch)
        assert identity.node.equal(torch.arange(5).repeat(3))
        assert identity.in_input.equal(torch.arange(15))
        assert identity.source.equal(identity.target)


class One(nn.Module):
    def __init__(self, one):
        super().__init__()
        self.one = one

    def forward(self, x, edge_index):
        return self.one(x, edge_index)


@pytest.mark.parametrize("flow", ["source_to_target", "target_to_source"])
@pytest.mark.parametrize(
    ("nodes", "edges"),
    [
        (1, []),
        (1, [(0, 0)]),
        (4, [(0, 1), (0, 1), (1, 1)]),  # parallel edges, a self-loop, isolated nodes
        (3, []),
    ],
)
def test_nasty_graphs(nodes, edges, flow):
    layer = GATv2Conv(WIDTH, 3, heads=1, flow=flow)
    model = One(layer)
    x = torch.randn(nodes, WIDTH)
    x[0, :3] = torch.tensor([torch.nan, torch.inf, 0.0])
    edge_index = torch.tensor(edges, dtype=torch.int64).reshape(-1, 2).t().contiguous()
    tape = captured(model, {"x": x, "edge_index": edge_index})
    found = tape["one.in:state"]
    assert torch.equal(found.values[:, 0].nan_to_num(7.0), x.nan_to_num(7.0))
    assert found.node.equal(torch.arange(nodes))
    with torch.no_grad():
        leaves = layer(x, edge_index)
    assert torch.equal(tape["one:state"].values[:, 0].nan_to_num(7.0), leaves.nan_to_num(7.0))


def test_half_precision_and_one_channel_stay_as_they_are():
    layer = GATConv(1, 1).half().eval()
    x, edge_index = torch.randn(3, 1).half(), torch.tensor([[0, 1], [1, 2]])
    tape = captured(layer, {"x": x, "edge_index": edge_index})
    assert tape["in:state"].values.dtype == torch.float16
    assert torch.equal(tape["in:state"].values[:, 0], x)
    assert tape[":state"].values.shape == (3, 1, 1)


def test_states_are_those_at_the_time_though_the_model_writes_to_them_later():
    class Writing(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = GATConv(4, 4)

        def forward(self, x, edge_index):
            h = x * 2
            out = self.conv(h, edge_index)
            h.zero_()
            return out.mul_(0)

    model, x = Writing().eval(), torch.randn(3, 4)
    edge_index = torch.tensor([[0, 1], [1, 2]])
    tape = captured(model, {"x": x, "edge_index": edge_index})
    assert torch.equal(tape["conv.in:state"].values[:, 0], x * 2)
    with torch.no_grad():
        assert torch.equal(tape["conv:state"].values[:, 0], model.conv(x * 2, edge_index))


def test_a_layer_that_runs_twice_has_a_site_for_each_call():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = GATConv(4, 4)

        def forward(self, x, edge_index):
            return self.conv(self.conv(x, edge_index), edge_index)

    model, x = Twice().eval(), torch.randn(3, 4)
    tape = captured(model, {"x": x, "edge_index": torch.tensor([[0, 1], [1, 2]])})
    assert sorted(tape.sites) == ["conv.in:state", "conv.in@2:state", "conv:state", "conv@2:state"]
    assert torch.equal(tape["conv.in@2:state"].values, tape["conv:state"].values)


class OfTypes(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x_dict, edge_index_dict, batch_dict=None):  # noqa: ARG002  (read by capture)
        return self.layer(x_dict, edge_index_dict)


TYPED = {
    "x_dict": {"a": torch.randn(3, 4), "b": torch.randn(5, 4)},
    "edge_index_dict": {
        ("a", "to", "b"): torch.tensor([[0, 2, 2], [4, 0, 0]]),
        ("b", "of", "a"): torch.tensor([[1], [1]]),
        ("a", "by", "a"): torch.empty(2, 0, dtype=torch.int64),
    },
}
METADATA = (["a", "b"], list(TYPED["edge_index_dict"]))


@pytest.mark.parametrize("kind", [HGTConv, HANConv])
def test_node_types_of_a_joint_layer(kind):
    model = OfTypes(kind(4, 6, METADATA, heads=2)).eval()
    inputs = TYPED | {
        "batch_dict": {"a": torch.tensor([0, 0, 1]), "b": torch.tensor([0] * 4 + [1])}
    }
    inputs["edge_index_dict"] = inputs["edge_index_dict"] | {
        ("a", "to", "b"): torch.tensor([[0, 2, 2], [3, 4, 4]])
    }
    tape = captured(model, inputs)
    enters, leaves = tape["layer.in:state"], tape["layer:state"]
    assert torch.equal(enters.values[:, 0], torch.cat([TYPED["x_dict"]["a"], TYPED["x_dict"]["b"]]))
    with torch.no_grad():
        out = model(**inputs)
    assert torch.equal(leaves.values[:, 0], torch.cat([out["a"], out["b"]]))
    for found in (enters, leaves):
        names = [found.relations[number] for number in found.node_type]
        assert names == ["a"] * 3 + ["b"] * 5
        assert found.node.tolist() == [0, 1, 0, 0, 1, 2, 3, 0]
        assert found.graph.tolist() == [0, 0, 1, 0, 0, 0, 0, 1]


def test_node_types_of_different_widths_are_refused():
    model = OfTypes(HGTConv({"a": 4, "b": 3}, 6, METADATA, heads=2)).eval()
    inputs = TYPED | {"x_dict": {"a": torch.randn(3, 4), "b": torch.randn(5, 3)}}
    with pytest.raises(InputError, match="4 and 3 wide, by the set of nodes"):
        captured(model, inputs)
    assert captured(model, inputs, "layer:state").sites == ["layer:state"]


def test_a_layer_between_two_node_types_has_both_where_they_enter_and_one_where_they_leave():
    relation = ("a", "to", "b")
    model = OfTypes(HeteroConv({relation: GATConv((4, 4), 6, add_self_loops=False)})).eval()
    tape = captured(model, TYPED)
    at = "layer.convs.<a___to___b>"
    enters, leaves = tape[f"{at}.in:state"], tape[f"{at}:state"]
    assert torch.equal(enters.values[:, 0], torch.cat([TYPED["x_dict"]["a"], TYPED["x_dict"]["b"]]))
    assert [enters.relations[n] for n in enters.node_type] == ["a"] * 3 + ["b"] * 5
    assert enters.node.tolist() == [0, 1, 2, 0, 1, 2, 3, 4]
    with torch.no_grad():
        assert torch.equal(leaves.values[:, 0], model(**TYPED)["b"])
    assert [leaves.relations[n] for n in leaves.node_type] == ["b"] * 5
    assert leaves.node.tolist() == [0, 1, 2, 3, 4]


def test_integers_of_x_are_types():
    class Embedded(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.conv = nn.Embedding(9, 4), TransformerConv(4, 4)

        def forward(self, x, edge_index):
            return self.conv(self.embed(x.view(len(x), -1)[:, 0]), edge_index)

    edge_index = torch.tensor([[0, 1], [1, 2]])
    for x in (torch.tensor([7, 0, 3]), torch.tensor([[7, 1], [0, 1], [3, 1]])):
        found = captured(Embedded().eval(), {"x": x, "edge_index": edge_index})["conv:state"]
        assert found.node_type.tolist() == [7, 0, 3]
        assert found.relations is None


class OwnLayer(nn.Module):
    def forward(self, states, links):
        weight = (states[links[0]] * states[links[1]]).sum(-1, keepdim=True).exp()
        return torch.zeros_like(states).index_add(0, links[1], weight * states[links[0]])


class OwnAdapter(MessagePassingAdapter):
    layer = OwnLayer
    stages: ClassVar = {"logit": Stage("x_i * x_j")}
    node_argument = "states"
    edge_argument = "links"

    def attach(self, *_):
        return iter(())


class Unnamed(OwnAdapter):
    node_argument = "x"


def test_an_adapter_says_what_its_layer_calls_states_and_edges(monkeypatch):
    from edgescope.capturing.adapters import registry

    model = nn.ModuleDict({"own": OwnLayer()})
    model.forward = lambda x, edge_index: model["own"](x, links=edge_index)
    x, edge_index = torch.randn(3, 4), torch.tensor([[0, 1], [1, 2]])
    inputs = {"x": x, "edge_index": edge_index}
    monkeypatch.setattr(registry, "ADAPTERS", [OwnAdapter(), *registry.ADAPTERS])
    tape = captured(model, inputs)
    assert torch.equal(tape["own.in:state"].values[:, 0], x)
    assert torch.equal(tape["own:state"].values[:, 0], OwnLayer()(x, edge_index))
    monkeypatch.setattr(registry, "ADAPTERS", [Unnamed(), *registry.ADAPTERS])
    with pytest.raises(InputError, match=r"called without x as tensors.*node_argument"):
        captured(model, inputs)


def test_states_that_are_no_real_numbers_or_no_rows_of_channels_are_refused():
    model = nn.ModuleDict({"conv": TransformerConv(1, 4)})
    model.forward = lambda x, edge_index: model["conv"](x[:, :, None].float(), edge_index)
    inputs = {"x": torch.ones(3, 2), "edge_index": torch.tensor([[0, 1], [1, 2]])}
    with pytest.raises(InputError, match=r"shape \[3, 2, 1\].*expected dense real numbers"):
        captured(model, inputs, "conv.in:state")


def test_a_data_object_is_read_as_well():
    class OfData(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = GATConv(4, 4)

        def forward(self, data):
            return self.conv(data.x, data.edge_index)

    data = Data(x=torch.randn(3, 4), edge_index=torch.tensor([[0, 1], [1, 2]]))
    found = captured(OfData().eval(), {"data": data})["conv.in:state"]
    assert torch.equal(found.values[:, 0], data.x)
