"""What people are told about how a trained model compares with guessing."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from edgescope.lib.errors import InputError
from edgescope.lib.task_metrics import Metric, known_metric
from edgescope.train.guess import RELATIVE

if TYPE_CHECKING:
    import polars as pl

_PARTS = {"test": "test", "val": "validation"}

_NAMED = 5
"""Up to so many targets are named in a sentence."""


class Comparison(NamedTuple):
    """A metric beside what guessing gets; see :func:`edgescope.train.guess.judge`."""

    value: float | None
    guess: float | None
    difference: float | None
    low: float | None
    high: float | None
    better: bool | None
    target: str = ""
    unit: str = ""
    known: int | None = None
    positives: int | None = None
    negatives: int | None = None

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> Self:
        """Take what belongs to a comparison from plain values.

        Raises:
            KeyError: if something is missing.
            TypeError: if something is of another kind.
        """
        optional = {name: row[name] for name in cls._field_defaults if name in row}
        found = cls(*(row[name] for name in cls._fields[:6]), **optional)
        numbers = found[:5]
        if not all(each is None or type(each) in (int, float) for each in numbers) or not (
            found.better is None or isinstance(found.better, bool)
        ):
            raise TypeError(f"{numbers} and better {found.better!r}")
        if not (isinstance(found.target, str) and isinstance(found.unit, str)):
            raise TypeError(f"target {found.target!r} in {found.unit!r}")
        return found

    def interval(self) -> str:
        """Return the difference with its interval, in brackets; nothing if there is none."""
        if self.difference is None:
            return ""
        ends = ", too few known targets for an interval"
        if self.low is not None and self.high is not None:
            ends = f", 95 % interval {self.low:.3g} to {self.high:.3g}"
        return f" (difference {self.difference:.3g}{ends})"


class Verdict(NamedTuple):
    """How a trained model compares with guessing.

    Attributes:
        part: of the data, ``"test"``, or ``"val"`` where the test part has no targets.
        metric: that the model is judged by.
        whole: of all targets together; of several numbers the ratio to guessing, averaged.
        targets: of each target.
    """

    part: str
    metric: Metric
    whole: Comparison
    targets: tuple[Comparison, ...]

    @classmethod
    def read(cls, metrics: Mapping[str, Any] | None, metric: Metric) -> Self | None:
        """Read it from the metrics of a run; None if they do not say.

        Raises:
            InputError: if they say it in another form.
        """
        found = (metrics or {}).get("judged")
        if found is None:
            return None
        try:
            rows = tuple(map(Comparison.read, found["targets"]))
            rows[0].target  # noqa: B018  (there is at least one)
            if found["metric"] != RELATIVE:
                known_metric(found["metric"])
            return cls(_PARTS[found["part"]], metric, Comparison.read(found), rows)
        except (LookupError, TypeError, AttributeError) as error:
            raise InputError(
                f"what metrics.json says under 'judged' cannot be read ({error!r}); restore it, "
                "or delete metrics.json and run the same training again"
            ) from error

    @property
    def caution(self) -> str:
        """Say in a sentence that the model is untrained in effect; empty if it is not."""
        if self.whole.better is not False:
            return ""
        return f"this model is untrained in effect: {self.sentence}"

    @property
    def sentence(self) -> str:
        """Say in a sentence how the metric compares with guessing."""
        whole, name = self.whole, f"{self.part} {self.metric.words}"
        if whole.value is None or whole.guess is None:
            return f"its {name} is undefined"
        relation = {
            True: "is better than guessing",
            False: "is not better than guessing",
            None: "may or may not be better than guessing",
        }[whole.better]
        if self.several_numbers:
            return (
                f"its {name}, on average over {len(self.targets)} targets {whole.value:.3f} of "
                f"what guessing the training median gets, {relation}{whole.interval()}"
            )
        unit = self.targets[0].unit if len(self.targets) == 1 else ""
        what = " the training median" if self.metric.in_unit else ""
        shown, by_guess = (self.metric.show(each, unit) for each in (whole.value, whole.guess))
        return f"its {name} of {shown} {relation}{what}, which gets {by_guess}{whole.interval()}"

    @property
    def several_numbers(self) -> bool:
        """Whether there are several numbers to predict, whose units may differ."""
        return self.metric.in_unit and len(self.targets) > 1

    @property
    def lost(self) -> str:
        """Name the targets of several that the model does not predict better than guessing."""
        names = [row.target for row in self.targets if row.better is False]
        if len(self.targets) == 1 or not names:
            return ""
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        return f"{len(names)} of {len(self.targets)}: {', '.join(names[:_NAMED])}{more}"

    def by_target(self) -> str:
        """Write each target's metric, and in brackets what guessing gets, in one line."""
        return "; ".join(
            f"{row.target} {self.metric.show(row.value, row.unit)} "
            f"({self.metric.show(row.guess, row.unit)})"
            if row.value is not None and row.guess is not None
            else f"{row.target} undefined"
            for row in self.targets
        )

    def table(self) -> "pl.DataFrame":
        """Return a row per target: its metric, that of guessing, and whether it is better."""
        import polars as pl

        answer = {True: "yes", False: "no", None: "cannot be told"}
        labels = self.targets[0].positives is not None
        counts = ("positives", "negatives") if labels else ("known",)
        words = self.metric.words
        rows = [
            {
                "target": row.target,
                **({"unit": row.unit} if any(each.unit for each in self.targets) else {}),
                **{name: getattr(row, name) for name in counts},
                f"{self.part} {words}": row.value,
                "guessing": row.guess,
                "difference": row.difference,
                "from": row.low,
                "to": row.high,
                "better than guessing": answer[row.better],
            }
            for row in self.targets
        ]
        numbers = (f"{self.part} {words}", "guessing", "difference", "from", "to")
        return pl.DataFrame(rows, schema_overrides=dict.fromkeys(numbers, pl.Float64))
