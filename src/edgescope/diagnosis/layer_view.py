"""What rules get to see of a model that runs, and the edge features its layers worked with."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from edgescope.capturing.adapters.adapter import Adapter
from edgescope.diagnosis.layer_info import has_mask
from edgescope.diagnosis.neighbour_sums import Groups, all_finite, largest_by, scaled, sum_by

ROUNDING = 64
"""States that differ by so many units of rounding are the same: they are sums over channels and
neighbours, whose rounding errors add up."""


@dataclass(frozen=True)
class LayerSeen:
    """One call of an attention layer on one batch; ``E`` rows, ``H`` heads.

    Attributes:
        path: path of the layer; ``conv@2`` for its second call in a forward pass.
        layer: the layer.
        adapter: what is known of its class.
        number: number of the batch.
        edge_index: both ends of every row ``[2, E]``, as the layer saw them; in a heterogeneous
            graph each end is numbered within its node type. Which row holds which end depends on
            the layer's flow: :attr:`source` and :attr:`target` have them by meaning.
        groups: which softmax a row belongs to, and whom it leads to.
        input_edge: the edge of its graph that a row is ``[E]``; -1 for self-loops that the layer
            added and for pairs of nodes without an edge.
        graph: graph of every row ``[E]``, by its place in the batch.
        num_nodes: number of nodes of the batch, if the graph is homogeneous.
        pairs: whether the layer attends to all pairs of nodes of a graph, not along edges.
        logit: ``[E, H]``, ``weight``: ``[E, H]`` before dropout, ``score`` and ``message``:
            ``[E, H, D]``; each ``None`` unless a rule needs it and the layer has it, and the first
            two if its weights are gates. A layer that attends by channel has its channels in place
            of heads here, and says so. Scores and messages at the layer's floor are zeros.
        x: node states that the layer was given, of sources and of targets, each ``[V, F]``.
        output: node states that it returned ``[V, F']``.
        arguments: the arguments of the call by name.
        batch: the batch that the model was given.
        node_graph: graph of every node ``[V]``, if both ends are nodes of one homogeneous graph.
        target_row: row of ``edge_index`` that holds the end that attends and aggregates.
        two_sets: whether the ends of a row are nodes of two different sets, so that the same
            number is not the same node: the whole call, or every row of it ``[E]``.
        by_channel: whether the layer attends by channel, with a softmax for each.

    Example:
        >>> import edgescope as es
        >>> from edgescope.diagnosis import Rule
        >>> graphs = es.data.planted("marked", 60).test
        >>> model = es.models.GATv2(**graphs.model_sizes, hidden_dim=8, num_heads=2, num_layers=1)
        >>> loader = es.data.loader(graphs)
        >>> class Shapes(Rule):
        ...     id, title, severity = "shapes", "what the weights look like", "note"
        ...     needs = frozenset({"weight"})
        ...     def observe(self, seen):
        ...         print(seen.path, tuple(seen.weight.shape[1:]))
        >>> found = es.diagnose(model, loader, rules=[Shapes()])
        layers.0.conv (2,)
    """

    path: str
    layer: nn.Module
    adapter: Adapter
    number: int
    edge_index: Tensor
    groups: Groups
    input_edge: Tensor
    graph: Tensor
    num_nodes: int | None
    pairs: bool
    logit: Tensor | None = None
    weight: Tensor | None = None
    score: Tensor | None = None
    message: Tensor | None = None
    x: tuple[Tensor | None, Tensor | None] = (None, None)
    output: Tensor | None = None
    arguments: Mapping[str, Any] | None = None
    batch: Any = None
    node_graph: Tensor | None = None
    target_row: int = 1
    two_sets: bool | Tensor = False
    by_channel: bool = False

    @property
    def source(self) -> Tensor:
        """The node that every row leads to, which is attended to ``[E]``."""
        return self.edge_index[1 - self.target_row]

    @property
    def target(self) -> Tensor:
        """The node that attends and aggregates, of every row ``[E]``."""
        return self.edge_index[self.target_row]

    @property
    def ends(self) -> Tensor:
        """Source above target of every row ``[2, E]``, by meaning."""
        return self.edge_index if self.target_row else self.edge_index.flip(0)

    @cached_property
    def loop(self) -> Tensor:
        """Whether a row leads from a node to itself ``[E]``, boolean."""
        same = self.source == self.target
        two = self.two_sets
        return same & ~two if isinstance(two, Tensor) else same & (not two)

    @property
    def softmax(self) -> Tensor:
        """Which softmax a row belongs to ``[E]``.

        It is the target, or a number of its own per target and node type or relation in a
        heterogeneous graph.
        """
        return self.groups.softmax

    @property
    def degree(self) -> Tensor:
        """Number of rows of every softmax ``[N]``."""
        return self.groups.degree

    @cached_property
    def share(self) -> Tensor:
        """Weights ``[E, H]`` scaled to a sum of 1 over each softmax, in float64."""
        assert self.weight is not None
        weight = self.weight.double()
        total = sum_by(weight, self.softmax, len(self.degree))
        return weight / total.clamp(min=torch.finfo(weight.dtype).tiny)[self.softmax]

    @cached_property
    def alike(self) -> Tensor:
        """Whether all sources of a softmax are in the same state ``[N]``, boolean.

        States are compared through one random projection, the same for every call: equal states
        give equal numbers, and different ones differ with probability one. What differs by
        :data:`ROUNDING` units of rounding is the same: means of equal numbers come out so.
        """
        size, states = len(self.degree), self.x[0]
        if states is None or not size or int(self.source.max()) >= len(states):
            return torch.zeros(size, dtype=torch.bool, device=self.softmax.device)
        along = torch.randn(states.size(1), generator=torch.Generator().manual_seed(0))
        parts = scaled(states) * along.to(states.device)
        at, length = parts.sum(1), parts.abs().sum(1)
        both = torch.stack([at, -at, length], 1)[self.source]
        high, low, longest = largest_by(both, self.softmax, size).unbind(1)
        return high + low <= ROUNDING * torch.finfo(states.dtype).eps * longest

    @cached_property
    def choosing(self) -> Tensor:
        """Which softmaxes have two or more neighbours, not all in the same state ``[N]``."""
        return (self.groups.neighbours.number > 1) & ~self.alike

    @cached_property
    def finite(self) -> bool:
        """Whether all numbers of the call are finite: of its stages, states and output.

        Logits of minus infinity do not count where a layer over all pairs was given a mask, which
        forbids pairs by them.
        """
        logit = self.logit
        if logit is not None and self.pairs and has_mask(self.arguments):
            logit = logit.where(logit != -torch.inf, 0)
        parts = (self.score, logit, self.weight, self.message, *self.x, self.output)
        return all(all_finite(each) for each in parts if each is not None)


@dataclass(frozen=True)
class StateSeen:
    """Node states between two layers of the model, on one batch.

    Attributes:
        path: where they come from: path of the block of layers, such as ``layers.3``; the first
            states of a pass, which enter the first block, have the path ``"input"``.
        number: number of the batch.
        x: the states ``[V, F]``.
        edge_index: the batch's edges ``[2, E]``.
        graph: graph of every node ``[V]``.

    Example:
        >>> import edgescope as es
        >>> from edgescope.diagnosis import Rule
        >>> graphs = es.data.planted("marked", 60).test
        >>> model = es.models.GATv2(**graphs.model_sizes, hidden_dim=8, num_heads=2, num_layers=1)
        >>> loader = es.data.loader(graphs)
        >>> class States(Rule):
        ...     id, title, severity = "states", "what the states look like", "note"
        ...     needs = frozenset({"state"})
        ...     def observe_state(self, seen):
        ...         print(seen.path, tuple(seen.x.shape[1:]))
        >>> found = es.diagnose(model, loader, rules=[States()])
        input (8,)
        layers.0 (8,)
    """

    path: str
    number: int
    x: Tensor
    edge_index: Tensor
    graph: Tensor

    @cached_property
    def finite(self) -> bool:
        """Whether all states are finite."""
        return all_finite(self.x)


@dataclass(frozen=True)
class Sample:
    """Some batches, for rules that must run the model again.

    Attributes:
        model: the model, in eval mode; a rule runs it without gradients.
        call: runs it on a batch: ``sample.call(sample.model, batch)``.
        batches: the first batches of the loader, on the model's device.
        outputs: what the model returned on each of them.
        seed: decides what is drawn at random.
        inputs: what the model calls the parts of the graph, as in :func:`edgescope.capture`.

    Example:
        >>> import edgescope as es
        >>> from edgescope.diagnosis import Rule
        >>> graphs = es.data.planted("marked", 60).test
        >>> model = es.models.GATv2(**graphs.model_sizes, hidden_dim=8, num_heads=2, num_layers=1)
        >>> loader = es.data.loader(graphs)
        >>> class Sampled(Rule):
        ...     id, title, severity = "sampled", "how many batches are sampled", "note"
        ...     samples = True
        ...     def probe(self, sample):
        ...         print(len(sample.batches))
        >>> found = es.diagnose(model, loader, rules=[Sampled()])
        1
    """

    model: nn.Module
    call: Callable[[nn.Module, Any], Any]
    batches: Sequence[Any]
    outputs: Sequence[Any]
    seed: int
    inputs: Mapping[str, str] | None = None


@dataclass(frozen=True)
class BatchSeen:
    """One batch after the model ran on it.

    Attributes:
        number: number of the batch.
        batch: the batch that the model was given.
        finite: whether all that its modules returned was finite, as far as it was looked at; a
            false is a reason to look again, and may be due to the looking.
    """

    number: int
    batch: Any
    finite: bool


def edge_features(seen: LayerSeen) -> Tensor | None:
    """Return the features of every row ``[E, K]``, as the layer saw them; ``None`` if it has none.

    Self-loops that a layer of PyG adds get the features that it gives them.

    Raises:
        ValueError: if it cannot be told which features belong to which row.
    """
    given = seen.arguments or {}
    names = seen.adapter.edge_arguments(seen.layer)
    found = [given[name] for name in names if isinstance(given.get(name), Tensor)]
    if not found:
        return None
    rows = torch.cat([_by_row(each).double() for each in found], 1)
    if seen.adapter.replaces_loops(seen.layer):
        rows = _with_loops(given.get("edge_index"), rows, seen)
    if len(rows) != seen.edge_index.size(1):
        raise ValueError("there are not as many edge features as rows")
    return rows


def _by_row(values: Tensor) -> Tensor:
    """Return one row of features per edge ``[E, K]``, also if there is no edge."""
    return values.unsqueeze(1) if values.dim() == 1 else values.flatten(1)


def _with_loops(edges: object, rows: Tensor, seen: LayerSeen) -> Tensor:
    """Drop self-loops and add one per node, as the layer does."""
    from torch_geometric.utils import add_self_loops, remove_self_loops

    if not isinstance(edges, Tensor) or edges.layout != torch.strided:
        raise ValueError("the layer was not given its edges as a tensor")
    others, rows = remove_self_loops(edges, rows)
    nodes = seen.edge_index.size(1) - others.size(1)
    features = seen.adapter.features_of_loops(seen.layer)
    all_edges, rows = add_self_loops(others, rows, features, nodes)
    if not torch.equal(all_edges, seen.edge_index):
        raise ValueError("the layer saw other edges than it was given")
    return rows
