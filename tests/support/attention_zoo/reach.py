"""How far edgescope reaches into a model of this zoo: what it sees, and how that was tested."""

import warnings
from collections import Counter
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

import edgescope as es
from edgescope.capturing import EdgeActivations
from edgescope.capturing.discovery import Discovery
from edgescope.lib.errors import EdgescopeWarning
from support.attention_zoo import perturbation
from support.attention_zoo.case import NO_ATTENTION, Case, Expected
from support.attention_zoo.styles import STYLES

CLOSE = 1e-4


class Look(NamedTuple):
    """A case that was discovered and captured."""

    model: nn.Module
    batch: Any
    found: Discovery
    sites: dict[str, EdgeActivations]
    expected: list[Expected]
    same: bool
    """Whether outputs were the same to the bit while it was captured."""


@cache
def look(case: Case) -> Look:
    """Discover a case and capture all that was found."""
    model, batch = case.model(), case.batch()
    with torch.no_grad():
        plain = case.call(model, batch)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EdgescopeWarning)  # rows known by their nodes, and the like
        found = es.capture.discover(model, case.batch(), call=case.call)
        if not es.capture.sites(model)["reason"].is_null().any():
            return Look(model, batch, found, {}, case.expected(model, batch), same=True)
        with torch.no_grad(), es.capture(model) as tape:
            output = case.call(model, case.batch())
    sites = {site: tape[site] for site in tape.sites}
    return Look(model, batch, found, sites, case.expected(model, batch), same(plain, output))


@cache
def look_again(case: Case) -> Look:
    """Capture a case that was captured before and trained since: all of its parameters moved."""
    model, batch = case.model(), case.batch()
    generator = torch.Generator().manual_seed(1)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore", EdgescopeWarning)
        found = es.capture.discover(model, case.batch(), call=case.call)
        with es.capture(model):
            case.call(model, case.batch())
        for parameter in model.parameters():
            if parameter.is_floating_point():
                parameter.mul_(1 + 0.5 * torch.rand(parameter.shape, generator=generator))
        plain = case.call(model, batch)
        with es.capture(model) as tape:
            output = case.call(model, case.batch())
    sites = {site: tape[site] for site in tape.sites}
    return Look(model, batch, found, sites, case.expected(model, batch), same(plain, output))


def same(one: Any, other: Any) -> bool:
    """Return whether two outputs are the same to the bit."""
    if isinstance(one, tuple | list):
        return all(map(same, one, other))
    return torch.equal(one, other)


def rows(values: Tensor, edge_index: Tensor) -> tuple[list[tuple[int, ...]], Tensor]:
    """Return every row with its edge, in an order that does not depend on that given."""
    values = values.reshape(len(values), -1).double()
    keyed = [
        (tuple(edge), [round(float(value), 3) for value in row], row)
        for edge, row in zip(edge_index.t().tolist(), values, strict=True)
    ]
    keyed.sort(key=lambda each: each[:2])
    return [edge for edge, _, _ in keyed], torch.stack([row for _, _, row in keyed])


def numbered(case: Case, found: EdgeActivations) -> tuple[Tensor, Tensor]:
    """Return values and ends of the rows of a site, with nodes numbered as they were worked out."""
    identity, path = found.identity, found.site.rpartition(":")[0]
    values, ends = found.values, torch.stack([identity.source, identity.target])
    number = case.numbers(path, look(case).batch)
    if number is None:
        return values, ends
    ends = number[ends]
    real = (ends >= 0).all(0)  # without padding that is not known as such
    return values[real], ends[:, real]


def difference(case: Case, found: EdgeActivations, expected: Expected) -> float | None:
    """Return the largest difference of values over the largest of them; ``None`` if they differ.

    What was found must be what was worked out, for the same edges; a score may have another scale.
    """
    here, values = rows(*numbered(case, found))
    ends = expected.edge_index if expected.over == 1 else expected.edge_index.flip(0)
    there, wanted = rows(expected.values, ends)
    if here != there or values.shape != wanted.shape:
        return None
    if expected.stage == "score":
        one, other = (each.view(len(each), *found.values.shape[1:]) for each in (values, wanted))
        scale = (one * other).sum((0, 2)) / (other * other).sum((0, 2))
        wanted = (other * scale[:, None]).flatten(1)
    if not torch.allclose(values, wanted, atol=CLOSE, rtol=CLOSE):
        return None
    return float((values - wanted).abs().max() / wanted.abs().max())


def of_stage(expected: list[Expected], stage: str) -> list[Expected]:
    """Return what was worked out that a site of a stage may be."""
    stages = {"weight": {"weight", "gate"}, "unbiased": {"logit"}}.get(stage, {stage})
    return [each for each in expected if each.stage in stages]


def differences(case: Case, seen: Look | None = None) -> dict[str, float | None]:
    """Return for every site how far it is from the nearest that was worked out, if any is it.

    Sites of which nothing was worked out are left out.
    """
    seen, result = look(case) if seen is None else seen, {}
    for site, each in seen.sites.items():
        there = of_stage(seen.expected, site.rpartition(":")[2])
        found = [difference(case, each, one) for one in there]
        if found:
            result[site] = min((one for one in found if one is not None), default=None)
    return result


PARTLY = {
    "AttentiveFP over tables of neighbours": "that of atoms is seen, not that of molecules",
    "Molecule Attention Transformer": "the softmax is seen, not its mixture with distances",
    "ASTGCN": "the softmax is seen, not its product with a mask",
    "softmax over both ends": "one of its two weights is a product of the other",
    "shares of sigmoids, after GatedGCN": "the share is seen, not the gate in it",
}
"""Cases of which some weights are seen, and others not."""


def facts(case: Case) -> dict[str, Any]:
    """Return what the table says of a case, but for figures that differ between machines."""
    seen = look(case)
    told: dict[str, Any] = {"style": STYLES[case.name]}
    if case.verdict == NO_ATTENTION:
        roles = Counter(each.role for each in seen.found.tensors)
        operations = Counter(e.operation for e in seen.found.tensors if e.role == "per edge")
        return told | {"roles": dict(roles), "operations": dict(operations.most_common())}
    rows = es.capture.sites(seen.model)
    if not seen.sites:
        return told | {"how": "no value per edge", "reason": _reason(seen)}
    stages = dict.fromkeys(site.rpartition(":")[2] for site in seen.sites)
    compared = differences(case)
    return told | {
        "how": rows["how"].drop_nulls()[0],
        "stages": list(stages),
        "partly": PARTLY.get(case.name, ""),
        "compared": f"{len(compared)} of {len(seen.sites)}",
        "changed": perturbation.changed_by(case),
        "blunt": perturbation.BLUNT.get(case.name, ""),
    }


def _reason(seen: Look) -> str:
    """Return why nothing is seen, without what is said of every layer that no adapter knows."""
    reasons = [why for _, why in seen.found.refused]
    reasons = reasons or es.capture.sites(seen.model)["reason"].drop_nulls().to_list()
    skip = "no adapter knows this layer; write one and register it with es.capture.register; "
    return reasons[0].removeprefix(skip)
