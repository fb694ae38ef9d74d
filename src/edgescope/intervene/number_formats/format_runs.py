"""Runs of a model in number formats, with and without remedies, as rows of a table."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import nn

from edgescope.capturing.forward_pass import Trust
from edgescope.intervene.metric_resamples import Sample, Scorer
from edgescope.intervene.number_formats.format_verdict import IMPOSSIBLE, NOT_RUN, PLAIN, verdict_of
from edgescope.intervene.number_formats.format_watch import Observer
from edgescope.intervene.number_formats.model_formats import ModelFormat
from edgescope.intervene.number_formats.overflow_events import Spot, first_of
from edgescope.intervene.number_formats.place_record import Records
from edgescope.intervene.number_formats.precision_result import SCHEMA, SPOT
from edgescope.intervene.replay import Passes, Replaced
from edgescope.lib.errors import InputError, shortened
from edgescope.lib.model_call import Call
from edgescope.scanning.batches import device_of

Array = NDArray[np.float64]

FAILURES = (RuntimeError, TypeError, ValueError, UserWarning)
"""What torch raises for an operation that a format lacks, or warns of where it would turn autocast
off, and edgescope raises for an edit that cannot be made there. In float32 the same batches ran."""

_REASON = 240
"""Characters of a reason."""


class Remedy(NamedTuple):
    """A remedy, ready to be run in any format."""

    name: str
    model: nn.Module
    """In float32."""
    replaced: Mapping[str, Replaced]
    """What is replaced at the sites; empty if nothing is."""
    number: int | None = None
    """Activations that are replaced, or channels that are scaled."""
    reason: str = ""
    """Why it is not possible, or what of it is not."""
    possible: bool = True


class Runs:
    """Runs a model and makes rows of the table.

    Args:
        batches: the batches.
        call: how to call a model on one.
        inputs: what the model calls its inputs.
        trust: sites whose edges the user vouches for.
        records: what the places of the model computed in float32.
        sites: names of the sites that can be observed.
        scorer: of what the model predicts in float32.

    Attributes:
        passes: how many passes over the batches there were.
    """

    def __init__(
        self,
        batches: Sequence[Any],
        call: Call,
        inputs: Mapping[str, str] | None,
        trust: Trust,
        records: Records,
        sites: Sequence[str],
        scorer: Scorer,
    ) -> None:
        self.passes = 0
        self._batches = batches
        self._call = call
        self._inputs = inputs
        self._trust = trust
        self._records = records
        self._sites = sites
        self._scorer = scorer

    def row(
        self, form: ModelFormat, remedy: Remedy, before: Sample | None, guess: Sample, margin: float
    ) -> dict[str, Any]:
        """Run a format with a remedy.

        Args:
            form: the format.
            remedy: what is changed.
            before: the metric in float32, if there is one.
            guess: the metric of guessing.
            margin: the harm that is put up with.
        """
        row: dict[str, Any] = dict.fromkeys(SCHEMA)
        row |= {"format": form.name, "remedy": remedy.name, "replaced": remedy.number}
        row["reason"] = remedy.reason or None
        if not remedy.possible:
            return row | {"verdict": IMPOSSIBLE}
        observer = Observer(self._call, form, self._records)
        try:
            prediction = self._predicted(form, remedy, observer)
        except FAILURES as error:
            text = " ".join(str(error).split()) or type(error).__name__
            return row | {"verdict": NOT_RUN, "reason": shortened(text, _REASON)}
        row |= self._numbers(prediction, before, guess)
        row |= _columns("overflow", first_of(observer.spots.values()))
        if remedy.name == PLAIN and form.reach is not None:
            spots = self._records.first_beyond(form.reach, observer.places)
            row |= _columns("predicted", first_of(spots))
            row["agrees"] = all(
                row[f"overflow{of}"] == row[f"predicted{of}"] for of in ("", "_batch", "_row")
            )
        metric = self._scorer.metric
        return row | {"verdict": verdict_of(row, metric, margin)}

    def _predicted(self, form: ModelFormat, remedy: Remedy, observer: Observer) -> Array:
        """Return what the model predicts in a format ``[N, T]``."""
        if form.name == "float32" and remedy.name == PLAIN:
            return self._scorer.outputs.prediction
        model = form.of(remedy.model)
        passes = Passes(model, self._batches, observer, self._inputs, self._trust)
        device = device_of(model)
        with warnings.catch_warnings():
            warnings.filterwarnings("error", message="In .* autocast, but the target dtype")
            with form.running(device):
                found = self._run(passes, remedy, observer)
        self.passes += passes.done
        return found

    def _run(self, passes: Passes, remedy: Remedy, observer: Observer) -> Array:
        if remedy.replaced:
            return passes.edited(remedy.replaced)
        try:
            return passes.observed(self._sites, observer.site, "", progress=False).prediction
        except InputError:
            if not self._sites:
                raise
        observer.restart()  # the sites cannot be captured in this format; modules can be looked at
        return passes.observed((), observer.site, "", progress=False).prediction

    def _numbers(self, prediction: Array, before: Sample | None, guess: Sample) -> dict[str, Any]:
        """Return the columns of what was predicted."""
        if lost := self._scorer.lost(prediction):
            return {"nonfinite": lost}
        moved = self._scorer.moved(prediction)
        numbers = {"nonfinite": 0, **self._interval("moved", moved)}
        score = self._scorer.score(prediction)
        if score is None or before is None:
            return numbers
        change = score.minus(before)
        gain = before.value - guess.value
        kept = (score.value - guess.value) / gain if gain else None
        return numbers | {"metric": score.value, "kept": kept} | self._interval("change", change)

    def _interval(self, name: str, sample: Sample) -> dict[str, float]:
        found = self._scorer.interval(sample)
        return {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}


def _columns(prefix: str, spot: Spot | None) -> dict[str, Any]:
    if spot is None:
        return {}
    of = spot._asdict()
    return {prefix: spot.place} | {f"{prefix}_{name}": of[name] for name in SPOT}
