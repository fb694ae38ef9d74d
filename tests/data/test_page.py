"""The page on data runs as it is written."""

import re
from pathlib import Path

from edgescope import data

PAGE = Path(__file__).resolve().parents[2] / "docs" / "data.md"


def test_the_examples_on_the_page_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    examples = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    namespace: dict[str, object] = {}
    for example in examples:
        exec(compile(example, str(PAGE), "exec"), namespace)  # noqa: S102  (our own page)
    assert "C1CC" in capsys.readouterr().out


def test_the_page_names_every_published_set():
    assert all(f'`"{name}"`' in PAGE.read_text() for name in data.names())
