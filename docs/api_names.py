"""What a name in a docstring means: the object that Python would find in its place.

The site takes it for its cross-references, the tests for every role in the source.
"""

import ast
import builtins
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from functools import cache
from textwrap import dedent
from types import ModuleType
from typing import Any, NamedTuple

import edgescope
from edgescope.lib.errors import EdgescopeError, EdgescopeWarning


class Public(NamedTuple):
    """A name that users may import."""

    room: str
    """The package that exports it."""
    name: str
    value: Any

    @property
    def path(self) -> str:
        """Its dotted name."""
        return f"{self.room}.{self.name}"


def rooms() -> list[str]:
    """Return the packages with public names: the root, and those that have an ``__all__``."""
    inner = pkgutil.iter_modules(edgescope.__path__, "edgescope.")
    packages = sorted(each.name for each in inner if each.ispkg)
    return ["edgescope", *(room for room in packages if hasattr(module_of(room), "__all__"))]


def errors() -> dict[str, type]:
    """Return the errors and warnings of edgescope by name; docstrings speak of them everywhere."""
    found: dict[str, type] = {}
    waiting: list[type] = [EdgescopeError, EdgescopeWarning]
    while waiting:
        each = waiting.pop(0)
        if each.__module__ == EdgescopeError.__module__:
            found[each.__name__] = each
        waiting += each.__subclasses__()
    return found


def public_names() -> list[Public]:
    """Return every public name of every room, but for the rooms themselves."""
    every = [
        Public(room, name, getattr(module_of(room), name))
        for room in rooms()
        for name in sorted(module_of(room).__all__)
    ]
    return [each for each in every if not isinstance(each.value, ModuleType)]


def module_of(name: str) -> ModuleType:
    """Return a module by its dotted name, also where a function hides it."""
    return importlib.import_module(name)


def is_door(value: object) -> bool:
    """Return whether this is an object of ours that is called like a function."""
    return callable(value) and type(value).__module__.startswith("edgescope.")


def parts_of(value: Any) -> dict[str, Any]:
    """Return the functions that hang on a public function, such as ``es.capture.sites``."""
    holder = type(value) if is_door(value) else value if inspect.isfunction(value) else None
    names = [name for name in getattr(holder, "__dict__", {}) if not name.startswith("_")]
    return {name: getattr(value, name) for name in names if callable(getattr(value, name))}


def docstring(each: Public) -> str:
    """Return what the source says of a public name; of a constant, what stands below it."""
    if is_door(each.value):
        return inspect.getdoc(type(each.value).__call__) or ""
    if inspect.isclass(each.value) or inspect.isroutine(each.value):
        return inspect.cleandoc(each.value.__doc__ or "")
    return _below(defined_in(each.room, each.name), each.name)


def defined_in(module: str, name: str) -> str:
    """Return the module whose source gives a constant its value, which others import."""
    body = _tree(module).body
    blocks = [each.body for each in body if isinstance(each, ast.If)]  # for the type checker
    for statement in [*body, *(each for block in blocks for each in block)]:
        if isinstance(statement, ast.ImportFrom) and statement.module:
            imported = {alias.asname or alias.name for alias in statement.names}
            if name in imported:
                return defined_in(statement.module, name)
    return module


def _below(module: str, name: str) -> str:
    body = _tree(module).body
    for statement, following in zip(body, [*body[1:], None], strict=True):
        targets = (
            statement.targets
            if isinstance(statement, ast.Assign)
            else [getattr(statement, "target", None)]
        )
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            said = following.value if isinstance(following, ast.Expr) else None
            text = said.value if isinstance(said, ast.Constant) else ""
            return inspect.cleandoc(text) if isinstance(text, str) else ""
    return ""


@cache
def _tree(module: str) -> ast.Module:
    return ast.parse(inspect.getsource(module_of(module)))


@cache
def scope(module: str) -> dict[str, Any]:
    """Return the names that a module's source can see, those for the type checker included."""
    seen = dict(vars(module_of(module)))
    for block in _tree(module).body:
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.unparse(block.test):
            exec(compile(ast.Module(block.body, []), module, "exec"), seen)  # noqa: S102  (imports)
    return seen


def find(target: str, module: str | None = None, owner: type | None = None) -> list[Any]:
    """Return the objects on the way to a name, the last being what it means; [] if nothing is.

    Args:
        target: the name, dotted or not.
        module: the module in whose source it is written.
        owner: the class in whose docstring, or that of whose method, it is written.
    """
    first, *rest = target.removeprefix("~").split(".")
    if not first:
        return []
    places = [errors(), vars(builtins)]
    if module is not None:
        places.insert(0, scope(module))
    if owner is not None:
        if found := _walk(owner, [first, *rest]):
            return found
        places[:0] = [scope(base.__module__) for base in owner.__mro__ if _is_ours(base)]
    for place in places:
        if first in place and (found := _walk(place[first], rest)):
            return found
    return _imported([first, *rest])


def _is_ours(value: Any) -> bool:
    return value.__module__.split(".")[0] == "edgescope"


def _imported(names: list[str]) -> list[Any]:
    for length in range(1, len(names) + 1):
        try:
            start = importlib.import_module(".".join(names[:length]))
        except ImportError:
            return []
        if found := _walk(start, names[length:]):
            return found
    return []


def _walk(start: Any, names: list[str]) -> list[Any]:
    found = [start]
    for name in names:
        if isinstance(found[-1], type) and name in _fields(found[-1]):
            found.append(inspect.getattr_static(found[-1], name, None))
        elif hasattr(found[-1], name):
            found.append(getattr(found[-1], name))
        else:
            return []
    return found


def _fields(owner: type) -> set[str]:
    """Return the attributes that a class declares without giving them a value."""
    declared = {name for base in owner.__mro__ for name in vars(base).get("__annotations__", {})}
    return {name for name in declared if not hasattr(owner, name)} | _set_in_init(owner)


@cache
def _set_in_init(owner: type) -> set[str]:
    own = [base for base in owner.__mro__ if _is_ours(base) and "__init__" in vars(base)]
    found = set()
    for base in own:
        if base.__init__.__code__.co_filename == "<string>":  # of a dataclass
            continue
        for node in ast.walk(ast.parse(dedent(inspect.getsource(base.__init__)))):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                found.add(node.attr)
    return {name for name in found if not hasattr(owner, name)}


def modules() -> Iterator[str]:
    """Yield the dotted name of every module of the package."""
    yield "edgescope"
    for each in pkgutil.walk_packages(edgescope.__path__, "edgescope."):
        if not each.name.endswith("__main__"):
            yield each.name
