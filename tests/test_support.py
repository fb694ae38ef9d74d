"""The page of what the tests share names everything that is there."""

import re
from pathlib import Path

TESTS = Path(__file__).parent


def test_the_page_names_every_module_and_no_other():
    page = (TESTS / "support" / "README.md").read_text(encoding="utf-8")
    rooms = (TESTS / "support", *(TESTS / "support").iterdir(), TESTS / "scripts")
    modules = [path.stem for room in rooms for path in room.glob("*.py")]
    expected = sorted(name for name in modules if name != "__init__")
    assert sorted(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)) == expected
