"""The trained model and the untrained one: what each gives, and whether they are one function."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor, nn

from edgescope.capturing.forward_pass import Trust
from edgescope.capturing.site_choice import Sites
from edgescope.intervene.activation_choice import Selector
from edgescope.intervene.initial_model import initial_model
from edgescope.intervene.metric_resamples import Scorer
from edgescope.intervene.number_formats.constant_guess import constant_prediction
from edgescope.intervene.origins.massive_counts import Counted, Counter, Rows
from edgescope.intervene.origins.rewind_rows import Ends
from edgescope.intervene.origins.state_exchange import RUNNING, Exchange
from edgescope.intervene.origins.traced_sites import TracedSites
from edgescope.intervene.replay import Outputs, Passes
from edgescope.lib.errors import InputError
from edgescope.lib.mistakes import said
from edgescope.lib.model_call import Call
from edgescope.scanning.result import Scan
from edgescope.scanning.untrained_ensemble import Untrained, baseline_argument


class Running(NamedTuple):
    """How a model is run."""

    batches: Sequence[Any]
    call: Call
    inputs: Mapping[str, str] | None
    trust: Trust

    def passes(self, model: nn.Module, batches: Sequence[Any] | None = None) -> Passes:
        """Return passes of a model, over other batches if they are given."""
        of = self.batches if batches is None else batches
        return Passes(model, of, self.call, self.inputs, self.trust)


def initial_state(
    model: nn.Module,
    untrained: nn.Module | Mapping[str, Tensor] | Untrained | str,
    batches: Sequence[Any],
    call: Call,
    progress: bool,
) -> nn.Module | Mapping[str, Tensor]:
    """Return the untrained model, or its state dict.

    Args:
        model: the trained model.
        untrained: what the user gave.
        batches: for the calibration of batch norm of a re-initialised model.
        call: how to call a model on a batch.
        progress: whether to show a progress bar.

    Raises:
        InputError: if it is neither.
    """
    if isinstance(untrained, Mapping):
        return untrained
    found = baseline_argument(untrained)
    if found is None or isinstance(found, Scan):
        raise InputError(
            f"received {said(untrained)} as the untrained model, expected a model, its state dict "
            "or es.Untrained(), whose tensors are put back"
        )
    return initial_model(model, found, batches, call, progress, "the untrained model")


def check_alike(
    passes: Passes, rewound: Counted, counter: Counter, sites: Sequence[str], given: bool
) -> None:
    """Run the untrained model, and compare it with the trained one, all of it put back.

    Args:
        passes: of the untrained model, or once more of the other.
        rewound: what the other gives.
        counter: counts what is massive.
        sites: names of the sites.
        given: whether it is an untrained model that the user gave, not a state dict.

    Raises:
        InputError: if the two do not give the same to the bit.
    """
    found, _ = counter.run(passes, sites)
    same = np.array_equal(found.prediction, rewound.prediction, equal_nan=True) and all(
        np.array_equal(site.massive, rewound.sites[name].massive)
        and site.largest == rewound.sites[name].largest
        for name, site in found.sites.items()
    )
    if not same:
        gap = np.nanmax(np.abs(found.prediction - rewound.prediction), initial=0.0)
        if not given:
            raise InputError(
                f"two runs of the model on the same batches differ by up to {gap:.3g}, so what "
                "comes of its tensors cannot be told; it draws random numbers in eval mode"
            )
        raise InputError(
            "with all its tensors put back the trained model is not the untrained model: "
            f"predictions differ by up to {gap:.3g}; the two differ in something that is neither a "
            "parameter nor a buffer, or draw random numbers in eval mode. Pass a model that was "
            "built with the same arguments, or its state_dict()"
        )


class TwoModels:
    """Runs both models.

    Args:
        model: the trained model.
        initial: the untrained model, or its state dict.
        running: how they are run.
        rule: says what is massive.
        sites: the sites to count at, as the user chose them.

    Attributes:
        exchange: makes mixtures of them.
        passes: of its model.
        counter: counts what is massive.
        traced: the sites.
        ends: what the two give, once they have run.
        outputs: what the trained one predicts.
        rows: the rows of every site in it.
        done: passes that it took.
    """

    ends: Ends
    outputs: Outputs
    rows: dict[str, Rows]
    done: int

    def __init__(
        self,
        model: nn.Module,
        initial: nn.Module | Mapping[str, Tensor],
        running: Running,
        rule: Selector,
        sites: Sites,
    ) -> None:
        self.exchange = Exchange(model, initial)
        self.passes = running.passes(self.exchange.model)
        self.counter = Counter(rule.choose, skip_scalars=rule.needs_vectors and sites is None)
        self.traced = TracedSites(self.exchange.model, sites)
        self._initial, self._running = initial, running

    def run(self, metric: str | None, seed: int) -> Scorer:
        """Run both, and return what scores their predictions.

        Args:
            metric: name of the metric; ``None`` for none.
            seed: decides the resamples.

        Raises:
            InputError: if a site cannot be captured, there is nothing to score, or the trained
                model with all its tensors put back is not the untrained one.
        """
        trained, outputs = self.traced.run(self.counter, self.passes)
        self.rows = dict(self.counter.rows)
        scorer = Scorer(outputs, metric, seed)
        self.outputs = scorer.outputs
        self.exchange.rewind(self.exchange.changed)
        untrained, _ = self.counter.run(self.passes, self.traced.names)
        self.ends = Ends(trained, untrained)
        self.done = self.passes.done
        # Of a state dict there is no other model, but random numbers would be drawn anew.
        given = isinstance(self._initial, nn.Module)
        passes = self._running.passes(self._initial if given else self.exchange.model)  # type: ignore[arg-type]
        check_alike(passes, untrained, self.counter, self.traced.names, given)
        self.done += passes.done
        return scorer

    def facts(self, scorer: Scorer) -> dict[str, Any]:
        """Return what a result says of the two.

        Args:
            scorer: what :meth:`run` returned.
        """
        before, after = (scorer.score(end.prediction) for end in self.ends)
        known = None if before is None else scorer.interval(before)
        constant = constant_prediction(self.outputs, scorer.metric, None)
        guess = scorer.score(constant) or scorer.moved(constant)
        changed = self.exchange.changed
        return {
            "sites": tuple(self.ends.trained.sites),
            "tensors": self.exchange.number,
            "changed": len(changed),
            "running": sum(each.rpartition(".")[2] in RUNNING for each in changed),
            "kept": self.exchange.kept,
            "checked": isinstance(self._initial, nn.Module),
            "metric": scorer.metric,
            "before": None if known is None else known.value,
            "before_low": None if known is None else known.low,
            "before_high": None if known is None else known.high,
            "untrained": None if after is None or not np.isfinite(after.value) else after.value,
            "guess": guess.value,
            "nonfinite": scorer.left_out,
        }
