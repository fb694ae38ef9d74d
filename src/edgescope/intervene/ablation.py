"""Ablation: chosen activations are replaced inside the forward pass, beside matched controls."""

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any
from warnings import warn

import polars as pl
from torch import nn

from edgescope.capturing import Site
from edgescope.capturing.forward_pass import Trust
from edgescope.capturing.site_choice import Sites
from edgescope.capturing.tape import MAX_BYTES
from edgescope.intervene.ablation_result import LEFT_OUT, SCHEMA, Ablation, AblationInfo
from edgescope.intervene.activation_choice import Where, check_graphs, selector
from edgescope.intervene.controls import CONTROLS, Control, drawn_by_default
from edgescope.intervene.initial_model import initial_model
from edgescope.intervene.interventions import Result, Variant, Work, table_rows
from edgescope.intervene.metric_resamples import Scorer
from edgescope.intervene.replacement import (
    ONE_NUMBER,
    VALUES,
    Value,
    choose_places,
    left_out_message,
)
from edgescope.intervene.replay import Outputs, Passes, SiteValues, first_call
from edgescope.lib.eager_twin import eager_twin
from edgescope.lib.errors import EdgescopeWarning, InputError
from edgescope.lib.mistakes import check_inputs, check_number
from edgescope.lib.model_call import Call, NotedCall, call_model
from edgescope.lib.progress import track
from edgescope.scanning.edge_types import EdgeTypes, names_of
from edgescope.scanning.first_batch import discover_at_start
from edgescope.scanning.loaders import graph_loader
from edgescope.scanning.scan_fingerprint import fingerprint_of_loader
from edgescope.scanning.type_column import COLUMN
from edgescope.scanning.untrained_ensemble import Untrained, baseline_argument

REPEATS = 5
"""Draws of every control by default."""


