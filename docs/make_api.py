"""Write docs/api/: a page for every package with public names, from what the packages export.

python docs/make_api.py
"""

import inspect
from functools import cache
from pathlib import Path
from typing import Any

import typer
from api_names import (
    Public,
    docstring,
    errors,
    find,
    is_door,
    module_of,
    parts_of,
    public_names,
    rooms,
)
from sphinx.ext.napoleon import Config, GoogleDocstring
from sphinx.util.inspect import stringify_signature

from edgescope.cli import app

FOLDER = Path(__file__).resolve().parent / "api"

INDEX = """API reference
=============

Every public name, by the package that it is imported from. With ``import edgescope as es``, the
names of :mod:`edgescope` are ``es.scan`` and so on.

.. toctree::

"""


def pages() -> dict[str, str]:
    """Return the text of every page by the name of its file."""
    described: dict[int, Public] = {}
    entries: dict[str, list[str]] = {room: [] for room in rooms()}
    for each in public_names():
        first = described.setdefault(id(each.value), each)
        same = first is not each and not _is_constant(each.value)
        entries[each.room] += _again(each, first) if same else _entry(each)
    texts = {f"{room}.rst": _page(room, lines) for room, lines in entries.items()}
    toctree = "".join(f"   {page}\n" for page in [*entries, "errors", "commands"])
    others = {"index.rst": INDEX + toctree, "errors.rst": _errors(), "commands.rst": _commands()}
    return {**others, **texts}


def _commands() -> str:
    title = "Commands"
    lines = [title, "=" * len(title), ""]
    waiting = [("edgescope", typer.main.get_command(app))]
    for name, command in waiting:
        waiting += [(f"{name} {each}", inner) for each, inner in _inner(command).items()]
        told = command.get_help(command.make_context(name, [], resilient_parsing=True))
        lines += [name, "-" * len(name), "", "::", ""]
        lines += [f"   {line}".rstrip() for line in told.splitlines()] + [""]
    return "\n".join(lines)


def _inner(command: Any) -> dict[str, Any]:
    return getattr(command, "commands", {})


@cache
def public_paths() -> dict[int, str]:
    """Return, for every public function and class, the name under which it is described."""
    paths: dict[int, str] = {}
    for each in public_names():
        if not _is_constant(each.value):
            paths.setdefault(id(each.value), each.path)
    return paths | {id(each): f"{each.__module__}.{name}" for name, each in errors().items()}


def write() -> None:
    """Write the pages that have changed, and remove those that are gone."""
    FOLDER.mkdir(exist_ok=True)
    texts = pages()
    for path in FOLDER.glob("*.rst"):
        if path.name not in texts:
            path.unlink()
    for name, text in texts.items():
        path = FOLDER / name
        if not path.exists() or path.read_text() != text:
            path.write_text(text)


def _page(room: str, entries: list[str]) -> str:
    head = [room, "=" * len(room), "", f".. automodule:: {room}", "   :no-members:"]
    if find(room)[-1] is not module_of(room):
        head.append("   :no-index:")  # a function bears the name
    return "\n".join([*head, "", *entries])


def _errors() -> str:
    title = "Errors and warnings"
    entries = [
        f".. autoexception:: {each.__module__}.{name}\n" for name, each in sorted(errors().items())
    ]
    return "\n".join([title, "=" * len(title), "", *entries])


def _is_constant(value: object) -> bool:
    return not (inspect.isclass(value) or inspect.isroutine(value) or is_door(value))


def _entry(each: Public) -> list[str]:
    if is_door(each.value):
        lines = _function(each.room, each.name, each.value, docstring(each))
    elif inspect.isclass(each.value):
        lines = [
            f".. autoclass:: {each.path}",
            "   :members:",
            f"   :inherited-members: {', '.join(_foreign(each.value))}",
            "",
        ]
    elif inspect.isroutine(each.value):
        lines = [f".. autofunction:: {each.path}", ""]
    else:
        return _described("data", each.room, each.name, docstring(each))
    for name, part in parts_of(each.value).items():
        if f"{each.path}.{name}" not in {other.path for other in public_names()}:
            text = inspect.getdoc(part) or ""
            lines += _function(each.room, f"{each.name}.{name}", part, text)
    return lines


def _again(each: Public, first: Public) -> list[str]:
    kind, role = ("class", "class") if inspect.isclass(each.value) else ("function", "func")
    return _described(kind, each.room, each.name, f"The same as :{role}:`{first.path}`.")


def _foreign(value: type) -> list[str]:
    """Return the bases that are not ours, whose members are described elsewhere."""
    bases = [base for base in value.__mro__ if not base.__module__.startswith("edgescope.")]
    return [base.__name__ for base in bases]


def _function(room: str, name: str, value: Any, text: str) -> list[str]:
    signature = stringify_signature(inspect.signature(value), unqualified_typehints=True)
    return _described("function", room, name + signature, text)


def _described(kind: str, room: str, signature: str, text: str) -> list[str]:
    indented = [f"   {line}".rstrip() for line in google(text.splitlines())]
    return [f".. py:{kind}:: {signature}", f"   :module: {room}", "", *indented, ""]


def google(lines: list[str]) -> list[str]:
    """Return the reStructuredText of a docstring in Google's style.

    Sphinx's extension for it takes the first words of an attribute's docstring for a type if a
    colon follows, as in "Rows that cannot be used: ...". Here no docstring starts with a type.
    """
    return GoogleDocstring(lines, Config(napoleon_use_ivar=True)).lines()


if __name__ == "__main__":
    write()
