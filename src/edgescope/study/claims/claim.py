"""A claim: what is said, where, and by which number it is decided."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edgescope.study.claims.questions import UNDECIDED, Question
from edgescope.study.claims.result_set import ResultSet
from edgescope.study.claims.rulings import Ruling, rule

_RERUN = "edgescope study run paper-small --out study && edgescope study dossier study --claim "


@dataclass(frozen=True)
class Claim:
    """A claim of a publication, and how it is decided.

    Attributes:
        key: ``"C1"`` to ``"C12"`` of the paper and after, ``"A1"`` to ``"A11"`` of the article.
        statement: what is claimed, in our words.
        source: the publication, and the figure or section.
        design: which cells answer it.
        number: the number that decides, and its null.
        rule: from when on it holds, and why from there on.
        change: what would change the verdict.
        needs: result tables without which it is not measured.
        ask: makes the numbers from result tables.
        figures: names of the figures that stand beside it.
        rerun: the command that answers it alone; by default the study and then the claim.

    Example:
        >>> import edgescope as es
        >>> claim = es.study.CLAIMS["C6"]
        >>> claim.needs
        ('cells', 'added')
    """

    key: str
    statement: str
    source: str
    design: str
    number: str
    rule: str
    change: str
    needs: tuple[str, ...]
    ask: Callable[[ResultSet], Sequence[Question]]
    figures: tuple[str, ...] = ()
    rerun: str = ""

    @property
    def command(self) -> str:
        """What answers it alone."""
        return self.rerun or f"{_RERUN}{self.key}"

    def judge(self, results: ResultSet) -> Ruling:
        """Return the verdict by these tables, before the correction over claims."""
        missing = [name for name in self.needs if not results.has(name)]
        if missing:
            return Ruling(UNDECIDED, f"not measured: no table {', '.join(missing)}")
        return rule(self.ask(results))
