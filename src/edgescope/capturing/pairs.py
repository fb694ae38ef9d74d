"""Pairs of nodes of a dense batch: whose nodes they are, and which edge runs between them."""

import warnings

import torch
from torch import Tensor

from edgescope.capturing.edge_rows import EdgeIdentity, EdgeRows
from edgescope.capturing.graph_input import GraphInput, InputEdges, NodeSet, starts
from edgescope.lib.errors import EdgescopeWarning, InputError


def check_sizes(graph: GraphInput, sizes: Tensor) -> InputEdges | None:
    """Check that a dense batch holds the nodes that the model was given, graph by graph.

    Args:
        graph: what the model was given.
        sizes: number of nodes of every graph in the dense batch ``[G]``.

    Returns:
        The input whose nodes they are; ``None`` if the model was given no edges.

    Raises:
        InputError: if the numbers of nodes differ, or the nodes of a graph are not together, the
            message says which of the usual causes it is; or if it may be one input or another.
    """
    if not graph.inputs:
        if graph.batch is not None:
            _check_nodes(NodeSet(graph.batch), sizes)
        return None
    fits: list[InputEdges] = []
    problem: InputError | None = None
    for edges in graph.inputs:
        try:
            _check(edges, sizes)
            fits.append(edges)
        except InputError as error:
            problem = problem or error
    if not fits:
        assert problem is not None
        raise problem
    if len(fits) > 1:
        raise InputError(
            f"its nodes may be those of {' or of '.join(edges.name for edges in fits)}, as the "
            "numbers of nodes are the same"
        )
    return fits[0]


def _check(edges: InputEdges, sizes: Tensor) -> None:
    if not edges.square:
        raise InputError("the two ends of the edges are of two sets of nodes")
    _check_nodes(edges.nodes[0], sizes)


def _check_nodes(nodes: NodeSet, sizes: Tensor) -> None:
    batch = nodes.graph
    if batch is not None:
        if bool((batch.diff() < 0).any()):
            raise InputError(
                "the nodes of a graph do not follow each other in batch; sort them by graph"
            )
        expected = batch.bincount(minlength=sizes.numel())
    else:
        expected = sizes.sum()[None] if nodes.size is None else sizes.new_tensor([nodes.size])
    if not torch.equal(sizes, expected):
        raise InputError(
            f"its dense batch holds {_graphs(sizes)}, the model was given {_graphs(expected)}"
            + _cause(sizes, expected, batch is not None)
        )


def first_between(pairs: Tensor, edge_index: Tensor, num_nodes: int) -> Tensor:
    """Return the position in ``edge_index`` of the first edge of each pair ``[P]``, or -1.

    Args:
        pairs: source and target of each pair ``[2, P]``.
        edge_index: source and target of the edges of the input ``[2, M]``.
        num_nodes: number of nodes of the input.
    """
    wanted = pairs[0] * num_nodes + pairs[1]
    there, order = (edge_index[0] * num_nodes + edge_index[1]).sort(stable=True)
    if not len(there):
        return torch.full_like(wanted, -1)
    found = torch.searchsorted(there, wanted).clamp(max=len(there) - 1)
    return order[found].where(there[found] == wanted, -1)


def as_pairs(seen: Tensor, rows: EdgeRows, graph: GraphInput) -> tuple[InputEdges, int] | None:
    """Return the input whose edges rows may be by their two nodes, and the number of nodes.

    For rows that a model computed itself, such as all pairs of nodes of each graph. Nodes that the
    model appended after those of the input are in no edge.

    Args:
        seen: source and target of the rows ``[2, E]``.
        rows: what else is known of them.
        graph: what the model was given.

    Returns:
        ``None`` if the numbers do not say it: there are fewer nodes than in the input, or a row
        joins two graphs.
    """
    inputs = [each for each in graph.inputs if each.square and each.unclear is None]
    if len(inputs) != len(graph.inputs) or not inputs or inputs[0].relation is not None:
        return None
    given = inputs[0]
    nodes = given.nodes[0]
    here = [size for size in rows.num_nodes if size is not None]
    size = nodes.size
    if size is None or not here or min(here) < size or len(set(here)) > 1:
        return None
    own = (seen < size).all(0)
    if nodes.tells_graphs:
        source, target = (nodes.graph_of(end[own]) for end in seen)
        if not torch.equal(source, target):
            return None
    return given, max(here[0], size)


