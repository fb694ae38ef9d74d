"""No all-clear without a look: what was not looked at is named, in every result and format."""

import html
import json
import re
import warnings

import pytest
import torch
from torch_geometric.nn import GATConv, GATv2Conv, TopKPooling

import edgescope as es
from edgescope.lib.errors import EdgescopeWarning, InputError
from support.coverage_cases import KINDS, WIDTH, Idle, Net, Renumbered, graphs, model_of

FORMATS = ("text", "json", "sarif", "html")
REPORTS = ("report", "report as JSON")
REPORTED = list({kind.kind: kind for kind in KINDS}.values())
"""One kind of each sort: a report takes longer to write than all other formats."""
AT_RUN = "renumbered nodes"
"""The kind that is found out only when the model runs."""


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Return a function that writes the result of a model with one seen and one unseen layer."""
    folder, known = tmp_path_factory.mktemp("written"), {}

    def write(kind, form):
        if kind.name not in known:
            known[kind.name] = _results(kind)
        if form in REPORTS and form not in known[kind.name]:
            path = folder / re.sub(r"\W", "-", kind.name)
            known[kind.name] |= _reports(known[kind.name]["scan"], path)
        return known[kind.name][form]

    return write


def _results(kind):
    model, batch = model_of(kind, mixed=True), graphs()
    with warnings.catch_warnings():
        if kind.name == AT_RUN:
            warnings.simplefilter("ignore", EdgescopeWarning)
        findings = es.diagnose(model, [batch], progress=False, discover=False)
        scan = es.scan(model, [batch], progress=False, discover=False)
    return {
        "findings": findings,
        "scan": scan,
        **{form: getattr(findings, form)() for form in FORMATS},
    }


def _reports(scan, path):
    report = scan.report(path.with_suffix(".html"))
    files = (report, report.with_suffix(".json"))
    return dict(zip(REPORTS, (file.read_text(encoding="utf-8") for file in files), strict=True))


def words(text):
    """Return a text as it is read: without marks, line breaks and escapes."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", text)).split())


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_unseen_half_of_a_model_is_named_with_the_reason(kind, written):
    for form in (*FORMATS, *REPORTS) if kind in REPORTED else FORMATS:
        said = words(written(kind, form))
        assert kind.layer in said, form
        assert kind.reason in said, form


@pytest.mark.parametrize("result", ["findings", "scan"])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_coverage_says_what_was_seen_and_what_the_rest_is(kind, result, written):
    coverage = written(kind, result).coverage
    (seen,) = coverage.seen
    assert (seen.path, seen.layer, seen.ran) == ("layers.0", "GATv2Conv", True)
    # A GATv2Conv puts a loop of its own in the place of those given.
    edges = graphs().edge_index
    assert seen.rows == int((edges[0] != edges[1]).sum()) + graphs().num_nodes
    (gap,) = coverage.unseen
    assert gap.path.startswith("layers.1")
    assert (gap.layer, gap.kind) == (kind.layer, kind.kind)
    assert coverage.complete == (kind.kind == "message passing")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_nothing_found_is_an_all_clear_only_if_all_attention_was_looked_at(kind, written):
    findings = written(kind, "findings")
    assert not findings
    clear = kind.kind == "message passing"
    assert ("no all-clear" in words(findings.text())) != clear
    assert ("no all-clear" in words(findings.html())) != clear
    assert json.loads(findings.json())["coverage"]["complete"] == clear
    if kind in REPORTED:
        assert ("all-clear" in words(written(kind, "report"))) != clear


@pytest.mark.parametrize("look", [es.diagnose, es.scan], ids=["diagnose", "scan"])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_model_of_which_nothing_can_be_looked_at_is_refused(kind, look):
    with pytest.raises(InputError) as refused:
        look(model_of(kind, mixed=False), [graphs()], progress=False, discover=False)
    said = str(refused.value)
    assert "layers.0" in said
    assert kind.reason in said
    assert kind.layer in said or kind.name == AT_RUN
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_sarif_log_says_whether_it_is_complete(kind, written):
    (run,) = json.loads(written(kind, "sarif"))["runs"]
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is True
    (note,) = invocation["toolExecutionNotifications"]
    expected = {"attention": "error", "perhaps": "warning", "message passing": "note"}
    assert note["level"] == expected[kind.kind]
    (place,) = note["locations"][0]["logicalLocations"]
    assert place["fullyQualifiedName"].startswith("Net.layers.1")
    assert run["properties"]["coverage"]["unseen"][0]["layer"] == kind.layer


def test_a_layer_that_cannot_be_told_apart_is_left_out_with_a_warning():
    torch.manual_seed(0)
    model = Net(GATv2Conv(WIDTH, WIDTH), Renumbered()).eval()
    with pytest.warns(EdgescopeWarning, match=r"layers\.1\.conv is left out, since it cannot be"):
        findings = es.diagnose(model, [graphs()], every=1, progress=False)
    alone = es.diagnose(model, [graphs()], every=1, sites="layers.0:*", progress=False)
    assert [each.as_dict() for each in findings] == [each.as_dict() for each in alone]
    assert findings.coverage.seen == alone.coverage.seen


