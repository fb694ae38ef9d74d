"""Do massive activations carry information, or are they one constant that a bias would be?"""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl
from torch import nn

from edgescope.capturing.forward_pass import Trust
from edgescope.capturing.site_choice import Sites
from edgescope.capturing.tape import MAX_BYTES
from edgescope.intervene.ablation import REPEATS, ablate
from edgescope.intervene.ablation_result import Ablation
from edgescope.intervene.activation_choice import Where
from edgescope.intervene.controls import Control
from edgescope.intervene.metric_resamples import Scorer
from edgescope.intervene.number_formats.constant_guess import constant_prediction
from edgescope.intervene.origins.constancy_result import COSTS, Constancy, ConstancyInfo
from edgescope.intervene.origins.constancy_verdict import verdict
from edgescope.intervene.origins.value_labels import INFORMATION, SPREADS, ValueLabels
from edgescope.intervene.replay import Passes
from edgescope.lib.eager_twin import eager_twin
from edgescope.lib.errors import InputError
from edgescope.lib.eval_mode import generators_kept
from edgescope.lib.mistakes import check_inputs, check_number
from edgescope.lib.model_call import Call, NotedCall, call_model
from edgescope.scanning.batches import device_of
from edgescope.scanning.loaders import graph_loader
from edgescope.scanning.scan_fingerprint import fingerprint_of_loader
from edgescope.statistics.mutual_information import PERMUTATIONS

TOLERANCE = 0.01
"""Share of what the model gains over guessing that counts as no cost."""


