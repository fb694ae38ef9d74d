"""A finding, and the list of all that a diagnosis found."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from edgescope.capturing.coverage import Coverage
from edgescope.diagnosis.finding_card import finding_body, finding_card, finding_line
from edgescope.diagnosis.model_sources import SourceLine

if TYPE_CHECKING:
    import polars as pl

Severity = Literal["error", "warning", "note"]
"""How grave a finding is, as :data:`SEVERITIES` explains.

Example:
    >>> from typing import get_args
    >>> from edgescope.diagnosis import Severity
    >>> get_args(Severity)
    ('error', 'warning', 'note')
"""

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
"""From the most severe down. An error: the layer does not compute what its user built it for. A
warning: attention adds little or nothing there, or may fail to train. A note: true, and worth
knowing, but often as it should be."""


@dataclass(frozen=True)
class Finding:
    """Something that a rule found in one layer of a model.

    Attributes:
        rule: identifier of the rule, such as ``"uniform-attention"``.
        severity: ``"error"``, ``"warning"`` or ``"note"``.
        where: path of the layer, with its heads if the finding concerns heads.
        message: one sentence with the numbers.
        evidence: the numbers, plain values that JSON can hold.
        cause: why it happens.
        remedy: what to do, in PyG's terms.
        mechanical: name of the remedy that ``es.diagnose.try_remedy`` can apply; ``None`` if the
            remedy needs a decision.
        accepted: whether it is in a baseline of accepted findings, see
            :class:`edgescope.diagnosis.Baseline`.

    Example:
        >>> from edgescope.diagnosis import Finding
        >>> numbers, cause, remedy = {"rows": 12_000}, "the graphs are large", "sample them"
        >>> found = Finding("many-rows", "note", "conv", "12,000 rows", numbers, cause, remedy)
        >>> found.severity, found.evidence["rows"]
        ('note', 12000)
    """

    rule: str
    severity: Severity
    where: str
    message: str
    evidence: Mapping[str, float | int | str | list[Any]]
    cause: str
    remedy: str
    mechanical: str | None = None
    accepted: bool = False

    @property
    def layer(self) -> str:
        """Path of the layer alone, without the heads; empty for the model as a whole."""
        path = self.where.partition(",")[0]
        return "" if path == MODEL else path

    def _repr_html_(self) -> str:
        """Return the finding as a card of a notebook."""
        line = finding_line(self.severity, self.rule, self.where, self.message)
        return finding_card(line, finding_body(self.cause, self.remedy, self.mechanical))

    def as_dict(self) -> dict[str, Any]:
        """Return all of it in plain values."""
        return {**asdict(self), "evidence": dict(self.evidence)}


MODEL = "model"
"""``where`` of a finding about the model as a whole."""


def place(path: str, heads: Iterable[int] = (), of: int = 0) -> str:
    """Return ``where`` of a finding about some heads of a layer.

    Args:
        path: path of the layer; empty if the model is one layer.
        heads: numbers of the heads; none if the finding concerns the layer.
        of: how many heads the layer has.

    Example:
        >>> place("layers.0.conv", [1, 3], of=4)
        'layers.0.conv, heads 1 and 3 of 4'
        >>> place("layers.0.conv", [0, 1, 2, 3], of=4)
        'layers.0.conv, all 4 heads'
    """
    path, numbers = path or MODEL, [str(head) for head in heads]
    if not numbers or of == 1:
        return path
    if len(numbers) == of:
        return f"{path}, all {of} heads"
    if len(numbers) == 1:
        return f"{path}, head {numbers[0]} of {of}"
    return f"{path}, heads {', '.join(numbers[:-1])} and {numbers[-1]} of {of}"


def heads_in(where: str) -> int | None:
    """Return how many heads a finding concerns; None if it concerns the layer or the model.

    Example:
        >>> heads_in(place("conv", [1, 3], of=4)), heads_in(place("conv", [0, 1], of=2))
        (2, 2)
        >>> heads_in("conv") is None
        True
    """
    _, comma, heads = where.partition(", ")
    if not comma:
        return None
    if heads.startswith("all "):
        return int(heads.split()[1])
    return len([word for word in heads.rpartition(" of ")[0].split() if word.strip(",").isdigit()])


class FindingList(list[Finding]):
    """What a diagnosis found, in order of severity, then of the rules, then of the model's layers.

    Attributes:
        model: name of the model's class.
        rules: identifiers of the rules that looked, in order.
        batches: how many batches they saw.
        graphs: how many graphs of these.
        arguments: names of the arguments that the model was given, or that it was given the whole
            batch, or what ``call=`` says.
        unjudged: identifiers of rules to the paths of what each of them did not judge, as numbers
            that it reads are not finite there; the rule ``non-finite`` says where they begin.
        coverage: which attention of the model was looked at and which not and why; ``None`` if
            that is not known.
        caution: what is known of the model's training and should be read first, such as that it
            is not better than guessing; empty if nothing is.
        sources: paths of layers to the lines of source code that they come from, the innermost
            first; the empty path is the model. Not known of findings that were read from a file.
        compared: whether they were compared with a baseline of accepted findings.

    Example:
        >>> import edgescope as es
        >>> graphs = es.data.load("solubility").test[:64]
        >>> model = es.models.GAT(**graphs.model_sizes, hidden_dim=8, num_heads=2, num_layers=1)
        >>> found = es.diagnose(model, es.data.loader(graphs), select="non-finite")
        >>> len(found), found.rules, found.coverage.complete
        (0, ('non-finite',), True)
    """

    def __init__(
        self,
        found: Iterable[Finding] = (),
        *,
        model: str = "",
        rules: Iterable[str] = (),
        batches: int = 0,
        graphs: int = 0,
        arguments: Iterable[str] = (),
        unjudged: Mapping[str, tuple[str, ...]] | None = None,
        coverage: Coverage | None = None,
        caution: str = "",
        sources: Mapping[str, tuple[SourceLine, ...]] | None = None,
    ) -> None:
        self.rules = tuple(rules)
        place_of = {rule: number for number, rule in enumerate(self.rules)}
        super().__init__(
            sorted(
                found,
                key=lambda each: (
                    SEVERITIES.index(each.severity),
                    place_of.get(each.rule, len(place_of)),
                ),
            )
        )
        self.model = model
        self.batches = batches
        self.graphs = graphs
        self.arguments = tuple(arguments)
        self.unjudged = dict(unjudged or {})
        self.coverage = coverage
        self.caution = caution
        self.sources = dict(sources or {})
        self.compared = False

    @property
    def fresh(self) -> list[Finding]:
        """The findings that are not accepted."""
        return [each for each in self if not each.accepted]

    def at_least(self, severity: Severity) -> list[Finding]:
        """Return the findings of at least this severity, without accepted ones."""
        worst = SEVERITIES.index(severity)
        return [each for each in self.fresh if SEVERITIES.index(each.severity) <= worst]

    def table(self) -> "pl.DataFrame":
        """Return the findings, one per row: severity, rule, where, message, cause and remedy."""
        import polars as pl

        columns = ("severity", "rule", "where", "message", "cause", "remedy", "mechanical")
        rows = [tuple(getattr(each, name) for name in columns) for each in self]
        return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")
