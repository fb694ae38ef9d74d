"""What a batch holds: sets of edges, and the vectors that say which graph a node is of.

A batch may be PyG's, or a tuple, a dictionary or any object that holds several of them.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

DEPTH = 2
"""How deep inside a batch edges are looked for: a list of graphs in an attribute."""

PLAIN = "edge_index"
"""What PyG calls the edges of a graph."""

_STEM = "edge_ind"
"""What names of edges have in common: ``edge_index_s``, ``pos_edge_index``, ``edge_indices``."""


def graphs_of(batch: Any) -> list[Any]:  # noqa: ANN401  (as above)
    """Return the graphs or batches of graphs that a batch holds, if it is none itself."""
    owners = {id(owner): owner for _, owner, _, _ in edges_within(batch) if owner is not batch}
    return list(owners.values())


def node_vectors(batch: Any) -> dict[str, Tensor]:  # noqa: ANN401  (as above)
    """Return the graph of every node ``[V]`` of each set of nodes that a batch names.

    Such as ``batch``, or ``x_s_batch`` of as many nodes as there are in ``x_s``, as
    ``follow_batch=["x_s"]`` gives it; or what follows from ``x_s_ptr``, under that name.
    """
    held = {name: value for name, value, _ in _members(batch, "") if isinstance(value, Tensor)}
    found: dict[str, Tensor] = {}
    for name, value in held.items():
        kind = re.fullmatch(r"(?:(.+)_)?(batch|ptr)", name)
        if kind is None or value.dim() != 1 or value.is_floating_point() or _STEM in name:
            continue
        called, of = f"{kind[1]}_batch" if kind[1] else "batch", held.get(kind[1] or "x")
        vector = value
        if kind[2] == "ptr":
            sizes = value.cpu().diff()
            if called in held or not len(sizes) or bool((sizes < 0).any()):
                continue
            vector = torch.arange(len(sizes)).repeat_interleave(sizes)
        if name == "batch" or (of is not None and of.dim() and len(of) == len(vector)):
            found[called] = vector
    return found


def edges_within(
    batch: Any,  # noqa: ANN401  (as above)
    edges: str = PLAIN,
) -> Iterator[tuple[str, Any, str, Tensor]]:
    """Yield path, owner, name and tensor ``[2, M]`` of every set of edges that a batch holds."""
    yield from _edges(batch, edges, "", DEPTH, batch, "")


def _edges(
    thing: Any,  # noqa: ANN401  (as above)
    edges: str,
    path: str,
    depth: int,
    owner: Any,  # noqa: ANN401  (as above)
    called: str,
) -> Iterator[tuple[str, Any, str, Tensor]]:
    """Go through what ``thing`` holds; members of a list belong to its owner, under its name."""
    for own, value, inner in _members(thing, path):
        name, holder = (own, thing) if own else (called, owner)
        if isinstance(value, Tensor):
            is_edges = value.dim() == 2 and value.size(0) == 2 and not value.is_floating_point()  # noqa: PLR2004
            if is_edges and value.layout == torch.strided and (_STEM in name or name == edges):
                yield inner, holder, name, value
        elif depth:
            yield from _edges(value, edges, inner, depth - 1, holder, name)


def _members(thing: Any, path: str) -> Iterator[tuple[str, Any, str]]:  # noqa: ANN401  (as above)
    """Yield name, value and path of what a batch holds."""
    if isinstance(thing, tuple | list) and not hasattr(thing, "_fields"):
        for number, each in enumerate(thing):
            yield "", each, f"{path}[{number}]"
        return
    if isinstance(thing, Mapping):
        items = [(str(name), value) for name, value in thing.items()]
    elif hasattr(thing, "stores") and callable(getattr(thing, "to_dict", None)):
        items = [(str(name), value) for name, value in thing.to_dict().items()]
    elif hasattr(thing, "_fields"):
        items = list(zip(thing._fields, thing, strict=True))
    else:
        items = [(k, v) for k, v in getattr(thing, "__dict__", {}).items() if k[:1] != "_"]
    for name, value in items:
        yield name, value, f"{path}.{name}".removeprefix(".")


def noted(owner: Any, kind: str, name: str) -> Tensor | None:  # noqa: ANN401  (as above)
    """Return what PyG noted under ``name`` when it joined graphs."""
    notes = getattr(owner, kind, None)
    found = notes.get(name) if isinstance(notes, Mapping) else None
    if found is None:
        return None
    try:
        return torch.as_tensor(found).cpu().long().flatten()
    except (TypeError, ValueError, RuntimeError):  # a list of what is no number
        return None
