"""A layer of the user's own is captured with an adapter of ten lines."""

import importlib
import sys
from typing import ClassVar

import pytest
import torch
from torch import Tensor, nn
from torch_geometric.data import Batch, Data
from torch_geometric.nn import GATConv, MessagePassing
from torch_geometric.utils import softmax

import edgescope as es
from edgescope.capturing import MessagePassingAdapter, Stage
from edgescope.lib.errors import EdgescopeWarning, InputError
from support.plugin_packages import first_example, install

pytestmark = pytest.mark.usefixtures("own_adapters")
HEADS, WIDTH = 2, 3


class Attention(MessagePassing):
    """A user's attention: a product of both ends and the edge, per head, with dropout."""

    heads = HEADS

    def __init__(self) -> None:
        super().__init__(aggr="add", node_dim=0)
        self.lin = nn.Linear(8, HEADS * WIDTH)
        self.lin_edge = nn.Linear(3, HEADS * WIDTH)

    def forward(self, x, edge_index, edge_attr):
        x = self.lin(x).view(-1, HEADS, WIDTH)
        return self.propagate(edge_index, x=x, edge_attr=edge_attr).flatten(1)

    def message(self, x_i, x_j, edge_attr, index, size_i):
        edge = self.lin_edge(edge_attr).view(-1, HEADS, WIDTH)
        weight = softmax((x_i * x_j * edge).sum(-1), index, num_nodes=size_i)
        return nn.functional.dropout(weight, 0.5, self.training).unsqueeze(-1) * x_j


class AttentionAdapter(MessagePassingAdapter):
    layer = Attention
    stages: ClassVar = {
        "score": Stage("W x_i * W x_j * W_e e_ij", "[E, H, D]"),
        "logit": Stage("sum_d score"),
        "weight": Stage("softmax_j(logit)", dropout="before"),
        "message": Stage("weight * W x_j", "[E, H, D]", "after"),
    }
    submodules = ("lin_edge",)

    def score(self, layer, call):
        return call["x_i"] * call["x_j"] * call.outputs["lin_edge"].view(-1, layer.heads, WIDTH)


class Model(nn.Module):
    def __init__(self, conv: nn.Module | None = None) -> None:
        super().__init__()
        self.conv = Attention() if conv is None else conv

    def forward(self, x, edge_index, edge_attr, batch=None):  # noqa: ARG002  (read by capture)
        return self.conv(x, edge_index, edge_attr)


def graph(seed: int = 0, edges=((0, 1), (1, 2), (2, 2), (1, 2), (3, 1))) -> Data:
    generator = torch.Generator().manual_seed(seed)
    return Data(
        x=torch.randn(5, 8, generator=generator),
        edge_index=torch.tensor(edges).t(),
        edge_attr=torch.randn(len(edges), 3, generator=generator),
    )


def run(model: nn.Module, data: Data) -> Tensor:
    return model(data.x, data.edge_index, data.edge_attr, getattr(data, "batch", None))


def test_a_layer_without_an_adapter_is_listed_with_what_to_do():
    reason = es.capture.sites(Model())["reason"].item()
    assert "write one and register it with es.capture.register" in reason


def test_every_stage_is_what_the_layer_computes():
    es.capture.register(AttentionAdapter())
    model, data = Model().eval(), graph()
    with es.capture(model) as tape, torch.no_grad():
        output = run(model, data)
        state = model.conv.lin(data.x).view(-1, HEADS, WIDTH)
        edge = model.conv.lin_edge(data.edge_attr).view(-1, HEADS, WIDTH)
    assert tape.sites == ["conv:score", "conv:logit", "conv:weight", "conv:message"]
    source, target = data.edge_index
    score = state[target] * state[source] * edge
    weight = torch.empty(len(score), HEADS)
    for row, node in enumerate(target):  # softmax over the edges that end where this one does
        among = score.sum(-1)[target == node]
        weight[row] = score[row].sum(-1).exp() / among.exp().sum(0)
    message = weight.unsqueeze(-1) * state[source]
    for name, expected in [
        ("score", score),
        ("logit", score.sum(-1, keepdim=True)),
        ("weight", weight.unsqueeze(-1)),
        ("message", message),
    ]:
        torch.testing.assert_close(tape[f"conv:{name}"].values, expected)
    summed = torch.zeros(5, HEADS, WIDTH).index_add(0, target, tape["conv:message"].values)
    torch.testing.assert_close(summed.flatten(1), output)


