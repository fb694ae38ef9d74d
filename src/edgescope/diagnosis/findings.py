"""What ``es.diagnose`` returns: findings, written as text, JSON, SARIF and HTML, and read again."""

from pathlib import Path
from typing import Any

from edgescope.capturing.coverage import Coverage
from edgescope.diagnosis.finding import SEVERITIES, Finding, FindingList
from edgescope.diagnosis.findings_card import findings_card
from edgescope.diagnosis.findings_json import as_json
from edgescope.diagnosis.findings_sarif import as_sarif
from edgescope.diagnosis.findings_text import as_html, as_page, as_text
from edgescope.diagnosis.model_sources import project_root
from edgescope.lib.errors import InputError
from edgescope.lib.input_files import json_of, reading, whole


class Findings(FindingList):
    """Findings in order of severity, then of the rules, then of the model's layers.

    See :class:`~edgescope.diagnosis.finding.FindingList` for its attributes.

    Example:
        >>> import edgescope as es
        >>> graphs = es.data.load("solubility").test[:64]
        >>> model = es.models.GAT(**graphs.model_sizes, hidden_dim=8, num_heads=2, num_layers=1)
        >>> found = es.diagnose(model, es.data.loader(graphs), select="non-finite")
        >>> found.at_least("warning"), found.rules
        ([], ('non-finite',))
        >>> print(found.text().splitlines()[0])
        GAT: nothing found by 1 rule over 32 graphs in 1 batch; looked at 1 of 1
    """

    def text(self, width: int = 80, *, colours: bool = False) -> str:
        """Return the findings as text, most severe first; no line is longer than ``width``.

        Args:
            width: columns, 40 or more.
            colours: whether severities are coloured with terminal codes.

        Raises:
            InputError: if ``width`` is below 40.
        """
        return as_text(self, width, colours)

    def _repr_html_(self) -> str:
        """Return the findings as a card of a notebook."""
        return findings_card(self)

    def json(self) -> str:
        """Return the findings as JSON."""
        return as_json(self)

    def sarif(self, root: str | Path | None = None, subject: str | Path | None = None) -> str:
        """Return the findings as a SARIF 2.1.0 log, which code-scanning services read.

        Args:
            root: the folder that paths of source files are relative to, and that they must be in;
                by default the root of the repository that the working directory is in, or this.
            subject: the file that was diagnosed, such as weights: the place of findings at layers
                of which no source file is in that folder.
        """
        return as_sarif(
            self,
            project_root() if root is None else Path(root),
            None if subject is None else Path(subject),
        )

    def html(self, *, page: bool = False) -> str:
        """Return the findings as one HTML ``<section>``, which needs nothing else.

        Args:
            page: whether to return a whole page that holds the section.
        """
        return as_page(self) if page else as_html(self)


WHAT = "findings as edgescope diagnose --format json writes them"

REMEDY = "diagnose again with --format json"


def load_findings(path: Path) -> Findings:
    """Read the findings that :func:`edgescope.diagnosis.findings_json.as_json` wrote to a file.

    Raises:
        InputError: if there is no such file, it cannot be read, or it holds something else, such
            as a SARIF log.
    """
    with reading(f"{path}, which should be {WHAT},", REMEDY, InputError):
        written = json_of(whole(path, WHAT))
        if not isinstance(written, dict) or "findings" not in written:
            sarif = isinstance(written, dict) and "runs" in written
            held = "a SARIF log" if sarif else f"JSON of another kind ({type(written).__name__})"
            raise InputError(f"{path} holds {held}, expected {WHAT}; {REMEDY}")
        return Findings(
            [_finding(each) for each in written["findings"]],
            model=written["model"],
            rules=written["rules"],
            batches=written["batches"],
            graphs=written["graphs"],
            arguments=written["arguments"],
            unjudged={rule: tuple(paths) for rule, paths in written["unjudged"].items()},
            coverage=written["coverage"] and Coverage.from_dict(written["coverage"]),
            caution=written["caution"] or "",
        )


def _finding(written: dict[str, Any]) -> Finding:
    if written["severity"] not in SEVERITIES:
        raise ValueError(f"severity {written['severity']!r}, expected {', '.join(SEVERITIES)}")
    return Finding(**written)
