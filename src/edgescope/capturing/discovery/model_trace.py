"""Discovery: a model runs once, and what it computes for every edge is found without an adapter."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import PurePath
from typing import Any

import torch
from torch import nn

from edgescope.capturing.activations import EdgeActivations
from edgescope.capturing.adapters.adapter import Stage
from edgescope.capturing.discovered_sites import Discovered, remember
from edgescope.capturing.discovery.dataflow import Flow
from edgescope.capturing.discovery.dimension_rules import shape_of
from edgescope.capturing.discovery.discovery_adapter import KINDS, DiscoveryAdapter
from edgescope.capturing.discovery.edge_softmax import Attention
from edgescope.capturing.discovery.edge_tensors import Discovery, EdgeTensor
from edgescope.capturing.discovery.program import STAGES, Found, read, without_ends
from edgescope.capturing.discovery.scope import learn
from edgescope.capturing.discovery.steps import Call, Step
from edgescope.capturing.discovery.trace import Trace
from edgescope.capturing.hooks import entered
from edgescope.capturing.sites import Site, find_sites
from edgescope.capturing.tape import record
from edgescope.lib.errors import InputError
from edgescope.lib.eval_mode import evaluating
from edgescope.lib.model_call import Call as ModelCall

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
    """Find what a model computes for every edge; see :meth:`es.capture.discover`.

    Args:
        model: the model; it is run twice, in eval mode and without gradients.
        batch: what it is run on.
        call: how.
        inputs: what the model calls its inputs.
        known: whether to look into layers that an adapter knows as well.
    """
    remember(model, ())
    covered = [] if known else [s.path for s in find_sites(model) if isinstance(s, Site)]
    paths = {id(module): path for path, module in model.named_modules()}
    trace = Trace(paths, model)
    with evaluating(model), torch.no_grad(), torch.random.fork_rng(_devices(model)):
        with entered(trace):
            call(model, batch)
        flow, found = read(trace)
        candidates, refused, reasons = _places(model, flow, found, covered)
        remember(model, list(candidates))
        sites = _tried(model, batch, call, inputs, candidates, refused)
    tensors = _tensors(flow, found, candidates, sites, refused, reasons)
    return Discovery(type(model).__name__, sites, tensors, tuple(refused.items()))


def _devices(model: nn.Module) -> list[int]:
    return sorted({p.device.index or 0 for p in model.parameters() if p.is_cuda})


def _places(
    model: nn.Module,
    flow: Flow,
    found: list[tuple[Attention, Found]],
    covered: Collection[str],
) -> tuple[dict[Discovered, int], dict[str, str], dict[int, str]]:
    """Return the smallest module in which each attention can be found, and what has none and why.

    What has none comes by the path of the module that computes it, and by its number.
    """
    trace, modules = flow.trace, dict(model.named_modules())
    reasons: dict[int, str] = {}
    places: dict[Discovered, int] = {}
    refused: dict[str, str] = {}
    parts: dict[Call, list[tuple[Attention, Found]]] = {}
    alike: dict[tuple[Any, ...], list[tuple[Attention, Found]]] = {}
    for number, (attention, _) in enumerate(found):
        calls = _common(attention.steps)
        if any(_is_in(path, covered) for path, _ in calls):
            continue
        first = attention.steps[0]
        for depth in range(len(calls), 0, -1):
            call = calls[depth - 1]
            if call not in parts:
                parts[call] = _read_part(trace.part(call), modules[call[0]], alike)
            at = _position(trace, call, parts[call], first)
            if at is not None:
                here = parts[call][at][1]
                places.setdefault(_discovered(call[0], at, here), number)
                break
        else:
            path = calls[-1][0] if calls else ""
            reasons[number] = without_ends(flow, attention)
            refused[path] = reasons[number]
    return places, refused, reasons


def _read_part(
    part: Trace, module: nn.Module, alike: dict[tuple[Any, ...], list[tuple[Attention, Found]]]
) -> list[tuple[Attention, Found]]:
    """Return what is in a call of a module, which layers that are alike have alike."""
    shapes = (tuple(shape_of(value)) for value in part.values)
    key = (part.signature, *shapes)
    if key not in alike:
        alike[key] = read(part)[1]
    learn(module, part, alike[key])
    return alike[key]


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


def _discovered(path: str, number: int, found: Found) -> Discovered:
    stages = {
        stage: Stage(_formula(stage, found), found.shapes[stage])
        for stage in STAGES
        if stage in found.recipes
    }
    return Discovered(path, number, DiscoveryAdapter(number, stages))


def _formula(stage: str, found: Found) -> str:
    if stage == "weight":
        return KINDS[found.kind]
    powers = {"normalised": "softplus", "gate": "sigmoid", "normalised gate": "sigmoid"}
    return FORMULAS[stage].format(of=powers.get(found.kind, "exponential"))


def _tried(
    model: nn.Module,
    batch: Any,  # noqa: ANN401  (any PyG batch)
    call: ModelCall,
    inputs: Mapping[str, str] | None,
    candidates: dict[Discovered, int],
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
                call(model, batch)
        except InputError as error:
            bad = _at_fault(left, here, error)
            refused[bad.name] = str(error)
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
    candidates: dict[Discovered, int],
    sites: Collection[str],
    refused: Mapping[str, str],
    reasons: Mapping[int, str],
) -> tuple[EdgeTensor, ...]:
    """Return every tensor with a row per edge, with what it is used as."""
    names = {number: place for place, number in candidates.items()}
    roles: dict[int, tuple[str, str, str]] = {}
    for number, (attention, here) in enumerate(found):
        place = names.get(number)
        for stage, value in attention.values().items():
            if stage in here.recipes:
                site = "" if place is None else f"{place.name}:{stage}"
                reason = reasons.get(number, "")
                if place is not None:
                    reason = refused.get(place.name, "")
                role = "gate" if stage == "weight" and attention.kind == "gate" else stage
                roles[value.number] = (role, site if site in sites else "", reason)
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
