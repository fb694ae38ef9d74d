"""Every tensor of a traced model that has a row per edge, with what it is used as."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import PurePath

from edgescope.capturing.discovered_sites import Discovered
from edgescope.capturing.discovery.dataflow import Flow
from edgescope.capturing.discovery.edge_tensors import EdgeTensor
from edgescope.capturing.discovery.program import Read


def tensors_of(
    flow: Flow,
    found: list[Read],
    candidates: Mapping[Discovered, int],
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
    return tuple(_rows(flow, flow.edges(), roles))


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
