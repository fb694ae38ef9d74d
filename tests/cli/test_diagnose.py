"""`edgescope diagnose`."""

import json

import pytest
import torch

import edgescope as es
from edgescope.cli import main


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Weights of a GAT of which one head of the last layer is uniform."""
    train = es.data.load("solubility").train
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = es.models.GAT(**train.model_sizes, hidden_dim=8, num_heads=2, num_layers=2)
    with torch.no_grad():
        model.layers[1].conv.att_src[0, 0] = 0
        model.layers[1].conv.att_edge[0, 0] = 0
    return es.models.save(model, tmp_path_factory.mktemp("diagnose") / "gat.safetensors")


def diagnose(capsys, *words):
    with pytest.raises(SystemExit) as ended:
        main(["diagnose", *map(str, words)])
    return ended.value.code, capsys.readouterr()


def of(weights):
    return "--weights", weights, "--data", "solubility", "--select", "uniform-attention"


def test_findings_are_printed_in_80_columns(weights, capsys):
    code, printed = diagnose(capsys, *of(weights))
    assert code == 0
    assert "layers.1.conv, head 0 of 2" in printed.out
    assert max(map(len, printed.out.splitlines())) <= 80


@pytest.mark.parametrize(
    ("severity", "expected"), [("error", 0), ("warning", 1), ("note", 1), ("never", 0)]
)
def test_the_exit_code_says_whether_a_finding_is_grave_enough(weights, capsys, severity, expected):
    assert diagnose(capsys, *of(weights), "--fail-on", severity)[0] == expected


@pytest.mark.parametrize("form", ["json", "sarif"])
def test_findings_are_written_to_a_file(weights, capsys, tmp_path, form):
    out = tmp_path / "findings"
    diagnose(capsys, *of(weights), "--format", form, "--out", out)
    assert "uniform-attention" in json.dumps(json.loads(out.read_text()))


def test_a_page_can_be_written(weights, capsys):
    printed = diagnose(capsys, *of(weights), "--format", "html")[1].out
    assert printed.startswith("<!DOCTYPE html>")
    assert printed.rstrip().endswith("</html>")


def test_rules_can_be_ignored(weights, capsys):
    words = ("--weights", weights, "--data", "solubility", "--ignore", "*-attention")
    assert "uniform-attention" not in diagnose(capsys, *words)[1].out


def test_what_was_looked_at_is_printed(weights, capsys, tmp_path):
    assert "looked at 2 of 2 attention-like layers" in read(diagnose(capsys, *of(weights)))
    words = (*of(weights), "--sites", "layers.0.*")
    printed = read(diagnose(capsys, *words))
    assert "looked at 1 of 2 attention-like layers" in printed
    assert "layers.1.conv (GATConv): left out by sites=" in printed
    assert "layers.1.conv, head 0" not in printed
    out = tmp_path / "findings.json"
    printed = read(diagnose(capsys, *words, "--format", "json", "--out", out))
    assert "looked at 1 of 2 attention-like layers" in printed
    assert json.loads(out.read_text())["coverage"]["unseen"][0]["path"] == "layers.1.conv"


def read(ended):
    """Return what was printed, without line breaks."""
    return " ".join(ended[1].out.split())


def test_all_rules_are_listed(capsys):
    printed = diagnose(capsys, "--list-rules")[1].out
    assert all(rule in printed for rule in es.diagnose.rules()["rule"])


def test_a_rule_is_explained(capsys):
    code, printed = diagnose(capsys, "--explain", "dead-head")
    assert code == 0
    assert printed.out == es.diagnose.explain("dead-head")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "give the folder of a trained run, or a weights file and data"),
        (("--explain", "no-rule"), "no rule is called 'no-rule'"),
        (
            ("--weights", "WEIGHTS", "--data", "solubility", "--sites", "no*"),
            "no site matches 'no*'",
        ),
        (("--weights", "nowhere.safetensors", "--data", "solubility"), "nowhere.safetensors"),
    ],
)
def test_input_that_cannot_be_used_is_one_line(weights, capsys, words, said):
    code, printed = diagnose(capsys, *(weights if word == "WEIGHTS" else word for word in words))
    assert code == 2
    assert said in printed.err
    assert len(printed.err.splitlines()) == 1


def test_what_is_computed_for_every_edge_is_printed_first(weights, capsys):
    code, printed = diagnose(capsys, *of(weights), "--discover", "--fail-on", "never")
    assert code == 0
    assert "0 sites of attention discovered" in printed.out.splitlines()[0]
    _, printed = diagnose(
        capsys, *of(weights), "--discover", "--format", "json", "--fail-on", "never"
    )
    assert "0 sites of attention discovered" in printed.err
    assert json.loads(printed.out)["coverage"]["complete"]


def settings(folder, *lines):
    (folder / "pyproject.toml").write_text("\n".join(["[tool.edgescope.diagnose]", *lines]) + "\n")


def test_pyproject_says_how_to_diagnose_and_the_command_line_overrides_it(
    weights, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    words = ("--weights", weights, "--data", "solubility")
    settings(tmp_path, 'select = ["uniform-attention"]', 'fail-on = "warning"')
    code, printed = diagnose(capsys, *words)
    assert (code, "found by 1 rule over" in printed.out) == (1, True)
    assert diagnose(capsys, *words, "--fail-on", "error")[0] == 0
    lines = ("[tool.edgescope.diagnose.thresholds.uniform-attention]", "entropy = 1.5")
    settings(tmp_path, 'select = ["uniform-attention"]', 'fail-on = "warning"', *lines)
    code, printed = diagnose(capsys, *words)
    assert (code, "nothing found by 1 rule over" in printed.out) == (0, True)
    settings(tmp_path, 'ignore = ["*-attention"]')
    assert "uniform-attention" in diagnose(capsys, *of(weights))[1].out
    settings(tmp_path, 'ignor = ["*-attention"]')
    code, printed = diagnose(capsys, *words)
    assert (code, "unknown key 'ignor'; did you mean 'ignore'?" in printed.err) == (2, True)


def test_only_findings_that_are_not_in_the_baseline_fail(weights, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings(tmp_path, 'fail-on = "warning"', 'baseline = "accepted.json"')
    code, printed = diagnose(capsys, *of(weights))
    assert (code, "--write-baseline" in printed.err) == (2, True)
    code, printed = diagnose(capsys, *of(weights), "--write-baseline")
    assert (code, printed.out) == (0, f"1 finding of GAT accepted in {tmp_path}/accepted.json\n")
    code, printed = diagnose(capsys, *of(weights))
    assert (code, "1 accepted finding not shown" in printed.out) == (0, True)
    code, printed = diagnose(capsys, *of(weights), "--json")
    assert [each["accepted"] for each in json.loads(printed.out)["findings"]] == [True]
    sarif = json.loads(diagnose(capsys, *of(weights), "--format", "sarif")[1].out)
    (result,) = sarif["runs"][0]["results"]
    assert result["suppressions"] == [{"kind": "external", "status": "accepted"}]
    baseline = tmp_path / "accepted.json"
    baseline.write_text(baseline.read_text().replace("layers.1.conv", "layers.0.conv"))
    code, printed = diagnose(capsys, *of(weights))
    assert code == 1
    gone = "uniform-attention at layers.0.conv; --write-baseline takes them out"
    assert "no longer found: " + gone in printed.err
    assert diagnose(capsys, *of(weights), "--quiet")[1].err == ""


def test_a_baseline_without_a_name_says_how_to_use_it(weights, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    printed = diagnose(capsys, *of(weights), "--write-baseline")[1].out
    assert 'next: baseline = "edgescope-baseline.json" in [tool.edgescope.diagnose]' in printed
    words = ("--fail-on", "note", "--baseline", "edgescope-baseline.json")
    assert diagnose(capsys, *of(weights), *words)[0] == 0


def test_what_has_no_source_in_the_project_is_at_the_file_that_was_diagnosed(
    weights, capsys, monkeypatch
):
    monkeypatch.chdir(weights.parent)
    sarif = json.loads(diagnose(capsys, *of(weights), "--format", "sarif")[1].out)
    place = sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    assert place == {"artifactLocation": {"uri": weights.name, "uriBaseId": "%SRCROOT%"}}
