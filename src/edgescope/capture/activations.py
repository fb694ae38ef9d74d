"""What capture records: the activations of a site, and which edge each row belongs to."""

from typing import NamedTuple

from torch import Tensor


class EdgeIdentity(NamedTuple):
    """Which edge every row of a site belongs to; ``E`` rows, one per edge the layer saw."""

    edge_index: Tensor
    """Source and target of every edge ``[2, E]``, as the layer saw them."""
    input_edge: Tensor
    """Position of the edge in its own graph, as the user gave it ``[E]``."""
    graph: Tensor
    """Graph of the edge ``[E]``: its position in the batch that the model was given; a scan
    turns it into the position in the data set."""
    edge_type: Tensor | None
    """Type of the edge ``[E]``, if the model was given one integer per edge."""
    node_offset: Tensor
    """What to subtract from ``edge_index`` to number the nodes within their own graph ``[E]``."""


class EdgeActivations(NamedTuple):
    """Activations of one site in one forward pass."""

    site: str
    """Name of the site, such as ``layers.3.attention:score``."""
    values: Tensor
    """Activations ``[E, H, D]``, detached."""
    identity: EdgeIdentity
    """Which edge each row belongs to."""

    @property
    def edge_index(self) -> Tensor:
        """Source and target of every edge ``[2, E]``, as the layer saw them."""
        return self.identity.edge_index

    @property
    def input_edge(self) -> Tensor:
        """Position of every edge in its own graph ``[E]``."""
        return self.identity.input_edge

    @property
    def graph(self) -> Tensor:
        """Graph of every edge ``[E]``."""
        return self.identity.graph

    @property
    def edge_type(self) -> Tensor | None:
        """Type of every edge ``[E]``, if the model was given one integer per edge."""
        return self.identity.edge_type
