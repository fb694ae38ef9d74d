"""Which parameters make massive activations, and by which way through the model."""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from warnings import warn

import polars as pl
from torch import Tensor, nn

from edgescope.capturing.forward_pass import Trust
from edgescope.capturing.site_choice import Sites
from edgescope.capturing.tape import MAX_BYTES
from edgescope.intervene.activation_choice import Where
from edgescope.intervene.origins.causes_result import TABLES, Causes
from edgescope.intervene.origins.causes_words import CausesInfo
from edgescope.intervene.origins.state_exchange import LEVELS
from edgescope.intervene.origins.trace_stages import Stages
from edgescope.intervene.origins.traced_sites import massive_rule
from edgescope.intervene.origins.two_models import Running, TwoModels, initial_state
from edgescope.lib.eager_twin import eager_twin
from edgescope.lib.errors import EdgescopeWarning, InputError
from edgescope.lib.eval_mode import generators_kept
from edgescope.lib.mistakes import check_inputs, check_number, check_several
from edgescope.lib.model_call import Call, NotedCall, call_model
from edgescope.scanning.batches import device_of
from edgescope.scanning.first_batch import discover_at_start
from edgescope.scanning.loaders import graph_loader
from edgescope.scanning.scan_fingerprint import fingerprint_of_loader
from edgescope.scanning.untrained_ensemble import Untrained

SHARE = 0.9
"""Of the massive activations that training has made, which a set must take away, or make."""

MAX_PASSES = 400
"""Forward passes that rewinding may take."""

STEPS = 8
"""Of integrated gradients."""


