"""The ratio that a criterion asks for at every site alike."""

from edgescope.scanning.criteria.rule import Rule


def common_ratio(rule: Rule) -> float | None:
    """Return the ratio that a rule asks for, if it is one for all sites."""
    return rule.everywhere.ratio or None if rule.everywhere else None