def constancy(
    model: nn.Module,
    loader: Iterable[Any],
    *,
    where: Where = "paper2025",
    sites: Sites = None,
    controls: Sequence[Control] = ("number", "magnitude"),
    repeats: int = REPEATS,
    tolerance: float = TOLERANCE,
    permutations: int = PERMUTATIONS,
    metric: str | None = None,
    seed: int = 0,
    inputs: Mapping[str, str] | None = None,
    trust: Trust = (),
    call: Call = call_model,
    max_bytes: int = MAX_BYTES,
    discover: bool = True,
    progress: bool = True,
) -> Constancy:
    """Test whether massive activations carry information, or are a hidden bias.

    What they cost is measured twice by :func:`edgescope.ablate`: with one constant in their place,
    the mean of all massive values at the same head and channel, beside matched controls; and with
    zero. If zero costs something and the constant does not, they act as a bias; the rule is in
    :mod:`edgescope.intervene.origins.constancy_verdict`. Beside that stand how far massive values
    are spread on edges of one kind, and what their presence and their values tell of types, triples
    of types and the target, beside random orders.

    It takes the passes of the two ablations and one more.

    Args:
        model: the model; it runs in eval mode without gradients and is left as it was.
        loader: yields batches of whole graphs, as for :func:`edgescope.scan`. They are gone
            through once.
        where: which activations are massive, as for :func:`edgescope.ablate`.
        sites: as there.
        controls: matched controls of the constant, see
            :data:`~edgescope.intervene.controls.Control`.
        repeats: draws of each control.
        tolerance: share of what the model gains over guessing that counts as no cost.
        permutations: random orders, which chance is computed from.
        metric: as in :func:`edgescope.ablate`; ``"none"`` for the change of the predictions alone.
        seed: decides draws, random orders and the resamples of the intervals.
        inputs: what the model calls its inputs, as in :func:`edgescope.capture`.
        trust: sites whose edges you vouch for, as in :func:`edgescope.capture`.
        call: how to call the model on a batch; must return predictions ``[G, T]`` (or ``[V, T]``
            of nodes).
        max_bytes: how much the recorded activations may take.
        discover: whether to look for attention that no adapter knows, as in
            :func:`edgescope.scan`.
        progress: whether to show progress bars.

    Returns:
        Costs, spreads and information of every site, and a verdict.

    Raises:
        InputError: as :func:`edgescope.ablate`, or if an option is out of range.

    Example:
        >>> import edgescope as es
        >>> graphs = es.data.planted("marked", 60).test
        >>> model = es.models.GATv2(**graphs.model_sizes, hidden_dim=8, num_heads=2, num_layers=1)
        >>> loader = es.data.loader(graphs)
        >>> found = es.intervene.constancy(model, loader, where=20, controls=["number"], repeats=1)
        >>> found.table()["verdict"].to_list()
        ['undecided']
    """
    started = time.perf_counter()
    model = eager_twin(model)
    loader = graph_loader(loader)
    noted = NotedCall(call)
    check_inputs(inputs)
    check_number(tolerance, "tolerance")
    check_number(permutations, "permutations")
    if not tolerance >= 0:
        raise InputError(f"received tolerance={tolerance}, expected 0 or more")
    if permutations < 1:
        raise InputError(f"received permutations={permutations}, expected at least 1")
    mark = fingerprint_of_loader(loader)
    dataset = getattr(loader, "dataset", None)
    name = getattr(dataset, "metric", None) if metric is None else metric
    with generators_kept():
        batches = list(loader)
        options: dict[str, Any] = {
            "where": where,
            "sites": sites,
            "repeats": repeats,
            "seed": seed,
            "metric": name or "none",
            "inputs": inputs,
            "trust": trust,
            "call": noted,
            "max_bytes": max_bytes,
            "discover": discover,
            "progress": progress,
        }
        constant = ablate(model, batches, value="constant", controls=controls, **options)
        removed = ablate(model, batches, value="zero", controls=(), **options)
        labels = ValueLabels(where, noted, inputs, seed)
        passes = Passes(model, batches, labels.call, inputs, trust)
        outputs = labels.run(passes, _taken(constant), max_bytes)
        scorer = Scorer(outputs, constant.info.metric, seed)
        before = scorer.score(outputs.prediction)
        guess = constant_prediction(scorer.outputs, scorer.metric, None)
        guessed = scorer.score(guess) or scorer.moved(guess)
        margin = tolerance * abs(guessed.value - (before.value if before else 0.0))
        spreads = labels.spreads(scorer)
        information = labels.information(outputs, permutations)
    costs = [
        verdict(mine, other, constant.info.metric, margin)
        for mine, other in _pairs(constant, removed)
    ]
    info = ConstancyInfo(
        model=type(model).__name__,
        data=str(getattr(dataset, "name", "")),
        graphs=scorer.graphs,
        where=constant.info.where,
        controls=tuple(controls),
        repeats=repeats,
        tolerance=tolerance,
        margin=margin,
        permutations=permutations,
        seed=seed,
        metric=constant.info.metric,
        before=constant.info.before,
        guess=guessed.value,
        passes=constant.info.passes + removed.info.passes + passes.done,
        seconds=time.perf_counter() - started,
        device=str(device_of(model)),
        no_triples=labels.no_triples,
        no_target=labels.no_target,
        left_out=constant.info.left_out,
        arguments=noted.arguments,
        data_fingerprint=mark,
    )
    return Constancy(
        info,
        pl.DataFrame(costs, schema=COSTS, orient="row"),
        pl.DataFrame(spreads, schema=SPREADS, orient="row"),
        pl.DataFrame(information, schema=INFORMATION, orient="row"),
    )


def _taken(found: Ablation) -> list[str]:
    """Return the sites at which something could be replaced."""
    rows = found.table().filter(selection="chosen")["site"].unique(maintain_order=True)
    return [site for site in rows.to_list() if site != "all"]


def _pairs(constant: Ablation, removed: Ablation) -> Iterable[tuple[pl.DataFrame, pl.DataFrame]]:
    """Yield for every site, and all together, the rows of both ablations."""
    for site in constant.table().filter(selection="chosen")["site"].to_list():
        yield (
            constant.table().filter(pl.col("site") == site),
            removed.table().filter(pl.col("site") == site),
        )
