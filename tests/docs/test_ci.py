"""The GitHub action and the pre-commit hook, each run as far as a machine without network can."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml

import edgescope as es

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A repository with weights of a GAT, a head of which is uniform, and settings."""
    folder = tmp_path_factory.mktemp("project")
    train = es.data.load("solubility").train
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = es.models.GAT(**train.model_sizes, hidden_dim=8, num_heads=2, num_layers=1)
    with torch.no_grad():
        model.layers[0].conv.att_src[0, 0] = 0
        model.layers[0].conv.att_edge[0, 0] = 0
    es.models.save(model, folder / "gat.safetensors")
    lines = ["[tool.edgescope.diagnose]", 'select = ["uniform-attention"]', 'fail-on = "warning"']
    (folder / "pyproject.toml").write_text("\n".join(lines) + "\n")
    command = folder / "bin" / "edgescope"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m edgescope "$@"\n')
    command.chmod(0o755)
    return folder


def environment(project, **more):
    return {**os.environ, "PATH": f"{project / 'bin'}:{os.environ['PATH']}", **more}


def filled(text, inputs):
    return re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda found: inputs[found[1]], str(text))


def test_the_steps_of_the_action_write_sarif_and_fail_on_a_finding(project):
    action = yaml.safe_load((ROOT / "docs" / "ci" / "action.yml").read_text())
    assert action["runs"]["using"] == "composite"
    inputs = {name: str(given.get("default", "")) for name, given in action["inputs"].items()}
    inputs |= {"arguments": "--weights gat.safetensors --data solubility"}
    codes = {}
    for step in action["runs"]["steps"]:
        if "run" not in step:
            continue
        assert "${{" not in step["run"]  # words of an input would be run as code
        own = {name: filled(value, inputs) for name, value in step["env"].items()}
        ended = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=project / filled(step.get("working-directory", "."), inputs),
            env=environment(project, **own),
            check=False,
        )
        codes[step["name"]] = ended.returncode
    assert codes == {"Install": 0, "Diagnose": 1}
    (upload,) = [step for step in action["runs"]["steps"] if "uses" in step]
    log = json.loads((project / filled(upload["with"]["sarif_file"], inputs)).read_text())
    assert [each["ruleId"] for each in log["runs"][0]["results"]] == ["uniform-attention"]


def test_the_hook_is_run_by_pre_commit(project, tmp_path):
    def git(*words, cwd):
        name = ("-c", "user.name=x", "-c", "user.email=x@example.org")
        subprocess.run(["git", *name, *words], cwd=cwd, check=True, capture_output=True)

    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / ".pre-commit-hooks.yaml").write_text((ROOT / ".pre-commit-hooks.yaml").read_text())
    own = {
        "id": "edgescope-diagnose",
        "args": ["--weights", "gat.safetensors", "--data", "solubility"],
    }
    for folder in (hooks, project):
        git("init", "-q", cwd=folder)
        git("add", ".", cwd=folder)
        git("commit", "-qm", "all", cwd=folder)
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=hooks, check=True, capture_output=True, text=True
    )
    config = {"repos": [{"repo": str(hooks), "rev": head.stdout.strip(), "hooks": [own]}]}
    (project / ".pre-commit-config.yaml").write_text(yaml.safe_dump(config))
    git("add", ".", cwd=project)
    ended = subprocess.run(
        [sys.executable, "-m", "pre_commit", "run", "--all-files"],
        cwd=project,
        env=environment(project, PRE_COMMIT_HOME=str(tmp_path / "cache")),
        check=False,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "exit code: 1" in ended.stdout
    assert "layers.0.conv, head 0 of 2" in ended.stdout