def causes(
    model: nn.Module,
    untrained: nn.Module | Mapping[str, Tensor] | Untrained | str,
    loader: Iterable[Any],
    *,
    where: Where = "paper2025",
    sites: Sites = None,
    levels: Sequence[str] = LEVELS,
    share: float = SHARE,
    patches: bool = True,
    donor: Iterable[Any] | None = None,
    steps: int = STEPS,
    max_passes: int = MAX_PASSES,
    metric: str | None = None,
    seed: int = 0,
    inputs: Mapping[str, str] | None = None,
    trust: Trust = (),
    call: Call = call_model,
    max_bytes: int = MAX_BYTES,
    discover: bool = True,
    progress: bool = True,
) -> Causes:
    """Trace massive activations to the tensors, the sites and the factors that make them.

    *Rewinding*: single layers, modules and tensors of the trained model are put back to their
    initial values, and the trained ones into the untrained model. The smallest set that takes the
    massive activations away, and the smallest that makes them, are looked for: among all layers,
    then among the modules of the layers that were found, then among their tensors. The method is
    that of :mod:`edgescope.intervene.origins.smallest_sets`, and the result says of every set
    whether it is the smallest, or one of which nothing can be left out. Where the first site is a
    function of the types of an edge and its ends, all sets of the tensors it depends on are tried.

    *Patching*: the activations of one site are replaced by those of the untrained model on the
    same edges, the other way round, and by those of another input; what becomes of later sites and
    of the prediction is measured, and estimated by gradients beside it.

    *Decomposition*: of scores of edgescope's own attention, into query, key and edge factor, and
    these into what earlier blocks have written.

    Everything runs on a copy; the models are left as they were. ``info.passes`` has the number of
    forward passes: at most ``max_passes`` for rewinding; for patching 3 and ``5 + steps`` for every
    site, with ``donor`` 1 and one more for every site. The batches are held in memory, and the
    activations of the sites in both models.

    Args:
        model: the trained model; its copy runs in eval mode.
        untrained: the model before training, of the same architecture; its state dict; or
            ``es.Untrained()``, of which the first member is taken. Buffers, such as the running
            statistics of batch norm, are put back like parameters.
        loader: yields batches of whole graphs, as for :func:`edgescope.scan`. They are gone
            through once.
        where: what is massive: a criterion or the name of a preset, a ratio to exceed, a function
            as for :func:`edgescope.ablate`, or a scan, whose criterion it is.
        sites: names or patterns of sites to count at, or a function; by default those that a scan
            would take.
        levels: how much is put back at once, from coarse to fine: some of ``"layer"``,
            ``"module"`` and ``"tensor"``. A level is looked into only within what was found at
            the one before.
        share: of the massive edges that the trained model has more than the untrained one, which
            a set must take away or make to count.
        patches: whether to patch.
        donor: yields other inputs, graphs with as many edges in the same order, whose activations
            in the trained model are patched in as well.
        steps: of integrated gradients.
        max_passes: how many forward passes rewinding may take.
        metric: as in :func:`edgescope.ablate`; ``"none"`` for the change of the predictions alone.
        seed: decides the resamples of the intervals, random sets and the edges patched alone.
        inputs: what the model calls its inputs, as in :func:`edgescope.capture`.
        trust: sites whose edges you vouch for, as in :func:`edgescope.capture`.
        call: how to call the model on a batch; must return predictions ``[G, T]`` (or ``[V, T]``
            of nodes).
        max_bytes: how much the activations of one model may take.
        discover: whether to look for attention that no adapter knows, as in
            :func:`edgescope.scan`.
        progress: whether to show a progress bar.

    Returns:
        Tables with 95 % intervals by bootstrap over graphs, the smallest sets beside as many
        tensors at random, and a sentence.

    Raises:
        InputError: if the untrained model has other tensors, or is another function of the same
            tensors; if the model draws random numbers in eval mode; if the graphs of ``donor`` have
            other numbers of edges; if an option is unknown or out of range; if a site that was
            asked for cannot be captured; if there are no targets for the metric.

    Example:
        >>> import copy, torch
        >>> import edgescope as es
        >>> graphs = es.data.planted("marked", 60).test
        >>> sizes = {"hidden_dim": 8, "num_heads": 2, "num_layers": 2}
        >>> untrained = es.models.GraphTransformer(**graphs.model_sizes, **sizes)
        >>> model = copy.deepcopy(untrained)
        >>> with torch.no_grad():
        ...     _ = model.layers[0].attention.edge.weight[3].mul_(1e6)
        >>> found = es.causes(model, untrained, es.data.loader(graphs), where=1000)
        >>> found.table("sets").filter(level="tensor")["units"].unique().to_list()
        ['layers.0.attention.edge.weight']
    """
    started = time.perf_counter()
    model = eager_twin(model)
    loader = graph_loader(loader)
    noted = NotedCall(call)
    check_inputs(inputs)
    _check(levels, share, steps, max_passes)
    if donor is not None and not patches:
        raise InputError("received donor= with patches=False, which patches nothing; leave one out")
    rule = massive_rule(where)
    mark = fingerprint_of_loader(loader)
    name = getattr(getattr(loader, "dataset", None), "metric", None) if metric is None else metric
    with generators_kept():
        discover_at_start(model, loader, noted, inputs, wanted=discover)
        running = Running(list(loader), noted, inputs, trust)
        initial = initial_state(model, untrained, running.batches, noted, progress)
        models = TwoModels(model, initial, running, rule, sites)
        scorer = models.run(None if name == "none" else name, seed)
        if models.traced.left_out:
            warn(models.traced.words(), EdgescopeWarning, stacklevel=2)
        stages = Stages(models, running, scorer, rule.choose, share, max_passes, max_bytes)
        stages.run(levels, patches, donor, steps, seed, progress)
    info = CausesInfo(
        model=type(model).__name__,
        data=str(getattr(getattr(loader, "dataset", None), "name", "")),
        graphs=scorer.graphs,
        batches=len(running.batches),
        where=rule.name,
        levels=tuple(levels),
        share=share,
        donor=donor is not None,
        steps=steps,
        seed=seed,
        max_passes=max_passes,
        seconds=time.perf_counter() - started,
        device=str(device_of(model)),
        arguments=noted.arguments,
        data_fingerprint=mark,
        **models.facts(scorer),
        **stages.facts(),
    )
    tables = {
        name: pl.DataFrame(rows, schema=TABLES[name], orient="row")
        for name, rows in stages.rows(scorer).items()
    }
    return Causes(info, tables)


def _check(levels: Sequence[str], share: float, steps: int, max_passes: int) -> None:
    check_several(levels, "levels")
    wanted = [levels] if isinstance(levels, str) else list(levels)
    if not wanted or [each for each in LEVELS if each in wanted] != wanted:
        raise InputError(
            f"received levels={levels!r}, expected some of {', '.join(LEVELS)}, in this order"
        )
    for name, number in (("share", share), ("steps", steps), ("max_passes", max_passes)):
        check_number(number, name)
    if not 0 < share <= 1:
        raise InputError(f"received share={share}, expected a number above 0, at most 1")
    for name, number in (("steps", steps), ("max_passes", max_passes)):
        if number < 1:
            raise InputError(f"received {name}={number}, expected at least 1")
