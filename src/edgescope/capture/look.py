"""The first batch of a pass: where a model attends beside the layers that are looked at."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from edgescope.calling import attribute
from edgescope.capture.coverage import Coverage, UnseenLayer
from edgescope.capture.refusals import ATTENTION, PERHAPS, Kind, unknown_layer
from edgescope.capture.signs import Signs, says_attention
from edgescope.capture.sites import Refused, find_sites
from edgescope.capture.softmax_calls import SoftmaxCall, SoftmaxCalls


class Look:
    """A light look at what a model computes on a batch, apart from the layers with sites.

    Outputs stay as they are to the bit. Of compiled code nothing is seen; that it was not looked at
    is in the coverage anyway.

    Args:
        model: the model.

    Attributes:
        done: whether it has looked at a batch; one is enough.

    Example:
        >>> import torch
        >>> from edgescope.capture.model_coverage import model_coverage
        >>> class Mixing(torch.nn.Module):
        ...     def forward(self, x):
        ...         return (x @ x.mT).softmax(-1) @ x
        >>> model = torch.nn.Sequential(Mixing())
        >>> [gap.kind for gap in model_coverage(model).unseen]
        ['perhaps']
        >>> look = Look(model)
        >>> with look.at(None):
        ...     _ = model(torch.randn(3, 4))
        >>> [(gap.path, gap.kind) for gap in look.corrected(model_coverage(model)).unseen]
        [('0', 'attention')]
    """

    def __init__(self, model: nn.Module) -> None:
        found = find_sites(model)
        refused = {each.path: each for each in found if isinstance(each, Refused)}
        self._model = model
        self._signs = {path: each.signs for path, each in refused.items()}
        certain = [each for each in found if getattr(each, "kind", ATTENTION) == ATTENTION]
        self._covered = [each.layer for each in certain]
        self._suspects = {
            path: each.layer
            for path, each in refused.items()
            if each.kind == PERHAPS and each.signs.call and not each.signs.name
        }
        self._ran: set[str] = set()
        self._calls: list[SoftmaxCall] = []
        self.done = False

    @contextmanager
    def at(self, batch: Any) -> Iterator[None]:  # noqa: ANN401  (any PyG batch)
        """Look while the block runs the model on a batch."""
        self.done = True
        looking = SoftmaxCalls(self._model, self._covered, _sizes(batch), self._suspects.values())
        with looking:
            yield
        self._calls += [call for call in looking.calls if call.used]
        self._ran |= looking.ran

    def corrected(self, coverage: Coverage) -> Coverage:
        """Return a coverage with what was seen: gaps that it did not know, and some it need not.

        A module whose code calls a softmax, and of which nothing else speaks of attention, attends
        only where something is multiplied by the result.
        """
        gaps = {each.path: each for each in coverage.unseen}
        for call in self._calls:
            known = next((path for path in call.paths if path in gaps), None)
            if known is None:
                signs = Signs(call=call.function)
                named = says_attention(call.layer) or says_attention(_own_name(call.paths[0]))
                gap = UnseenLayer(
                    call.paths[0], call.layer, unknown_layer(signs), _kind(call, named)
                )
                gaps[gap.path] = gap
            else:
                gaps[known] = self._with_call(gaps[known], call)
        calm = self._ran - {path for call in self._calls for path in call.paths}
        return replace(coverage, unseen=tuple(g for p, g in gaps.items() if p not in calm))

    def _with_call(self, gap: UnseenLayer, call: SoftmaxCall) -> UnseenLayer:
        """Return a gap that is known to normalise and to weigh something."""
        if gap.kind == ATTENTION:
            return gap
        signs = self._signs.get(gap.path, Signs())
        kind = _kind(call, bool(signs.name))
        signs = signs._replace(call=signs.call or call.function)
        return replace(gap, kind=kind, reason=unknown_layer(signs))


def _kind(call: SoftmaxCall, named: bool) -> Kind:
    return ATTENTION if call.certain or named else PERHAPS


def _own_name(path: str) -> str:
    return path.rpartition(".")[2]


def _sizes(batch: Any) -> list[int]:  # noqa: ANN401  (any PyG batch)
    """Return numbers of edges and nodes of a batch, as far as it says."""
    edges, nodes = attribute(batch, "edge_index"), attribute(batch, "x")
    of_edges = edges.values() if isinstance(edges, Mapping) else [edges]
    of_nodes = nodes.values() if isinstance(nodes, Mapping) else [nodes]
    found = [each.size(-1) for each in of_edges if isinstance(each, Tensor)]
    return found + [each.size(0) for each in of_nodes if isinstance(each, Tensor) and each.dim()]