def ablate(
    model: nn.Module,
    loader: Iterable[Any],
    *,
    where: Where = "paper2025",
    value: Value = "mean",
    sites: Sites = None,
    layers: Sequence[int | str] | None = None,
    controls: Sequence[Control] | None = None,
    repeats: int = REPEATS,
    seed: int = 0,
    metric: str | None = None,
    baseline: nn.Module | Untrained | str | None = None,
    inputs: Mapping[str, str] | None = None,
    trust: Trust = (),
    call: Call = call_model,
    max_bytes: int = MAX_BYTES,
    discover: bool = True,
    progress: bool = True,
) -> Ablation:
    """Replace chosen activations inside the forward pass and measure what that does.

    What is chosen is decided once, on the model as it is: a first pass records the activations
    at all sites. Then they are replaced at each site alone, and at all sites together, and so are
    the same number of other activations of the same site, the controls, each drawn ``repeats``
    times. A massive activation matters if replacing it changes more than replacing its controls.
    What follows from an activation is recomputed by the model; see :func:`es.capture.edit
    <edgescope.capturing.edits.edit>`.

    All statistics are over the whole loader, whatever the size of its batches. There are
    ``(sites + 1) * (1 + controls * repeats)`` passes over it and the first one, one more with
    ``value="untrained"`` (and those of the calibration of ``es.Untrained``), without the ``+ 1``
    if there is one site; with ``value="resample"`` what was chosen is replaced ``repeats`` times
    as well. A site at which nothing was chosen has no controls to run. The batches and the
    recorded activations are held in memory.

    Args:
        model: the model; it runs in eval mode without gradients and is left as it was.
        loader: yields batches of whole graphs, as for :func:`edgescope.scan`. They are gone
            through once.
        where: which activations are chosen: a :class:`~edgescope.Scan` of the same loader, whose
            massive activations they are; a criterion or the name of a preset; a number, the
            ratio to exceed; or a function of :class:`~edgescope.capturing.EdgeActivations` of a
            site in a batch (``graph`` is the position in the data set) that returns
            truth values ``[E, H, D]``.
        value: what they become, see :data:`~edgescope.intervene.replacement.Value`.
        sites: names or patterns of sites, or a function; by default those of the scan, or those
            that a scan would take. Sites with one number per edge and head need a function as
            ``where``. Of the default, those that cannot be edited are left out with a warning.
        layers: of these, the layers to take: numbers, negative ones from the end, or paths.
        controls: the matched controls, see :data:`~edgescope.intervene.controls.Control`; by
            default all for which enough activations are left.
        repeats: draws of each control.
        seed: decides the draws and the resamples of the intervals.
        metric: ``"mae"``, ``"bce"`` (of logits), ``"roc_auc"`` (over tasks) or ``"accuracy"``;
            by default that of ``loader.dataset``; ``"none"`` for the change of the predictions
            alone. Targets ``y`` that are NaN are missing.
        baseline: the untrained model of ``value="untrained"``; of ``es.Untrained`` the first
            member.
        inputs: what the model calls its inputs, as in :func:`edgescope.capture`.
        trust: sites whose edges you vouch for, as in :func:`edgescope.capture`.
        call: how to call the model on a batch; must return predictions ``[G, T]`` (or ``[V, T]``
            of nodes).
        max_bytes: how much the recorded activations of a model may take.
        discover: whether to look for attention that no adapter knows, as in
            :func:`edgescope.scan`.
        progress: whether to show a progress bar.

    Returns:
        The metric without and with each intervention, their differences with 95 % intervals by
        paired bootstrap over graphs (Davison and Hinkley 1997, section 3.8), and the same for
        the controls.

    Raises:
        InputError: if a site that was asked for with ``sites`` or ``layers`` cannot be edited, or
            none can, an option is unknown, the scan has not kept all
            massive activations or is of other graphs, there are not enough activations left for
            a control that was asked for, or the activations take too much memory.

    Warns:
        EdgescopeWarning: of sites, controls and predictions that are not finite, which are left
            out though nobody asked for that.

    Example:
        >>> import edgescope as es
        >>> molecules = es.data.load("solubility").test[:20]
        >>> sizes = {"hidden_dim": 8, "num_heads": 2, "num_layers": 1}
        >>> model = es.models.GATv2(**molecules.model_sizes, **sizes)
        >>> loader = es.data.loader(molecules)
        >>> found = es.ablate(model, loader, where=20, repeats=1, controls=["number"])
        >>> found.table()["selection"].to_list()
        ['chosen', 'number']
    """
    started = time.perf_counter()
    model = eager_twin(model)
    loader = graph_loader(loader)
    compared = baseline_argument(baseline)
    noted = NotedCall(call)
    check_inputs(inputs)
    _check(value, controls or (), repeats)
    choose = selector(where)
    mark = fingerprint_of_loader(loader)
    check_graphs(where, mark)
    discover_at_start(model, loader, noted, inputs, wanted=discover)
    places = choose_places(model, where, sites, layers)
    name = getattr(getattr(loader, "dataset", None), "metric", None) if metric is None else metric
    batches = list(loader)
    passes = Passes(model, batches, noted, inputs, trust)
    title = f"recording {type(model).__name__}"
    names = [site.name for site in places.sites]
    skip = places.by_default and choose.needs_vectors
    recorded, outputs = passes.recorded(names, choose.choose, max_bytes, title, progress, skip)
    left_out = places.left_out | dict.fromkeys(passes.skipped, ONE_NUMBER)
    _check_run(places.sites, {**recorded, **left_out})
    if not recorded:
        raise InputError(f"nothing is left to intervene at: {left_out_message(left_out)}")
    names = [name for name in names if name not in left_out]
    if left_out:
        warn(left_out_message(left_out), EdgescopeWarning, stacklevel=2)
    for each in recorded.values():
        choose.check(each)
    if controls is None:
        controls = _drawn_by_default(list(recorded.values()))
    if "edge_type" in controls and any(bool(each.edge_type.any()) for each in recorded.values()):
        _warn_of_doubt(loader, batches, inputs, partial(noted.passed, model))
    untrained: dict[str, SiteValues] = {}
    extra = 0
    if value == "untrained":
        initial = initial_model(
            model, compared, batches, noted, progress, asked_by="value='untrained'"
        )
        other = Passes(initial, batches, noted, inputs, trust)
        untrained, _ = other.recorded(names, None, max_bytes, "recording the untrained", progress)
        extra = other.done
    scorer = _scorer(outputs, None if name == "none" else name, seed)
    work = Work(passes, recorded, choose, value, untrained, seed)
    planned = list(work.variants(controls, repeats))
    every = [(variant, number) for variant in planned for number in range(variant.draws)]
    results: dict[Variant, list[Result]] = {variant: [] for variant in planned}
    for variant, number in track(every, f"ablating {type(model).__name__}", show=progress):
        results[variant].append(work.run(variant, number, scorer))
    before = scorer.score(scorer.outputs.prediction)
    rows: list[dict[str, Any]] = [
        {"site": site, "selection": LEFT_OUT, "draws": 0} for site in left_out
    ]
    rows += table_rows(results, recorded, before, scorer)
    known = None if before is None else scorer.interval(before)
    info = AblationInfo(
        model=type(model).__name__,
        data=str(getattr(getattr(loader, "dataset", None), "name", "")),
        graphs=scorer.graphs,
        where=choose.name,
        value=value,
        controls=tuple(controls),
        repeats=repeats,
        seed=seed,
        metric=scorer.metric,
        before=None if known is None else known.value,
        before_low=None if known is None else known.low,
        before_high=None if known is None else known.high,
        passes=passes.done + extra,
        seconds=time.perf_counter() - started,
        left_out=left_out,
        arguments=noted.arguments,
        data_fingerprint=mark,
    )
    return Ablation(info, pl.DataFrame(rows, schema=SCHEMA, orient="row"))


