"""Discovery: a model runs once, and what it computes for every edge is found without an adapter."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any
from weakref import ref

from torch import nn
from torch.nn.parameter import is_lazy

from edgescope.capturing.activations import EdgeActivations
from edgescope.capturing.adapters.adapter import observing
from edgescope.capturing.call_stack import reason_of
from edgescope.capturing.discovered_sites import (
    Discovered,
    Record,
    record_of,
    remember,
    write_record,
)
from edgescope.capturing.discovery.attention_places import is_in, places_of
from edgescope.capturing.discovery.edge_tensors import Discovery
from edgescope.capturing.discovery.program import read
from edgescope.capturing.discovery.proof import Proof
from edgescope.capturing.discovery.tensor_roles import tensors_of
from edgescope.capturing.discovery.trace import Trace
from edgescope.capturing.discovery.valueless import never_formed, not_recognised, others
from edgescope.capturing.observer_mode import entered
from edgescope.capturing.pins import Pin, pinned
from edgescope.capturing.sites import Site, find_sites
from edgescope.capturing.tape import record
from edgescope.capturing.unseen import seen
from edgescope.lib.compiled_parts import named_parts
from edgescope.lib.errors import InputError
from edgescope.lib.eval_mode import evaluating
from edgescope.lib.model_call import Call as ModelCall
from edgescope.lib.trial_run import trial_run


def discover(
    model: nn.Module,
    batch: Any,  # noqa: ANN401  (any PyG batch)
    call: ModelCall,
    inputs: Mapping[str, str] | None = None,
    *,
    known: bool = False,
) -> Discovery:
    """Find what a model computes for every edge; see ``es.capture.discover``.

    Args:
        model: the model; it is run in eval mode and without gradients, once, or more often if that
            run does not prove which edge every row is, and left as it was.
        batch: what it is run on.
        call: how.
        inputs: what the model calls its inputs.
        known: whether to look into layers that an adapter knows as well.

    Raises:
        InputError: if what is discovered is not what was pinned, or the model has parameters
            without a size.
    """
    unsized = [name for name, each in model.named_parameters() if is_lazy(each)]
    if unsized:
        raise InputError(
            f"{unsized[0]} of {type(model).__name__} has no size yet, expected a model that has "
            "run once; call it on a batch first"
        )
    before = record_of(model)
    try:
        return _discovered_on(model, batch, call, inputs, before.pins, known=known)
    except BaseException:
        write_record(model, before)
        raise


def _discovered_on(
    model: nn.Module,
    batch: Any,  # noqa: ANN401  (any PyG batch)
    call: ModelCall,
    inputs: Mapping[str, str] | None,
    pins: Sequence[Pin],
    *,
    known: bool,
) -> Discovery:
    write_record(model, Record(pins=tuple(pins)))
    covered = [] if known else [s.path for s in find_sites(model) if isinstance(s, Site)]
    paths = {id(module): path for path, module in named_parts(model)}
    trace, proof = Trace(paths, model), Proof()
    with seen(), evaluating(model), observing():
        with trial_run(model, batch) as given:
            with proof.noting(model, inputs), entered(trace):
                call(model, given())
            flow, found = read(trace)
            candidates, refused, reasons, parts = places_of(model, flow, found, covered)
            every = [each for each, _ in found]
            none = (*others(flow, every), *never_formed(flow), *not_recognised(flow, every))
            for path, reason in none:
                if not is_in(path, covered):
                    refused.setdefault(path, reason)
            candidates = {_named(each, pins): number for each, number in candidates.items()}
            rejected = {(pin.path, pin.number) for pin in pins if pin.rejected}
            wanted = {e: n for e, n in candidates.items() if (e.path, e.number) not in rejected}
            remember(model, list(wanted))
            there = [each for each in find_sites(model) if isinstance(each, Site)]
            proved = proof.holds(wanted, there, parts)
        tried = partial(_run, model, batch, call)
        sites = _names(wanted) if proved else _tried(model, tried, inputs, wanted, refused)
    tensors = tensors_of(flow, found, wanted, sites, refused, reasons)
    for each in (trace, *(part for part, _ in parts.values())):
        each.forget()
    own, aside = record_of(model).found, tuple(each for each in candidates if each not in wanted)
    if pins:  # only now is it known which of them can be captured
        pinned(type(model).__name__, [each.pin for each in (*own, *aside)], pins, refused)
    looked = not any(0 in each.shape for each in tensors)
    write_record(model, Record(own, refused, tuple(pins), looked, aside=aside))
    return Discovery(type(model).__name__, sites, tensors, tuple(refused.items()), ref(model))


def _run(model: nn.Module, batch: Any, call: ModelCall) -> None:  # noqa: ANN401  (any PyG batch)
    with trial_run(model, batch) as given:
        call(model, given())


def _named(each: Discovered, pins: Sequence[Pin]) -> Discovered:
    """Return what was discovered with the name that the user gave it, if any."""
    name = next((p.name for p in pins if (p.path, p.number) == (each.path, each.number)), "")
    return each if name in {"", each.own_name} else each._replace(given=name)


def _tried(
    model: nn.Module,
    run: Callable[[], object],
    inputs: Mapping[str, str] | None,
    candidates: Mapping[Discovered, int],
    refused: dict[str, str],
) -> tuple[str, ...]:
    """Capture what was found, one module at a time; forget what cannot be."""
    kept: list[Discovered] = []
    captured: list[str] = []
    left = list(candidates)
    while left:
        remember(model, [*kept, *left])
        tried = [each.name for each in left]
        here: list[str] = []

        def note(activations: EdgeActivations, here: list[str] = here) -> None:
            here.append(activations.site)

        try:
            with record(
                model,
                [f"{name}:*" for name in tried],
                reduce=note,
                inputs=inputs,
            ):
                run()
        except InputError as error:
            bad = _at_fault(left, here, error)
            refused[bad.name] = reason_of(error)
            left.remove(bad)
            continue
        kept, left, captured = [*kept, *left], [], here
    remember(model, kept)
    return tuple(name for name in _names(kept) if name in captured)


def _names(found: Iterable[Discovered]) -> tuple[str, ...]:
    return tuple(f"{each.name}:{stage}" for each in found for stage in each.adapter.stages)


def _at_fault(left: list[Discovered], here: list[str], error: InputError) -> Discovered:
    """Return the attention whose capture raised an error: the first of which nothing was noted."""
    named = [each for each in left if f"row of {each.name}:" in str(error)]
    missing = [each for each in left if not any(s.startswith(f"{each.name}:") for s in here)]
    return (named or missing or left)[0]
