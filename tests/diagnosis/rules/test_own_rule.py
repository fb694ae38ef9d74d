"""A rule of the user's own, in one file: handed over, or an entry point of another package."""

import importlib
import json

import pytest
import torch
from torch_geometric.data import Data
from torch_geometric.nn import GATConv

import edgescope as es
from edgescope.diagnosis import rules
from edgescope.lib.errors import EdgescopeWarning
from support.plugin_packages import first_example, install

LONELY = Data(x=torch.eye(8), edge_index=torch.tensor([[0], [1]]))
"""Eight nodes and one edge: with loops, nearly all weight is on the node itself."""


@pytest.fixture(autouse=True)
def _forget_rules(monkeypatch):
    monkeypatch.setattr(rules, "_ADDED", [])


def installed(monkeypatch, folder, **names):
    """Install the page's example as a package, and return its rule."""
    code = first_example("extending-rule.md")
    install(monkeypatch, folder, "edgescope.rules", code, **names)
    return importlib.import_module("my_package").SelfAttention


def layer():
    torch.manual_seed(0)
    return GATConv(8, 4, heads=2)


def test_a_rule_in_one_file_is_handed_over_with_its_threshold(monkeypatch, tmp_path):
    rule = installed(monkeypatch, tmp_path)
    (finding,) = es.diagnose(layer(), [LONELY], rules=[rule()], progress=False)
    assert (finding.rule, finding.where) == ("self-attention", "model, all 2 heads")
    assert min(finding.evidence["shares"]) == pytest.approx(7.5 / 8, abs=0.05)
    assert es.diagnose(layer(), [LONELY], rules=[rule(most=0.99)], progress=False) == []
    assert "self-attention" not in es.diagnose.rules()["rule"].to_list()


def test_a_rule_of_another_package_looks_in_every_diagnosis(monkeypatch, tmp_path):
    installed(monkeypatch, tmp_path, own="SelfAttention")
    found = es.diagnose(layer(), [LONELY], progress=False)
    assert "self-attention" in [each.rule for each in found]
    assert es.diagnose.rules()["rule"].to_list()[-1] == "self-attention"
    assert "mean weight of `most`" in es.diagnose.explain("self-attention")
    described = json.loads(found.sarif())["runs"][0]["tool"]["driver"]["rules"]
    assert described[-1]["shortDescription"]["text"] == "a head attends to the node itself"
    without = es.diagnose(layer(), [LONELY], ignore="self-*", progress=False)
    assert "self-attention" not in without.rules


BROKEN = {
    "dataclass": "expected a subclass of Rule",
    "Nameless": "AttributeError",
    "Grave": "severity 'fatal', expected error, warning, note",
    "Needy": "TypeError",
    "Second": "there is already a rule 'dead-head'",
}

MORE = """
class Nameless(Rule):
    pass

class Grave(SelfAttention):
    id = "grave"
    severity = "fatal"

@dataclass(kw_only=True)
class Needy(SelfAttention):
    id: ClassVar[str] = "needy"
    bound: float

class Second(SelfAttention):
    id = "dead-head"
"""


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_rule_of_another_package_is_left_out_with_one_warning(monkeypatch, tmp_path, name):
    code = first_example("extending-rule.md") + MORE
    install(monkeypatch, tmp_path, "edgescope.rules", code, broken=name, good="SelfAttention")
    with pytest.warns(EdgescopeWarning, match=f"'broken' of my-package.*{BROKEN[name]}") as told:
        found = es.diagnose(layer(), [LONELY], progress=False)
    assert len(told) == 1
    assert found.rules[-1] == "self-attention"
    assert len(found.rules) == len(rules.RULES) + 1
    es.diagnose(layer(), [LONELY], progress=False)  # and says nothing again