def test_weights_are_those_before_dropout_and_messages_those_after():
    es.capture.register(AttentionAdapter())
    model = Model().train()
    with es.capture(model) as tape:
        output = run(model, graph())
    assert (tape["conv:weight"].values > 0).all()
    assert (tape["conv:message"].values == 0).any()
    summed = torch.zeros(5, HEADS, WIDTH).index_add(
        0, graph().edge_index[1], tape["conv:message"].values
    )
    torch.testing.assert_close(summed.flatten(1), output)


def test_edges_are_identified_in_a_batch():
    es.capture.register(AttentionAdapter())
    model = Model()
    batch = Batch.from_data_list([graph(0), graph(1, [(4, 0), (0, 0), (4, 0)])])
    with es.capture(model) as tape:
        run(model, batch)
    assert tape["conv:weight"].graph.tolist() == [0] * 5 + [1] * 3
    assert tape["conv:weight"].input_edge.tolist() == [0, 1, 2, 3, 4, 0, 1, 2]


def test_the_layer_is_listed_like_any_other():
    es.capture.register(AttentionAdapter())
    table = es.capture.sites(Model())
    assert table["layer"].unique().to_list() == ["Attention"]
    assert table["formula"].to_list() == [
        stage.formula for stage in AttentionAdapter.stages.values()
    ]
    assert "Attention" in es.capture.layers()["layer"].to_list()


def test_registering_gives_the_adapter_back():
    adapter = AttentionAdapter()
    assert es.capture.register(adapter) is adapter


class Doubled(AttentionAdapter):
    stages: ClassVar = {"score": AttentionAdapter.stages["score"]}

    def score(self, layer, call):
        return 2 * super().score(layer, call)


def test_a_later_adapter_of_the_same_class_takes_precedence():
    model = Model().eval()
    values = []
    for adapter in (AttentionAdapter(), Doubled()):
        es.capture.register(adapter)
        with es.capture(model) as tape:
            run(model, graph())
        values.append(tape["conv:score"].values)
    assert tape.sites == ["conv:score"]
    assert torch.equal(values[1], 2 * values[0])


def test_a_class_may_be_named_so_that_it_need_not_be_imported():
    class Named(AttentionAdapter):
        layer = f"{__name__}.Attention"

    es.capture.register(Named())
    with es.capture(Model()) as tape:
        assert tape.sites[0] == "conv:score"


def test_a_subclass_is_captured_by_the_adapter_of_its_base_or_by_its_own():
    class Renamed(Attention):
        pass

    class Changed(Attention):
        def message(self, x_j):
            return x_j

    class ChangedAdapter(AttentionAdapter):
        layer = Changed

    es.capture.register(AttentionAdapter())
    model, changed = Model(Renamed()), Model(Changed())
    with es.capture(model) as tape:
        run(model, graph())
    assert len(tape["conv:score"].values) == 5
    with pytest.raises(InputError, match="it overrides message of Attention"):
        es.capture(changed, discover=False).__enter__()
    es.capture.register(ChangedAdapter())
    with es.capture(changed) as tape:
        assert tape.sites[0] == "conv:score"


def test_an_adapter_for_a_known_class_takes_the_place_of_edgescope_s():
    class Own(MessagePassingAdapter):
        layer = GATConv
        loops_option = "add_self_loops"
        stages: ClassVar = {"message": Stage("twice what GATConv sends", "[E, H, D]")}

        def message(self, layer, call):  # noqa: ARG002  (overrides)
            return 2 * call.message

    model = Model(GATConv(8, 4, heads=2, edge_dim=3)).eval()
    with es.capture(model) as before:
        run(model, graph())
    es.capture.register(Own())
    with es.capture(model) as after:
        run(model, graph())
    assert after.sites == ["conv:message"]
    assert torch.equal(after["conv:message"].values, 2 * before["conv:message"].values)


def test_a_model_with_a_registered_layer_computes_the_same_bits():
    es.capture.register(AttentionAdapter())
    outputs = []
    for sites in ("conv:message", None):
        torch.manual_seed(0)
        model = Model().train()
        with es.capture(model, sites):
            output = run(model, graph())
        output.sum().backward()
        outputs.append((output, model.conv.lin_edge.weight.grad, torch.get_rng_state()))
    torch.manual_seed(0)
    model = Model().train()
    output = run(model, graph())
    output.sum().backward()
    plain = (output, model.conv.lin_edge.weight.grad, torch.get_rng_state())
    assert all(torch.equal(a, b) for found in outputs for a, b in zip(found, plain, strict=True))


def test_an_adapter_that_names_a_stage_without_a_formula_is_refused():
    class Forgetful(MessagePassingAdapter):
        layer = Attention
        stages: ClassVar = {"weight": Stage("softmax_j(logit)")}

    with pytest.raises(InputError, match=r"Forgetful has no formula.*write a method score"):
        es.capture.register(Forgetful())