def _check(value: str, controls: Sequence[str], repeats: int) -> None:
    if value not in VALUES:
        raise InputError(f"received value={value!r}, expected one of {', '.join(VALUES)}")
    if isinstance(controls, str):
        raise InputError(f"received controls={controls!r}, expected a list such as [{controls!r}]")
    for control in controls:
        if control not in CONTROLS:
            raise InputError(f"unknown control {control!r}, expected some of {', '.join(CONTROLS)}")
    check_number(repeats, "repeats")
    if repeats < 1:
        raise InputError(f"received repeats={repeats}, expected at least 1")


def _drawn_by_default(sites: Collection[SiteValues]) -> Sequence[Control]:
    reasons = drawn_by_default(sites)
    for reason in filter(None, reasons.values()):
        warn(f"a control is left out: {reason}", EdgescopeWarning, stacklevel=3)
    return [control for control, reason in reasons.items() if not reason]


def _check_run(places: Sequence[Site], recorded: Iterable[str]) -> None:
    ran = {first_call(name) for name in recorded}
    for site in places:
        if site.name not in ran:
            raise InputError(f"the model did not run {site.name}; leave it out with sites=")


def _scorer(outputs: Outputs, metric: str | None, seed: int) -> Scorer:
    scorer = Scorer(outputs, metric, seed)
    if scorer.left_out:
        warn(
            f"{scorer.left_out} of the model's predictions are not finite and are left out; "
            "es.diagnose says where they become so",
            EdgescopeWarning,
            stacklevel=3,
        )
    return scorer


def _warn_of_doubt(
    loader: Iterable[Any],
    batches: Sequence[Any],
    inputs: Mapping[str, str] | None,
    passed: Callable[[Any], Sequence[str]],
) -> None:
    """Warn if the types that a control matches may be no types."""
    named = names_of(loader)
    doubt = "" if named else EdgeTypes(batches, None, inputs, added=False, passed=passed).doubt
    if doubt:
        warn(
            f"{doubt}, which the control 'edge_type' matches; leave that control out with "
            f"controls=, {COLUMN}",
            EdgescopeWarning,
            stacklevel=3,
        )
