"""In which module each attention of a traced model is found, and how its sites are described."""

from collections.abc import Collection
from linecache import getline
from typing import Any, NamedTuple

from torch import nn

from edgescope.capturing.adapters.adapter import Stage
from edgescope.capturing.discovered_sites import Discovered
from edgescope.capturing.discovery.dataflow import Flow
from edgescope.capturing.discovery.dimension_rules import shape_of
from edgescope.capturing.discovery.discovery_adapter import KINDS, DiscoveryAdapter
from edgescope.capturing.discovery.edge_softmax import Attention
from edgescope.capturing.discovery.edit_scope import is_editable
from edgescope.capturing.discovery.pair_attention import PairAttention
from edgescope.capturing.discovery.pair_program import PairFound
from edgescope.capturing.discovery.program import STAGES, Found, Read, read, without_ends
from edgescope.capturing.discovery.scope import learn
from edgescope.capturing.discovery.steps import Call, Step
from edgescope.capturing.discovery.trace import Trace
from edgescope.lib.compiled_parts import named_parts

Part = tuple[Trace, list[Read]]
"""What a call of a module has computed, and the attention in it."""

FORMULAS = {
    "score": "what is summed over channels into the logit",
    "unbiased": "what is summed over channels, without what is added to it",
    "logit": "what the {of} is taken of",
    "message": "weight by what is summed into the node",
}


class Places(NamedTuple):
    """Where the attention of a model is."""

    found: dict[Discovered, int]
    """What can be found in a module, the smallest there is, with its number in the trace."""
    refused: dict[str, str]
    """Why the rest cannot, by the path of the module that computes it."""
    reasons: dict[int, str]
    """The same by its number."""
    parts: dict[Call, Part]
    """What every call of these modules has computed, and of others that were looked into."""


def places_of(model: nn.Module, flow: Flow, found: list[Read], covered: Collection[str]) -> Places:
    """Return the smallest module in which each attention is found, and what has none and why."""
    trace, modules = flow.trace, dict(named_parts(model))
    reasons: dict[int, str] = {}
    places: dict[Discovered, int] = {}
    refused: dict[str, str] = {}
    parts: dict[Call, Part] = {}
    alike: dict[tuple[Any, ...], list[Read]] = {}
    for number, (attention, _) in enumerate(found):
        calls = _common(attention.steps)
        if any(is_in(path, covered) for path, _ in calls):
            continue
        for depth in range(len(calls), 0, -1):
            call = calls[depth - 1]
            if call not in parts:
                parts[call] = _read_part(trace.part(call), modules[call[0]], alike)
            here = parts[call][1]
            at = _position(trace, call, here, number, found)
            if at is not None:
                if not any((e.path, e.number) == (call[0], at) for e in places):
                    places[_discovered(call[0], at, here, found[number][1])] = number
                break
        else:
            path = calls[-1][0] if calls else ""
            reasons[number] = (
                without_ends(flow, attention)
                if isinstance(attention, Attention)
                else "its nodes stand in a form that cannot be brought into order"
            )
            refused[path] = reasons[number]
    paths = {each.path for each in places}
    for call in dict.fromkeys(call for step in trace.steps for call in step.calls):
        if call[0] in paths and call not in parts:
            parts[call] = _read_part(trace.part(call), modules[call[0]], alike)
    return Places(places, refused, reasons, parts)


def _read_part(part: Trace, module: nn.Module, alike: dict[tuple[Any, ...], list[Read]]) -> Part:
    """Return what is in a call of a module, which layers that are alike have alike."""
    shapes = (tuple(shape_of(value)) for value in part.values)
    key = (part.signature, *shapes)
    if key not in alike:
        alike[key] = read(part)[1]
    learn(module, part, alike[key])
    return part, alike[key]


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
    trace: Trace, call: Call, parts: list[Read], number: int, found: list[Read]
) -> int | None:
    """Return which of the attentions of a module one of the whole model is, if it can be had."""
    attention, whole = found[number]
    before = sum(call in step.calls for step in trace.steps[: attention.steps[0].number])
    for at, (own, here) in enumerate(parts):
        if own.steps[0].number == before and here.shapes == whole.shapes and _has_ends(own, here):
            return at
    return None


def _has_ends(attention: Attention | PairAttention, found: Found | PairFound) -> bool:
    if isinstance(found, PairFound) or isinstance(attention, PairAttention):
        return True
    if found.ends.source is not None:
        return True
    base = attention.target.by.tensor._base  # noqa: SLF001  (nothing public says)
    return base is not None and base.dim() == 2 and base.size(0) == 2  # noqa: PLR2004  (both ends)


def is_in(path: str, covered: Collection[str]) -> bool:
    """Return whether a module is one of some, or a part of one."""
    return any(path == each or path.startswith(f"{each}.") for each in covered)


def _discovered(path: str, number: int, all_of: list[Read], whole: Found | PairFound) -> Discovered:
    attention, found = all_of[number]
    stages = {
        stage: Stage(_formula(stage, found), found.shapes[stage])
        for stage in STAGES
        if stage in found.recipes
    }
    values = attention.values()
    editable: list[str] = []
    if isinstance(found, Found):  # what edits of dense attention change is not written yet
        editable = [s for s in stages if is_editable(found, s) and values[s].step is not None]
    forms = tuple(each.form for _, each in all_of)
    tokens = whole.tokens if isinstance(whole, PairFound) else None
    adapter = DiscoveryAdapter(number, stages, forms, tuple(editable), tokens)
    operation = " ".join(step.name for step in attention.steps)
    line = getline(*attention.steps[0].line).strip()
    return Discovered(path, number, adapter, found.kind, operation, line)


def _formula(stage: str, found: Found | PairFound) -> str:
    if stage == "weight":
        return KINDS[found.kind]
    powers = {"normalised": "softplus", "gate": "sigmoid", "normalised gate": "sigmoid"}
    return FORMULAS[stage].format(of=powers.get(found.kind, "exponential"))
