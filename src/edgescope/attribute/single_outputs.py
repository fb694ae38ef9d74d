"""The prediction of one node, or of one link, of each graph, as what is explained."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from edgescope.attribute.outputs import count_graphs, graph_of_nodes
from edgescope.lib.errors import InputError
from edgescope.lib.model_call import Call, attribute, call_model

Score = Callable[[Tensor, Tensor], Tensor]
"""What two nodes' states ``[G, D]`` say of a link between them: a function to ``[G]`` or
``[G, T]``."""


@dataclass(frozen=True, eq=False)
class NodeOutput:
    """Calls a model for the prediction of one node of each graph.

    Give it as ``call=``, and importances, fidelity and the leaderboard are about that prediction.
    Without it predictions of nodes are summed over their graph.

    Attributes:
        nodes: number of the node in its graph, for every graph of the data set ``[G]``.
        call: how the model is called on a batch; it returns a row per node.

    Raises:
        InputError: when it is called, if there is no such node, or not a row per node.

    Example:
        >>> import edgescope as es
        >>> graphs = es.data.planted("marked", 60).test
        >>> sizes = {"hidden_dim": 8, "num_heads": 2, "num_layers": 1, "readout": "node"}
        >>> model = es.models.GATv2(**graphs.model_sizes, **sizes)
        >>> first = es.attribute.NodeOutput([0] * len(graphs))
        >>> found = es.attribute.importances(model, graphs, "occlusion", call=first)
        >>> found["occlusion"].edge.shape == graphs.edge_attr.shape
        True
    """

    nodes: Sequence[int] | Tensor
    call: Call = call_model

    def __call__(self, model: nn.Module, batch: Any) -> Tensor:  # noqa: ANN401  (any PyG batch)
        """Return the output at the node of every graph ``[G, T]``."""
        place = _places(batch, torch.as_tensor(self.nodes).reshape(-1, 1)).squeeze(1)
        return _by_node(self.call(model, batch), batch)[place]


@dataclass(frozen=True, eq=False)
class LinkOutput:
    """Calls a model for what it predicts of one link of each graph.

    Give it as ``call=``, as :class:`NodeOutput`. The link may be one that the graph does not have;
    where it has it, take its edge out first, or the explanation is most likely that edge.

    Attributes:
        links: the two nodes, by their numbers in their graph, for every graph of the data set
            ``[G, 2]``.
        score: makes the prediction from the states of the two nodes that the model returns. Without
            it the model is given the links as ``edge_label_index`` ``[2, G]``, as PyG calls
            them, and returns a row for each.
        call: how the model is called on a batch.

    Raises:
        InputError: when it is called, if there is no such node, or not a row per link, or per node
            for ``score``.

    Example:
        >>> import edgescope as es
        >>> graphs = es.data.planted("marked", 60).test
        >>> sizes = {"hidden_dim": 8, "num_heads": 2, "num_layers": 1, "readout": "node"}
        >>> model = es.models.GATv2(**graphs.model_sizes, **sizes)
        >>> link = es.attribute.LinkOutput([[0, 1]] * len(graphs), lambda a, b: (a * b).sum(-1))
        >>> found = es.attribute.importances(model, graphs, "occlusion", call=link)
        >>> found["occlusion"].edge.shape == graphs.edge_attr.shape
        True
    """

    links: Sequence[Sequence[int]] | Tensor
    score: Score | None = None
    call: Call = call_model

    def __call__(self, model: nn.Module, batch: Any) -> Tensor:  # noqa: ANN401  (any PyG batch)
        """Return what is predicted of the link of every graph ``[G, T]``."""
        ends = _places(batch, torch.as_tensor(self.links).reshape(-1, 2))
        if self.score is not None:
            states = _by_node(self.call(model, batch), batch)
            found = self.score(states[ends[:, 0]], states[ends[:, 1]])
        else:
            given = copy.copy(batch)
            given.edge_label_index = ends.T.contiguous()
            found = self.call(model, given)
        return _rows(found, len(ends), "link")


def _places(batch: Any, nodes: Tensor) -> Tensor:  # noqa: ANN401  (as above)
    """Return where in a batch nodes of its graphs are ``[g, n]``.

    Args:
        batch: some graphs of the data set, which says in ``graph`` which ones.
        nodes: their numbers in every graph of the data set ``[G, n]``.
    """
    of, graphs = graph_of_nodes(batch), count_graphs(batch)
    graph = attribute(batch, "graph")
    number = graph if isinstance(graph, Tensor) else torch.arange(graphs)
    if int(number.max()) >= len(nodes):
        raise InputError(
            f"received nodes of {len(nodes)} graphs, but the data has graph {int(number.max())}; "
            "expected those of every graph"
        )
    chosen = nodes.to(of.device)[number.to(of.device)]
    sizes = of.bincount(minlength=graphs).unsqueeze(1)
    wrong = ((chosen < 0) | (chosen >= sizes)).nonzero()
    if len(wrong):
        row, column = wrong[0].tolist()
        raise InputError(
            f"received node {int(chosen[row, column])} of graph {int(number[row])}, which has "
            f"{int(sizes[row])} nodes; expected 0 to {int(sizes[row]) - 1}"
        )
    first = sizes.cumsum(0) - sizes
    return of.argsort(stable=True)[first + chosen]


def _by_node(output: Any, batch: Any) -> Tensor:  # noqa: ANN401  (any output, any PyG batch)
    return _rows(output, len(graph_of_nodes(batch)), "node")


def _rows(output: Any, number: int, what: str) -> Tensor:  # noqa: ANN401  (as above)
    """Return an output as a table with a row for each of some things."""
    if not isinstance(output, Tensor) or not output.dim() or len(output) != number:
        got = list(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise InputError(f"received an output {got}, expected a row per {what} ({number})")
    return output.unsqueeze(1) if output.dim() == 1 else output
