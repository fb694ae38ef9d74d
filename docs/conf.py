"""How Sphinx builds the site: ``make docs``."""

import sys
from pathlib import Path
from typing import Any, get_type_hints

sys.path.insert(0, str(Path(__file__).resolve().parent))

import make_api
from pydantic import BaseModel

import edgescope

project = "edgescope"
copyright = "The edgescope developers"  # noqa: A001  (Sphinx's name for it)
release = edgescope.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "links", "notebooks"]
exclude_patterns = ["_build"]
nitpicky = True
html_theme = "furo"
html_math_renderer = "mathml"
html_title = f"edgescope {release}"
html_show_sphinx = False
pygments_style = "default"

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
maximum_signature_line_length = 88
autodoc_inherit_docstrings = False


def _read_google(_app: Any, _what: str, _name: str, _value: Any, _options: Any, lines: Any) -> None:
    lines[:] = make_api.google(lines)


def _skip(_app: Any, _what: str, _name: str, value: Any, skip: bool, _options: Any) -> bool:
    """Leave out the fields of named tuples that only say their position."""
    return skip or str(getattr(value, "__doc__", "")).startswith("Alias for field number")


def _plain_signature(
    _app: Any, _what: str, _name: str, value: Any, _options: Any, arguments: Any, returned: Any
) -> tuple[Any, Any]:
    """Leave out of a signature what is no Python: a recipe's fields, defaults that are made."""
    if isinstance(value, type) and issubclass(value, BaseModel):
        return "", None
    return arguments and arguments.replace("<factory>", "..."), returned


def _prepare(_app: Any) -> None:
    make_api.write()
    for each in make_api.public_names():
        if isinstance(each.value, type) and issubclass(each.value, BaseModel):
            each.value.__annotations__ = get_type_hints(each.value)  # without pydantic's limits


def setup(app: Any) -> None:
    """Write the reference's pages before they are read."""
    app.connect("builder-inited", _prepare)
    app.connect("autodoc-process-docstring", _read_google)
    app.connect("autodoc-process-signature", _plain_signature)
    app.connect("autodoc-skip-member", _skip)
