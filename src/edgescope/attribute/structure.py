"""Baselines that know nothing of the model: chance, degrees, and how common an edge's type is."""

from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from typing_extensions import override

from edgescope.attribute.flow import BACK, flows
from edgescope.attribute.method import Method
from edgescope.attribute.outputs import count_graphs, graph_of_edges
from edgescope.capturing.graph_input import edge_types
from edgescope.data.graphs import GraphDataset
from edgescope.lib.errors import InputError
from edgescope.lib.model_call import Call, call_model


class Random(Method):
    """Importance by chance, from 0 to 1.

    It depends on the seed and on the graph's position in the data set, ``batch.graph`` ``[G]``,
    not on the batch that the graph is in; in a batch that does not say so, on the position there.

    Args:
        seed: decides the numbers.
        name: what it is called in tables.

    Example:
        >>> import edgescope as es
        >>> graphs = es.data.planted("marked", 60).test
        >>> model = es.models.GATv2(**graphs.model_sizes, hidden_dim=8, num_heads=2, num_layers=1)
        >>> draws = [es.attribute.Random(seed=0), es.attribute.Random(seed=1, name="again")]
        >>> sorted(es.attribute.importances(model, graphs, draws))
        ['again', 'random']
    """

    def __init__(self, seed: int = 0, *, name: str = "random") -> None:
        self.seed = seed
        self.name = name

    @override
    def attribute(self, model: nn.Module, batch: Any, *, call: Call = call_model) -> Tensor:
        graphs = count_graphs(batch)
        of = graph_of_edges(batch)
        told = getattr(batch, "graph", None)
        numbers = [told] if isinstance(told, int) else None
        if isinstance(told, Tensor) and told.numel() == graphs:
            numbers = told.flatten().tolist()
        drawn = [
            np.random.default_rng((self.seed, number)).random(size)
            for number, size in zip(
                range(graphs) if numbers is None else numbers,
                of.bincount(minlength=graphs).tolist(),
                strict=True,
            )
        ]
        values = torch.empty(len(of), dtype=torch.float64)
        values[of.cpu().argsort(stable=True)] = torch.from_numpy(np.concatenate(drawn))
        return values.to(of.device)


class Degree(Method):
    """Importance of an edge from how many edges lead into its two ends.

    Edges lead to the node that attends: from row 0 of ``edge_index`` to row 1, unless all layers of
    the model have ``flow="target_to_source"``.

    Args:
        of: ``"sum"`` or ``"product"`` of the two degrees.
        name: what it is called in tables.

    Raises:
        InputError: if ``of`` is neither.

    Example:
        >>> import edgescope as es
        >>> graphs = es.data.planted("marked", 60).test
        >>> model = es.models.GATv2(**graphs.model_sizes, hidden_dim=8, num_heads=2, num_layers=1)
        >>> found = es.attribute.importances(model, graphs, [es.attribute.Degree(of="product")])
        >>> found["degree"].forward_passes  # the model is not run
        0.0
    """

    def __init__(self, of: Literal["sum", "product"] = "sum", *, name: str = "degree") -> None:
        if of not in {"sum", "product"}:
            raise InputError(f"received of={of!r}, expected 'sum' or 'product'")
        self.of = of
        self.name = name

    @override
    def attribute(self, model: nn.Module, batch: Any, *, call: Call = call_model) -> Tensor:
        source, target = batch.edge_index
        into = source if flows(model) == {BACK} else target
        degree: Tensor = into.bincount(minlength=int(batch.num_nodes))
        ends = degree[source], degree[target]
        return (ends[0] * ends[1] if self.of == "product" else ends[0] + ends[1]).double()


class EdgeTypeFrequency(Method):
    r"""Importance of an edge is how rare its type is: the "bond frequency" baseline.

    :math:`-\log_{10} \frac{n_t + 1}{N + T}` for a type that :math:`n_t` of the :math:`N` edges of
    the data set have, of :math:`T` types. One more edge of each type is counted (Laplace's rule),
    so that a type which the data set does not have is the rarest, not infinitely rare.

    Args:
        name: what it is called in tables.

    Raises:
        InputError: when a batch is explained, if no data set has been counted with
            :meth:`prepare`, or the edges have no types.

    Example:
        >>> import edgescope as es
        >>> graphs = es.data.planted("marked", 60).test
        >>> model = es.models.GATv2(**graphs.model_sizes, hidden_dim=8, num_heads=2, num_layers=1)
        >>> found = es.attribute.importances(model, graphs, [es.attribute.EdgeTypeFrequency()])
        >>> found["edge_type_frequency"].edge.shape == graphs.edge_attr.shape
        True
    """

    def __init__(self, *, name: str = "edge_type_frequency") -> None:
        self.name = name
        self.counts: Tensor | None = None

    @override
    def prepare(self, model: nn.Module, dataset: GraphDataset, *, call: Call = call_model) -> None:
        """Count the edges of every type."""
        types = dataset.edge_types
        size = max(len(dataset.edge_type_names), int(types.max()) + 1 if len(types) else 0)
        self.counts = types.bincount(minlength=size)

    @override
    def attribute(self, model: nn.Module, batch: Any, *, call: Call = call_model) -> Tensor:
        if self.counts is None:
            raise InputError(
                f"{self.name} has counted no data set; call prepare(model, dataset) first, as "
                "importances does"
            )
        size = batch.edge_index.size(1)
        attr = getattr(batch, "edge_attr", None)
        types = edge_types(attr, size) if attr is not None else None
        if types is None:
            raise InputError(
                f"{self.name} needs edges with an integer type in edge_attr, received "
                f"{'none' if attr is None else attr.dtype}; use another baseline"
            )
        counts = self.counts.to(types.device)
        known = (types >= 0) & (types < len(counts))
        seen = torch.zeros_like(types)
        seen[known] = counts[types[known]]
        share: Tensor = (seen + 1).double() / (counts.sum() + len(counts))
        return -share.log10()
