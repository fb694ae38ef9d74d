"""The site is built from the pages and the docstrings, without a warning, and names everything."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from api_names import errors, parts_of, public_names, rooms
from make_api import pages, public_paths
from sphinx.util.inventory import InventoryFile

ROOT = Path(__file__).resolve().parents[2]
SPHINX = ["-m", "sphinx", "--fail-on-warning", "--keep-going", "--nitpicky", "--quiet"]


@pytest.mark.slow
def test_the_site_builds_without_a_warning_and_describes_every_public_name(tmp_path):
    built = subprocess.run(
        [sys.executable, *SPHINX, "-b", "html", str(ROOT / "docs"), str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
    )
    assert built.returncode == 0, built.stderr
    listed = InventoryFile.loads((tmp_path / "objects.inv").read_bytes(), uri="").data
    described = {name for kind, names in listed.items() if kind[:3] == "py:" for name in names}
    assert {each.path for each in public_names()} <= described
    assert {f"{each.__module__}.{name}" for name, each in errors().items()} <= described
    named_first = set(public_paths().values())
    for each in public_names():
        if each.path in named_first:
            assert {f"{each.path}.{part}" for part in parts_of(each.value)} <= described


def test_a_room_has_a_page_in_the_reference_and_a_name_an_entry():
    texts = pages()
    assert {f"{room}.rst" for room in rooms()} <= set(texts)
    for each in public_names():
        assert re.search(rf":: ({each.room}\.)?{each.name}\b", texts[f"{each.room}.rst"]), each.path
