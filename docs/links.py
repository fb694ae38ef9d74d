"""Cross-references as Python reads them, and formulas without JavaScript."""

import re
from collections.abc import Iterator
from functools import partial
from inspect import isroutine
from typing import Any

from api_names import defined_in, find, is_door
from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx import addnodes
from sphinx.transforms import SphinxTransform
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.writers.html5 import HTML5Translator

SPOKEN = re.compile(r"es((?:\.\w+)+)(?:\(.*\))?")
"""How pages speak of a public name: ``es.scan`` or ``es.scan(model, loader)``."""


class SpokenNames(SphinxTransform):
    """Make ``es.scan`` in a text a reference to :func:`edgescope.scan`, which must exist."""

    default_priority = 400

    def apply(self, **_options: Any) -> None:
        """Replace the literals of one document."""
        for literal in list(self.document.findall(nodes.literal)):
            spoken = SPOKEN.fullmatch(literal.astext())
            if spoken is None or isinstance(
                literal.parent, (nodes.reference, addnodes.pending_xref)
            ):
                continue
            reference = addnodes.pending_xref(
                "",
                refdomain="py",
                reftype="obj",
                reftarget=f"edgescope{spoken[1]}",
                refdoc=self.env.docname,
                refwarn=True,
            )
            literal.replace_self(reference)
            reference += literal


class PythonNames(SphinxPostTransform):
    """Resolve a reference to what its name means where it is written.

    What is described on the site is linked. What exists and is not described, such as a class of
    torch, stays text. What does not exist is left to Sphinx, which warns.
    """

    default_priority = 5  # before Sphinx's own search, which knows no imports

    def run(self, **_options: Any) -> None:
        """Resolve the references of one document."""
        described = self.env.get_domain("py").data["objects"]
        for reference in list(self.document.findall(addnodes.pending_xref)):
            if reference.get("refdomain") != "py":
                continue
            module, owner = _written_in(reference)
            target = reference["reftarget"]
            found = find(target, module, owner)
            if not found:
                continue
            path = next((path for path in _paths(target, found) if path in described), None)
            if path is not None:
                reference["reftarget"] = path
                reference["refspecific"] = False
            else:
                reference.replace_self(_text_of(reference))


def _written_in(reference: nodes.Node) -> tuple[str | None, type | None]:
    """Return the module, and the class, in whose docstring or signature a reference stands."""
    above = reference.parent
    while above is not None:
        if isinstance(above, addnodes.desc) and above["domain"] == "py":
            signature = above[0]
            name = signature.get("fullname", "")
            found = find(f"{signature['module']}.{name}") or find(name)
            owners = [each for each in found if isinstance(each, type)]
            if owners:
                return owners[-1].__module__, owners[-1]
            if found and (isroutine(found[-1]) or is_door(found[-1])):
                return found[-1].__module__, None
            return defined_in(signature["module"], name), None
        above = above.parent
    return None, None


def _paths(target: str, found: list[Any]) -> Iterator[str]:
    """Yield the names under which an object may be described, the public one first."""
    from make_api import public_paths

    names = target.removeprefix("~").split(".")
    yield ".".join(names)
    for length in range(len(found)):
        path = public_paths().get(id(found[-1 - length]))
        if path:
            yield ".".join([path, *names[len(names) - length :]])


def _text_of(reference: addnodes.pending_xref) -> list[nodes.Node]:
    children = reference.children
    if isinstance(children[0], addnodes.pending_xref_condition):
        chosen = {each["condition"]: each for each in children}
        return list(chosen.get("resolved", chosen.get("*", children[0])).children)
    return list(children)


def _visit_math(self: HTML5Translator, node: nodes.Element, *, block: bool) -> None:
    self.body.append(tex2mathml(node.astext(), as_block=block))
    raise nodes.SkipNode


def setup(app: Any) -> None:
    """Add all of this to a build."""
    app.add_transform(SpokenNames)
    app.add_post_transform(PythonNames)
    app.add_html_math_renderer(
        "mathml",
        (partial(_visit_math, block=False), None),
        (partial(_visit_math, block=True), None),
    )
