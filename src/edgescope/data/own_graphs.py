"""A data set of your own: graphs of PyG as they are, and the flat tensors that analyses read."""

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor

from edgescope.data.flat_groups import end_to_end
from edgescope.data.graphs import SINGLE_EDGE_TYPE, GraphDataset
from edgescope.lib.errors import InputError
from edgescope.lib.mistakes import said
from edgescope.lib.task_metrics import METRICS, Task

if TYPE_CHECKING:
    from torch_geometric.data import Data

SINGLE_NODE_TYPE = ("node",)
"""The node types of graphs whose nodes have none."""

MOST_UNNAMED = 16
"""More different values than this are as likely to be a measure as types, unless they are named."""

MOST_TYPES = 10_000
"""More node types than this are taken for something else."""


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class OwnGraphs(GraphDataset):
    """Graphs that somebody made; :func:`from_graphs` makes it.

    A batch is what PyG's ``DataLoader`` makes of the same graphs, with all that they hold. Beside
    that it has ``graph`` ``[G]``, the positions of the graphs, and targets of graphs are ``y``
    ``[G, T]`` float32.

    Attributes:
        x: ``[V]`` int64, node types, or ``[V, C]`` int64; or ``[V, C]`` float, features.
        edge_attr: ``[E]`` int64, edge types, or ``[E, B]`` int64; or ``[E, B]`` float, features.
        graphs: the graphs themselves.

    Example:
        >>> import torch
        >>> from torch_geometric.data import Data
        >>> import edgescope as es
        >>> ring = torch.tensor([[0, 1, 2], [1, 2, 0]])
        >>> graphs = es.data.from_graphs([Data(x=torch.randn(3, 4), edge_index=ring, y=1.5)] * 10)
        >>> graphs[:4].batch([0, 1]).x.shape
        torch.Size([6, 4])
    """

    graphs: "tuple[Data, ...]"
    made_of: tuple[Tensor, Tensor, Tensor]
    """``x``, ``edge_index`` and ``edge_attr`` of the graphs: others are of changed graphs."""

    @property
    def node_types(self) -> Tensor:
        """Type of every node ``[V]``; all 0 where nodes have features instead."""
        if self.vocabulary == SINGLE_NODE_TYPE:
            return torch.zeros(len(self.x), dtype=torch.long)
        return super().node_types

    @property
    def edge_types(self) -> Tensor:
        """Type of every edge ``[E]``; all 0 where edges have features instead."""
        if self.edge_type_names == SINGLE_EDGE_TYPE:
            return torch.zeros(len(self.edge_attr), dtype=torch.long)
        return super().edge_types

    @property
    def model_sizes(self) -> dict[str, Any]:
        """What the constructors of ``es.models`` ask for that only the data can tell.

        Raises:
            InputError: if nodes have no types, which those models embed.
        """
        if self.x.is_floating_point():
            raise InputError(
                f"the nodes of {self.name} have real features, and edgescope's models embed types "
                "of nodes (integers x); use a model of your own"
            )
        sizes = super().model_sizes
        if self.edge_attr.is_floating_point():
            del sizes["num_bond_types"]
            sizes["edge_dim"] = self.edge_attr.size(1)
        return sizes

    def subset(self, index: slice | Sequence[int] | Tensor) -> Self:
        """Take several graphs, in the order given."""
        graphs = self._unchanged()
        part = super().subset(index)
        made_of = (part.x, part.edge_index, part.edge_attr)
        chosen = tuple(graphs[place] for place in self.positions(index).tolist())
        return replace(part, graphs=chosen, made_of=made_of)

    def with_edges(self, kept: Tensor) -> Self:
        """Return the same graphs with some of their edges, ``kept`` ``[E]``; all nodes stay."""
        parts = torch.split(kept, self.edge_ptr.diff().tolist())
        graphs = (
            graph.edge_subgraph(mask) for graph, mask in zip(self._unchanged(), parts, strict=True)
        )
        fewer = super().with_edges(kept)
        made_of = (fewer.x, fewer.edge_index, fewer.edge_attr)
        return replace(fewer, graphs=tuple(graphs), made_of=made_of)

    def _graph(self, index: int) -> "Data":
        graph = copy.copy(self._unchanged()[index])
        graph.graph = index
        if self.target_names:
            graph.y = self.y[index : index + 1]
        return graph

    def batch(self, index: slice | Sequence[int] | Tensor) -> Any:  # noqa: ANN401  (a PyG Batch)
        """Join several graphs as one disconnected graph, as PyG does.

        Raises:
            InputError: if no graph is chosen.
        """
        from torch_geometric.data import Batch

        chosen = self.positions(index)
        if not len(chosen):
            raise InputError("received no graph to make a batch of, expected at least one")
        return Batch.from_data_list([self._graph(place) for place in chosen.tolist()])

    def _unchanged(self) -> "tuple[Data, ...]":
        """Return the graphs, unless the flat tensors are of others by now."""
        now = (self.x, self.edge_index, self.edge_attr)
        if any(one is not other for one, other in zip(now, self.made_of, strict=True)):
            raise InputError(
                f"the edges or types of {self.name} were changed, but its graphs are your own and "
                "hold more than these; change the graphs themselves, and call es.data.from_graphs"
            )
        return self.graphs


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
            a data set of PyG.
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


def _check_graphs(graphs: "Sequence[Data]") -> None:
    """Refuse what are no plain graphs, or not all of one kind."""
    if not graphs:
        raise InputError("received no graph, expected at least one PyG Data")
    for number, graph in enumerate(graphs):
        edges = getattr(graph, "edge_index", None)
        if not isinstance(edges, Tensor) or hasattr(graph, "edge_types"):
            what = "with several node types" if hasattr(graph, "edge_types") else "of no edge_index"
            raise InputError(
                f"graph {number} is {said(graph)} {what}, expected a PyG Data with edge_index "
                "[2, E]; heterogeneous graphs are scanned by their own loader"
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
    table = values.long().view(len(values), -1)
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
