"""What rules say of attention that was discovered: what they can see, and nothing of options."""

import pytest
import torch
from torch import nn
from torch_geometric.loader import DataLoader
from torch_geometric.nn import GATv2Conv, ResGatedGraphConv

import edgescope as es
from support.hand_written import WIDTH, Gated, graphs, model

LOADER = DataLoader(graphs(24), batch_size=12)


def diagnosed(net, **options):
    return es.diagnose(net.eval(), LOADER, progress=False, every=1, **options)


class OneLayer(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x, edge_index):
        return self.layer(x, edge_index)


class Flat(Gated):
    """All neighbours count the same."""

    def forward(self, x, edge_index):
        return super().forward(x * 0, edge_index) + x


def test_uniform_attention_is_found():
    findings = diagnosed(OneLayer(Flat()))
    [found] = [each for each in findings if each.rule == "uniform-attention"]
    assert found.where == "layer"
    assert findings.coverage.sentence() == ("looked at 1 of 1 attention-like layer (1 discovered)")


class Sharp(Gated):
    """Logits so large that one neighbour takes all."""

    def forward(self, x, edge_index):
        return super().forward(8 * x / x.norm(dim=1, keepdim=True), edge_index)


def test_saturated_attention_is_found():
    net = OneLayer(Sharp())
    with torch.no_grad():
        net.layer.project.weight.copy_(torch.eye(WIDTH))
        net.layer.project.bias.zero_()
    assert "saturated-logits" in {each.rule for each in diagnosed(net)}


def test_a_healthy_model_has_no_finding_that_needs_options():
    needing = {"edge-features-ignored", "hgt-relation-order", "identical-outputs"}
    assert not needing & {each.rule for each in diagnosed(OneLayer(model().first))}


def test_gates_that_are_no_shares_are_not_judged_as_such():
    findings = diagnosed(OneLayer(ResGatedGraphConv(WIDTH, WIDTH)))
    assert findings.coverage.share() == "1 of 1 attention-like layer"
    shares = {"uniform-attention", "attention-sinks", "saturated-logits", "duplicate-heads"}
    assert not shares & {each.rule for each in findings}


def test_names_that_are_no_module_do_no_harm():
    net = OneLayer(Flat()).eval()
    batch = next(iter(LOADER))
    es.capture.discover(net, batch)
    es.capture.pin(net, {"layer": "my.own.name"})
    findings = diagnosed(net)
    assert "my.own.name" in {each.where for each in findings}
    assert [layer.path for layer in findings.coverage.seen] == ["my.own.name"]


def test_numbers_that_are_not_finite_are_found():
    net = OneLayer(Gated())
    with torch.no_grad():
        net.layer.project.weight.fill_(float("nan"))
    assert "non-finite" in {each.rule for each in diagnosed(net)}


@pytest.mark.parametrize("discover", [True, False])
def test_findings_are_stored_with_their_coverage(tmp_path, discover):
    class Mixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.known, self.attend = GATv2Conv(WIDTH, WIDTH), Gated()

        def forward(self, x, edge_index):
            return self.attend(self.known(x, edge_index), edge_index)

    findings = diagnosed(Mixed(), discover=discover)
    path = tmp_path / "findings.json"
    path.write_text(findings.json(), encoding="utf-8")
    again = es.diagnose.load(path)
    assert again.coverage == findings.coverage
    assert [each.how for each in again.coverage.seen] == ["adapter", "discovered"][: 1 + discover]
    assert again.coverage.complete == discover
