"""Edge importance from what happens to the output without the edge."""

from typing import Any, Literal

import torch
from torch import Tensor, nn
from typing_extensions import override

from edgescope.attribute.copies import Copies
from edgescope.attribute.edge_states import Baseline, EdgeStates, Reference
from edgescope.attribute.method import ModelMethod
from edgescope.attribute.outputs import Target, count_graphs, explained, graph_of_edges
from edgescope.data.edges.directions import reverse_edges
from edgescope.data.graphs import GraphDataset
from edgescope.lib.errors import InputError
from edgescope.lib.model_call import Call, call_model

MAX_EDGES = 2**15
"""How many edges the copies of graphs have together that are run at once; what a layer of width 64
holds of them takes some tens of MiB."""


class Occlusion(ModelMethod):
    """Importance of an edge is how far the output drops when it is taken away.

    Each undirected edge, both its directions, is taken away in turn. Both get the same importance;
    so do not merge them by their sum. Of several edges between the same nodes one is taken away at
    a time. A graph costs one forward pass and one for each of its undirected edges.

    Args:
        target: which output is explained: a column, or ``"predicted"`` for the class predicted
            with all edges.
        of: ``"presence"``: the edge is removed, its nodes stay; or ``"features"``: it stays, but
            its state is replaced, so it says only that it is there.
        baseline: for ``"features"``, what its state is replaced by; see
            :data:`~edgescope.attribute.edge_states.Baseline`.
        signed: whether a drop of the output is positive and a rise negative; by default the
            magnitude of the change is taken.
        at: for ``"features"``, see :class:`~edgescope.attribute.edge_states.EdgeStates`.
        max_edges: how many edges are run at once.
        name: what it is called in tables; ``"occlusion"`` or ``"occlusion_features"`` by default.

    Raises:
        InputError: if an option is unknown or out of range.

    Example:
        >>> import edgescope as es
        >>> graphs = es.data.planted("marked", 60).test
        >>> model = es.models.GATv2(**graphs.model_sizes, hidden_dim=8, num_heads=2, num_layers=1)
        >>> found = es.attribute.importances(model, graphs, [es.attribute.Occlusion(signed=True)])
        >>> found["occlusion"].backward_passes
        0.0
    """

    def __init__(
        self,
        target: Target = 0,
        *,
        of: Literal["presence", "features"] = "presence",
        baseline: Baseline = "mean",
        signed: bool = False,
        at: str | None = None,
        max_edges: int = MAX_EDGES,
        name: str | None = None,
    ) -> None:
        if of not in {"presence", "features"}:
            raise InputError(f"received of={of!r}, expected 'presence' or 'features'")
        if max_edges < 1:
            raise InputError(f"received max_edges={max_edges}, expected at least 1")
        self.target = target
        self.of = of
        self.signed = signed
        self.max_edges = max_edges
        self.states = EdgeStates(at)
        self.reference = Reference(baseline)
        self.name = name or ("occlusion" if of == "presence" else "occlusion_features")

    @override
    def prepare(self, model: nn.Module, dataset: GraphDataset, *, call: Call = call_model) -> None:
        """Find the mean state of the edges, if it is what replaces a state."""
        if self.of == "features":
            self.reference.prepare(self.states, model, dataset, call)

    @override
    def explain(self, model: nn.Module, batch: Any, call: Call) -> Tensor:
        with torch.no_grad():
            return self._drops(model, batch, call)

    def _drops(self, model: nn.Module, batch: Any, call: Call) -> Tensor:  # noqa: ANN401  (any PyG batch)
        """Return how far the output drops without every edge ``[E]``."""
        whole, columns = explained(call(model, batch), batch, self.target)
        edges: Tensor = batch.edge_index
        if not edges.size(1):
            return whole.new_zeros(0)
        itself = torch.arange(edges.size(1), device=edges.device)
        reverse = reverse_edges(edges)
        # An undirected edge is known by the first of its directions.
        first = torch.minimum(itself, reverse.where(reverse >= 0, itself))
        units = torch.unique(first)
        graph = graph_of_edges(batch)
        copies = Copies(batch)
        drop = whole.new_zeros(edges.size(1))
        size = graph.bincount(minlength=count_graphs(batch))[graph[units]]
        for some in _chunks(units, size, self.max_edges):
            of = graph[some]
            position, copy = copies.edges_of(of)
            taken = first[position] == some[copy]
            if self.of == "presence":
                made = copies.make(of, ~taken)
                output = call(model, made)
            else:
                made = copies.make(of)

                def blank(states: Tensor, taken: Tensor = taken) -> Tensor:
                    return torch.where(taken.unsqueeze(1), self.reference.like(states), states)

                output = self.states.run(model, made, call, blank)
            drop[some] = whole[of] - explained(output, made, self.target, columns[of])[0]
        drop = drop[first]
        return drop if self.signed else drop.abs()


def _chunks(units: Tensor, size: Tensor, most: int) -> list[Tensor]:
    """Cut undirected edges into runs whose copies have at most ``most`` edges, or are one copy.

    Args:
        units: the edges ``[U]``.
        size: number of edges of the graph of each ``[U]``.
        most: how many edges a run may have.
    """
    chunks, start, held = [], 0, 0
    for place, each in enumerate(size.tolist()):
        if held + each > most and place > start:
            chunks.append(units[start:place])
            start, held = place, 0
        held += each
    return [*chunks, units[start:]]
