"""Remedies that can be applied to a model without a decision of its user's.

Each changes layers of PyG in a copy of the model, so that what the remedy does can be measured:
train the copy as the model was trained, and diagnose it again. Weights that the changed layer has
in common with the old one are not kept, but for one remedy that has no need to: a remedy is for a
model that will be trained anew.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any
from warnings import warn

import torch
from torch import nn

from edgescope.capturing.discovered_sites import carry
from edgescope.diagnosis.finding import MODEL, Finding
from edgescope.diagnosis.layer_remedies import REMEDIES
from edgescope.lib.compiled_parts import is_wrapper, original
from edgescope.lib.eager_twin import eager_copy
from edgescope.lib.errors import EdgescopeWarning, InputError
from edgescope.lib.mistakes import check_model, said


def try_remedy(
    model: nn.Module,
    finding: Finding | Iterable[Finding],
    *,
    remedy: str | None = None,
    edge_dim: int | None = None,
    seed: int = 0,
) -> nn.Module:
    """Return a copy of a model with the remedy of a finding applied; the model is left as it was.

    The remedies:

    - ``"gatv2"``: GATConv becomes GATv2Conv with the same arguments;
    - ``"more-heads"``: a layer of PyG gets twice the heads with half the channels each, so that its
      width stays; averaged heads are doubled with all their channels;
    - ``"edge-dim"``: a layer of PyG that was built without ``edge_dim`` takes edge features. It
      matters only if the model calls it with ``edge_attr``, which is not changed here;
    - ``"residual"``: GATConv or GATv2Conv get their option ``residual=True``;
    - ``"norm"``: a layer norm of the node states comes before the layer;
    - ``"self-loops"``: GATConv or GATv2Conv get their option ``add_self_loops=True``;
    - ``"no-self-loops"``: a layer that adds self-loops no longer does, and keeps its weights.

    But for the last one, the changed layer's weights are drawn anew.

    Args:
        model: the model.
        finding: what was found; it says at which layer, and which remedy. Or several, such as all
            that :func:`edgescope.diagnose` returned: the remedies of those that need no decision
            are applied one after the other, each once per layer, and norms last. One that does
            not fit a layer, or no longer fits it, is left out with a warning.
        remedy: another remedy than that of the finding.
        edge_dim: how many features an edge has, for ``"edge-dim"``; what the finding's evidence
            says by default.
        seed: decides the new weights.

    Returns:
        The changed copy, with the new layer on the device and in the precision and mode of the old.

    Raises:
        InputError: if the finding has no such remedy, or the remedy does not fit the layer; if of
            several findings none has one that fits, as no copy is returned in which nothing was
            tried.

    Example:
        >>> from torch_geometric.nn import GATConv
        >>> from edgescope.diagnosis import Finding
        >>> from edgescope.diagnosis.remedies import try_remedy
        >>> finding = Finding("static-attention", "note", "model", "", {}, "", "", "gatv2")
        >>> try_remedy(GATConv(4, 8, heads=2), finding)
        GATv2Conv(4, 8, heads=2)
    """
    check_model(model)
    model = original(model)
    one = isinstance(finding, Finding)
    findings = [finding] if isinstance(finding, Finding) else _checked(finding)
    planned = _planned(findings, remedy, edge_dim)
    if not planned:
        raise InputError(_nothing_to_try(findings))
    changed = eager_copy(model)
    carry(model, changed)
    state = torch.random.get_rng_state()
    refused: list[InputError] = []
    try:
        torch.manual_seed(seed)
        for (name, path), options in planned.items():
            try:
                changed = _change_layer(changed, path, partial(REMEDIES[name], **options))
            except InputError as error:
                if one:
                    raise
                refused.append(error)
    finally:
        torch.random.set_rng_state(state)
    if len(refused) == len(planned):
        raise refused[-1]
    for reason in refused:
        warn(f"a remedy was left out: {reason}", EdgescopeWarning, stacklevel=2)
    return changed


def _checked(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings as a list.

    Raises:
        InputError: if they are something else.
    """
    held = list(findings) if isinstance(findings, Iterable) else [findings]
    if not all(isinstance(each, Finding) for each in held):
        raise InputError(
            f"received {said(findings)}, expected a finding or the findings of es.diagnose"
        )
    return held


def _planned(
    findings: Sequence[Finding], remedy: str | None, edge_dim: int | None
) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the options of every remedy to apply, by its name and the path of the layer.

    Raises:
        InputError: if there is no remedy of the name.
    """
    if remedy is not None and remedy not in REMEDIES:
        raise InputError(f"received the remedy {remedy!r}, expected one of {', '.join(REMEDIES)}")
    planned: dict[tuple[str, str], dict[str, Any]] = {}
    for each in findings:
        name = each.mechanical if remedy is None else remedy
        if name is None:
            continue
        if name not in REMEDIES:
            raise InputError(f"received the remedy {name!r}, expected one of {', '.join(REMEDIES)}")
        features = each.evidence.get("edge_dim") if edge_dim is None else edge_dim
        options = {"edge_dim": features} if name == "edge-dim" else {}
        for path in _paths(each):
            planned.setdefault((name, path), options)
    # A norm wraps its layer, which no other remedy would then know.
    return dict(sorted(planned.items(), key=lambda item: item[0][0] == "norm"))


def _nothing_to_try(findings: Sequence[Finding]) -> str:
    if not findings:
        return "received no finding, so there is no remedy to try; name a layer's with a Finding"
    if len(findings) == 1:
        (only,) = findings
        what = f"the remedy of {only.rule} at {only.where} needs a decision: {only.remedy}"
    else:
        what = f"the remedies of all {len(findings)} findings need a decision"
    return f"{what}; name one of {', '.join(REMEDIES)} with remedy= to try that"


def _paths(finding: Finding) -> list[str]:
    """Return the paths of the layers to change: those that the evidence names, or else where."""
    named = finding.evidence.get("layers")
    if isinstance(named, list):
        return [str(each) for each in named]
    return [finding.layer.partition("@")[0]]


def _change_layer(
    model: nn.Module, path: str, remedy: Callable[[nn.Module], nn.Module]
) -> nn.Module:
    """Put another layer in the place of that at ``path``, and return the model."""
    layer = _layer_at(model, path)
    new = remedy(layer)
    like = next(layer.parameters(), None)
    if like is not None:
        new = new.to(like.device, like.dtype)
    new.train(layer.training)
    return _replaced(model, path, layer, new)


def _layer_at(model: nn.Module, path: str) -> nn.Module:
    try:
        return original(model.get_submodule(path))
    except AttributeError as error:
        raise InputError(
            f"received a finding at {path or MODEL}, which {type(model).__name__} lacks; "
            "pass the model that was diagnosed"
        ) from error


def _replaced(model: nn.Module, path: str, layer: nn.Module, new: nn.Module) -> nn.Module:
    """Put ``new`` wherever the model holds ``layer``."""
    if not path:
        return new
    # The wrapper of a compiled layer goes with it, as it would go on to call that.
    for owner in [each for each in model.modules() if not is_wrapper(each)]:
        for name, child in list(owner.named_children()):
            if original(child) is layer:
                setattr(owner, name, new)
    return model
