"""The first batch of a pass: where a model attends beside the layers that are looked at."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from edgescope.capturing.attention_signs import Signs, says_attention
from edgescope.capturing.coverage import Coverage, UnseenLayer
from edgescope.capturing.observer_mode import entered
from edgescope.capturing.refusals import ATTENTION, PERHAPS, Kind, unknown_layer
from edgescope.capturing.sites import Refused, Site, find_sites
from edgescope.capturing.softmax_calls import MESSAGES, SoftmaxCall, SoftmaxCalls
from edgescope.lib.model_call import attribute


class Look:
    """A light look at what a model computes on a batch, apart from the layers with sites.

    Outputs stay as they are to the bit. Of compiled code nothing is seen; that it was not looked at
    is in the coverage anyway.

    Args:
        model: the model.
        found: what :func:`~edgescope.capturing.sites.find_sites` has just found, if it has.

    Attributes:
        done: whether it has looked at a batch; one is enough.

    Example:
        >>> import torch
        >>> from edgescope.capturing.model_survey import model_coverage
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

    def __init__(self, model: nn.Module, found: Sequence[Site | Refused] | None = None) -> None:
        found = find_sites(model) if found is None else found
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
        looking = SoftmaxCalls(self._model, self._covered, *_sizes(batch), self._suspects.values())
        with entered(looking):
            yield
        self._calls += [call for call in looking.calls if call.used]
        self._ran |= looking.ran

    def corrected(self, coverage: Coverage) -> Coverage:
        """Return a coverage with what was seen: gaps that it did not know, and some it need not.

        A module whose code calls a softmax, and of which nothing else speaks of attention, attends
        only where something is multiplied by the result. Products that are summed over the edges of
        every node by hand may be attention without a softmax: nobody can tell.
        """
        gaps = {each.path: each for each in coverage.unseen}
        for call in sorted(self._calls, key=lambda each: each.function == MESSAGES):
            known = next((path for path in call.paths if path in gaps), None)
            if known is None:
                gaps[call.paths[0]] = _gap(call)
            elif call.function != MESSAGES:
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
        said = gap.reason.partition("; discovery ")[1:]  # as find_sites says what it found
        return replace(gap, kind=kind, reason="".join((unknown_layer(signs), *said)))


def _gap(call: SoftmaxCall) -> UnseenLayer:
    """Return a gap that nothing but what it computed gives away."""
    path = call.paths[0]
    named = says_attention(call.layer) or says_attention(path.rpartition(".")[2])
    reason = unknown_layer(Signs(call=call.function))
    return UnseenLayer(path, call.layer, reason, _kind(call, named))


def _kind(call: SoftmaxCall, named: bool) -> Kind:
    return ATTENTION if call.certain or named else PERHAPS


def _sizes(batch: Any) -> tuple[list[int], list[int]]:  # noqa: ANN401  (any PyG batch)
    """Return numbers of edges, also with a loop per node, and of nodes, as far as a batch says."""
    edges, nodes = (_tensors(attribute(batch, name)) for name in ("edge_index", "x"))
    of_edges = [each.size(-1) for each in edges if each.dim()]
    of_nodes = [each.size(0) for each in nodes if each.dim()]
    return of_edges + [e + v for e in of_edges for v in of_nodes], of_nodes


def _tensors(value: Any) -> list[Tensor]:  # noqa: ANN401  (what a batch holds)
    several = value.values() if isinstance(value, Mapping) else [value]
    return [each for each in several if isinstance(each, Tensor)]
