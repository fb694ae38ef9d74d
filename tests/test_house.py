"""The house: every module in its room, and importable, under a noun that means one thing."""

import importlib
import subprocess
import sys
from collections import Counter
from pathlib import Path

import edgescope

SOURCE = Path(edgescope.__file__).parent
TESTS = Path(__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))
LONGEST = 300
"""Lines of a file."""

NOUNS = {"embedding", "finding", "message_passing", "over_smoothing", "rewiring"}
"""Nouns that end like participles."""

VAGUE = {
    *("kept", "records", "places", "where", "simple", "measured", "enriched", "judged", "ablated"),
    *("recorded", "packed", "order", "job", "selection", "selecting", "utils", "helpers", "misc"),
}
"""Names that do not say what a file holds."""


def dotted(path):
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def stem(path):
    return path.parent.name if path.name == "__init__.py" else path.stem


def test_every_module_is_imported_by_its_dotted_path():
    hidden = []
    for module in (dotted(path) for path in FILES if path.stem != "__main__"):
        space = {}
        exec(f"import {module} as found", space)  # noqa: S102  (the statement is what is tested)
        if space["found"] is not importlib.import_module(module):
            hidden.append(module)
    assert hidden == []


def test_a_name_means_one_thing_in_the_whole_tree():
    # A command, and a section of the report, bear the name of what they are about.
    free = {"cli", "sections"}
    names = [stem(p) for p in FILES if not free & set(p.parts) and stem(p) != "edgescope"]
    assert [name for name, times in Counter(names).items() if times > 1] == []


def test_files_have_nouns_for_names():
    # A rule of diagnosis is a file with the rule's own name.
    names = {p.stem for p in FILES if p.parent.name != "rules"} - NOUNS
    assert sorted(n for n in names if n in VAGUE or n.endswith(("ing", "ed"))) == []


def test_files_can_be_read_at_a_sitting():
    longer = {dotted(p): n for p in FILES if (n := len(p.read_text().splitlines())) > LONGEST}
    assert longer == {}


def test_rooms_import_only_from_rooms_below_them():
    lint = Path(sys.executable).with_name("lint-imports")
    found = subprocess.run(
        [lint, "--no-cache"], cwd=TESTS.parent, capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stdout


def test_tests_stand_where_what_they_test_stands():
    rooms = {p.name for p in SOURCE.iterdir() if p.is_dir()}
    strays = [
        str(test.relative_to(TESTS))
        for room in sorted(rooms)
        for test in sorted((TESTS / room).rglob("test_*.py"))
        if not (SOURCE / test.relative_to(TESTS).parent).is_dir()
    ]
    assert strays == []
