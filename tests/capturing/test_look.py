"""The look at the first batch: it sees attention by hand, and leaves outputs as they are."""

import copy

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.utils._python_dispatch import _get_current_dispatch_mode_stack
from torch_geometric.data import Data
from torch_geometric.nn import GATConv, GCNConv, GINConv, GPSConv, JumpingKnowledge
from torch_geometric.utils import softmax

import edgescope as es
from edgescope.capturing.look import Look
from edgescope.capturing.model_survey import model_coverage
from edgescope.capturing.softmax_calls import SoftmaxCalls
from support.coverage_cases import KINDS, WIDTH, Net, graphs, model_of
from support.graph_cases import EDGE_DIM, TYPES
from support.graph_cases import WIDTH as CASE_WIDTH
from support.layer_cases import CASES
from support.layer_cases import build as build_layer


class Foo(nn.Module):
    """A module whose class and code say nothing: all it does is in a function that it is given."""

    def __init__(self, compute):
        super().__init__()
        self.compute = compute

    def forward(self, x, edge_index):
        return self.compute(x, edge_index)


def logits(x, edge_index):
    return (x[edge_index[0]] * x[edge_index[1]]).sum(1)


def summed(weight, x, edge_index):
    return torch.zeros_like(x).index_add(0, edge_index[1], weight.unsqueeze(1) * x[edge_index[0]])


def totals(power, edge_index, size):
    return torch.zeros(size).index_add(0, edge_index[1], power)


def by_pyg(x, edge_index):
    weight = softmax(logits(x, edge_index), edge_index[1], num_nodes=len(x))
    return summed(weight, x, edge_index)


def by_scatter(x, edge_index):
    power = logits(x, edge_index).exp()
    total = torch.zeros(len(x)).scatter_add_(0, edge_index[1], power)
    return summed(power / (total[edge_index[1]] + 1e-9), x, edge_index)


def afterwards(x, edge_index):
    power = torch.exp(logits(x, edge_index))
    return summed(power, x, edge_index) / totals(power, edge_index, len(x)).clamp(1e-9).unsqueeze(1)


def by_reciprocal(x, edge_index):
    power = logits(x, edge_index).clamp(-5, 5).exp()
    inverse = 1 / (totals(power, edge_index, len(x)) + 1e-9)
    return summed(power * inverse[edge_index[1]], x, edge_index)


def masked(x, edge_index):
    mask = torch.eye(len(x)).bool()
    mask[edge_index[1], edge_index[0]] = True
    return (x @ x.T).masked_fill(~mask, -1e9).softmax(-1) @ x


def heads(x, edge_index):
    del edge_index
    states = x.view(len(x), 2, -1)
    weight = torch.einsum("ihd,jhd->hij", states, states).softmax(2)
    return torch.einsum("hij,jhd->ihd", weight, states).flatten(1)


def fused(x, edge_index):
    del edge_index
    return F.scaled_dot_product_attention(x[None, None], x[None, None], x[None, None])[0, 0]


def by_logarithm(x, edge_index):
    del edge_index
    return (x @ x.T).log_softmax(-1).exp() @ x


def by_logsumexp(x, edge_index):
    del edge_index
    logit = x @ x.T
    return (logit - logit.logsumexp(-1, keepdim=True)).exp() @ x


def inferring(x, edge_index):
    with torch.inference_mode():
        return masked(x, edge_index)


ATTENTION = [
    by_pyg,
    by_scatter,
    afterwards,
    by_reciprocal,
    masked,
    heads,
    fused,
    by_logarithm,
    by_logsumexp,
    inferring,
]


def classifies(x, edge_index):
    del edge_index
    return x.softmax(-1)


def logarithm(x, edge_index):
    del edge_index
    return x.log_softmax(-1)


def tanh(x, edge_index):
    del edge_index
    return (x.exp() - (-x).exp()) / (x.exp() + (-x).exp())


def sigmoid(x, edge_index):
    del edge_index
    return x * (x.exp() / (1 + x.exp()))


def radial(x, edge_index):
    del edge_index
    return torch.exp(-(x**2) / 2) * x


def normalises(x, edge_index):
    del edge_index
    return (x - x.mean(-1, keepdim=True)) / x.std(-1, keepdim=True)


def adds(x, edge_index):
    return torch.zeros_like(x).index_add(0, edge_index[1], x[edge_index[0]])


NONE = [classifies, logarithm, tanh, sigmoid, radial, normalises, adds]


