"""Capture of a model in which nothing is known: it is looked into when it first runs."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from typing import Any

from torch import nn

from edgescope.capturing.discovered_sites import record_of
from edgescope.capturing.discovery.unknown_attention import discover_unknown, may_discover
from edgescope.capturing.forward_pass import Trust, runs_again
from edgescope.capturing.hooks import Watch
from edgescope.capturing.site_choice import Sites
from edgescope.capturing.sites import Refused, Site, find_sites
from edgescope.capturing.tape import MAX_BYTES, Reduce, Tape, record, recording


@contextmanager
def record_or_discover(
    model: nn.Module,
    sites: Sites = None,
    *,
    reduce: Reduce | None = None,
    max_bytes: int = MAX_BYTES,
    inputs: Mapping[str, str] | None = None,
    trust: Trust = (),
    discover: bool = True,
) -> Iterator[Tape]:
    """Record a model as ``es.capture`` does, and discover its sites first if it has none."""
    found = find_sites(model)
    if discover and _is_unknown(model, found):
        yield from _record_late(model, sites, reduce, max_bytes, inputs, trust)
    else:
        # Not by a context manager within this one: an interrupt may come when that is entered.
        yield from recording(
            model,
            sites,
            reduce=reduce,
            max_bytes=max_bytes,
            inputs=inputs,
            trust=trust,
            found=found,
        )


def _is_unknown(model: nn.Module, found: Sequence[Site | Refused]) -> bool:
    """Return whether a model has no site yet, or some to be found again, and may be looked into."""
    if any(isinstance(each, Site) for each in found) and not record_of(model).pins:
        return False
    return may_discover(model, found)


def _record_late(
    model: nn.Module,
    sites: Sites,
    reduce: Reduce | None,
    max_bytes: int,
    inputs: Mapping[str, str] | None,
    trust: Trust,
) -> Iterator[Tape]:
    """Record a model whose sites are discovered when it first runs.

    Its first forward pass is preceded by others with the same arguments, in eval mode and without
    gradients, which leave no trace. Until then the tape has no sites.
    """
    tape = Tape(())
    recorded = partial(
        record,
        model,
        sites,
        reduce=reduce,
        max_bytes=max_bytes,
        inputs=inputs,
        trust=trust,
        tape=tape,
    )
    late = _Late(recorded, inputs)
    watch = Watch(model)
    try:
        try:
            watch.register(
                lambda own: own.add(
                    model.register_forward_pre_hook(late.begin, with_kwargs=True).remove
                )
            )
            yield tape
        finally:
            late.recording.close()
            watch.release()
    finally:
        late.recording.close()
        watch.release()  # once more, as an interrupt may have come in between


class _Late:
    """Looks into a model when it first runs, and records it from then on."""

    def __init__(
        self,
        recorded: Callable[[], AbstractContextManager[Tape]],
        inputs: Mapping[str, str] | None,
    ) -> None:
        self.recording = ExitStack()
        self._recorded = recorded
        self._inputs = inputs
        self._begun = False

    def begin(self, model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Discover sites with the arguments of the first forward pass, and record that as well."""
        if self._begun or runs_again():
            return
        self._begun = True  # the model runs within
        before = hooks_before(model)
        try:
            discover_from_call(model, args, kwargs, self._inputs)
            self.recording.enter_context(self._recorded())
        except BaseException:
            self._begun = False
            raise
        call_new_hooks(model, before, args, kwargs)


def discover_from_call(
    model: nn.Module,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    inputs: Mapping[str, str] | None,
) -> None:
    """Make attention that no adapter knows sites of a model, from the arguments of a call."""
    discover_unknown(model, (args, kwargs), _called, inputs)


def hooks_before(model: nn.Module) -> set[int]:
    """Return the numbers of the hooks that are called before a model's forward pass."""
    return set(model._forward_pre_hooks)  # noqa: SLF001  (torch has no public list of these)


def call_new_hooks(
    model: nn.Module, known: set[int], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    """Call the hooks before a forward pass that were registered while it began.

    Torch calls those that were there then.

    Args:
        model: the model that is called.
        known: the numbers of those, from :func:`hooks_before`.
        args: positional arguments of the call.
        kwargs: keyword arguments of the call.
    """
    for number, hook in list(model._forward_pre_hooks.items()):  # noqa: SLF001  (as above)
        if number in known:
            continue
        if number in model._forward_pre_hooks_with_kwargs:  # noqa: SLF001  (as above)
            hook(model, args, kwargs)
        else:
            hook(model, args)


def _called(model: nn.Module, given: tuple[tuple[Any, ...], dict[str, Any]]) -> Any:  # noqa: ANN401
    args, kwargs = given
    return model(*args, **kwargs)
