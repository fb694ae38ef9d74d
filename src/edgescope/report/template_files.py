"""The templates of pages, and what fills them."""

from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from edgescope.lib.optional import require
from edgescope.lib.plurals import plural
from edgescope.plots import formats
from edgescope.report.names import named

if TYPE_CHECKING:
    from jinja2 import Environment


def environment(context: Mapping[str, Any], template: Callable[[str], str]) -> "Environment":
    """Return what fills templates; all that enters a page is escaped.

    Args:
        context: what every template can use, by name.
        template: returns the text of a template by its name.
    """
    jinja2 = require("jinja2", "report")
    made: Environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(template),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.globals |= context
    for function in (
        formats.number,
        formats.percent,
        formats.fixed,
        formats.kind_of_edge,
        plural,
        named,
    ):
        made.filters[function.__name__] = function
    return made


def file_text(name: str) -> str:
    """Return the text of a file of this room."""
    return files("edgescope.report").joinpath(name).read_text(encoding="utf-8")
