"""What was tested for information, and how."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class ConstancyInfo:
    """What was tested, and how.

    Attributes:
        model: class of the model.
        data: name of the data set, if it has one.
        graphs: number of graphs.
        where: what is called massive.
        controls: matched controls of the constant.
        repeats: draws of each.
        tolerance: share of what the model gains over guessing that counts as no cost.
        margin: the same as a number, in the unit of the metric.
        permutations: random orders.
        seed: decided draws, random orders and resamples.
        metric: name of the task metric; ``None`` if there is none.
        before: the metric of the model as it is; ``None`` without one.
        guess: that of the same prediction for all graphs; without a metric, the mean change of
            the predictions if each were their median.
        passes: forward passes over the loader.
        seconds: how long it took.
        device: the device that the model ran on.
        no_triples: why triples of types are not looked at; empty if they are.
        no_target: why the target is not looked at; empty if it is.
        left_out: sites that could not be taken, each with the reason.
        arguments: names of the arguments that the model was given, as in
            :class:`edgescope.scanning.site_scan.ScanInfo`.
        data_fingerprint: of the graphs, as there.
    """

    model: str
    data: str
    graphs: int
    where: str
    controls: tuple[str, ...]
    repeats: int
    tolerance: float
    margin: float
    permutations: int
    seed: int
    metric: str | None
    before: float | None
    guess: float | None
    passes: int
    seconds: float
    device: str
    no_triples: str
    no_target: str
    left_out: Mapping[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    data_fingerprint: str = ""
