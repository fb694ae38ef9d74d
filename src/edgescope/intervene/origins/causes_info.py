"""What was traced to its causes, and how."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class CausesInfo:
    """What was traced, and how.

    Attributes:
        model: class of the model.
        data: name of the data set, if it has one.
        graphs: number of graphs.
        batches: number of batches.
        where: what is called massive.
        sites: names of the sites that were counted at, in the order of the model's layers.
        levels: how much was put back at once.
        share: of what the trained model has more, which a set must take away, or make.
        tensors: number of parameters and buffers.
        changed: how many of them differ between the trained and the untrained model.
        running: how many of these are running statistics of batch norm.
        kept: tensors that the untrained state dict does not hold, left as they are.
        checked: whether the trained model with all tensors put back was compared with the
            untrained model itself, which gave the same predictions and counts to the bit; a state
            dict cannot be run.
        itself: largest change of a prediction if every site is patched with its own activations;
            ``None`` if nothing was patched.
        donor: whether another input was patched in.
        steps: of integrated gradients.
        seed: decided resamples, random sets and edges.
        metric: name of the task metric; ``None`` if there is none.
        before: the metric of the trained model; ``None`` without one.
        before_low: lower end of its 95 % interval.
        before_high: upper end.
        untrained: the metric of the untrained model.
        guess: that of one prediction for all graphs, the best that the targets alone give; without
            a metric, the mean change of the predictions if each were their median.
        nonfinite: predictions of the trained model that are not finite, which are left out.
        passes: forward passes over the loader by what they were for.
        max_passes: how many the rewinding could take.
        stopped: whether it ended there.
        exact: why the first site was not enumerated; empty if it was.
        seconds: how long it took.
        device: the device that the model ran on.
        left_out: sites and parts that could not be taken, each with the reason.
        arguments: names of the arguments that the model was given, as in
            :class:`edgescope.scanning.site_scan.ScanInfo`.
        data_fingerprint: of the graphs, as there.
    """

    model: str
    data: str
    graphs: int
    batches: int
    where: str
    sites: tuple[str, ...]
    levels: tuple[str, ...]
    share: float
    tensors: int
    changed: int
    running: int
    kept: tuple[str, ...]
    checked: bool
    itself: float | None
    donor: bool
    steps: int
    seed: int
    metric: str | None
    before: float | None
    before_low: float | None
    before_high: float | None
    untrained: float | None
    guess: float | None
    nonfinite: int
    passes: Mapping[str, int]
    max_passes: int
    stopped: bool
    exact: str
    seconds: float
    device: str
    left_out: Mapping[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    data_fingerprint: str = ""

    @property
    def all_passes(self) -> int:
        """Forward passes over the loader."""
        return sum(self.passes.values())
