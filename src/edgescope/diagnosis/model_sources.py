"""Where a model's code stands: file and line of what makes a layer, for services that show code."""

import ast
import inspect
import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from torch import nn


class SourceLine(NamedTuple):
    """A line of a source file.

    Example:
        >>> from pathlib import Path
        >>> from edgescope.diagnosis import SourceLine
        >>> SourceLine(Path("model.py"), 12).line
        12
    """

    file: Path
    """Absolute path."""
    line: int
    """From 1."""


def source_lines(model: nn.Module, paths: Iterable[str]) -> dict[str, tuple[SourceLine, ...]]:
    """Return the lines that layers of a model come from, the innermost first.

    Those of a layer are the line of its own class, and then, from the inside out along its path,
    the line of the class that contains it where it is made, ``self.conv = ...``, and that of the
    class itself. What has no file, such as a class of a notebook, is left out.

    Args:
        model: the model.
        paths: paths of layers; empty for the model itself.
    """
    found: dict[str, tuple[SourceLine, ...]] = {}
    for path in paths:
        owner: object = model
        lines = _class_line(model)
        for name in path.partition("@")[0].partition(":")[0].split("."):
            inner = getattr(owner, name, None)
            if not name or not isinstance(inner, nn.Module):
                break
            lines = [*_class_line(inner), *_made_at(owner, name), *lines]
            owner = inner
        found[path] = tuple(dict.fromkeys(lines))
    return found


def _class_line(module: nn.Module) -> list[SourceLine]:
    """Return the line of a module's class; none if it has no file."""
    source = _source(type(module))
    return [] if source is None else [SourceLine(source[0], source[1])]


def _source(of: type) -> tuple[Path, int, str] | None:
    """Return the file, line and text of a class."""
    try:
        file = inspect.getsourcefile(of)
        lines, start = inspect.getsourcelines(of)
    except (OSError, TypeError):
        return None
    path = None if file is None else Path(file).absolute()
    return (path, start, "".join(lines)) if path is not None and path.is_file() else None


def _made_at(owner: object, name: str) -> list[SourceLine]:
    """Return the line of a class that gives an attribute its value, if one does so by name."""
    for of in type(owner).__mro__:
        source = _source(of) if issubclass(of, nn.Module) and of is not nn.Module else None
        if source is None:
            continue
        file, start, text = source
        try:
            tree = ast.parse(textwrap.dedent(text))
        except SyntaxError:  # such as a text in it that begins further left
            continue
        for node in ast.walk(tree):
            if not isinstance(node, ast.Assign | ast.AnnAssign):
                continue
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(_is_own(each, name) for target in targets for each in ast.walk(target)):
                return [SourceLine(file, start + node.lineno - 1)]
    return []


def _is_own(node: ast.AST, name: str) -> bool:
    """Return whether a node is ``self.NAME``."""
    return (
        isinstance(node, ast.Attribute)
        and node.attr == name
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
    )


def below(lines: Iterable[SourceLine], root: Path) -> tuple[str, int] | None:
    """Return the first line in a file below a folder, as a path relative to it and a number.

    Installed packages in the folder, as in a virtual environment, are not taken.
    """
    placed = ((relative(line.file, root), line.line) for line in lines)
    return next(((file, line) for file, line in placed if file is not None), None)


def relative(file: Path, root: Path) -> str | None:
    """Return the path of a file of a project, relative to a folder; None if it is not in it."""
    file, root = file.resolve(), root.resolve()
    inside = file.relative_to(root) if file.is_relative_to(root) else None
    return None if inside is None or "site-packages" in inside.parts else inside.as_posix()


def project_root() -> Path:
    """Return the root of the repository of this folder, or this folder if there is none."""
    here = Path.cwd()
    return next((each for each in (here, *here.parents) if (each / ".git").exists()), here)
