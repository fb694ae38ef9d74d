"""Dense attention that was found in what a model computes: which of its pairs are pairs of nodes.

A dense batch has places that hold no node, and some models put a token beside the nodes. What the
model was given says how many nodes each graph has; where they are, the weights tell: a node attends
to no place that is padding.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from edgescope.capturing.edge_rows import PairRows
from edgescope.capturing.graph_input import GraphInput
from edgescope.capturing.masked_places import attended
from edgescope.lib.errors import InputError

TOKENS = 4
"""How many tokens beside the nodes are looked for, where nothing says how many there are."""


class PairPlaces(NamedTuple):
    """Where in a dense batch the pairs are ``[P]``."""

    graph: Tensor
    query: Tensor
    key: Tensor


Values = Tensor | Callable[[PairPlaces], Tensor]
"""Values ``[E, H, D]`` of rows that are known, or what gives those of some pairs ``[P, H, D]``."""


class PairGrid:
    """The weights of one call of dense attention.

    Args:
        weight: ``[G, H, Q, K]``.
        logit: the same of the logits, if they are known; they tell what is masked from what is 0.
        same: whether queries and keys are the same nodes.
        tokens: how many tokens the model puts before and after the nodes, if that is known.
    """

    def __init__(
        self,
        weight: Tensor,
        logit: Tensor | None,
        *,
        same: bool,
        tokens: tuple[int, int] | None = None,
    ) -> None:
        self._weight = weight
        self._logit = logit
        self._same = same
        self._tokens = tokens
        self._found: tuple[GraphInput, PairRows, PairPlaces] | None = None

    def pairs(self, graph: GraphInput) -> tuple[PairRows, PairPlaces]:
        """Return the pairs that may attend to each other, as nodes and as places.

        Args:
            graph: what the model was given.

        Raises:
            InputError: if it is not certain which places hold nodes.
        """
        if self._found is None or self._found[0] is not graph:
            self._found = (graph, *self._pairs(graph))
        return self._found[1:]

    @property
    def places(self) -> PairPlaces | None:
        """Where the pairs that were last returned are; ``None`` if they were not asked for."""
        return None if self._found is None else self._found[2]

    def _pairs(self, graph: GraphInput) -> tuple[PairRows, PairPlaces]:
        graphs, _, queries, keys = self._weight.shape
        if not self._same or queries != keys:
            raise InputError(
                "its queries are other nodes than its keys, as in cross-attention, so its pairs "
                "are not pairs of nodes of one graph"
            )
        for batch in _batches(graph):
            if graphs == 1 and batch.numel() == keys and int(batch.max()) > 0:
                return self._in_one(batch)
        sizes = self._sizes(graph)
        if sizes.numel() != graphs:
            places = torch.arange(keys, device=sizes.device)
            return self._rows(places.expand(graphs, -1), sizes.new_full((graphs,), keys), 0)
        fitting: list[tuple[Tensor, int]] = []
        for place, tokens in self._layouts(sizes):
            is_new = not any(torch.equal(place, each) for each, _ in fitting)
            if is_new and self._fits(place, tokens):
                fitting.append((place, tokens))
        if not fitting:
            raise InputError(
                f"its dense batch has {keys} places per graph for {sizes[:3].tolist()}... nodes, "
                "and nodes attend to places that hold none; mask the padding, and put the nodes "
                "first or last, as torch_geometric.utils.to_dense_batch does"
            )
        if len(fitting) > 1:  # nothing attends where there is no node
            fitting = [each for each in fitting if self._all_attend(each[0])] or fitting
        if len(fitting) > 1:
            raise InputError("which places of its dense batch hold nodes cannot be told")
        place, tokens = fitting[0]
        return self._rows(place, sizes, tokens)

    def _sizes(self, graph: GraphInput) -> Tensor:
        """Return the number of nodes of every graph, as given or else as the weights say."""
        graphs = self._weight.size(0)
        for batch in _batches(graph):
            return batch.bincount(minlength=graphs)
        for edges in graph.inputs:
            if edges.nodes[0].size is not None:
                return torch.tensor([edges.nodes[0].size], device=self._weight.device)
        return self._attended().any(1).any(1).sum(1) - sum(self._tokens or ())

    def _layouts(self, sizes: Tensor) -> Iterator[tuple[Tensor, int]]:
        """Give every usual way to lay out nodes, and its number of tokens.

        A way is the place ``[G, K]`` of each in its graph, -1 for padding; tokens come after nodes.
        """
        length = self._weight.size(3)
        at = torch.arange(length, device=sizes.device).expand(sizes.numel(), -1)
        own = sizes[:, None]
        spare = length - int(sizes.max()) if sizes.numel() else 0
        if self._tokens is not None and any(self._tokens):
            yield self._with_tokens(own, at, *self._tokens), sum(self._tokens)
            return
        ways: list[tuple[Tensor | int, int]] = [
            (0, 0),
            (length - own, 0),
            *((n, n) for n in range(1, min(spare, TOKENS) + 1)),
        ]
        for first, tokens in ways:
            node = at - first
            place = node.where((node >= 0) & (node < own), -1)
            if tokens:
                place = (own + at).where(at < tokens, place)
            yield place, tokens
        for tokens in range(1, min(spare, TOKENS) + 1):  # after the padding, or after the nodes
            for token in (at - (length - tokens), at - own):
                is_token = (token >= 0) & (token < tokens)
                yield (own + token).where(is_token, at.where(at < own, -1)), tokens

    def _with_tokens(self, own: Tensor, at: Tensor, before: int, after: int) -> Tensor:
        """Return the place of every node, behind the tokens that are known to come first."""
        node = at - before
        place = node.where((node >= 0) & (node < own), -1)
        place = (own + at).where(at < before, place)
        last = at - (self._weight.size(3) - after)
        return (own + before + last).where(last >= 0, place)

    def _fits(self, place: Tensor, tokens: int) -> bool:
        """Return whether nodes attend to nodes and tokens only, and to all tokens there are."""
        attended = self._attended()
        there = place >= 0
        rows = there[:, None, :, None]
        leaks = attended & rows & ~there[:, None, None, :]
        if bool(leaks.any()):
            return False
        if not tokens:
            return True
        sizes = (there.sum(1) - tokens)[:, None]
        token = place >= sizes
        used = (attended & rows & token[:, None, None, :]).any(2).any(1)
        return bool(used[token].all())

    def _all_attend(self, place: Tensor) -> bool:
        """Return whether every node and token attends to something."""
        return bool(self._attended().any(1).any(2)[place >= 0].all())

    def _rows(self, place: Tensor, sizes: Tensor, tokens: int) -> tuple[PairRows, PairPlaces]:
        there = place >= 0
        allowed = there[:, :, None] & there[:, None, :] & self._attended().any(1)
        graph, query, key = allowed.nonzero().unbind(1)
        rows = PairRows(graph, place[graph, query], place[graph, key], sizes, tokens)
        return rows, PairPlaces(graph, query, key)

    def _in_one(self, batch: Tensor) -> tuple[PairRows, PairPlaces]:
        """Return the pairs where the nodes of all graphs stand in one matrix.

        Raises:
            InputError: if nodes attend to those of other graphs, or graphs are not one by one.
        """
        query, key = self._attended().any(1)[0].nonzero().unbind(1)
        graph = batch[query]
        if not torch.equal(graph, batch[key]) or bool((batch.diff() < 0).any()):
            raise InputError(
                "nodes attend to those of other graphs of the batch, so its pairs are not pairs of "
                "nodes of one graph; call the model on one graph at a time"
            )
        sizes = batch.bincount()
        first = (sizes.cumsum(0) - sizes)[graph]
        rows = PairRows(graph, query - first, key - first, sizes)
        return rows, PairPlaces(torch.zeros_like(graph), query, key)

    def _attended(self) -> Tensor:
        """Return which pairs are not masked ``[G, H, Q, K]``."""
        return attended(self._weight, self._logit, dim=3)


def _batches(graph: GraphInput) -> Iterator[Tensor]:
    """Give the graph of every node, where the model was given it."""
    for edges in graph.inputs:
        if edges.nodes[0].graph is not None:
            yield edges.nodes[0].graph
    if graph.batch is not None:
        yield graph.batch
