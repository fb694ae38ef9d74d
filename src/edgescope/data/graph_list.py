"""From a list of PyG's graphs to a data set."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from edgescope.data.flat_groups import end_to_end
from edgescope.data.graphs import SINGLE_EDGE_TYPE
from edgescope.data.own_graphs import SINGLE_NODE_TYPE, OwnGraphs
from edgescope.data.relation_graphs import RelationGraphs, relation_graphs
from edgescope.lib.errors import InputError
from edgescope.lib.mistakes import said
from edgescope.lib.task_metrics import METRICS, Task

if TYPE_CHECKING:
    from torch_geometric.data import Data

MOST_UNNAMED = 16
"""More different values than this are as likely to be a measure as types, unless they are named."""

MOST_TYPES = 10_000
"""More node types than this are taken for something else."""


def from_graphs(
    graphs: "Iterable[Data]",
    *,
    name: str = "own",
    node_type_names: Sequence[str] | None = None,
    edge_type_names: Sequence[str] | None = None,
    target_names: Sequence[str] | None = None,
    task: Task | None = None,
) -> OwnGraphs:
    """Make a data set of graphs of your own.

    It can be used where those of :func:`edgescope.data.load` can: in ``es.data.loader``,
    ``es.scan``, ``es.interpret.interpret``, ``es.attribute.leaderboard`` and ``es.train.fit``;
    ``es.data.divide_at_random`` cuts it in three. The graphs keep all that they hold.

    Args:
        graphs: PyG's ``Data``, each with ``edge_index`` and the same other attributes; a list, or
            a data set of PyG. Or ``HeteroData``, of which the node types are types of nodes and
            the relations types of edges.
        name: what tables and reports call it.
        node_type_names: what the integers of ``x``, or its first column, mean, from 0 on. Real
            ``x`` are features, and all nodes are alike.
        edge_type_names: the same for ``edge_attr``. Without ``edge_attr`` all edges are alike.
        target_names: names of the targets, the columns of ``y`` ``[1, T]`` of a graph.
        task: ``"regression"``, ``"labels"`` (0 and 1, of one task or several) or ``"classes"``;
            it decides the metric. None is regression if some target is neither 0 nor 1 nor another
            whole number, and unknown otherwise, as whole numbers can be any of the three.

    Raises:
        InputError: if something is no such graph, graphs hold different things, an edge leads to a
            node that is not there, names do not fit, or integers look like no types.

    Example:
        >>> import torch
        >>> from torch_geometric.data import Data
        >>> import edgescope as es
        >>> ring = torch.tensor([[0, 1, 2, 1, 2, 0], [1, 2, 0, 0, 1, 2]])
        >>> made = [
        ...     Data(torch.tensor([0, 1, 1]), ring, torch.tensor([0, 1, 0, 0, 1, 0]), y=i / 7)
        ...     for i in range(20)
        ... ]
        >>> graphs = es.data.from_graphs(made, edge_type_names=["single", "double"])
        >>> graphs, graphs.metric
        (OwnGraphs(own: 20 graphs, 60 nodes, 120 directed edges), 'mae')
        >>> [part.name for part in es.data.divide_at_random(graphs, seed=0)]
        ['own/train', 'own/val', 'own/test']
    """
    given = list(graphs)
    if given and hasattr(given[0], "edge_types"):
        return _of_relations(given, name, (node_type_names, edge_type_names, target_names, task))
    _check_graphs(given)
    x, vocabulary, node_columns = _types(given, "x", node_type_names, SINGLE_NODE_TYPE)
    edge_attr, edge_names, edge_columns = _types(
        given, "edge_attr", edge_type_names, SINGLE_EDGE_TYPE
    )
    y = _targets(given)
    names = tuple(target_names or (f"y{place}" for place in range(y.size(1))))
    if y.size(1) == 1 and not target_names:
        names = ("y",)
    if len(names) != y.size(1):
        raise InputError(
            f"received {len(names)} target_names, expected one for each of the {y.size(1)} targets "
            "of a graph"
        )
    if task is not None and task not in METRICS:
        raise InputError(f"received task={task!r}, expected one of {', '.join(METRICS)}")
    known = y[~y.isnan()]
    if task is None and not bool((known == known.round()).all()):
        task = "regression"
    flat = end_to_end(given)
    return OwnGraphs(
        **flat,
        x=x,
        edge_attr=edge_attr,
        y=y,
        vocabulary=vocabulary,
        edge_type_names=edge_names,
        target_names=names,
        name=name,
        task=task,
        node_columns=node_columns,
        edge_columns=edge_columns,
        graphs=tuple(given),
        made_of=(x, flat["edge_index"], edge_attr),
    )


def _of_relations(graphs: "Sequence[Any]", name: str, told: Sequence[object]) -> RelationGraphs:
    if any(each is not None for each in told):
        raise InputError(
            "received names or a task for heterogeneous graphs, whose types are their own and "
            "whose targets belong to nodes; leave them out"
        )
    return relation_graphs(graphs, name)


def _check_graphs(graphs: "Sequence[Data]") -> None:
    """Refuse what are no plain graphs, or not all of one kind."""
    from torch_geometric.data import Batch

    if not graphs:
        raise InputError("received no graph, expected at least one PyG Data")
    for number, graph in enumerate(graphs):
        if isinstance(graph, Batch):
            raise InputError(
                f"graph {number} is a batch of several; give single graphs, as batch.to_data_list()"
            )
        edges = getattr(graph, "edge_index", None)
        if not isinstance(edges, Tensor) or hasattr(graph, "edge_types"):
            raise InputError(
                f"graph {number} is {said(graph)}, expected a PyG Data with edge_index [2, E], as "
                "are all graphs of a data set, or HeteroData, all of them"
            )
        if edges.shape[:1] != (2,) or edges.dim() != 2 or edges.dtype != torch.long:  # noqa: PLR2004
            raise InputError(
                f"the edge_index of graph {number} is {edges.dtype} of shape {list(edges.shape)}, "
                "expected int64 of shape [2, E]"
            )
        nodes = int(graph.num_nodes)
        if edges.numel() and not 0 <= int(edges.min()) <= int(edges.max()) < nodes:
            raise InputError(
                f"graph {number} has an edge from or to node {int(edges.max())}, expected 0 to "
                f"{nodes - 1}; correct its edge_index, or its number of nodes"
            )
        if sorted(graph.keys()) != sorted(graphs[0].keys()):
            raise InputError(
                f"graph {number} holds {', '.join(sorted(graph.keys()))}, graph 0 "
                f"{', '.join(sorted(graphs[0].keys()))}; give all graphs the same attributes"
            )


def _types(
    graphs: "Sequence[Data]", field: str, names: Sequence[str] | None, single: tuple[str, ...]
) -> tuple[Tensor, tuple[str, ...], Mapping[str, int]]:
    """Join ``x`` or ``edge_attr`` of all graphs; return it, what types mean, and its columns."""
    argument = "node_type_names" if field == "x" else "edge_type_names"
    held: list[Any] = [getattr(graph, field, None) for graph in graphs]
    if held[0] is None:
        sizes = sum(g.num_nodes if field == "x" else g.num_edges for g in graphs)
        values = torch.zeros(sizes, dtype=torch.long)
    else:
        shapes = {(tuple(each.shape[1:]), each.dtype) for each in held}
        if len(shapes) > 1:
            raise InputError(
                f"{field} of the graphs has the shapes and types "
                f"{' and '.join(f'{list(s)} {t}' for s, t in sorted(shapes, key=str))} behind the "
                "first dimension; give all graphs the same"
            )
        values = torch.cat(held)
    if held[0] is None or values.is_floating_point():
        if names is not None:
            what = "no" if held[0] is None else "real numbers as"
            raise InputError(
                f"received {argument}, but the graphs have {what} {field}; leave it out"
            )
        return values, single, {}
    table = values.long().unsqueeze(1).flatten(1)
    _check_types(table, field, argument, named=names is not None)
    highest = [int(column.max()) + 1 if len(table) else 1 for column in table.T]
    if names is not None and len(names) < highest[0]:
        raise InputError(
            f"received {len(names)} {argument}, but {field} holds the type {highest[0] - 1}; name "
            "all types in order, from 0 on"
        )
    told = tuple(names or (f"type {number}" for number in range(highest[0])))
    highest[0] = len(told)
    columns = {f"{field}{place}": size for place, size in enumerate(highest)}
    return values.long(), told, columns if values.dim() > 1 else {}


def _check_types(table: Tensor, field: str, argument: str, *, named: bool) -> None:
    """Refuse integers that cannot be types, or may be none."""
    remedy = f"or give {field} as real numbers, if it is a measure"
    if table.numel() and int(table.min()) < 0:
        raise InputError(f"{field} holds {int(table.min())}, expected types from 0 on; {remedy}")
    if table.numel() and int(table.max()) >= MOST_TYPES:
        raise InputError(
            f"{field} holds {int(table.max())}, more types than {MOST_TYPES:,}; count them from 0 "
            f"on, {remedy}"
        )
    kinds = len(torch.unique(table[:, 0])) if field == "edge_attr" and table.numel() else 0
    if kinds > MOST_UNNAMED and not named:
        raise InputError(
            f"{field} holds {kinds} different integers, which may be a measure; name the types "
            f"with {argument}=, {remedy}"
        )


def _targets(graphs: "Sequence[Data]") -> Tensor:
    """Return the targets ``[N, T]`` of graphs; none if they are of nodes or of edges."""
    held = [getattr(graph, "y", None) for graph in graphs]
    if held[0] is None:
        return torch.zeros(len(graphs), 0)
    rows = [torch.as_tensor(each).float() for each in held]
    # [T] of a single graph is one of several nodes as well: of graphs if it is one number.
    of_graphs = all(each.numel() == 1 or (each.dim() > 1 and len(each) == 1) for each in rows)
    if not of_graphs:
        return torch.zeros(len(graphs), 0)
    if len({each.numel() for each in rows}) > 1:
        raise InputError(
            "the graphs have different numbers of targets y; fill missing ones with NaN"
        )
    return torch.stack([each.reshape(-1) for each in rows])
