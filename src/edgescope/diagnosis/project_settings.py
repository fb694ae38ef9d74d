"""Settings of a diagnosis in ``pyproject.toml``: the table ``[tool.edgescope.diagnose]``."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_type_hints

from edgescope.diagnosis.finding import SEVERITIES
from edgescope.diagnosis.rule_choice import find_rule
from edgescope.diagnosis.rules import Rule
from edgescope.lib.errors import InputError, did_you_mean
from edgescope.lib.input_files import reading, whole
from edgescope.lib.typed_fields import fitting

TABLE = "tool.edgescope.diagnose"

FILE = "pyproject.toml"

KEYS = ("select", "ignore", "fail-on", "baseline", "thresholds")

NEVER = "never"
"""No finding is grave enough to fail."""


@dataclass(frozen=True)
class DiagnosisSettings:
    """How models of a project are diagnosed.

    Attributes:
        path: the file that says so; ``None`` if there is none.
        select: identifiers or patterns of the rules that look; all if empty.
        ignore: identifiers or patterns of rules that do not.
        fail_on: the lowest severity that counts as a failure, or ``"never"``.
        baseline: file of accepted findings; ``None`` if none are.
        thresholds: identifiers of rules to names of their thresholds to values.

    Example:
        >>> from edgescope.diagnosis import DiagnosisSettings
        >>> strict = DiagnosisSettings(thresholds={"uniform-attention": {"entropy": 0.95}})
        >>> strict.fail_on, [rule.entropy for rule in strict.rules()]
        ('error', [0.95])
    """

    path: Path | None = None
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    fail_on: str = "error"
    baseline: Path | None = None
    thresholds: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def rules(self) -> list[Rule]:
        """Return the rules with thresholds of their own, for ``es.diagnose(..., rules=)``.

        Name the rules that look in ``select=`` as well: else exactly these do.
        """
        return [find_rule(name)(**values) for name, values in self.thresholds.items()]


def diagnosis_settings(path: str | Path | None = None) -> DiagnosisSettings:
    r"""Return the settings of a diagnosis that a ``pyproject.toml`` holds.

    Args:
        path: the file; by default the nearest one, in this folder or above, with a table
            ``[tool.edgescope.diagnose]``.

    Returns:
        The settings; the default ones if there is no such file.

    Raises:
        InputError: if the file cannot be read, has no such table, or it holds an unknown key, rule
            or threshold, or a value of another type.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import edgescope as es
        >>> file = Path(tempfile.mkdtemp()) / "pyproject.toml"
        >>> lines = ["[tool.edgescope.diagnose]", 'ignore = ["dead-*"]', 'fail-on = "warning"']
        >>> _ = file.write_text("\n".join(lines))
        >>> settings = es.diagnosis.diagnosis_settings(file)
        >>> settings.ignore, settings.fail_on
        (('dead-*',), 'warning')
    """
    if path is not None:
        table = _table(Path(path))
        if table is None:
            raise InputError(f"{path} has no table [{TABLE}]; add it, or leave out the file")
        return _settings(Path(path), table)
    here = Path.cwd()
    for folder in (here, *here.parents):
        file = folder / FILE
        if file.is_file() and (table := _table(file)) is not None:
            return _settings(file, table)
    return DiagnosisSettings()


def _table(path: Path) -> dict[str, Any] | None:
    """Return the table of a file; None if it has none."""
    what = f"{path}, which should hold the table [{TABLE}],"
    text = whole(path, f"settings in [{TABLE}]")
    if b"edgescope" not in text:
        return None
    with reading(what, "correct the file", InputError):
        tool = tomllib.loads(text.decode("utf-8")).get("tool", {})
        ours = tool.get("edgescope") if isinstance(tool, dict) else None
    if ours is None:
        return None
    _known(path, "tool.edgescope", ours, ["diagnose"])
    if "diagnose" not in ours:
        return None
    table: dict[str, Any] = ours["diagnose"]
    _known(path, TABLE, table, KEYS)
    return table


def _known(path: Path, table: str, given: Any, keys: Any) -> None:  # noqa: ANN401  (of a file)
    """Refuse what is no table, and keys that mean nothing."""
    if not isinstance(given, dict):
        raise InputError(f"{path}: {table} is {given!r}, expected a table [{table}]")
    for key in given:
        if key not in keys:
            listed = f"the keys are {', '.join(keys)}"
            raise InputError(
                f"{path}: [{table}] has an unknown key {key!r}; {did_you_mean(key, keys, listed)}"
            )


def _settings(path: Path, table: dict[str, Any]) -> DiagnosisSettings:
    severity = _value(path, table, "fail-on", "error", str)
    if severity not in (*SEVERITIES, NEVER):
        words = (*SEVERITIES, NEVER)
        asked = did_you_mean(str(severity), words, f"expected {', '.join(words)}")
        raise InputError(f"{path}: fail-on is {severity!r}; {asked}")
    baseline = _value(path, table, "baseline", None, str)
    return DiagnosisSettings(
        path=path,
        select=_patterns(path, table, "select"),
        ignore=_patterns(path, table, "ignore"),
        fail_on=severity,
        baseline=None if baseline is None else path.parent / baseline,
        thresholds=_thresholds(path, table.get("thresholds", {})),
    )


def _value(path: Path, table: dict[str, Any], key: str, default: Any, kind: type) -> Any:  # noqa: ANN401
    value = table.get(key, default)
    if value is not default and not isinstance(value, kind):
        raise InputError(f"{path}: {key} is {value!r}, expected {kind.__name__}")
    return value


def _patterns(path: Path, table: dict[str, Any], key: str) -> tuple[str, ...]:
    value = table.get(key, [])
    value = [value] if isinstance(value, str) else value
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise InputError(f'{path}: {key} is {value!r}, expected a list, such as ["dead-*"]')
    return tuple(value)


def _thresholds(path: Path, given: Any) -> dict[str, dict[str, float]]:  # noqa: ANN401  (of a file)
    """Return thresholds by rule, once each is known and of the right type."""
    from edgescope.diagnosis.rules import known_rules

    table = f"{TABLE}.thresholds"
    rules = {rule.id: rule for rule in known_rules()}
    _known(path, table, given, list(rules))
    for name, values in given.items():
        own, rule = f"{table}.{name}", rules[name]
        _known(path, own, values, list(rule().thresholds))
        hints = get_type_hints(rule)
        for threshold, value in values.items():
            try:
                fitting(value, hints[threshold], f"{own}.{threshold}")
            except TypeError as error:
                raise InputError(f"{path}: {error}") from error
    return dict(given)
