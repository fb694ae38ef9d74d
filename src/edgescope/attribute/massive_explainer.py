"""Edge importance from massive activations."""

import logging
from collections.abc import Sequence
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn
from torch_geometric.explain import ExplainerAlgorithm, Explanation
from torch_geometric.explain.config import ExplanationType, MaskType, ModelTaskLevel
from torch_geometric.utils import k_hop_subgraph
from typing_extensions import override

from edgescope.attribute.flow import flows
from edgescope.attribute.layer_edges import Inputs, layer_rows
from edgescope.attribute.method import ModelMethod, undisturbed
from edgescope.attribute.normalisation import SCALES, Scale, ranks, scaled
from edgescope.attribute.outputs import count_graphs, graph_of_edges
from edgescope.capturing.discovered_sites import carry_if_alike
from edgescope.capturing.discovery.unknown_attention import discover_unknown
from edgescope.capturing.site_choice import Sites
from edgescope.lib.eager_twin import eager_twin
from edgescope.lib.errors import InputError
from edgescope.lib.model_call import Call
from edgescope.scanning.batches import device_of
from edgescope.scanning.scan_sites import choose_sites
from edgescope.statistics.ratio import edge_ratios

Measure = Literal["ratio", "magnitude", "growth"]
"""What is measured on an edge of a layer: its largest activation over the median of the edge; its
largest activation; or how many times as large the ratio is as in a baseline model."""

Layers = Literal["max", "mean", "last"] | Sequence[int]
"""How the layers of a model become one number, or which layers count; of these the largest."""

log = logging.getLogger(__name__)


