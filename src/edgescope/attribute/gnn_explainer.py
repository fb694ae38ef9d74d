"""GNNExplainer as PyG has it, for any model and with a mask that acts."""

from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.explain import GNNExplainer
from torch_geometric.explain.config import ExplainerConfig, ModelConfig
from typing_extensions import override

from edgescope.attribute.copies import Copies, without_edges
from edgescope.attribute.edge_mask import (
    SAME,
    check_maskable,
    check_reversed,
    clean_masks,
    loops_to_strip,
    masked_attention,
)
from edgescope.attribute.method import ModelMethod
from edgescope.attribute.outputs import Target, by_graph, choose_columns, count_graphs, explained
from edgescope.lib.errors import InputError
from edgescope.lib.model_call import Call
from edgescope.lib.task_metrics import Task

EPOCHS = 100
"""Epochs of learning a mask: the default of PyG's ``GNNExplainer``."""

MODES: dict[Task, str] = {
    "regression": "regression",
    "labels": "binary_classification",
    "classes": "multiclass_classification",
}
"""What PyG calls the tasks, by which it chooses the loss."""


class GNNExplainerMask(ModelMethod):
    """Importance of an edge is its mask as PyG's ``GNNExplainer`` learns it, from 0 to 1.

    GNNExplainer (Ying et al., arXiv 1903.03894) learns a mask of edges with which the model still
    predicts what it does without, while few edges are left. Here it is learnt graph by graph, on
    edges only.

    Layers of PyG apply the mask themselves, to their messages after normalisation. edgescope's
    edge attention is none of them and would not see it: there the attention weights before
    normalisation are multiplied by the mask, a soft removal of the edge. Self-loops that all
    layers replace by their own are taken out first and get 0, as PyG's mask would land on other
    edges; see :func:`~edgescope.attribute.edge_mask.loops_to_strip`.

    Args:
        target: which output is explained: a column, or ``"predicted"`` for the class predicted.
        task: what the outputs are, which decides the loss: squared error of a value; binary
            cross-entropy of a label, 1 where its logit is above 0; cross-entropy of the classes.
        epochs: how many steps are taken per graph, each a forward and a backward pass.
        lr: learning rate.
        seed: decides the mask that learning starts from, the same for every graph.
        name: what it is called in tables.
        **coefficients: weights of the regularisers, as PyG's ``GNNExplainer`` takes them, such as
            ``edge_size=0.005``.

    Raises:
        InputError: if there is not at least one epoch; when a model is explained, if it has no
            layer that a mask acts in, uses self-loops in some layers and replaces them in
            others, or has a reversed flow that PyG's masks do not keep.

    Example:
        >>> import edgescope as es
        >>> graphs = es.data.planted("marked", 60).test
        >>> model = es.models.GATv2(**graphs.model_sizes, hidden_dim=8, num_heads=2, num_layers=1)
        >>> mask = es.attribute.GNNExplainerMask(epochs=5)
        >>> found = es.attribute.importances(model, graphs[:1], [mask])
        >>> float(found["gnnexplainer"].edge.max()) <= 1
        True
    """

    def __init__(
        self,
        target: Target = 0,
        *,
        task: Task = "regression",
        epochs: int = EPOCHS,
        lr: float = 0.01,
        seed: int = 0,
        name: str = "gnnexplainer",
        **coefficients: float | str,
    ) -> None:
        if epochs < 1:
            raise InputError(f"received epochs={epochs}, expected at least 1")
        if task not in MODES:
            raise InputError(f"unknown task {task!r}, expected one of {', '.join(MODES)}")
        unknown = sorted(set(coefficients) - set(GNNExplainer.default_coeffs))
        if unknown:
            raise InputError(
                f"unknown coefficient {unknown[0]!r}, expected one of "
                f"{', '.join(GNNExplainer.default_coeffs)}"
            )
        self.target = target
        self.task = task
        self.epochs = epochs
        self.lr = lr
        self.seed = seed
        self.coefficients = coefficients
        self.name = name

    @override
    def explain(self, model: nn.Module, batch: Any, call: Call) -> Tensor:
        check_maskable(model)
        strip = loops_to_strip(model, batch.edge_index)
        copies = Copies(batch)
        masks = torch.zeros(batch.edge_index.size(1), device=batch.edge_index.device)
        for graph in range(count_graphs(batch)):
            chosen = torch.tensor([graph])
            edges = copies.edges_of(chosen)[0]
            if not len(edges):
                continue
            one = copies.make(chosen)
            kept = ~strip[edges]
            if not bool(kept.all()):
                one = self._stripped(model, one, kept, call)
            if bool(kept.any()):
                check_reversed(
                    model,
                    one.edge_index,
                    lambda one=one: by_graph(call(model, one), one),  # type: ignore[misc]
                )
                masks[edges[kept]] = self._learn(model, one, call)
        return masks

    def _learn(self, model: nn.Module, graph: Any, call: Call) -> Tensor:  # noqa: ANN401  (a PyG batch)
        """Return the mask of every edge of one graph ``[E]``."""
        algorithm = GNNExplainer(epochs=self.epochs, lr=self.lr, **self.coefficients)
        algorithm.connect(
            ExplainerConfig("model", node_mask_type=None, edge_mask_type="object"),
            ModelConfig(MODES[self.task], task_level="graph", return_type="raw"),
        )
        with torch.no_grad():
            table = by_graph(call(model, graph), graph)
        columns = choose_columns(table, self.target)
        calling = _Called(model, graph, call, None if self.task == "classes" else columns)
        if self.task == "classes":
            goal = columns
        else:
            goal = table.gather(1, columns.unsqueeze(1))
            goal = (goal > 0).float() if self.task == "labels" else goal

        def mask() -> Tensor | None:
            learnt = algorithm.edge_mask
            return None if learnt is None else learnt.sigmoid()

        edges = graph.edge_index
        nothing = torch.zeros(int(graph.num_nodes), 1, device=edges.device)
        devices = [edges.device] if edges.device.type == "cuda" else []
        with (
            torch.random.fork_rng(devices),
            clean_masks(model),
            masked_attention(model, edges, mask),
            torch.enable_grad(),
        ):
            torch.manual_seed(self.seed)
            found = algorithm(calling, nothing, edges, target=goal)
        learnt: Tensor = found.edge_mask
        return learnt

    def _stripped(self, model: nn.Module, graph: Any, kept: Tensor, call: Call) -> Any:  # noqa: ANN401
        """Return a graph without the self-loops that no layer reads.

        Raises:
            InputError: if the output is another without them.
        """
        bare = without_edges(graph, kept)
        with torch.no_grad():
            before = explained(call(model, graph), graph, self.target)[0]
            after = explained(call(model, bare), bare, self.target)[0]
        if not torch.allclose(before, after, rtol=SAME, atol=SAME):
            raise InputError(
                f"{type(model).__name__} predicts {float(before):.6g} with its self-loops and "
                f"{float(after):.6g} without, though its layers replace them, so a mask of edges "
                "would act on the wrong ones; remove the self-loops from the data, or use another "
                "method"
            )
        return bare


class _Called(nn.Module):
    """A model that PyG can call on node features and edges, as it calls it on a whole graph."""

    def __init__(self, model: nn.Module, graph: Any, call: Call, columns: Tensor | None) -> None:  # noqa: ANN401
        super().__init__()
        self.model = model
        self._graph = graph
        self._call = call
        self._columns = columns

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        """Return the output of the graph: all of it ``[1, T]``, or the column explained ``[1, 1]``.

        PyG's mask is set on the layers, so the arguments hold nothing that the graph does not.
        """
        del x, edge_index
        table = by_graph(self._call(self.model, self._graph), self._graph)
        return table if self._columns is None else table.gather(1, self._columns.unsqueeze(1))
