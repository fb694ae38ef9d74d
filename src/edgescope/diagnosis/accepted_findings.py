"""A baseline: findings that were accepted, so that only new ones count."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, Self

from edgescope.diagnosis.finding import SEVERITIES, Finding, heads_in
from edgescope.diagnosis.findings import Findings
from edgescope.lib.errors import InputError
from edgescope.lib.files import replacing
from edgescope.lib.input_files import json_of, reading, whole
from edgescope.lib.typed_fields import record

FORMAT = 1
"""Number of the format of the file."""

WHAT = "a baseline of accepted findings"

REMEDY = "write it again with edgescope diagnose --write-baseline"


class Accepted(NamedTuple):
    """A finding that was accepted: which rule may find what at which layer.

    Example:
        >>> from edgescope.diagnosis import Accepted
        >>> Accepted("dead-head", "warning", "layers.0.conv", heads=2).heads
        2
    """

    rule: str
    severity: str
    layer: str
    """Path of the layer; empty for the model as a whole."""
    heads: int | None = None
    """How many heads it concerns; None if it concerns the layer. Heads have no order of their own,
    so another training of the model may have the same trouble in others."""


class Baseline:
    """Findings that were accepted, by the class of the model.

    A finding is accepted if one of the same rule and severity was at the same layer of a model of
    the same class, in as many heads or more. The numbers of its message do not count.

    Args:
        accepted: names of models to what was accepted of them.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import edgescope as es
        >>> from edgescope.diagnosis import Baseline, Finding, Findings
        >>> dead = Finding("dead-head", "warning", "conv, head 0 of 4", "...", {}, "", "")
        >>> found = Findings([dead], model="Net", rules=["dead-head"])
        >>> path = Path(tempfile.mkdtemp()) / "baseline.json"
        >>> saved = Baseline().updated(found).save(path)
        >>> other = Finding("dead-head", "warning", "conv, heads 1 and 2 of 4", "...", {}, "", "")
        >>> later = Findings([dead, other], model="Net", rules=["dead-head"])
        >>> Baseline.load(path).mark(later)
        >>> [finding.where for finding in later if not finding.accepted]
        ['conv, heads 1 and 2 of 4']
    """

    def __init__(self, accepted: Mapping[str, Iterable[Accepted]] | None = None) -> None:
        self.accepted = {model: tuple(found) for model, found in (accepted or {}).items()}

    def mark(self, findings: Findings) -> None:
        """Mark what was accepted, in place: see ``Finding.accepted``."""
        known = self.accepted.get(findings.model, ())
        findings[:] = [
            replace(each, accepted=any(_covers(old, each) for old in known)) for each in findings
        ]
        findings.compared = True

    def gone(self, findings: Findings) -> list[Accepted]:
        """Return what was accepted and is no longer found, where the rules looked."""
        return [
            old
            for old in self.accepted.get(findings.model, ())
            if _looked(old, findings) and not any(_covers(old, each) for each in findings)
        ]

    def updated(self, findings: Findings) -> Self:
        """Return a baseline that accepts these findings of this model, and no others of it.

        What stands for rules or layers that were not looked at stays, as it does for other models.
        """
        known = self.accepted.get(findings.model, ())
        kept = [old for old in known if not _looked(old, findings)]
        return type(self)({**self.accepted, findings.model: [*kept, *map(_accepted, findings)]})

    def save(self, path: str | Path) -> Path:
        """Write it as JSON, sorted, so that versions of it can be compared line by line."""
        models = {
            model: [each._asdict() for each in sorted(set(found), key=_order)]
            for model, found in sorted(self.accepted.items())
        }
        path = Path(path)
        with replacing(path) as file:
            text = json.dumps({"format": FORMAT, "models": models}, indent=1, ensure_ascii=False)
            file.write_text(text + "\n", encoding="utf-8")
        return path

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what :meth:`save` wrote.

        Raises:
            InputError: if there is no such file, or it holds something else.
        """
        path = Path(path)
        if not path.exists():
            raise InputError(f"there is no {path}, {WHAT}; {REMEDY}")
        with reading(f"{path}, which should be {WHAT},", REMEDY, InputError):
            written = json_of(whole(path, WHAT))
            if not isinstance(written, dict) or written.get("format") != FORMAT:
                raise InputError(f"{path} is not {WHAT} of format {FORMAT}; {REMEDY}")
            return cls(
                {
                    str(model): [_read(each) for each in found]
                    for model, found in written["models"].items()
                }
            )


def _read(written: Any) -> Accepted:  # noqa: ANN401  (whatever the file holds)
    accepted = record(Accepted, written)
    if accepted.severity not in SEVERITIES:
        raise ValueError(f"severity {accepted.severity!r}, expected {', '.join(SEVERITIES)}")
    return accepted


def _accepted(finding: Finding) -> Accepted:
    return Accepted(finding.rule, finding.severity, finding.layer, heads_in(finding.where))


def _order(accepted: Accepted) -> tuple[str, str, str, int]:
    return accepted.layer, accepted.rule, accepted.severity, accepted.heads or 0


def _looked(old: Accepted, findings: Findings) -> bool:
    """Return whether a rule looked where it had found something."""
    coverage = findings.coverage
    unseen = () if coverage is None else [each.path for each in coverage.unseen]
    return old.rule in findings.rules and old.layer not in unseen


def _covers(old: Accepted, finding: Finding) -> bool:
    new = _accepted(finding)
    if old[:3] != new[:3]:
        return False
    if old.heads is None or new.heads is None:
        return old.heads is new.heads
    return new.heads <= old.heads
