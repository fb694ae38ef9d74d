"""The how-to pages work from the first line to the last, as they are written."""

import re
import shlex
from pathlib import Path

import pytest

from edgescope.cli import main

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = sorted(DOCS.glob("howto-*.md"))
BLOCK = re.compile(r"^```(python|sh)\n(.*?)^```", re.DOTALL | re.MULTILINE)
"""A block of code and its language."""


# Of a model of one epoch, which is another one for another number of threads, too few may be left.
@pytest.mark.filterwarnings("ignore:a control is left out")
@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_how_to_page_works(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {}
    for language, block in BLOCK.findall(page.read_text()):
        if language == "python":
            exec(compile(block, page.name, "exec"), namespace)  # noqa: S102  (our own page)
        else:
            for line in block.splitlines():
                program, *words = shlex.split(line, comments=True)
                assert program == "edgescope"
                with pytest.raises(SystemExit) as ended:
                    main(words)
                assert ended.value.code == 0, line