def edges_between(seen: Tensor, number: Tensor | None, edges: Tensor, num_nodes: int) -> Tensor:
    """Return which edge every row is ``[E]``, by its two nodes, -1 if it is none.

    Of several edges between two nodes it is the first, as in dense attention; where the model has
    numbers of edges, of the same nodes, it is the one with that number.

    Args:
        seen: source and target of the rows ``[2, E]``.
        number: what the model may have as the numbers of their edges ``[E]``.
        edges: source and target of the edges of the input ``[2, M]``.
        num_nodes: number of nodes.

    Raises:
        InputError: if rows are of the same two nodes, between which there are several edges.
    """
    if number is not None and number.numel() == seen.size(1):
        fits = (number >= 0) & (number < edges.size(1))
        if bool(fits.all()) and torch.equal(edges[:, number].to(seen.dtype), seen):
            return number
    position = first_between(seen, edges, num_nodes)
    found = position[position >= 0]
    alike = edges[0] * num_nodes + edges[1]
    several = alike.unique(return_counts=True)  # type: ignore[no-untyped-call]  # torch's
    doubled = several[0][several[1] > 1]
    twice = found.bincount(minlength=edges.size(1)) > 1
    if bool(torch.isin(alike[twice], doubled).any()):
        raise InputError(
            "several of its rows are of the same two nodes, between which the input has several "
            "edges, and which of them is which cannot be told"
        )
    return position


def nodes_alone(seen: Tensor, rows: EdgeRows, graph: GraphInput, site: str) -> EdgeIdentity:
    """Return the nodes of rows where the model was given no edges, but the graph of every node.

    As of a cloud of points, whose nearest ones a model finds itself: no row is an edge of the
    input, and its nodes are known by their numbers.

    Args:
        seen: source and target of the rows ``[2, E]``.
        rows: what else is known of them.
        graph: what the model was given.
        site: name of the site.

    Raises:
        InputError: if the nodes are not those of the graphs, or which these are is not known.
    """
    batch = graph.batch
    if not rows.pairs or batch is None or bool((batch.diff() < 0).any()):
        raise InputError(
            f"{graph.model} was called without an argument named edge_index, by which "
            "captured edges are identified; name it with inputs={'edge_index': ...}"
        )
    if set(rows.num_nodes) != {batch.numel()} or not torch.equal(*batch[seen]):
        raise InputError(
            "the model was given no edges, and the nodes of its rows are not those of one graph of "
            "the batch"
        )
    warnings.warn(
        f"{graph.model} was given no edges, so the rows of "
        f"{site.partition(':')[0] or 'the model'} are known by the numbers of their nodes; this "
        "holds unless the model has renumbered its nodes",
        EdgescopeWarning,
        stacklevel=2,
    )
    of_row = batch[seen[0]]
    offset = starts(batch.bincount())[of_row].expand(2, -1)
    identity = EdgeIdentity(seen.clone(), torch.full_like(of_row, -1), of_row, None, offset)
    return identity._replace(target_row=rows.target_row)


def warn_of_pairs(site: str) -> None:
    """Warn that the rows of a site are known by the numbers of their nodes only."""
    warnings.warn(
        f"the model computed rows of {site.partition(':')[0] or 'the model'} itself, so they are "
        "taken for the edges of the input between the same nodes; this holds unless the model has "
        "renumbered its nodes",
        EdgescopeWarning,
        stacklevel=2,
    )


def _cause(sizes: Tensor, expected: Tensor, has_batch: bool) -> str:
    """Say what usually makes the sizes of a dense batch differ in this way."""
    if sizes.numel() != expected.numel():
        if has_batch:
            return ""
        return (
            "; the model has no argument named batch that says whose nodes they are: name it with "
            "inputs={'batch': ...}"
        )
    more = sizes - expected
    if int(more[0]) > 0 and bool((more == more[0]).all()):
        return (
            f"; {int(more[0])} more in each is usually a virtual node or a CLS token, which is no "
            "node of the input"
        )
    if bool((sizes == expected.max()).all()):
        return "; its padding is not marked: call it with a key_padding_mask"
    return ""


def _graphs(sizes: Tensor) -> str:
    shown = ", ".join(str(size) for size in sizes[:3].tolist())
    if sizes.numel() > 3:  # noqa: PLR2004  (a few will do)
        shown += ", ..."
    graphs = "1 graph" if sizes.numel() == 1 else f"{sizes.numel()} graphs"
    return f"{graphs} of {shown} nodes"
