"""Which rules look."""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from edgescope.diagnosis.rules import Rule, known_rules
from edgescope.lib.errors import InputError
from edgescope.lib.mistakes import check_several

if TYPE_CHECKING:
    import polars as pl

    from edgescope.scanning.result import Scan


def choose_rules(
    rules: Sequence[Rule] | None,
    select: Sequence[str] | str,
    ignore: Sequence[str] | str,
    scan: "Scan | None" = None,
) -> list[Rule]:
    """Return the rules that are wanted.

    Args:
        rules: rules with thresholds of the user's own; exactly these, unless ``select`` is given,
            which may name further ones.
        select: identifiers or patterns; all if empty.
        ignore: identifiers or patterns.
        scan: given to the rules that take a scan.

    Raises:
        InputError: if a pattern fits no rule, two rules have the same identifier, or none is left.
    """
    select, ignore = _patterns(select), _patterns(ignore)
    own = {rule.id: rule for rule in rules or ()}
    if len(own) < len(rules or ()):
        raise InputError("received two rules of the same identifier in rules=, expected one each")
    known = {rule.id: own.get(rule.id) or rule() for rule in known_rules()}
    known |= own
    for pattern in (*select, *ignore):
        if not any(fnmatchcase(name, pattern) for name in known):
            raise InputError(f"no rule is called {pattern!r}; the rules are {', '.join(known)}")
    wanted = [name for name in known if _fits(name, select)] if select else list(own or known)
    chosen = [known[name] for name in wanted if not _fits(name, ignore)]
    if not chosen:
        raise InputError("no rule is left; select more of them or ignore fewer")
    for rule in chosen:
        rule.take_scan(scan)
    return chosen


def find_rule(name: str) -> type[Rule]:
    """Return the rule of an identifier.

    Raises:
        InputError: if there is none.
    """
    known = {rule.id: rule for rule in known_rules()}
    if name not in known:
        raise InputError(f"no rule is called {name!r}; the rules are {', '.join(known)}")
    return known[name]


def rule_table() -> "pl.DataFrame":
    """Return every rule, one per row: identifier, severity, title and thresholds.

    Example:
        >>> import edgescope as es
        >>> es.diagnose.rules()["rule"][0]
        'non-finite'
    """
    import polars as pl

    rows = [
        (
            rule.id,
            rule.severity,
            rule.title,
            ", ".join(f"{name}={value:g}" for name, value in rule().thresholds.items()),
        )
        for rule in known_rules()
    ]
    schema = dict.fromkeys(("rule", "severity", "title", "thresholds"), pl.String)
    return pl.DataFrame(rows, schema=schema, orient="row")


def page(rule: type[Rule]) -> str:
    """Return the page of a rule as Markdown, under a heading."""
    return f"## {rule.id}\n\n*{rule.severity}: {rule.title}.*\n\n{rule.explanation}"


def _patterns(given: Sequence[str] | str) -> list[str]:
    check_several(given, "select or ignore")
    return [given] if isinstance(given, str) else list(given)


def _fits(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
