"""A notebook as a page: its text, its code and the output that it was saved with."""

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
    """Return the cells of a notebook as Markdown; of the output what was printed."""
    parts = []
    for cell in nbformat.reads(text, as_version=4).cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
        else:
            parts.append(f"```python\n{cell.source}\n```")
            printed = "".join(output.get("text", "") for output in cell.outputs)
            if printed:
                parts.append(f"```text\n{printed}```")
    return "\n\n".join(parts)


def setup(app: Any) -> None:
    """Make Sphinx read notebooks."""
    app.add_source_suffix(".ipynb", "notebook")
    app.add_source_parser(NotebookParser)
