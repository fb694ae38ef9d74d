"""A model in number formats with fewer bits: headroom, first overflow, metric, remedies."""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from warnings import warn

import polars as pl
from torch import nn

from edgescope.capturing.forward_pass import Trust
from edgescope.capturing.site_choice import Sites
from edgescope.intervene.activation_choice import Where, check_graphs, selector
from edgescope.intervene.initial_model import initial_model
from edgescope.intervene.metric_resamples import Scorer
from edgescope.intervene.number_formats.constant_guess import constant_prediction
from edgescope.intervene.number_formats.first_look import FirstLook, unseen_words
from edgescope.intervene.number_formats.format_remedies import RemedyName, chosen_remedies, prepared
from edgescope.intervene.number_formats.format_runs import Runs
from edgescope.intervene.number_formats.format_watch import Recorder
from edgescope.intervene.number_formats.model_formats import FORMATS, KNOWN, chosen_formats, copied
from edgescope.intervene.number_formats.precision_result import SCHEMA, Precision, PrecisionInfo
from edgescope.intervene.number_formats.site_choice_record import untrained_limits
from edgescope.intervene.replay import Passes
from edgescope.lib.eager_twin import eager_twin
from edgescope.lib.errors import EdgescopeWarning, InputError
from edgescope.lib.eval_mode import generators_kept
from edgescope.lib.mistakes import check_inputs, check_number
from edgescope.lib.model_call import Call, NotedCall, call_model
from edgescope.lib.progress import track
from edgescope.scanning.batches import device_of
from edgescope.scanning.first_batch import discover_at_start
from edgescope.scanning.loaders import graph_loader
from edgescope.scanning.scan_fingerprint import fingerprint_of_loader
from edgescope.scanning.untrained_ensemble import Untrained, baseline_argument

QUANTILE = 0.9999
"""Of the untrained magnitudes of a site; one activation in ten thousand is larger."""

TOLERANCE = 0.01
"""Share of what the model gains over guessing that may be lost."""


