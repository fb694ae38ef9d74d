"""The sets of edges that a batch holds, and to which of its graphs their nodes belong.

A batch may be PyG's, or a tuple, a dictionary or any object that holds several of them. One of
plain graphs has one set of edges and says in ``batch`` which graph a node is of. One of pairs or of
bipartite graphs has several sets of nodes, each with graphs of other sizes.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from edgescope.capturing.edge_rows import EdgeIdentity
from edgescope.capturing.graph_input import InputEdges, NodeSet
from edgescope.capturing.node_sets import first_nodes, noted
from edgescope.lib.errors import InputError
from edgescope.lib.model_call import attribute

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


class EdgeSet(NamedTuple):
    """One set of edges of a batch."""

    path: str
    """How it is reached from the batch, such as ``"snapshots[1].edge_index"``."""
    owner: Any
    """What holds it."""
    name: str
    """What the owner calls it."""
    edge_index: Tensor
    """The edges ``[2, M]``."""

    def holds(self, identity: EdgeIdentity) -> bool:
        """Return whether the rows of a layer are where their positions say."""
        if identity.of == "node":  # its numbers are those of any edges of as many nodes
            ends = self.edge_index
            return not ends.numel() or int(ends.max()) < len(identity.in_input)
        return identity.fits(self.edge_index)

    def place(self, identity: EdgeIdentity, size: int) -> EdgeIdentity:
        """Return the same rows with the graph of each, and with edges and nodes numbered in it.

        Args:
            identity: rows of these edges, of which ``position`` says where they are.
            size: number of graphs.

        Raises:
            InputError: if it is not certain to which graph the nodes belong.
        """
        if identity.of == "node":
            return self._place_nodes(identity, size)
        position, turned = identity.in_input, identity.turned
        rows = identity.edge_index.flip(0) if turned else identity.edge_index
        ends = self.edge_index.to(rows.device)
        nodes = [int(row.max()) + 1 if row.numel() else 0 for row in rows]
        vectors = [vector.to(rows.device) for vector in self.graph_of_nodes(size, nodes)]
        for vector, number in zip(vectors, nodes, strict=True):
            if number > len(vector):
                raise InputError(
                    f"a layer has a node {number - 1}, but the batch holds {len(vector)} at that "
                    f"end of {self.path}; let the model's forward take batch"
                )
        first, second = (NodeSet(vector, len(vector)) for vector in vectors)
        given = InputEdges(ends, nodes=(first, second))
        target_row = 1 - identity.target_row if turned else identity.target_row
        input_edge, graph, offset = given.locate(rows, position, target_row)
        offset = offset.flip(0) if turned else offset
        return identity._replace(input_edge=input_edge, graph=graph, node_offset=offset)

    def _place_nodes(self, identity: EdgeIdentity, size: int) -> EdgeIdentity:
        """Return rows that are nodes with the graph of each, and numbered in it."""
        node = identity.in_input
        vectors = self.graph_of_nodes(size, (len(node), len(node)))
        first, second = (vector.to(node.device) for vector in vectors)
        if len(first) != len(node) or not first.equal(second):
            raise InputError(
                f"a layer has {len(node)} nodes, and which of the {size} graphs of {self.path} "
                "they belong to cannot be told; let the model's forward take batch"
            )
        offset = NodeSet(first, len(first)).offset(node, first)
        return identity._replace(
            input_edge=node - offset, graph=first, node_offset=offset.expand(2, -1)
        )

    def graph_of_nodes(self, size: int, nodes: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Return the graph of the nodes at either end ``[V_0]``, ``[V_1]``.

        Args:
            size: number of graphs.
            nodes: how many nodes there are at either end at least.

        Raises:
            InputError: if it is not certain.
        """
        named = node_vectors(self.owner)
        starts = first_nodes(self.owner, self.name, size)
        plain = named.get("batch")
        found = None
        if plain is not None and self._is_of_both(plain, starts, alone=len(named) == 1):
            found = plain, plain
        if found is None and starts is not None:
            found = self._noted(starts, nodes)
        if found is None:
            found = self._by_name(named)
        if found is None:
            raise InputError(
                f"which of the {size} graphs the nodes of {self.path} belong to cannot be told "
                f"from the batch{_received(named)}; let the model's forward take the graph of "
                "every node, give the batch follow_batch= of both sets of nodes, or use "
                "batch_size=1"
            )
        return found

    def _is_of_both(self, plain: Tensor, starts: Tensor | None, *, alone: bool) -> bool:
        """Return whether ``batch`` ``[V]`` is of the nodes at both ends.

        PyG makes one for graphs with two sets of nodes as well, of as many as it guesses.
        """
        if not self._fits((plain, plain)):
            return False
        if starts is None:
            return alone
        if not starts[0].equal(starts[1]):
            return False
        size = plain.cpu().bincount(minlength=starts.size(1))
        states = attribute(self.owner, "x")
        of_states = isinstance(states, Tensor) and len(states) == len(plain)
        return of_states or (size.cumsum(0) - size).equal(starts[0])

    def _noted(self, starts: Tensor, nodes: Sequence[int]) -> tuple[Tensor, Tensor] | None:
        """Return what PyG noted when it joined the graphs, if that is so still."""
        slices = noted(self.owner, "_slice_dict", self.name)
        size = starts.size(1)
        if slices is None or slices.numel() != size + 1:
            return None
        if int(slices[-1]) != self.edge_index.size(1):
            return None
        ends = self.edge_index.cpu()
        vectors = []
        for start, end, number in zip(starts, ends, nodes, strict=True):
            # Nodes without an edge come last, if at all, so they are of the last graph.
            known = torch.arange(max(number, int(end.max()) + 1 if end.numel() else 0))
            vectors.append(torch.searchsorted(start, known, right=True) - 1)
        graph = torch.arange(size).repeat_interleave(slices.diff())
        if any(not vector[end].equal(graph) for vector, end in zip(vectors, ends, strict=True)):
            return None  # edges or nodes were changed since
        return vectors[0], vectors[1]

    def _by_name(self, named: Mapping[str, Tensor]) -> tuple[Tensor, Tensor] | None:
        """Return the vectors that the batch has for the nodes at either end by their names.

        ``edge_index`` runs from ``x_s`` to ``x_t``, and ``edge_index_s`` among ``x_s``, as on
        PyG's page on batching.
        """
        suffix = self.name.removeprefix(PLAIN)
        wanted = ("_s", "_t") if not suffix else (suffix, suffix)
        told = [[v for name, v in named.items() if name.endswith(f"{end}_batch")] for end in wanted]
        if any(len(each) != 1 for each in told):
            return None
        chosen = told[0][0], told[1][0]
        return chosen if self._fits(chosen) else None

    def _fits(self, vectors: tuple[Tensor, Tensor]) -> bool:
        """Return whether both ends of every edge are of one graph by these vectors."""
        ends = self.edge_index
        if any(
            end.numel() and int(end.max()) >= len(vector)
            for vector, end in zip(vectors, ends, strict=True)
        ):
            return False
        first, second = (v.to(end.device)[end] for v, end in zip(vectors, ends, strict=True))
        return torch.equal(first, second)


def edge_sets(batch: Any, edges: str = PLAIN) -> list[EdgeSet]:  # noqa: ANN401  (any batch)
    """Return the sets of edges that a batch holds, also in lists of graphs that it holds.

    Args:
        batch: a PyG batch, a tuple or dictionary of them, or any object.
        edges: what it calls ``edge_index``.
    """
    return [EdgeSet(*found) for found in edges_within(batch, edges)]


def of_input(sets: list[EdgeSet], name: str, edges: str) -> list[EdgeSet]:
    """Return the sets that an input of the model may be, by its name.

    Args:
        sets: all of the batch.
        name: name of the input; empty if the model was given one only.
        edges: what the batch calls ``edge_index``.
    """
    wanted = {name, f"{name}.{edges}"} if name else {edges}
    return [each for each in sets if each.path in wanted] or sets


def _received(named: Mapping[str, Tensor]) -> str:
    """Say which vectors there are."""
    return f" (it holds {', '.join(named)}, which do not fit for certain)" if named else ""
