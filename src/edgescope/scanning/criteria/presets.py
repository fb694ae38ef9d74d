"""Criteria that can be asked for by name."""

from dataclasses import MISSING

from edgescope.lib.errors import InputError
from edgescope.lib.mistakes import said
from edgescope.lib.typed_fields import fields_of
from edgescope.scanning.criteria.false_positive_rate import Calibrated
from edgescope.scanning.criteria.rule import KINDS, Rule
from edgescope.scanning.criteria.thresholds import Criterion
from edgescope.statistics.sketch_layout import SUN_MAGNITUDE

PRESETS: dict[str, Rule] = {
    "paper2025": Criterion("paper2025"),
    "sun2024": Criterion("sun2024", magnitude=SUN_MAGNITUDE),
    "calibrated": Calibrated(),
}
"""Criteria that ship with the package.

Beside them stand the kinds of :data:`edgescope.scanning.criteria.KINDS`.

Example:
    >>> import edgescope as es
    >>> es.PRESETS["sun2024"].in_words()
    'ratio above 1,000 and magnitude above 100'
"""


def criterion(rule: str | Rule) -> Rule:
    """Return the criterion itself, the preset of that name, or the rule of that kind.

    A kind is a name if its class can be made without arguments.

    Raises:
        InputError: if there is no such name.

    Example:
        >>> import edgescope as es
        >>> es.criterion("sun2024").magnitude
        100.0
    """
    if isinstance(rule, Rule):
        return rule
    if not isinstance(rule, str):
        raise InputError(
            f"received {said(rule)} as criterion, expected one of {', '.join(PRESETS)}, or a rule "
            "such as edgescope.Criterion('mine', ratio=1000)"
        )
    if rule in PRESETS:
        return PRESETS[rule]
    known = {kind: of for kind, of in KINDS if _has_defaults(of)}
    if rule in known:
        return known[rule]()
    if (of := KINDS.get(rule)) is not None:
        raise InputError(
            f"received the criterion {rule!r}, which takes arguments; pass a {of.__qualname__}(...)"
        )
    raise InputError(
        f"unknown criterion {rule!r}, expected one of {', '.join({**PRESETS, **known})}; "
        "or pass an edgescope.Criterion"
    )


def _has_defaults(of: type[Rule]) -> bool:
    """Say whether a class of rules can be made without arguments."""
    return all(
        field.default is not MISSING or field.default_factory is not MISSING
        for field in fields_of(of)
    )
