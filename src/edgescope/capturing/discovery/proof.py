"""Whether the run that discovers proves which edge every row is, so that none has to try it."""

import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

from torch import nn
from typing_extensions import override

from edgescope.capturing.adapters.adapter import Remove
from edgescope.capturing.discovered_sites import Discovered
from edgescope.capturing.discovery.attention_places import Part
from edgescope.capturing.discovery.discovery_adapter import DiscoveryAdapter
from edgescope.capturing.discovery.pair_program import PairFound
from edgescope.capturing.discovery.steps import Call
from edgescope.capturing.forward_pass import ForwardPass
from edgescope.capturing.identity import Identifier
from edgescope.capturing.observer_mode import entered
from edgescope.capturing.refusals import refuse_whole
from edgescope.capturing.sites import Site
from edgescope.lib.compiled_parts import original
from edgescope.lib.errors import EdgescopeWarning, InputError


class Proof(ForwardPass):
    """Follows edges while a model runs, as a capture does, and identifies all rows afterwards.

    By then, more may have been joined or doubled than when a layer ran, and indices that were
    written to since are copies of unknown origin. So it proves less than a capture, and nothing
    that a capture would not: what is not proved, one has to show.
    """

    def __init__(self) -> None:
        super().__init__()
        self._given: list[Identifier | None] = []

    def noting(
        self, model: nn.Module, inputs: Mapping[str, str] | None
    ) -> AbstractContextManager[None]:
        """Note what the model is given while a block runs, if it may have a hook."""
        if refuse_whole(original(model)) is not None:
            return nullcontext()
        return self.attached(original(model), (), inputs, _no_hooks)

    @override
    def _enter(self, inputs: Any, model: nn.Module, args: Any, kwargs: Any) -> None:
        try:
            super()._enter(inputs, model, args, kwargs)
        except InputError:  # a capture will say so
            self._given.append(None)

    @override
    def start(self, identifier: Identifier) -> None:
        """Begin a forward pass of the model."""
        super().start(identifier)
        self._given.append(identifier)

    def holds(
        self, found: Collection[Discovered], sites: Sequence[Site], parts: Mapping[Call, Part]
    ) -> bool:
        """Return whether it is certain which edge every row of some attention is.

        Args:
            found: the attention.
            sites: the sites of the model, theirs among them.
            parts: what every call of their modules has computed.
        """
        if len(self._given) != 1 or self._given[0] is None:
            return False
        self._identifier = self._given[0]
        origins = self._identifier.origins
        one_of = {site.adapter: site for site in sites}
        try:
            # A capture warns of rows that are known by their nodes only, so that is no proof.
            with warnings.catch_warnings(), entered(origins):  # ends are joined into rows
                warnings.simplefilter("error", EdgescopeWarning)
                return all(
                    each.adapter in one_of and self._is_known(each, one_of[each.adapter], parts)
                    for each in found
                )
        except (InputError, EdgescopeWarning):
            return False
        finally:
            self.stop()

    def _is_known(self, each: Discovered, site: Site, parts: Mapping[Call, Part]) -> bool:
        """Identify the rows of every call of a module.

        Raises:
            InputError: if it is not certain which edge is which, or a call took another way.
        """
        assert isinstance(each.adapter, DiscoveryAdapter)
        for part, reads in (parts[call] for call in parts if call[0] == each.path):
            if not all(attention.is_certain for attention, _ in reads):
                return False  # it is read anew in every run
            if tuple(one.form for _, one in reads) != each.adapter.forms:
                return False
            found = reads[each.adapter.number][1]
            if isinstance(found, PairFound):
                values = partial(next(iter(found.recipes.values())), part)
                _, rows = self.placed(values, found.grid(part, each.adapter.tokens))
            else:
                rows = found.ends.rows(part)
            assert self._identifier is not None
            self._identifier.identify(rows, site.name, site.keys)
        return True


def _no_hooks(_: Sequence[Site]) -> Iterator[Remove]:
    return iter(())