def experts(x, edge_index):
    del edge_index
    return (x[:, :3].softmax(-1).unsqueeze(2) * x.unsqueeze(1)).sum(1)


def looked(model, batch):
    """Look at a model and return its corrected coverage; outputs must be the same to the bit."""
    look = Look(model)
    with torch.no_grad():
        plain = model(batch.x, batch.edge_index)
        with look.at(batch):
            seen = model(batch.x, batch.edge_index)
    assert torch.equal(plain, seen)
    return look.corrected(model_coverage(model))


@pytest.mark.parametrize("compute", ATTENTION, ids=lambda each: each.__name__)
@given(sizes=st.lists(st.integers(3, 9), min_size=1, max_size=4), seed=st.integers(0, 9))
def test_attention_by_hand_is_seen(compute, sizes, seed):
    model = Net(GCNConv(WIDTH, WIDTH), Foo(compute), read_out=nn.Linear(WIDTH, 2))
    gaps = {gap.path: gap for gap in looked(model, graphs(sizes, seed)).unseen}
    assert set(gaps) == {"layers.0", "layers.1"}
    assert (gaps["layers.1"].layer, gaps["layers.1"].kind) == ("Foo", "attention")


@pytest.mark.parametrize("compute", NONE, ids=lambda each: each.__name__)
@given(sizes=st.lists(st.integers(3, 9), min_size=1, max_size=4), seed=st.integers(0, 9))
def test_what_weighs_nothing_is_no_attention(compute, sizes, seed):
    model = Net(GATConv(WIDTH, WIDTH), Foo(compute), read_out=nn.Linear(WIDTH, 2))
    assert looked(model, graphs(sizes, seed)).complete


def gates(x, edge_index):
    return summed(logits(x, edge_index).sigmoid(), x, edge_index)


def means(x, edge_index):
    degree = totals(torch.ones(edge_index.size(1)), edge_index, len(x))
    return summed(1 / degree[edge_index[1]], x, edge_index)


@pytest.mark.parametrize("compute", [gates, means], ids=lambda each: each.__name__)
@given(sizes=st.lists(st.integers(3, 9), min_size=1, max_size=4), seed=st.integers(0, 9))
def test_products_that_are_summed_over_edges_by_hand_are_perhaps_attention(compute, sizes, seed):
    model = Net(GATConv(WIDTH, WIDTH), Foo(compute), read_out=nn.Linear(WIDTH, 2))
    (gap,) = looked(model, graphs(sizes, seed)).unseen
    assert (gap.path, gap.kind) == ("layers.1", "perhaps")


def test_a_softmax_over_something_else_is_perhaps_attention():
    (gap,) = looked(Net(GATConv(WIDTH, WIDTH), Foo(experts)), graphs()).unseen
    assert (gap.path, gap.kind) == ("layers.1", "perhaps")


class Softens(nn.Module):
    """A module whose code calls a softmax; whether that weighs anything is an option."""

    def __init__(self, weighs):
        super().__init__()
        self.weighs = weighs

    def forward(self, x, _):
        share = (x @ x.T).softmax(-1)
        return share @ x if self.weighs else torch.cat([x, share.sum(1, keepdim=True)], 1)[:, 1:]


@pytest.mark.parametrize("weighs", [True, False])
def test_a_suspicion_that_the_code_raises_is_settled_by_what_it_does(weighs):
    model = Net(GATConv(WIDTH, WIDTH), Softens(weighs))
    assert [gap.kind for gap in model_coverage(model).unseen] == ["perhaps"]
    found = [gap.kind for gap in looked(model, graphs()).unseen]
    assert found == (["attention"] if weighs else [])


def test_a_suspect_that_did_not_run_stays_one():
    class Skips(Net):
        def forward(self, x, edge_index):
            return self.layers[0](x, edge_index)

    (gap,) = looked(Skips(GATConv(WIDTH, WIDTH), Softens(True)), graphs()).unseen
    assert (gap.path, gap.kind) == ("layers.1", "perhaps")


def test_a_layer_without_a_sign_that_attends_is_attention():
    model = Net(GINConv(Foo(masked)))
    model.layers[0].nn.forward = lambda x: masked(x, graphs().edge_index)
    assert [gap.kind for gap in model_coverage(model).unseen] == ["message passing"]
    assert [gap.kind for gap in looked(model, graphs()).unseen] == ["attention"]


