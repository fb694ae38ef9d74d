"""Remedies against massive values, made ready to be run in any format."""

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

from torch import nn

from edgescope.intervene.number_formats.folded_scales import fold_scales
from edgescope.intervene.number_formats.format_runs import Remedy
from edgescope.intervene.number_formats.format_verdict import PLAIN
from edgescope.intervene.number_formats.model_formats import copied
from edgescope.intervene.number_formats.place_record import Records
from edgescope.intervene.number_formats.site_choice_record import Choices
from edgescope.lib.errors import InputError
from edgescope.lib.mistakes import check_several

RemedyName = Literal["clip", "mean", "fold"]
"""What is done about massive values:

- ``"clip"``: they are cut down to a quantile of the magnitudes of the same site in the untrained
  model.
- ``"mean"``: they become the mean of the same head and channel over the activations that were not
  chosen, the same for all edges.
- ``"fold"``: scales are moved between the projections that a score is a product of; the scores stay
  to the bit. See :mod:`edgescope.intervene.number_formats.folded_scales`.
"""

REMEDIES: tuple[str, ...] = get_args(RemedyName)


def chosen_remedies(names: Sequence[str] | str | None, has_baseline: bool) -> tuple[str, ...]:
    """Return the remedies that are asked for; all by default, without ``"clip"`` if it cannot be.

    Raises:
        InputError: if one is unknown, or needs an untrained model and there is none.
    """
    if names is None:
        return tuple(name for name in REMEDIES if name != "clip" or has_baseline)
    check_several(names, "remedies")
    wanted = [names] if isinstance(names, str) else list(names)
    for name in wanted:
        if name not in REMEDIES:
            raise InputError(f"unknown remedy {name!r}, expected some of {', '.join(REMEDIES)}")
    if "clip" in wanted and not has_baseline:
        raise InputError(
            "the remedy 'clip' cuts down to what the untrained model reaches; pass "
            "baseline=es.Untrained(), or a model"
        )
    return tuple(name for name in REMEDIES if name in wanted)


def prepared(
    names: Sequence[str],
    model: nn.Module,
    choices: Choices,
    limits: Mapping[str, float],
    records: Records,
    nothing: str,
) -> list[Remedy]:
    """Return the model without a remedy, and with each.

    Args:
        names: of the remedies.
        model: in float32.
        choices: the activations that were chosen.
        limits: what ``"clip"`` cuts down to, by site.
        records: what the places of the model computed in float32.
        nothing: why nothing could be chosen; empty if something was.
    """
    made = [Remedy(PLAIN, model, {})]
    for name in names:
        if name == "fold":
            folded = copied(model)
            number, reason = fold_scales(folded, records)
            made.append(Remedy(name, folded, {}, number, reason, possible=number > 0))
        elif nothing:
            made.append(Remedy(name, model, {}, 0, nothing, possible=False))
        else:
            made.append(_replacing(name, model, choices, limits))
    return made


def _replacing(
    name: str, model: nn.Module, choices: Choices, limits: Mapping[str, float]
) -> Remedy:
    try:
        replaced = choices.at_mean() if name == "mean" else choices.clipped(limits)
    except InputError as error:
        return Remedy(name, model, {}, 0, str(error), possible=False)
    return Remedy(name, model, replaced, choices.number)