def test_an_unknown_stage_is_refused_with_those_there_are():
    class Inventive(MessagePassingAdapter):
        layer = Attention
        stages: ClassVar = {"alpha": Stage("softmax")}

    with pytest.raises(InputError, match="stages alpha, expected some of score, unbiased"):
        es.capture.register(Inventive())


def test_an_adapter_is_registered_as_an_instance():
    with pytest.raises(InputError, match=r"write es.capture.register\(AttentionAdapter\(\)\)"):
        es.capture.register(AttentionAdapter)


def test_a_formula_that_asks_for_a_missing_argument_is_told_those_there_are():
    class Mistaken(AttentionAdapter):
        def score(self, layer, call):  # noqa: ARG002  (as its base has it)
            return call["x_k"]

    es.capture.register(Mistaken())
    model = Model()
    with (
        pytest.raises(InputError, match=r"no tensor 'x_k'; they have x_i, x_j, edge_attr, index"),
        es.capture(model),
    ):
        run(model, graph())


def test_values_that_do_not_divide_among_the_heads_are_refused():
    class Uneven(AttentionAdapter):
        def score(self, layer, call):  # noqa: ARG002  (as above)
            return call["x_i"].flatten(1)[:, 1:]

    es.capture.register(Uneven())
    model = Model()
    with (
        pytest.raises(InputError, match=r"shape \[5, 5\], expected .* with H = 2"),
        es.capture(model),
    ):
        run(model, graph())


class Holding(nn.Module):
    """A model with one layer of another package."""

    def __init__(self, conv: nn.Module) -> None:
        super().__init__()
        self.conv = conv

    def forward(self, x, edge_index):
        return self.conv(x, edge_index)


def ring(size: int = 12) -> Data:
    node = torch.arange(size)
    edges = [torch.stack([node, node.roll(step)]) for step in (1, -1)]
    x = torch.randn(size, 8, generator=torch.Generator().manual_seed(0))
    return Data(x=x, edge_index=torch.cat(edges, 1))


def installed(monkeypatch, folder, **names):
    """Install the page's example as a package, and return a model with its layer."""
    code = first_example("extending-adapter.md")
    install(monkeypatch, folder, "edgescope.adapters", code, **names)
    torch.manual_seed(0)
    return Holding(importlib.import_module("my_package").GatedAttention(8)).eval()


@pytest.mark.parametrize("by_entry_point", [True, False])
def test_one_file_makes_a_layer_known_to_capture_scan_and_diagnose(
    monkeypatch, tmp_path, by_entry_point
):
    names = {"gated": "GatedAttentionAdapter"} if by_entry_point else {}
    model, data = installed(monkeypatch, tmp_path, **names), ring()
    if not by_entry_point:
        es.capture.register(sys.modules["my_package"].GatedAttentionAdapter())
    with es.capture(model) as tape, torch.no_grad():
        output = model(data.x, data.edge_index)
    assert tape.sites == ["conv:score", "conv:logit", "conv:weight", "conv:message"]
    assert tape["conv:weight"].input_edge.tolist() == list(range(24))
    summed = torch.zeros(12, 2, 8).index_add(0, data.edge_index[1], tape["conv:message"].values)
    torch.testing.assert_close(summed.mean(1), output)
    scan = es.scan(model, [data], progress=False)
    assert list(scan.sites) == ["conv:score"]
    assert es.diagnose(model, [data], progress=False).coverage.complete
    assert "GatedAttention" in es.capture.layers()["layer"].to_list()


def test_an_adapter_of_another_package_that_is_broken_is_left_out_with_one_warning(
    monkeypatch, tmp_path
):
    model = installed(monkeypatch, tmp_path, good="GatedAttentionAdapter", bad="softmax")
    with pytest.warns(EdgescopeWarning, match="'bad' of my-package.*expected an adapter") as told:
        table = es.capture.sites(model)
    assert len(told) == 1
    assert table["site"].to_list()[0] == "conv:score"
    with es.capture(model):
        pass  # and says nothing again


def test_an_adapter_that_is_registered_takes_precedence_over_one_of_another_package(
    monkeypatch, tmp_path
):
    model = installed(monkeypatch, tmp_path, gated="GatedAttentionAdapter")

    class Own(MessagePassingAdapter):
        layer = type(model.conv)
        stages: ClassVar = {"message": Stage("what it sends", "[E, H, D]")}

    es.capture.register(Own())
    assert es.capture.sites(model)["site"].to_list() == ["conv:message"]
