"""Packages with entry points of edgescope, as if installed, for the test that asks."""

import re
import sys
from importlib import invalidate_caches
from pathlib import Path

from edgescope.lib import plugins


def install(monkeypatch, folder, group, code, **names):
    """Put a package on the path; ``code`` is its module ``my_package``.

    Each of ``names`` is an entry point of ``group`` with what it stands for in the module.
    """
    (folder / "my_package.py").write_text(code)
    metadata = folder / "my_package-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: my-package\nVersion: 1.0\n")
    lines = [f"{name} = my_package:{what}" for name, what in names.items()]
    (metadata / "entry_points.txt").write_text("\n".join([f"[{group}]", *lines, ""]))
    monkeypatch.syspath_prepend(str(folder))
    invalidate_caches()
    monkeypatch.delitem(sys.modules, "my_package", raising=False)
    as_new_process(monkeypatch)


def as_new_process(monkeypatch):
    """Let groups be read again, which a process does once, for the test that asks."""
    monkeypatch.setattr(plugins, "_ADDED", set())
    monkeypatch.setattr(plugins, "_loaded", plugins.cache(plugins._loaded.__wrapped__))


def first_example(page):
    """Return the first block of Python on a page of the documentation: a module of its own."""
    text = (Path(__file__).resolve().parents[2] / "docs" / page).read_text()
    return re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)[0]
