"""Discovery: a model runs once, and what it computes for every edge is found without an adapter."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from linecache import getline
from pathlib import PurePath
from typing import Any
from weakref import ref

from torch import nn
from torch.nn.parameter import is_lazy

from edgescope.capturing.activations import EdgeActivations
from edgescope.capturing.adapters.adapter import Stage, observing
from edgescope.capturing.call_stack import reason_of
from edgescope.capturing.discovered_sites import (
    Discovered,
    Record,
    record_of,
    remember,
    write_record,
)
from edgescope.capturing.discovery.discovery_adapter import KINDS, DiscoveryAdapter
from edgescope.capturing.discovery.edge_tensors import Discovery, EdgeTensor
from edgescope.capturing.discovery.edit_scope import is_editable
from edgescope.capturing.discovery.flow import Flow
from edgescope.capturing.discovery.normalisation import Attention
from edgescope.capturing.discovery.program import STAGES, Found, read
from edgescope.capturing.discovery.trace import Call, Step, Trace
from edgescope.capturing.hooks import entered
from edgescope.capturing.pins import Pin, pinned
from edgescope.capturing.sites import Site, find_sites
from edgescope.capturing.tape import record
from edgescope.lib.errors import InputError
from edgescope.lib.eval_mode import evaluating
from edgescope.lib.model_call import Call as ModelCall
from edgescope.lib.trial_run import trial_run

FORMULAS = {
    "score": "what is summed over channels into the logit",
    "logit": "what the {of} is taken of",
    "message": "weight by what is summed into the node",
}


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
        model: the model; it is run twice, in eval mode and without gradients, and left as it was.
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
    paths = {id(module): path for path, module in model.named_modules()}
    trace = Trace(paths, model)
    with trial_run(model, batch) as given, evaluating(model), observing():
        with entered(trace):
            call(model, given())
        flow, found = read(trace)
        candidates, refused = _places(trace, found, covered)
        candidates = {_named(each, pins): number for each, number in candidates.items()}
        rejected = {(pin.path, pin.number) for pin in pins if pin.rejected}
        wanted = {e: n for e, n in candidates.items() if (e.path, e.number) not in rejected}
        remember(model, list(wanted))
        sites = _tried(model, lambda: call(model, given()), inputs, wanted, refused)
    tensors = _tensors(flow, found, wanted, sites, refused)
    own, aside = record_of(model).found, tuple(each for each in candidates if each not in wanted)
    if pins:  # only now is it known which of them can be captured
        pinned(type(model).__name__, [each.pin for each in (*own, *aside)], pins, refused)
    looked = not any(0 in each.shape for each in tensors)
    write_record(model, Record(own, refused, tuple(pins), looked, aside=aside))
    return Discovery(type(model).__name__, sites, tensors, tuple(refused.items()), ref(model))


def _named(each: Discovered, pins: Sequence[Pin]) -> Discovered:
    """Return what was discovered with the name that the user gave it, if any."""
    name = next((p.name for p in pins if (p.path, p.number) == (each.path, each.number)), "")
    return each if name in {"", each.own_name} else each._replace(given=name)


def _places(
    trace: Trace,
    found: list[tuple[Attention, Found]],
    covered: Collection[str],
) -> tuple[dict[Discovered, int], dict[str, str]]:
    """Return the smallest module in which each attention can be found, and what has none."""
    places: dict[Discovered, int] = {}
    refused: dict[str, str] = {}
    parts: dict[Call, list[tuple[Attention, Found]]] = {}
    for number, (attention, _) in enumerate(found):
        calls = _common(attention.steps)
        if any(_is_in(path, covered) for path, _ in calls):
            continue
        first = attention.steps[0]
        for depth in range(len(calls), 0, -1):
            call = calls[depth - 1]
            if call not in parts:
                parts[call] = read(trace.part(call))[1]
            at = _position(trace, call, parts[call], first)
            if at is not None:
                if not any((e.path, e.number) == (call[0], at) for e in places):
                    places[_discovered(call[0], at, parts[call])] = number
                break
        else:
            path = calls[-1][0] if calls else ""
            refused[path] = "which node each of its rows is attended to at cannot be told"
    return places, refused


def _common(steps: list[Step]) -> tuple[Call, ...]:
    """Return the calls of modules that hold all of some operations, outermost first."""
    first, *others = (step.calls for step in steps)
    depth = len(first)
    for calls in others:
        alike = (a == b for a, b in zip(first, calls, strict=False))
        same = 0
        for each in alike:
            if not each:
                break
            same += 1
        depth = min(depth, same)
    return first[:depth]


def _position(
    trace: Trace, call: Call, found: list[tuple[Attention, Found]], first: Step
) -> int | None:
    """Return which of the attentions of a module one of the whole model is, if it can be had."""
    before = sum(call in step.calls for step in trace.steps[: first.number])
    for at, (attention, here) in enumerate(found):
        if attention.steps[0].number == before and _has_ends(attention, here):
            return at
    return None


def _has_ends(attention: Attention, found: Found) -> bool:
    if found.ends.source is not None:
        return True
    base = attention.target.by.tensor._base  # noqa: SLF001  (nothing public says)
    return base is not None and base.dim() == 2 and base.size(0) == 2  # noqa: PLR2004  (both ends)


def _is_in(path: str, covered: Collection[str]) -> bool:
    return any(path == each or path.startswith(f"{each}.") for each in covered)


def _discovered(path: str, number: int, all_of: list[tuple[Attention, Found]]) -> Discovered:
    attention, found = all_of[number]
    stages = {
        stage: Stage(_formula(stage, found), found.shapes[stage])
        for stage in STAGES
        if stage in found.recipes
    }
    values = attention.values()
    editable = (s for s in stages if is_editable(found, s) and values[s].step is not None)
    forms = tuple(each.form for _, each in all_of)
    adapter = DiscoveryAdapter(number, stages, forms, tuple(editable))
    operation = " ".join(step.name for step in attention.steps)
    line = getline(*attention.steps[0].line).strip()
    return Discovered(path, number, adapter, found.kind, operation, line)


def _formula(stage: str, found: Found) -> str:
    if stage == "weight":
        return KINDS[found.kind]
    return FORMULAS[stage].format(of="exponential" if found.kind == "softmax" else "sigmoid")


def _tried(
    model: nn.Module,
    run: Callable[[], object],
    inputs: Mapping[str, str] | None,
    candidates: Mapping[Discovered, int],
    refused: dict[str, str],
) -> tuple[str, ...]:
    """Capture what was found, one module at a time; forget what cannot be."""
    kept: list[Discovered] = []
    seen: list[str] = []
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
        kept, left, seen = [*kept, *left], [], here
    remember(model, kept)
    order = [f"{each.name}:{stage}" for each in kept for stage in each.adapter.stages]
    return tuple(name for name in order if name in seen)


def _at_fault(left: list[Discovered], here: list[str], error: InputError) -> Discovered:
    """Return the attention whose capture raised an error: the first of which nothing was noted."""
    named = [each for each in left if f"row of {each.name}:" in str(error)]
    missing = [each for each in left if not any(s.startswith(f"{each.name}:") for s in here)]
    return (named or missing or left)[0]


def _tensors(
    flow: Flow,
    found: list[tuple[Attention, Found]],
    candidates: Mapping[Discovered, int],
    sites: Collection[str],
    refused: Mapping[str, str],
) -> tuple[EdgeTensor, ...]:
    """Return every tensor with a row per edge, with what it is used as."""
    names = {number: place for place, number in candidates.items()}
    roles: dict[int, tuple[str, str, str]] = {}
    for number, (attention, here) in enumerate(found):
        place = names.get(number)
        for stage, value in attention.values().items():
            if stage in here.recipes:
                site = "" if place is None else f"{place.name}:{stage}"
                reason = "" if place is None else refused.get(place.name, "")
                roles[value.number] = (stage, site if site in sites else "", reason)
    atoms = {*flow.gathers, *flow.scatters}
    return tuple(_rows(flow, atoms, roles))


def _rows(
    flow: Flow, atoms: Collection[int], roles: Mapping[int, tuple[str, str, str]]
) -> Iterator[EdgeTensor]:
    for value in flow.trace.values:
        step = value.step
        if step is None or not value.tensor.is_floating_point():
            continue
        if value.number in roles or (set(flow.atoms(value)) & set(atoms) and step.name != "t"):
            path = step.calls[-1][0] if step.calls else ""
            file, line = step.line
            where = f"{PurePath(file).name}:{line}" if file else ""
            role, site, reason = roles.get(value.number, ("per edge", "", ""))
            yield EdgeTensor(path, where, step.name, tuple(value.tensor.shape), role, site, reason)