def precision(
    model: nn.Module,
    loader: Iterable[Any],
    *,
    formats: Sequence[str] = FORMATS,
    where: Where = "paper2025",
    remedies: Sequence[RemedyName] | None = None,
    baseline: nn.Module | Untrained | str | None = None,
    quantile: float = QUANTILE,
    sites: Sites = None,
    metric: str | None = None,
    guess: float | Sequence[float] | None = None,
    tolerance: float = TOLERANCE,
    seed: int = 0,
    inputs: Mapping[str, str] | None = None,
    trust: Trust = (),
    call: Call = call_model,
    discover: bool = True,
    progress: bool = True,
) -> Precision:
    """Run a model in number formats with fewer bits, and see what that costs and what restores it.

    One pass in float32 looks at what every site and every module computes: the largest magnitudes,
    how many bits are left to the largest number of a format, and what rounding to it loses. Then
    the whole model runs in every format, alone and with each remedy, and its metric is compared
    with that of float32, paired over graphs. Where a number first stops being finite is predicted
    from the magnitudes and observed.

    Everything runs on copies; the model is left as it was. There are ``formats * (1 + remedies)``
    passes over the loader, one more with ``"clip"`` (and those of the calibration of
    ``es.Untrained``). Remedies for which nothing is to be done are not run. The batches are held
    in memory, of the activations only those that were chosen.

    Args:
        model: the model; its copies run in eval mode without gradients.
        loader: yields batches of whole graphs, as for :func:`edgescope.scan`. They are gone
            through once.
        formats: some of ``"float32"`` (always there), ``"autocast-float16"`` and
            ``"autocast-bfloat16"`` (torch chooses what runs in them), ``"float16"`` and
            ``"bfloat16"`` (parameters, buffers and inputs), and ``"int8"``, which is simulated:
            weights of linear layers per output channel and outputs of modules per tensor are
            rounded, see :mod:`edgescope.intervene.number_formats.eight_bit_integers`.
        where: which activations the remedies replace, chosen in float32 as for
            :func:`edgescope.ablate`.
        remedies: some of ``"clip"``, ``"mean"`` and ``"fold"``, see
            :data:`~edgescope.intervene.number_formats.format_remedies.RemedyName`; by default all
            that can be, which is ``"clip"`` with a ``baseline``.
        baseline: the untrained model of ``"clip"``; of ``es.Untrained`` the first member.
        quantile: of the untrained magnitudes at a site, to which ``"clip"`` cuts down.
        sites: names or patterns of sites to look at, or a function; by default all of edges that
            can be captured. Remedies are at those that a scan would take and that can be edited.
        metric: as in :func:`edgescope.ablate`; ``"none"`` for the change of the predictions alone.
        guess: the prediction that guessing gives, a number or one per target (a class for
            accuracy); by default the best constant that the loader's own targets give.
        tolerance: share of what the model gains over guessing that a format may lose and be safe.
        seed: decides the resamples of the intervals.
        inputs: what the model calls its inputs, as in :func:`edgescope.capture`.
        trust: sites whose edges you vouch for, as in :func:`edgescope.capture`.
        call: how to call the model on a batch; must return predictions ``[G, T]`` (or ``[V, T]``
            of nodes).
        discover: whether to look for attention that no adapter knows, as in
            :func:`edgescope.scan`.
        progress: whether to show a progress bar.

    Returns:
        Headroom of every place, the metric in every format with and without remedies, and a
        verdict on each, by the rule of
        :mod:`edgescope.intervene.number_formats.format_verdict`. A format that torch cannot run
        on this device is ``"not run"``, with torch's reason.

    Raises:
        InputError: if an option is unknown or out of range, the model cannot be copied or predicts
            nothing finite in float32, there are no targets for the metric, or a site that was
            asked for cannot be captured.

    Example:
        >>> import edgescope as es
        >>> graphs = es.data.planted("marked", 60).test
        >>> model = es.models.GATv2(**graphs.model_sizes, hidden_dim=8, num_heads=2, num_layers=1)
        >>> loader = es.data.loader(graphs)
        >>> found = es.precision(model, loader, formats=["float16"], where=20, remedies=["mean"])
        >>> found.table().select("format", "remedy").rows()[2:]
        [('float16', 'none'), ('float16', 'mean')]
    """
    started = time.perf_counter()
    model = eager_twin(model)
    loader = graph_loader(loader)
    compared = baseline_argument(baseline)
    noted = NotedCall(call)
    check_inputs(inputs)
    forms = chosen_formats(formats)
    wanted = chosen_remedies(remedies, compared is not None)
    _check(quantile, tolerance)
    choose = selector(where)
    mark = fingerprint_of_loader(loader)
    check_graphs(where, mark)
    name = getattr(getattr(loader, "dataset", None), "metric", None) if metric is None else metric
    with generators_kept():
        discover_at_start(model, loader, noted, inputs, wanted=discover)
        batches = list(loader)
        look = FirstLook(model, where, sites, choose)
        outputs, passes = look.run(batches, noted, inputs, trust, progress)
        if look.unseen:
            warn(unseen_words(look.unseen), EdgescopeWarning, stacklevel=2)
        scorer = Scorer(outputs, None if name == "none" else name, seed)
        before = scorer.score(outputs.prediction)
        constant = constant_prediction(scorer.outputs, scorer.metric, guess)
        guessed = scorer.score(constant) or scorer.moved(constant)
        margin = tolerance * abs(guessed.value - (before.value if before else 0.0))
        limits: dict[str, float] = {}
        if "clip" in wanted and look.choices.number:
            asked = "the remedy 'clip'"
            initial = copied(initial_model(model, compared, batches, noted, progress, asked))
            other = Passes(initial, batches, Recorder(noted, KNOWN["float32"]), inputs, trust)
            limits = untrained_limits(other, look.choices.sites, quantile, progress)
            passes += other.done
        tried = prepared(
            wanted, look.model, look.choices, limits, look.records, look.nothing(choose.name)
        )
        runs = Runs(batches, noted, inputs, trust, look.records, look.sites, scorer)
        title = f"running {type(model).__name__} in {len(forms)} formats"
        every = [(form, remedy) for form in forms for remedy in tried]
        rows = [
            runs.row(form, remedy, before, guessed, margin)
            for form, remedy in track(every, title, show=progress)
        ]
    known = None if before is None else scorer.interval(before)
    level = scorer.interval(guessed)
    info = PrecisionInfo(
        model=type(model).__name__,
        data=str(getattr(getattr(loader, "dataset", None), "name", "")),
        graphs=scorer.graphs,
        batches=len(batches),
        where=choose.name,
        chosen=look.choices.number,
        formats=tuple(form.name for form in forms),
        remedies=wanted,
        quantile=quantile,
        limits=limits,
        tolerance=tolerance,
        margin=margin,
        seed=seed,
        metric=scorer.metric,
        before=None if known is None else known.value,
        before_low=None if known is None else known.low,
        before_high=None if known is None else known.high,
        guess=level.value,
        guess_low=level.low,
        guess_high=level.high,
        nonfinite=scorer.left_out,
        passes=passes + runs.passes,
        seconds=time.perf_counter() - started,
        device=str(device_of(model)),
        left_out={**look.unseen, **look.fixed},
        arguments=noted.arguments,
        data_fingerprint=mark,
    )
    table = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    return Precision(info, table, look.records.table())


def _check(quantile: float, tolerance: float) -> None:
    for name, number in (("quantile", quantile), ("tolerance", tolerance)):
        check_number(number, name)
    if not 0 < quantile <= 1:
        raise InputError(f"received quantile={quantile}, expected a number above 0, at most 1")
    if not tolerance >= 0:
        raise InputError(f"received tolerance={tolerance}, expected 0 or more")
