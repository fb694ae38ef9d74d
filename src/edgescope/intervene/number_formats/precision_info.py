"""What was measured of a model's number formats, and how."""

from collections.abc import Mapping
from dataclasses import dataclass, field


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