def test_what_is_seen_before_a_layer_is_left_out_does_not_count_twice():
    torch.manual_seed(0)
    model = Net(GATv2Conv(WIDTH, WIDTH), Sometimes()).eval()
    batches = [graphs(), graphs((4, 4), seed=1), graphs((3, 7), seed=2)]
    with pytest.warns(EdgescopeWarning, match="is left out"):
        findings = es.diagnose(model, batches, every=1, progress=False)
    alone = es.diagnose(model, batches, every=1, sites="layers.0:*", progress=False)
    assert (findings.batches, findings.graphs) == (3, 7)
    assert [each.as_dict() for each in findings] == [each.as_dict() for each in alone]
    assert findings.coverage.seen == alone.coverage.seen


class Sometimes(Renumbered):
    """Renumbers the nodes of batches of eight nodes only, so that the first batch is told apart."""

    def forward(self, x, edge_index):
        return super().forward(x, edge_index) if len(x) == 8 else self.conv(x, edge_index)


def test_a_layer_that_was_asked_for_is_not_left_out():
    model = Net(GATv2Conv(WIDTH, WIDTH), Renumbered()).eval()
    with pytest.raises(InputError, match="belongs to which edge cannot be told"):
        es.diagnose(model, [graphs()], sites="*:weight", progress=False)


@pytest.mark.parametrize(
    "sites", ["layers.1:*", "layers.1:weight", ["layers.1:*"], lambda site: site.path == "layers.1"]
)
def test_sites_choose_the_layers(sites):
    torch.manual_seed(0)
    model = Net(*(GATConv(WIDTH, WIDTH) for _ in range(3))).eval()
    coverage = es.diagnose(model, [graphs()], sites=sites, progress=False).coverage
    (seen,) = coverage.seen
    assert (seen.path, seen.stages) == ("layers.1", ("logit", "weight", "message"))
    assert [gap.path for gap in coverage.unseen] == ["layers.0", "layers.2"]
    assert {gap.reason for gap in coverage.unseen} == {"left out by sites="}


@pytest.mark.parametrize(
    ("sites", "said"),
    [("layers.9:*", "no site matches 'layers.9:"), ([], "sites= is empty"), (bool, "sites=")],
)
def test_sites_that_take_nothing_are_refused(sites, said):
    chosen = (lambda _: False) if sites is bool else sites
    with pytest.raises(InputError, match=said):
        es.diagnose(model_of(KINDS[0], mixed=True), [graphs()], sites=chosen, progress=False)


def test_a_layer_that_is_not_run_is_not_looked_at():
    torch.manual_seed(0)
    coverage = es.diagnose(Net(GATConv(WIDTH, WIDTH), Idle()), [graphs()], progress=False).coverage
    assert [each.path for each in coverage.seen] == ["layers.0"]
    assert [(gap.path, gap.reason) for gap in coverage.unseen] == [
        ("layers.1.conv", "the model did not run it")
    ]


def test_a_model_that_runs_none_of_its_layers_is_refused():
    with pytest.raises(InputError, match=r"layers\.0\.conv \(GATConv\): the model did not run it"):
        es.diagnose(Net(Idle()), [graphs()], progress=False)


def test_a_layer_that_saw_no_edge_is_no_all_clear():
    batch = graphs()
    batch.edge_index = batch.edge_index[:, :0]
    model = Net(GATConv(WIDTH, WIDTH, add_self_loops=False)).eval()
    findings = es.diagnose(model, [batch], select="dead-head", progress=False)
    assert findings.coverage.seen[0].rows == 0
    assert "no all-clear" in words(findings.text())
    assert "No edge was seen by layers.0." in words(findings.text())
    (run,) = json.loads(findings.sarif())["runs"]
    (note,) = run["invocations"][0]["toolExecutionNotifications"]
    assert note["message"]["text"] == "layers.0 (GATConv) ran and saw no edge"


class Pooled(torch.nn.Module):
    """A layer on the given graph, and one on what pooling leaves of it."""

    def __init__(self):
        super().__init__()
        self.before, self.pool = GATConv(WIDTH, WIDTH), TopKPooling(WIDTH, ratio=0.5)
        self.after = Renumbered()

    def forward(self, x, edge_index, batch):
        x = self.before(x, edge_index)
        x, edge_index, _, _, _, _ = self.pool(x, edge_index, None, batch)
        return self.after(x, edge_index)


def test_a_pooled_model_is_diagnosed_on_the_layers_before():
    torch.manual_seed(0)
    model = Pooled().eval()
    findings = es.diagnose(model, [graphs()], sites="before:*", progress=False)
    assert [each.path for each in findings.coverage.seen] == ["before"]
    # Pooling scores nodes by tanh; that its code can call a softmax makes it no attention.
    assert [gap.path for gap in findings.coverage.unseen] == ["after.conv"]
