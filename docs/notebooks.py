"""A notebook as a page: its text, its code and the output, cards and figures that it holds."""

from typing import Any

import nbformat
from docutils import nodes
from myst_parser.sphinx_ import Parser


class NotebookParser(Parser):
    """Read a notebook as the Markdown that it holds."""

    supported = ("notebook",)

    def parse(self, inputstring: str, document: nodes.document) -> None:
        """Parse one notebook."""
        super().parse(markdown(inputstring), document)


def markdown(text: str) -> str:
    """Return the cells of a notebook as Markdown, with what was printed and shown."""
    parts = []
    for cell in nbformat.reads(text, as_version=4).cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
        else:
            parts.append(f"```python\n{cell.source}\n```")
            printed = "".join(output.get("text", "") for output in cell.outputs)
            if printed:
                parts.append(f"```text\n{printed}```")
            parts += [shown for output in cell.outputs if (shown := _shown(output.get("data", {})))]
    return "\n\n".join(parts)


def _shown(data: dict[str, str]) -> str:
    """Return what a cell has shown, a card or a figure, as HTML of a page."""
    html = data.get("text/html", "")
    if not html and "image/png" in data:
        source = f"data:image/png;base64,{data['image/png'].strip()}"
        html = f'<img alt="the figure that the code above draws" src="{source}">'
    return f"```{{raw}} html\n{html.strip()}\n```" if html else ""


def setup(app: Any) -> None:
    """Make Sphinx read notebooks."""
    app.add_source_suffix(".ipynb", "notebook")
    app.add_source_parser(NotebookParser)
