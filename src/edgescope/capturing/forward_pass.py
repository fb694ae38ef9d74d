"""One forward pass of a watched model: names of what its layers compute, and whose rows it is."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from functools import partial
from typing import Any
from warnings import warn

import torch
from torch import Tensor, nn

from edgescope.capturing.activations import EdgeActivations
from edgescope.capturing.adapters.adapter import Adapter, Remove, observing
from edgescope.capturing.call_graphs import read_graph_input
from edgescope.capturing.edge_rows import Rows
from edgescope.capturing.graph_input import GraphInput
from edgescope.capturing.hooks import Watch
from edgescope.capturing.identity import Identifier
from edgescope.capturing.origin import Origins
from edgescope.capturing.pair_grid import PairGrid, Values
from edgescope.capturing.sites import Site
from edgescope.capturing.unseen import unseen
from edgescope.lib.errors import EdgescopeWarning, InputError

Attach = Callable[[Sequence[Site]], Iterator[Remove]]
"""Hooks one layer, whose sites it is given."""

Trust = str | Sequence[str]
"""Names or shell-style patterns of sites."""


class ForwardPass:
    """Names and identifies what the layers of a model compute, from its start to its end.

    Args:
        trust: sites whose layers are vouched to work on the edges as given, where these cannot be
            followed to them.
        adaptive: whether passes are no longer followed once one was complete in which every layer
            was given the user's own edges, not a copy.
        follow: whether edges are followed at all; without it no row can be identified.
    """

    def __init__(self, trust: Trust = (), *, adaptive: bool = False, follow: bool = True) -> None:
        self._trust = (trust,) if isinstance(trust, str) else tuple(trust)
        self._adaptive = adaptive
        self._follow = follow
        self._identifier: Identifier | None = None
        self._calls: Counter[str] = Counter()
        self._watch: Watch | None = None
        self._origins: Origins | None = None

    def start(self, identifier: Identifier) -> None:
        """Begin a forward pass of the model; forget the one before."""
        self._identifier = identifier
        self._calls.clear()

    def stop(self) -> None:
        """End a forward pass of the model."""
        self._identifier = None

    def placed(self, values: Values, rows: Rows | PairGrid) -> tuple[Tensor, Rows]:
        """Return values and their rows, once the pass says which pairs of a grid are nodes.

        Raises:
            InputError: if it is not certain which they are.
        """
        if not isinstance(rows, PairGrid):
            assert isinstance(values, Tensor)
            return values, rows
        assert not isinstance(values, Tensor)
        graph = GraphInput((), None, "") if self._identifier is None else self._identifier.graph
        if not graph.inputs and graph.batch is None:
            warn(
                f"{graph.model or 'the model'} was given no edges and no batch vector, so its "
                "pairs are taken for pairs of nodes, and each row of a dense batch for a graph; "
                "they may be steps in time or the like; name its inputs with inputs=",
                EdgescopeWarning,
                stacklevel=2,
            )
        with observing():
            pairs, places = rows.pairs(graph)
            return values(places), pairs

    def activations(self, site: Site, values: Tensor, rows: Rows) -> EdgeActivations:
        """Return one stage of one call of a layer, named ``conv@2:weight`` if it is the second.

        Raises:
            InputError: if the layer ran outside a call of the model, or it is not certain which
                row is which edge.
            NotFollowed: if that would need a pass that is followed.
        """
        if self._identifier is None:
            raise InputError(
                f"{site.path} ran outside a call of the captured model; call the model itself "
                "inside the block, not one of its parts"
            )
        if self._watch is not None and self._watch.disturbed:
            raise InputError(
                f"another thread ran {site.path} or another part of the captured model, and what "
                "its layers hold while they run may be mixed up; give each thread a copy.deepcopy "
                "of the model"
            )
        name = self.named(site)
        identity = self._identifier.identify(rows, site.name, site.keys)
        floor = site.adapter.floor(site.layer, site.stage, values)
        return EdgeActivations(name, values, identity, floor)

    def named(self, site: Site) -> str:
        """Return the name of one call of a site: ``conv@2:weight`` if it is the second."""
        self._calls[site.name] += 1
        call = self._calls[site.name]
        return site.name if call == 1 else f"{site.path}@{call}:{site.stage}"

    @contextmanager
    def attached(
        self,
        model: nn.Module,
        sites: Sequence[Site],
        inputs: Mapping[str, str] | None,
        attach: Attach,
        after: Callable[..., None] | None = None,
    ) -> Iterator[None]:
        """Hook the model and the layers of some sites while the block runs.

        Args:
            model: the model.
            sites: the sites.
            inputs: what the model calls its inputs, as in ``es.capture``.
            attach: hooks the layer of the sites that it is given.
            after: called after every forward pass that did not raise.

        Raises:
            InputError: if another thread has hooked the model.
        """
        layers: dict[tuple[str, Adapter], list[Site]] = defaultdict(list)
        for site in sites:
            layers[site.path, site.adapter].append(site)

        def leave(*_: object) -> None:
            self._leave()
            self.stop()

        def hook(watch: Watch) -> None:
            enter = partial(self._enter, inputs)
            watch.add(model.register_forward_pre_hook(enter, with_kwargs=True).remove)
            for sites_of_layer in layers.values():
                for remove in attach(sites_of_layer):
                    watch.add(remove)
            # After the hooks of the layers, as the model may be a layer itself.
            watch.add(model.register_forward_hook(leave, always_call=True).remove)
            if after is not None:
                watch.add(model.register_forward_hook(after).remove)

        def end() -> None:
            watch.release()
            leave()
            self._watch = None

        # Not by a context manager within this one: an interrupt may come when that is entered, and
        # nothing would end it.
        watch = Watch(model)
        try:
            try:
                watch.register(hook)
                self._watch = watch
                yield
            finally:
                end()
        finally:
            end()  # once more, as an interrupt may have come in between

    def _enter(
        self,
        inputs: Mapping[str, str] | None,
        model: nn.Module,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        """Read what the model is called on, and begin to follow its edges."""
        if runs_again():
            return
        self._leave()  # what an interrupted pass has left
        if self._watch is not None:
            self._watch.disturbed = False  # by what is over
        with unseen():
            graph = read_graph_input(model, args, kwargs, inputs)
            origins = Origins(graph.inputs)
            self.start(Identifier(graph, origins, self._vouched))
        if self._follow:
            self._origins = origins
            origins.enter()

    def _leave(self) -> None:
        """Stop following the edges of a pass, if that goes on."""
        origins = self._origins
        if origins is not None:
            origins.leave()
            self._origins = None
            self._follow = origins.asked or not self._adaptive

    def _vouched(self, site: str) -> bool:
        return any(site == pattern or fnmatchcase(site, pattern) for pattern in self._trust)


def runs_again() -> bool:
    """Whether this is a backward pass, in which checkpointed layers run a second time."""
    return torch._C._current_graph_task_id() != -1  # noqa: SLF001  (as torch's checkpointing does)
