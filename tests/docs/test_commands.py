"""Every command on a page exists, with every option and every rule that it is given."""

import re
import shlex
from itertools import pairwise
from pathlib import Path

import pytest
import typer

import edgescope as es
from edgescope.cli import app

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
RULES = set(es.diagnose.rules()["rule"])


def commands(text: str) -> list[str]:
    """Return the command lines of a page: those of its blocks, and those within a sentence."""
    blocks = re.findall(r"^(?:```sh\n(.*?)^```|((?:    .*\n)+))", text, re.DOTALL | re.MULTILINE)
    lines = [line for block in blocks for line in "".join(block).splitlines()]
    spoken = re.findall(r"`(edgescope [^`]+)`", text)
    return [line.strip() for line in [*lines, *spoken] if line.strip().startswith("edgescope ")]


def written() -> list[tuple[str, str]]:
    return [(page.name, line) for page in PAGES for line in commands(page.read_text())]


@pytest.mark.parametrize(("page", "line"), written())
def test_a_command_on_a_page_exists(page, line):
    words = shlex.split(line, comments=True)[1:]
    command = typer.main.get_command(app)
    while words and hasattr(command, "commands") and not words[0].startswith("-"):
        assert words[0] in command.commands, f"{page}: {line}"
        command = command.commands[words.pop(0)]
    options = {name for each in command.params for name in each.opts} | {"--help"}
    assert {word.partition("=")[0] for word in words if word.startswith("--")} <= options
    for option, value in pairwise(words):
        if option in {"--select", "--ignore", "--explain"} and value.islower():
            assert value in RULES or "*" in value


def test_commands_are_found():
    assert len(written()) > 80
    assert commands("`edgescope scan RUN`\n\n```sh\nedgescope report RUN  # why\n```\n") == [
        "edgescope report RUN  # why",
        "edgescope scan RUN",
    ]
