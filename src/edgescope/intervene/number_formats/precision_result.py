"""The result of running a model in several number formats."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from edgescope.intervene.number_formats.format_verdict import PLAIN, in_words
from edgescope.intervene.number_formats.place_record import SCHEMA as PLACES
from edgescope.intervene.number_formats.precision_pictures import PrecisionPictures
from edgescope.lib.manifest import Kind
from edgescope.lib.stored_tables import TableFile
from edgescope.lib.task_metrics import known_metric, written

FORMAT = 1
"""Raised when a change makes older folders unreadable."""

SPOT = ("batch", "row", "graph", "edge", "source", "target", "site")
"""What is known of a place, besides its name."""


def _spot(prefix: str) -> dict[str, type[pl.DataType]]:
    kinds = {name: pl.String if name == "site" else pl.Int64 for name in SPOT}
    return {prefix: pl.String} | {f"{prefix}_{name}": kind for name, kind in kinds.items()}


SCHEMA: dict[str, type[pl.DataType]] = {
    "format": pl.String,
    "remedy": pl.String,
    "verdict": pl.String,
    "reason": pl.String,
    "replaced": pl.Int64,
    "metric": pl.Float64,
    "change": pl.Float64,
    "change_low": pl.Float64,
    "change_high": pl.Float64,
    "kept": pl.Float64,
    "moved": pl.Float64,
    "moved_low": pl.Float64,
    "moved_high": pl.Float64,
    "nonfinite": pl.Int64,
    **_spot("overflow"),
    **_spot("predicted"),
    "agrees": pl.Boolean,
}


@dataclass(frozen=True)
class PrecisionInfo:
    """What was measured, and how.

    Attributes:
        model: class of the model.
        data: name of the data set, if it has one.
        graphs: number of graphs.
        batches: number of batches.
        where: what chose the activations that remedies replace.
        chosen: how many it chose.
        formats: the formats, as the table calls them.
        remedies: what was tried in each of them.
        quantile: that of the untrained magnitudes that ``"clip"`` cuts down to.
        limits: this magnitude, by site.
        tolerance: share of what the model gains over guessing that a format may lose.
        margin: the same as a number, in the unit of the metric.
        seed: decided the resamples.
        metric: name of the task metric; ``None`` if there is none.
        before: the metric in float32; ``None`` without one.
        before_low: lower end of its 95 % interval.
        before_high: upper end.
        guess: the metric of the same prediction for all graphs; without a metric, the mean change
            of the predictions if each were their median.
        guess_low: lower end of its interval.
        guess_high: upper end.
        nonfinite: predictions that are not finite in float32, which are left out.
        passes: passes over the loader, those of the untrained model among them.
        seconds: how long it took.
        device: the device that the model ran on.
        left_out: sites that could not be taken, each with the reason.
        arguments: names of the arguments that the model was given, as in
            :class:`edgescope.scanning.site_scan.ScanInfo`.
        data_fingerprint: of the graphs, as there.
    """

    model: str
    data: str
    graphs: int
    batches: int
    where: str
    chosen: int
    formats: tuple[str, ...]
    remedies: tuple[str, ...]
    quantile: float
    limits: Mapping[str, float]
    tolerance: float
    margin: float
    seed: int
    metric: str | None
    before: float | None
    before_low: float | None
    before_high: float | None
    guess: float | None
    guess_low: float | None
    guess_high: float | None
    nonfinite: int
    passes: int
    seconds: float
    device: str
    left_out: Mapping[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    data_fingerprint: str = ""


@dataclass(frozen=True, eq=False, repr=False)
class Precision(PrecisionPictures):
    """The result of :func:`edgescope.precision`.

    Attributes:
        info: what was measured, and how.
        formats: the rows of :meth:`table`.
        places: the rows of :meth:`headroom`.

    Example:
        >>> import edgescope as es
        >>> graphs = es.data.planted("marked", 60).test
        >>> model = es.models.GATv2(**graphs.model_sizes, hidden_dim=8, num_heads=2, num_layers=1)
        >>> found = es.precision(model, es.data.loader(graphs), formats=["bfloat16"])
        >>> found.table()["format"].unique(maintain_order=True).to_list()
        ['float32', 'bfloat16']
    """

    info: PrecisionInfo
    formats: pl.DataFrame
    places: pl.DataFrame

    kind = Kind("a precision result", "precision.json", FORMAT, "measure it again")
    info_type = PrecisionInfo
    files = (
        TableFile("precision", SCHEMA, "rows"),
        TableFile("headroom", PLACES, "places"),
    )

    def stored_tables(self) -> tuple[pl.DataFrame, ...]:
        """Return both tables."""
        return self.formats, self.places

    def table(self) -> pl.DataFrame:
        """Return one row per format and remedy; the first of a format is without a remedy.

        Intervals are 95 %, by paired bootstrap over graphs.

        ===========================  =============================================================
        format, remedy               ``"none"`` for the format alone
        verdict                      see :mod:`edgescope.intervene.number_formats.format_verdict`
        reason                       why it was not run, or what of a remedy was not possible
        replaced                     activations that the remedy replaces, or channels that it
                                     scales
        metric                       the task metric; null if a prediction is not finite
        change                       metric minus that of float32 without a remedy; ``_low`` and
                                     ``_high``
        kept                         share of what float32 gains over guessing that is left
        moved                        mean absolute change of the predictions; with interval
        nonfinite                    predictions that are not finite, and are in float32
        overflow                     the first place, a site or the output of a module, with a
                                     number that is not finite and is in float32; with ``_batch``,
                                     ``_row``, and of a site ``_graph``, ``_edge`` (its position
                                     in the graph), ``_source``, ``_target`` and ``_site``
        predicted                    the same as the magnitudes in float32 predict it
        agrees                       whether both are the same row of the same place, or both none
        ===========================  =============================================================

        A number is null where it does not exist. Ends of an interval are NaN with fewer than 8
        graphs.
        """
        return self.formats

    def headroom(self, kind: str | None = None) -> pl.DataFrame:
        """Return one row per place and format, places in the order of execution.

        Args:
            kind: ``"site"`` or ``"module"`` for these alone.

        ===========================  =============================================================
        place, kind                  name of a site, or of the output of a module
        format                       a floating-point format, or int8 with a scale per tensor,
                                     channel or row (an edge at a site), which is that of a batch
        values, nonfinite            how many numbers, and how many of them are not finite
        largest                      the largest finite magnitude in float32
        batch, row, channel          where it is; of a site also ``graph``, ``edge``, ``source``
                                     and ``target``
        headroom_bits                bits to the largest number of the format; negative beyond it
        beyond, vanishing            numbers that the format does not reach; that become zero
        error_mean, error_largest    relative error of rounding: of the numbers that have a full
                                     mantissa in the format; for int8 of rows, the norm of the
                                     error over the norm of the row
        error_others                 of int8 the mean of the same without the largest value of
                                     each row: what it costs its neighbours
        ===========================  =============================================================
        """
        return self.places if kind is None else self.places.filter(kind=kind)

    def verdicts(self) -> list[str]:
        """Say the verdict on every format in a sentence each, and which remedies are enough.

        With a metric, the first sentence has that of float32 beside what guessing gets.
        """
        info = self.info
        parts = self.formats.partition_by("format", maintain_order=True)
        said = [in_words(part.rows(named=True), info.metric) for part in parts[1:]]
        if info.metric is None or info.before is None or info.guess is None:
            return said
        known = known_metric(info.metric)
        gain = (info.before - info.guess) * (1 if known.higher_is_better else -1)
        first = f"float32 has {known.words} {written(info.before)}, guessing {written(info.guess)}"
        return [first if gain > 0 else f"{first}: the model is no better", *said]

    def conclusion(self) -> str:
        """Say the same in one line."""
        return "; ".join(self.verdicts())

    def plain(self) -> pl.DataFrame:
        """Return the rows without a remedy."""
        return self.formats.filter(remedy=PLAIN)

    def __repr__(self) -> str:
        """Say what was measured."""
        info = self.info
        return (
            f"Precision({info.model} on {info.graphs} graphs, {len(info.formats)} formats, "
            f"{len(info.remedies)} remedies)"
        )
