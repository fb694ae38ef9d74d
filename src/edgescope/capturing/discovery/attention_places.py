"""In which module each attention of a traced model is found, and how its sites are described."""

from collections.abc import Collection, Iterable
from linecache import getline
from typing import Any, NamedTuple

from torch import nn

from edgescope.capturing.adapters.adapter import Stage
from edgescope.capturing.discovered_sites import Discovered
from edgescope.capturing.discovery.dataflow import Flow
from edgescope.capturing.discovery.dimension_rules import shape_of
from edgescope.capturing.discovery.discovery_adapter import KINDS, DiscoveryAdapter
from edgescope.capturing.discovery.edge_softmax import Attention
from edgescope.capturing.discovery.pair_edits import editable_pairs
from edgescope.capturing.discovery.pair_program import PairFound
from edgescope.capturing.discovery.program import STAGES, AnyAttention, Found, Read, read
from edgescope.capturing.discovery.row_edits import editable_at
from edgescope.capturing.discovery.row_ends import without_ends
from edgescope.capturing.discovery.scope import learn
from edgescope.capturing.discovery.sparse_steps import WrittenOut, written_out
from edgescope.capturing.discovery.steps import Call, Step
from edgescope.capturing.discovery.table_attention import TableAttention
from edgescope.capturing.discovery.trace import Trace
from edgescope.lib.compiled_parts import named_parts

Part = tuple[Trace, list[Read]]
"""What a call of a module has computed, sparse matrices written out, and the attention in it."""

FORMULAS = {
    "score": "what is summed over channels into the logit",
    "unbiased": "what is summed over channels, without what is added to it",
    "logit": "what the {of} is taken of",
    "message": "weight by what is summed into the node",
}

MIXED = "; multiplied by or mixed with other numbers of pairs before values are"
"""What is said of weights that are not what values are multiplied by."""


class _Spot(NamedTuple):
    """Where an attention of a model can be had."""

    call: Call
    at: int
    """Which attention of the module it is."""
    inner: list[tuple[str, int]]
    """Modules inside that it is a part of as well, but not alike, and which it is there."""


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
    noted = trace.noted if isinstance(trace, WrittenOut) else trace
    reasons: dict[int, str] = {}
    places: dict[Discovered, int] = {}
    spots: dict[int, _Spot] = {}
    refused: dict[str, str] = {}
    parts: dict[Call, Part] = {}
    alike: dict[tuple[Any, ...], list[Read]] = {}
    for number, (attention, _) in enumerate(found):
        calls = _common(attention.steps)
        if any(is_in(path, covered) for path, _ in calls):
            continue
        inner: list[tuple[str, int]] = []
        for call in reversed(calls):
            if call not in parts:
                parts[call] = _read_part(noted.part(call), modules[call[0]], alike)
            here = parts[call][1]
            at = _position(trace, call, here, attention)
            if at is None:
                continue
            if _is_alike(here[at], found[number]):
                spots[number] = _Spot(call, at, inner)
                break
            inner.append((call[0], at))
        else:
            path = calls[-1][0] if calls else ""
            reasons[number] = _why_none(flow, attention)
            refused[path] = reasons[number]
    for number, spot in _outermost(spots).items():
        here = parts[spot.call][1]
        places[_discovered(spot.call[0], spot.at, here, found[number][1])] = number
    paths = {each.path for each in places}
    for call in dict.fromkeys(call for step in trace.steps for call in step.calls):
        if call[0] in paths and call not in parts:
            parts[call] = _read_part(noted.part(call), modules[call[0]], alike)
    return Places(places, refused, reasons, parts)


def _outermost(spots: dict[int, _Spot]) -> dict[int, _Spot]:
    """Return one spot for each attention of a module, which gives that of all its calls."""
    chosen: dict[tuple[str, int], int] = {}
    seen_inside = {(spot.call[0], spot.at) for spot in spots.values()}
    for number, (call, at, inner) in spots.items():
        if not seen_inside.intersection(inner):
            chosen.setdefault((call[0], at), number)
    return {number: spots[number] for number in chosen.values()}


def _why_none(flow: Flow, attention: AnyAttention) -> str:
    """Say why the rows of an attention are not known."""
    if isinstance(attention, Attention):
        return without_ends(flow, attention)
    if isinstance(attention, TableAttention):
        return attention.reason
    return "its nodes stand in a form that cannot be brought into order"


def _read_part(part: Trace, module: nn.Module, alike: dict[tuple[Any, ...], list[Read]]) -> Part:
    """Return what is in a call of a module, which layers that are alike have alike."""
    shapes = (tuple(shape_of(value)) for value in part.values)
    key = (part.signature, *shapes)
    if key not in alike:
        alike[key] = read(part)[1]
    learn(module, part, alike[key])
    return written_out(part), alike[key]


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


def _position(trace: Trace, call: Call, parts: list[Read], attention: AnyAttention) -> int | None:
    """Return which of the attentions in a call of a module one of the whole model is."""
    before = sum(call in step.calls for step in trace.steps[: attention.steps[0].number])
    starts = [own.steps[0].number for own, _ in parts]
    return starts.index(before) if before in starts else None


def _is_alike(part: Read, whole: Read) -> bool:
    """Return whether an attention is had from a module as it is from the whole model.

    There may be more of it: alone, a module has channels that have been heads before it.
    """
    own, here = part
    return here.shapes.items() >= whole[1].shapes.items() and _has_ends(own, here)


def _has_ends(attention: AnyAttention, found: Found | PairFound) -> bool:
    if isinstance(found, PairFound) or found.ends.source is not None:
        return True
    if not isinstance(attention, Attention):
        return False
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
    editable = _editable(found, attention, stages) if all(a.is_certain for a, _ in all_of) else []
    forms = tuple(each.form for _, each in all_of)
    tokens = whole.tokens if isinstance(whole, PairFound) else None
    adapter = DiscoveryAdapter(number, stages, forms, tuple(editable), tokens)
    operation = " ".join(step.name for step in attention.steps)
    line = getline(*attention.steps[0].line).strip()
    return Discovered(path, number, adapter, found.kind, operation, line)


def _editable(
    found: Found | PairFound, attention: AnyAttention, stages: Iterable[str]
) -> list[str]:
    """Return the stages of an attention that edits can overwrite where they are computed."""
    if isinstance(found, PairFound):
        return [stage for stage in stages if stage in editable_pairs(found)]
    given = [s for s, value in attention.values().items() if value.step is None]
    return [stage for stage in stages if editable_at(found, stage) and stage not in given]


def _formula(stage: str, found: Found | PairFound) -> str:
    mixed = isinstance(found, PairFound) and found.mixed
    if stage == "weight":
        return KINDS[found.kind] + (MIXED if mixed else "")
    if stage == "message" and mixed:
        return "what is summed into the node"
    powers = {"normalised": "softplus", "gate": "sigmoid", "normalised gate": "sigmoid"}
    return FORMULAS[stage].format(of=powers.get(found.kind, "exponential"))
