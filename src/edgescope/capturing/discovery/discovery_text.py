"""Discovery as text for a terminal, and as a table of a notebook."""

import io
from collections.abc import Iterable, Sequence
from html import escape
from typing import Protocol

from rich.console import Console
from rich.table import Table
from rich.text import Text

from edgescope.lib.plurals import plural
from edgescope.lib.visible_text import visible

PER_EDGE = "per edge"
"""The role of a tensor that is no part of attention."""

WIDTH = 100
"""Columns of the text where no terminal says how many."""

_COLUMNS = ("site", "role", "shape", "operation", "where")


class Tensor(Protocol):
    """A tensor with a row per edge, see :class:`~edgescope.capturing.discovery.EdgeTensor`."""

    @property
    def path(self) -> str:
        """Path of the module."""

    @property
    def line(self) -> str:
        """File and line."""

    @property
    def operation(self) -> str:
        """The operation."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape."""

    @property
    def role(self) -> str:
        """What it is used as."""

    @property
    def site(self) -> str:
        """Name of the site, if it is one."""


class Found(Protocol):
    """What was found, see :class:`~edgescope.capturing.discovery.Discovery`."""

    @property
    def tensors(self) -> Sequence[Tensor]:
        """Every tensor with a row per edge."""

    @property
    def refused(self) -> Sequence[tuple[str, str]]:
        """Attention that cannot be captured: where, and why."""

    def sentence(self) -> str:
        """Say in one sentence what was found."""


def as_text(found: Found, width: int = WIDTH) -> str:
    """Return what was found as text: attention as a table, and what cannot be captured."""
    buffer = io.StringIO()
    console = Console(file=buffer, width=width, color_system=None, legacy_windows=False)
    console.print(Text(found.sentence(), overflow="fold"))
    rows = [_cells(each) for each in _attention(found)]
    if rows:
        shown = Table(box=None, pad_edge=False)
        for name in _COLUMNS:
            shown.add_column(name, overflow="fold")
        for row in rows:
            shown.add_row(*map(Text, row))
        console.print(shown)
    for line in _refused(found):
        console.print(Text(line, overflow="fold"))
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines())


STYLE = """\
.edgescope-discovery{font:14px/1.4 system-ui,sans-serif;color:inherit;background:transparent}
.edgescope-discovery table{border-collapse:collapse;margin:.4rem 0}
.edgescope-discovery th,.edgescope-discovery td{text-align:left;padding:.1rem .8rem .1rem 0;\
border-bottom:1px solid color-mix(in srgb,currentColor 25%,transparent);background:transparent}
.edgescope-discovery p{margin:.2rem 0}
"""
"""Colours are those of the page around it, dark or light."""


def as_html(found: Found) -> str:
    """Return what was found as one ``<section>`` with its own style; all that it shows is escaped.

    It needs no script; tensors that are no attention are folded away.
    """
    attention = _attention(found)
    others = [each for each in found.tensors if each.role == PER_EDGE]
    parts = [
        '<section class="edgescope-discovery">',
        f"<style>{STYLE}</style>",
        f"<p>{escape(found.sentence())}</p>",
        *(_table(attention) if attention else []),
        *(f"<p>{escape(line)}</p>" for line in _refused(found)),
    ]
    if others:
        what = f"{plural(len(others), 'other tensor')} with a row per edge"
        parts += [f"<details><summary>{what}</summary>", *_table(others), "</details>"]
    return "\n".join([*parts, "</section>"]) + "\n"


def _attention(found: Found) -> list[Tensor]:
    return [each for each in found.tensors if each.role != PER_EDGE]


def _refused(found: Found) -> list[str]:
    return [
        f"cannot be captured: {visible(where or 'the model')}: {visible(why)}"
        for where, why in found.refused
    ]


def _cells(tensor: Tensor) -> tuple[str, ...]:
    name = tensor.site or tensor.path or "(the model)"
    shape = str(list(tensor.shape))
    return tuple(map(visible, (name, tensor.role, shape, tensor.operation, tensor.line)))


def _table(tensors: Iterable[Tensor]) -> list[str]:
    head = "".join(f'<th scope="col">{name}</th>' for name in _COLUMNS)
    rows = (
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in _cells(each)) + "</tr>"
        for each in tensors
    )
    return [f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>", *rows, "</tbody>\n</table>"]
