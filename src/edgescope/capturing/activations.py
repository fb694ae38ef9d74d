"""What capture records: the activations of a site."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from edgescope.capturing.edge_rows import EdgeIdentity
from edgescope.capturing.graph_parts import Part


def above_floor(values: Tensor, floor: Tensor | float) -> Tensor:
    """Return values ``[E, H, D]`` with zeros in place of those no larger than ``floor``."""
    if isinstance(floor, float) and not floor:
        return values
    least = torch.as_tensor(floor, device=values.device).to(values.dtype)
    return values.masked_fill(values.abs() <= least, 0)


class EdgeActivations(NamedTuple):
    """Activations of one site in one forward pass.

    Example:
        >>> import torch
        >>> from torch_geometric.nn import GATv2Conv
        >>> import edgescope as es
        >>> model = GATv2Conv(3, 4, heads=2, add_self_loops=False).eval()
        >>> x, edge_index = torch.rand(3, 3), torch.tensor([[0, 1, 2], [1, 2, 0]])
        >>> with es.capture(model) as tape:
        ...     _ = model(x, edge_index)
        >>> weight = tape[":weight"]
        >>> weight.values.shape, weight.input_edge.tolist()
        (torch.Size([3, 2, 1]), [0, 1, 2])
    """

    site: str
    """Name of the site, such as ``layers.3.attention:score``."""
    values: Tensor
    """Activations ``[E, H, D]``, detached; ``D`` is 1 at a site with one number per edge and
    head, and ``H`` is 1 at a layer without heads."""
    identity: EdgeIdentity
    """Which edge each row belongs to."""
    floor: Tensor | float = 0.0
    """Magnitude that stands for zero at this site, as a layer adds it to every value so that none
    is zero; a number, or one for each channel. See :attr:`above_floor`."""

    @property
    def above_floor(self) -> Tensor:
        """The activations with zeros in place of values at the layer's floor ``[E, H, D]``.

        A ratio is taken over these: if the median of an edge is at the floor, it says nothing of
        the edge, and the ratio is undefined, as with a median of zero.
        """
        return above_floor(self.values, self.floor)

    def in_whole(self, batch: Any, edges: str = "edge_index") -> "EdgeActivations":  # noqa: ANN401  (any PyG batch)
        """Return the same activations, with edges and nodes numbered in the whole graph.

        Args:
            batch: what the model was called on: a part of one large graph, which says in
                ``e_id`` ``[E]`` and ``n_id`` ``[V]`` which edges and nodes of the whole it
                holds, as PyG's ``NeighborLoader`` yields it.
            edges: what the batch calls ``edge_index``.

        Raises:
            InputError: if the batch does not say so, or the model was given other edges.
        """
        return self._replace(identity=Part.expect(batch, edges).identify(self.identity))

    @property
    def edge_index(self) -> Tensor:
        """Source and target of every edge ``[2, E]``, as the layer saw them."""
        return self.identity.edge_index

    @property
    def input_edge(self) -> Tensor:
        """Position of every edge in its own graph ``[E]``; -1 if the user did not give it."""
        return self.identity.input_edge

    @property
    def source(self) -> Tensor:
        """The node that every edge is attended to at ``[E]``, whatever the layer's flow."""
        return self.identity.source

    @property
    def target(self) -> Tensor:
        """The node that attends and aggregates ``[E]``, whatever the layer's flow."""
        return self.identity.target

    @property
    def node(self) -> Tensor:
        """The node of every row ``[V]`` at a site of node states, numbered within its graph.

        Raises:
            InputError: if a row of the site is an edge.
        """
        return self.identity.node

    @property
    def node_type(self) -> Tensor | None:
        """The type of every node ``[V]`` at a site of node states, if there is one.

        Raises:
            InputError: if a row of the site is an edge.
        """
        return self.identity.node_type

    @property
    def real(self) -> Tensor:
        """Whether the user gave the edge ``[E]``, boolean; else it was added on the way."""
        return self.identity.input_edge >= 0

    @property
    def graph(self) -> Tensor:
        """Graph of every edge ``[E]``."""
        return self.identity.graph

    @property
    def edge_type(self) -> Tensor | None:
        """Type or relation of every edge ``[E]``, if there is one; -1 if it is not real."""
        return self.identity.edge_type

    @property
    def relations(self) -> tuple[str, ...] | None:
        """Names of the relations that ``edge_type`` numbers in a heterogeneous graph."""
        return self.identity.relations
