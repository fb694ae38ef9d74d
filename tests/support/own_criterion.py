"""The criterion that docs/extending-criterion.md makes, alone and as an installed package."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edgescope.lib import plugins
from edgescope.scanning.criteria import KINDS, Rule

PAGE = Path(__file__).resolve().parents[2] / "docs" / "extending-criterion.md"
SOURCE = re.search(r"^```python\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)[1]
"""What the page's first example says."""

WORDS = "ratio times magnitude above "


def product() -> type[Rule]:
    """Make the class anew, in a module of its own."""
    namespace: dict[str, Any] = {"__name__": "my_criteria"}
    exec(compile(SOURCE, PAGE.name, "exec"), namespace)  # noqa: S102  (our own page)
    return namespace["Product"]


@contextmanager
def forgotten_kinds() -> Iterator[None]:
    """Take back which criteria a block registers."""
    kept = dict(KINDS._classes)
    try:
        yield
    finally:
        KINDS._classes = kept


@contextmanager
def installed(folder: Path, source: str = SOURCE) -> Iterator[None]:
    """Put the class on the path as a package that names it as an entry point."""
    (folder / "my_package.py").write_text(source)
    info = folder / "my_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-package\nVersion: 1.0\n")
    entry = "[edgescope.criteria]\nproduct = my_package:Product\n"
    (info / "entry_points.txt").write_text(entry)
    sys.path.insert(0, str(folder))
    sys.modules.pop("my_package", None)  # another test's
    try:
        with forgotten_kinds():
            # The process reads a group once; a test is as good as a new process.
            plugins._loaded.cache_clear()
            yield
    finally:
        plugins._loaded.cache_clear()
        sys.path.remove(str(folder))
        sys.modules.pop("my_package", None)