class MassiveActivationExplainer(ExplainerAlgorithm, ModelMethod):  # type: ignore[misc]
    r"""Importance of an edge from how massive its activations are.

    At every layer's vectors, of its scores if it has any, else of its messages:

    .. math:: r^l_{ij} = \max_k |a^l_{ijk}| \,/\, \mathrm{median}_k |a^l_{ijk}|

    as published (Bini et al., arXiv 2409.03463, section 3), on a scale that makes layers
    comparable, and aggregated over layers. It takes one forward pass. It knows nothing of the
    output: importance is the same for every target.

    The paper finds that massive activations mark edges which carry *little* information; then
    ``reverse=True`` is the importance.

    It is a method of :func:`edgescope.attribute.importances` and an algorithm of
    :class:`torch_geometric.explain.Explainer`. There the explanation's ``edge_mask`` ``[E]`` is the
    rank of an edge's score within its graph, in (0, 1], and ``edge_score`` ``[E]`` is the score.

    Args:
        measure: ``"ratio"``; ``"magnitude"``, the largest activation alone; or ``"growth"``, the
            ratio over that of the same edge in ``baseline``.
        layers: ``"max"``, ``"mean"`` or ``"last"``; or positions of layers, of which the maximum
            is taken.
        scale: ``"log"``, the logarithm to base 10; ``"z"``, its distance from the mean of the
            graph's edges at this layer in standard deviations; or ``"rank"``, the share of the
            graph's edges at this layer that have no more.
        reverse: whether massive edges count as unimportant; the sign is changed.
        baseline: a model of the same layers, such as the untrained one, for ``"growth"``.
        sites: which sites to take; by default those of a scan.
        inputs: see :func:`edgescope.capture`.
        name: what it is called in tables; ``"massive"`` or ``"massive_reversed"`` by default.
        discover: whether to look for attention that no adapter knows, as in
            :func:`edgescope.scan`, on the first graphs that are explained.

    An edge whose median is 0 has no ratio and counts as 1, as in a scan, and an edge that a layer
    has no row for, such as a self-loop that it drops, has the lowest value there.

    Raises:
        InputError: if an option is unknown, or ``baseline`` and ``"growth"`` do not go together;
            when a model is explained, if it has no such sites or layers, or has activations that
            are not finite.

    Example:
        >>> import edgescope as es
        >>> graphs = es.data.planted("marked", 60).test
        >>> model = es.models.GATv2(**graphs.model_sizes, hidden_dim=8, num_heads=2, num_layers=1)
        >>> explainer = es.MassiveActivationExplainer(layers="last", scale="rank")
        >>> found = es.attribute.importances(model, graphs, [explainer])
        >>> found["massive"].edge.shape == graphs.edge_attr.shape
        True
    """

    def __init__(
        self,
        measure: Measure = "ratio",
        layers: Layers = "max",
        *,
        scale: Scale = "log",
        reverse: bool = False,
        baseline: nn.Module | None = None,
        sites: Sites = None,
        inputs: Inputs = None,
        name: str | None = None,
        discover: bool = True,
    ) -> None:
        super().__init__()
        _check("measure", measure, get_args(Measure))
        _check("scale", scale, SCALES)
        if isinstance(layers, str):
            _check("layers", layers, ("max", "mean", "last"))
        elif not layers:
            raise InputError("received no positions in layers=, expected at least one")
        if (measure == "growth") != (baseline is not None):
            raise InputError(
                f"received measure={measure!r} {'without' if baseline is None else 'and'} a "
                "baseline; measure='growth' needs one, the other measures do not use it"
            )
        self.measure = measure
        self.layers = layers
        self.scale = scale
        self.reverse = reverse
        self.baseline = baseline
        self.sites = sites
        self.inputs = inputs
        self.discover = discover
        self.name = name or ("massive_reversed" if reverse else "massive")

    @override
    def explain(self, model: nn.Module, batch: Any, call: Call) -> Tensor:
        graph = graph_of_edges(batch)
        graphs = count_graphs(batch)
        edges = batch.edge_index

        def of(each: nn.Module) -> list[Tensor]:
            if self.discover:
                discover_unknown(each, batch, call, self.inputs)
            return self._measured(each, lambda: call(each, batch), edges)

        values = of(model)
        if self.baseline is not None:
            carry_if_alike(model, self.baseline)
            with undisturbed(self.baseline):
                before = of(self.baseline.to(device_of(model)))
            if len(before) != len(values):
                raise InputError(
                    f"the baseline has {len(before)} layers to measure and the model "
                    f"{len(values)}; pass a model of the same architecture"
                )
            values = [now / then for now, then in zip(values, before, strict=True)]
        return self._aggregated([scaled(each, graph, graphs, self.scale) for each in values])

    def forward(
        self,
        model: nn.Module,
        x: Tensor,
        edge_index: Tensor,
        *,
        target: Tensor,  # noqa: ARG002  (of every algorithm; activations do not depend on it)
        index: int | Tensor | None = None,
        **kwargs: Any,
    ) -> Explanation:
        """Explain a model as one of PyG's algorithms; see :class:`torch_geometric.explain`.

        Args:
            model: the model, called as ``model(x, edge_index, **kwargs)``.
            x: features or types of the nodes ``[V, ...]``.
            edge_index: source and target of every edge ``[2, E]``.
            target: what the model predicts; not used.
            index: of node predictions, those that are explained: edges between nodes farther
                away than the model has layers get a mask of 0, as in PyG's own explainers. Far is
                along the flow of the layers, either way if they differ in it.
            **kwargs: the model's other arguments; ``batch`` ``[V]`` tells graphs apart.

        Raises:
            InputError: if the graph is heterogeneous, and see the class.
        """
        if not isinstance(x, Tensor) or not isinstance(edge_index, Tensor):
            raise InputError(
                "received a heterogeneous graph, expected tensors x and edge_index; "
                "es.scan measures heterogeneous models"
            )
        from torch_geometric.data import Data

        batch = kwargs.get("batch")
        of = x.new_zeros(x.size(0), dtype=torch.long) if batch is None else batch
        graphs = int(of.max()) + 1 if len(of) else 1
        data = Data(edge_index=edge_index, batch=of, num_nodes=x.size(0), num_graphs=graphs)

        def run(each: nn.Module, _: Any) -> Any:  # noqa: ANN401  (of any model)
            return each(x, edge_index, **kwargs)

        model = eager_twin(model)
        with undisturbed(model):
            score = self.explain(model, data, run)
        mask = ranks(score, of[edge_index[0]], graphs)
        if self.model_config.task_level == ModelTaskLevel.node and index is not None:
            mask = mask.where(self._near(model, index, edge_index, x.size(0)), 0)
        return Explanation(edge_mask=mask, edge_score=score)

    @override
    def supports(self) -> bool:
        config, level = self.explainer_config, self.model_config.task_level
        reason = None
        if config.explanation_type != ExplanationType.model:
            reason = "activations show what the model does, so explanation_type must be 'model'"
        elif config.node_mask_type is not None:
            reason = "activations lie on edges, so node_mask_type must be None"
        elif config.edge_mask_type != MaskType.object:
            reason = f"an edge has one score, so edge_mask_type must be {MaskType.object.value!r}"
        elif level == ModelTaskLevel.edge:
            reason = "predictions of edges are not explained, task_level must be 'graph' or 'node'"
        if reason is not None:
            log.error("%s: %s", type(self).__name__, reason)
        return reason is None

    def _measured(self, model: nn.Module, run: Any, edges: Tensor) -> list[Tensor]:  # noqa: ANN401  (calls any model)
        """Return what is measured on every edge at every layer that counts ``[E]``."""
        names = [site.name for site in choose_sites(model, self.sites).sites]

        def measure(values: Tensor) -> Tensor:
            tops = edge_ratios(values).tops
            if not bool(tops.finite.all()):
                raise InputError(
                    f"{int((~tops.finite).sum())} edges of {type(model).__name__} have activations "
                    "that are not finite; check the model's input and weights"
                )
            if self.measure == "magnitude":
                return tops.top_magnitude
            return tops.top_ratio.where(tops.defined, 1)

        missing = 0.0 if self.measure == "magnitude" else 1.0
        rows = layer_rows(model, names, run, edges, measure, self.inputs)
        found = [each.on_edges(edges.size(1), missing) for each in rows]
        if self.layers == "last":
            return found[-1:]
        if isinstance(self.layers, str):
            return found
        outside = [each for each in self.layers if not -len(found) <= each < len(found)]
        if outside:
            raise InputError(
                f"received layer {outside[0]}, but {type(model).__name__} has {len(found)} layers "
                f"to measure; expected 0 to {len(found) - 1}"
            )
        return [found[each] for each in self.layers]

    def _aggregated(self, values: list[Tensor]) -> Tensor:
        """Return one number per edge ``[E]`` from those of the layers, with its sign."""
        stacked = torch.stack(values)
        score = stacked.mean(0) if self.layers == "mean" else stacked.amax(0)
        return -score if self.reverse else score

    def _near(
        self, model: nn.Module, index: int | Tensor, edge_index: Tensor, nodes: int
    ) -> Tensor:
        """Return which edges a prediction of some nodes may depend on ``[E]``, boolean."""
        flow, *others = flows(model)
        ways = torch.cat([edge_index, edge_index.flip(0)], dim=1) if others else edge_index
        near: Tensor = k_hop_subgraph(index, self._hops(model), ways, num_nodes=nodes, flow=flow)[3]
        return near.view(-1, edge_index.size(1)).any(0)

    def _hops(self, model: nn.Module) -> int:
        """Return how far a node sees: as many hops as there are layers."""
        return max(len(choose_sites(model, self.sites).sites), int(self._num_hops(model)))


def _check(what: str, received: str, known: Sequence[str]) -> None:
    if received not in known:
        raise InputError(f"unknown {what} {received!r}, expected one of {', '.join(known)}")