def test_the_attention_of_a_model_itself_is_seen_beside_its_layers():
    class Mixed(Net):
        def forward(self, x, edge_index):
            return masked(super().forward(x, edge_index), edge_index)

    coverage = looked(Mixed(GATConv(WIDTH, WIDTH)), graphs())
    assert [each.path for each in coverage.seen] == ["layers.0"]
    assert [(gap.path, gap.layer, gap.kind) for gap in coverage.unseen] == [
        ("", "Mixed", "attention")
    ]


def test_jumping_knowledge_is_attention_over_layers_only_with_an_lstm():
    class Jumping(nn.Module):
        def __init__(self, mode):
            super().__init__()
            self.conv, self.jump = GATConv(8, 8), JumpingKnowledge(mode, channels=8, num_layers=2)

        def forward(self, x, edge_index):
            return self.jump([x, self.conv(x, edge_index)])

    assert looked(Jumping("cat"), graphs()).complete
    assert [gap.kind for gap in looked(Jumping("lstm"), graphs()).unseen] == ["attention"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_known_layers_are_not_seen_a_second_time_and_compute_the_same(case):
    model, batch = build_layer(case).eval(), case_graph()
    inputs = case.inputs(batch)
    with torch.no_grad():
        plain = model(**copy.copy(inputs))
        look = Look(model)
        with look.at(batch):
            seen = model(**copy.copy(inputs))
    assert torch.equal(plain, seen)
    before = model_coverage(model)
    assert look.corrected(before) == before


def case_graph():
    random = torch.Generator().manual_seed(0)
    return Data(
        x=torch.randn(6, CASE_WIDTH, generator=random),
        edge_index=torch.randint(0, 6, (2, 14), generator=random),
        edge_attr=torch.randn(14, EDGE_DIM, generator=random),
        edge_type=torch.randint(0, TYPES, (14,), generator=random),
        batch=torch.zeros(6, dtype=torch.long),
    )


@pytest.mark.parametrize("padded", [False, True])
def test_a_fused_encoder_layer_stays_fused(padded):
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(WIDTH, 2, 16, batch_first=True)
    model = nn.Sequential(nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)).eval()
    states, padding = torch.randn(3, 5, WIDTH), torch.zeros(3, 5, dtype=torch.bool)
    padding[0, 3:] = padded
    with torch.no_grad():
        plain = model[0](states, src_key_padding_mask=padding)
        with SoftmaxCalls(model, []) as calls:
            seen = model[0](states, src_key_padding_mask=padding)
    assert torch.equal(plain, seen)
    assert {call.function for call in calls.calls} == {"transformer_encoder_layer_fwd"}


def test_gradients_and_random_numbers_stay_as_they_are():
    def gradients(watched):
        torch.manual_seed(0)
        conv = GPSConv(WIDTH, GATConv(WIDTH, WIDTH, dropout=0.5), heads=2, dropout=0.5)
        model, batch = Net(conv, Foo(masked)), graphs()
        look = Look(model)
        with look.at(batch) if watched else torch.enable_grad():
            model(batch.x, batch.edge_index).sum().backward()
        return [parameter.grad for parameter in model.parameters()] + [torch.rand(3)]

    for plain, seen in zip(gradients(False), gradients(True), strict=True):
        assert (plain is None and seen is None) or torch.equal(plain, seen)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_look_agrees_with_what_is_known_of_every_kind(kind):
    found = looked(model_of(kind, mixed=True), graphs())
    if kind.name == "renumbered nodes":  # which only capture tells
        assert found.complete
    else:
        (gap,) = found.unseen
        assert (gap.layer, gap.kind) == (kind.layer, kind.kind)


@pytest.mark.parametrize("make", [es.models.GAT, es.models.GraphTransformer, es.models.SAN])
def test_models_of_the_package_are_covered_completely(make):
    data = es.data.load("solubility").test[:8]
    torch.manual_seed(0)
    model = make(**data.model_sizes, hidden_dim=8, num_heads=2, num_layers=2).eval()
    findings = es.diagnose(model, es.data.loader(data), progress=False)
    assert findings.coverage.complete
    assert len(findings.coverage.seen) == 2


def test_an_error_of_the_model_ends_the_look():
    def fails(x, edge_index):
        raise RuntimeError("no")

    model, batch = Net(Foo(fails)), graphs()
    with pytest.raises(RuntimeError, match="no"), Look(model).at(batch):
        model(batch.x, batch.edge_index)
    assert not _get_current_dispatch_mode_stack()
