"""What an ablation replaced, where and how."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class AblationInfo:
    """What was replaced, where and how.

    Attributes:
        model: class of the model.
        data: name of the data set, if it has one.
        graphs: number of graphs.
        where: what chose the activations.
        value: what they became.
        controls: the matched controls.
        repeats: draws of each control.
        seed: decided the draws and the resamples.
        metric: name of the task metric; ``None`` if there is none.
        before: the metric of the model as it is; ``None`` without one.
        before_low: lower end of its 95 % interval.
        before_high: upper end.
        passes: passes over the loader, those for the untrained model among them.
        seconds: how long it took.
        left_out: sites that could not be taken and that nobody asked for, each with the reason.
        arguments: names of the arguments that the model was given, or that it was given the whole
            batch, or what ``call=`` says; empty in an ablation of an older version.
        data_fingerprint: of the graphs, as in :class:`edgescope.scanning.site_scan.ScanInfo`.
    """

    model: str
    data: str
    graphs: int
    where: str
    value: str
    controls: tuple[str, ...]
    repeats: int
    seed: int
    metric: str | None
    before: float | None
    before_low: float | None
    before_high: float | None
    passes: int
    seconds: float
    left_out: Mapping[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    data_fingerprint: str = ""
