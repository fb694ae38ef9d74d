"""What a diagnosis looks at: layers that cannot be captured do not keep the others from it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from torch import nn

from edgescope.capturing.coverage import Coverage
from edgescope.capturing.fault import layer_at_fault, reason_of
from edgescope.capturing.model_survey import model_coverage
from edgescope.capturing.sites import Site, find_sites
from edgescope.diagnosis.observation import Observed, observe
from edgescope.diagnosis.rules.diagnosis_rule import LayerInfo, Rule
from edgescope.lib.errors import InputError


def observe_what_can_be(
    model: nn.Module,
    loader: Iterable[Any],
    rules: Sequence[Rule],
    layers: Sequence[LayerInfo],
    *,
    by_default: bool,
    **options: Any,
) -> tuple[Observed, list[LayerInfo], dict[str, str]]:
    """Let rules watch a model run, if need be without the layers that cannot be captured then.

    Args:
        model: the model.
        loader: the batches.
        rules: the rules, which begin anew if a layer is left out.
        layers: the layers to watch.
        by_default: whether nobody asked for these layers; else none of them is left out.
        **options: those of :func:`edgescope.diagnosis.observation.observe`.

    Returns:
        What was looked at, the layers without those left out, and path of each of these to the
        reason.

    Raises:
        InputError: if no layer is left or ran, or one that was asked for cannot be captured.
    """
    layers = list(layers)
    refused: dict[str, str] = {}
    while True:
        try:
            seen = observe(model, loader, rules, layers, **options)
            break
        except InputError as error:
            path = layer_at_fault(error, _sites(model)) if by_default else None
            if path is None:
                raise
            refused[path] = reason_of(error)
            layers = [info for info in layers if info.path != path]
            if not layers:
                raise InputError(_nothing_message(model, layers, refused)) from error
    if not any(info.path in seen.ran for info in layers):
        raise InputError(_nothing_message(model, layers, refused))
    return seen, layers, refused


def coverage_of(
    model: nn.Module, layers: Sequence[LayerInfo], seen: Observed, refused: Mapping[str, str]
) -> Coverage:
    """Return which attention of a model rules have looked at, and which not and why.

    Args:
        model: the model.
        layers: the layers that were watched.
        seen: what was looked at.
        refused: path of a layer that was left out to the reason.
    """
    return seen.look.corrected(_planned(model, layers, refused).after(seen.ran))


def left_out_message(path: str, reason: str) -> str:
    """Say that a layer is left out."""
    return f"{path or 'the model'} is left out, since it cannot be captured: {reason}"


def _planned(model: nn.Module, layers: Sequence[LayerInfo], refused: Mapping[str, str]) -> Coverage:
    paths = {info.path for info in layers}
    return model_coverage(model, [s for s in _sites(model) if s.path in paths], refused)


def _nothing_message(
    model: nn.Module, layers: Sequence[LayerInfo], refused: Mapping[str, str]
) -> str:
    """Say that no layer was looked at, and why not."""
    gaps = _planned(model, layers, refused).after({}).gaps()
    return f"no attention of {type(model).__name__} was looked at: {'; '.join(gaps)}"


def _sites(model: nn.Module) -> list[Site]:
    return [found for found in find_sites(model) if isinstance(found, Site)]
