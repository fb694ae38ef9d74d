"""Every cross-reference in a docstring of the source names something that exists."""

import ast
import re
from collections.abc import Iterator
from inspect import getsource, ismodule

import pytest
from api_names import find, module_of, modules

ROLE = re.compile(
    r":(?:py:)?(mod|class|func|meth|attr|exc|data|obj|const):`(?:[^`<]*<)?~?([\w.]+)(?:\(\))?>?`"
)
KINDS = {
    "mod": ismodule,
    "exc": lambda found: isinstance(found, type),
    "func": lambda found: callable(found) and not isinstance(found, type),
    "meth": callable,
}


def docstrings(node: ast.AST, owner: object) -> Iterator[tuple[str, type | None, int]]:
    """Yield every free-standing string under a node, with the class that it stands in."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            yield from docstrings(child, getattr(owner, child.name, owner))
        elif isinstance(child, (ast.FunctionDef, ast.If)):
            yield from docstrings(child, owner)
        elif isinstance(child, ast.Expr):
            text = getattr(child.value, "value", None)
            if isinstance(text, str):
                yield text, owner if isinstance(owner, type) else None, child.lineno


def roles(module: str) -> list[tuple[int, str, str, type | None]]:
    tree = ast.parse(getsource(module_of(module)))
    return [
        (line, kind, target, owner)
        for text, owner, line in docstrings(tree, module_of(module))
        for kind, target in ROLE.findall(text)
    ]


@pytest.mark.parametrize("module", list(modules()))
def test_what_a_docstring_refers_to_exists(module):
    wrong = []
    for line, kind, target, owner in roles(module):
        found = find(target, module, owner)
        if not found or not KINDS.get(kind, lambda _: True)(found[-1]):
            wrong.append(f"line {line}: :{kind}:`{target}`")
    assert not wrong


def test_the_roles_are_found_and_a_wrong_one_is_told():
    assert sum(len(roles(module)) for module in modules()) > 300
    assert find("Scan.table", "edgescope.data", None) == []
    assert find("edgescope.nothing") == []
    assert find(".scan", "edgescope") == []
    assert find("edgescope.Scan.table")
    assert find("polars.DataFrame")
