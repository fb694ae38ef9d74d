"""Scan: capture and statistics over a loader, in one pass."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from math import inf
from pathlib import Path
from typing import Any
from warnings import warn

from torch import nn

from edgescope.capturing.discovered_sites import carry_if_alike
from edgescope.capturing.forward_pass import Trust
from edgescope.capturing.pinned_sites import pins_of
from edgescope.capturing.site_choice import Sites
from edgescope.lib.compiled_parts import compiled_parts
from edgescope.lib.eager_twin import eager_twin
from edgescope.lib.errors import EdgescopeWarning
from edgescope.lib.mistakes import check_inputs, check_number
from edgescope.lib.model_call import Call, NotedCall, call_model
from edgescope.scanning import SHARD_EVERY
from edgescope.scanning.criteria import PAPER_RATIO, Rule
from edgescope.scanning.criteria import criterion as find_criterion
from edgescope.scanning.criteria.common_ratio import common_ratio
from edgescope.scanning.first_batch import discover_at_start
from edgescope.scanning.loaders import graph_loader
from edgescope.scanning.merge import merge_scans
from edgescope.scanning.one_model import scan_model
from edgescope.scanning.result import Scan
from edgescope.scanning.scan_fingerprint import fingerprint_of_loader
from edgescope.scanning.scan_sites import choose_sites, left_out_message
from edgescope.scanning.settings import Settings, check_ensemble
from edgescope.scanning.shards import Shards
from edgescope.scanning.state_types import types_of_rows
from edgescope.scanning.store import load_scan
from edgescope.scanning.untrained_ensemble import Untrained, baseline_argument
from edgescope.statistics.sketch_layout import JOINT_BUDGET

__all__ = ["Scan", "load_scan", "scan"]

MAX_ROWS = 200_000
"""Activations kept one by one per site: about 30 MB at the most."""


def scan(
    model: nn.Module,
    loader: Iterable[Any],
    *,
    baseline: nn.Module | Scan | Untrained | str | None = None,
    criterion: str | Rule = "paper2025",
    sites: Sites = None,
    edge_type_names: Sequence[str] | None = None,
    node_type_names: Sequence[str] | None = None,
    inputs: Mapping[str, str] | None = None,
    trust: Trust = (),
    call: Call = call_model,
    keep_ratio: float | None = None,
    max_rows: int = MAX_ROWS,
    joint_budget: int = JOINT_BUDGET,
    shards: str | Path | None = None,
    shard_every: float = SHARD_EVERY,
    discover: bool = True,
    progress: bool = True,
) -> Scan:
    """Scan every edge of a loader's graphs, at every site of a model.

    The model runs in eval mode without gradients, on the device it is on, and is left as it was.
    Memory depends on the number of sites and on the largest batch, not on the number of graphs.

    By default one site of every layer is scanned: its score, which is what the published study
    measures, or its message where it has no score. A layer with one channel, such as the last one
    of a classifier, has neither in a form that a within-edge ratio could compare; it is left out
    with a warning, as is a layer that cannot be captured when the model runs. A layer that runs
    several times in a forward pass has a site for every call, such as ``conv@2:score``.

    Args:
        model: the model to scan.
        loader: yields batches of whole graphs (PyG ``Batch``), or single graphs (``Data``).
            Graphs are numbered in the order in which they come, unless a batch says their
            positions in ``batch.graph`` ``[G]``. Or the parts of one large graph, such as a PyG
            ``NeighborLoader``, whose batches say in ``e_id`` ``[E]`` and ``n_id`` ``[V]`` which
            edges and nodes of it they hold: then that graph is number 0, edges and nodes have
            their numbers in it, and an edge is counted each time a part holds it.
        baseline: what to compare with: an ensemble of re-initialisations of the model,
            ``es.Untrained()``; or a model, such as an earlier checkpoint. They are scanned on the
            same graphs first. Or a scan.
        criterion: rule that calls an activation massive, or the name of a preset; rules compose
            with ``&`` and ``|``. ``"calibrated"`` takes thresholds per site, of ratio and of
            magnitude, from the untrained ensemble, at a stated false-positive rate per edge; see
            :class:`~edgescope.Calibrated`.
        sites: names or patterns of the sites to scan, such as ``"*:message"``, or a function that
            takes a :class:`~edgescope.capturing.Site` and says yes or no.
            ``es.capture.sites(model)`` lists them. Sites with one number per edge and head have no
            ratio and are refused. ``"*:state"`` are the states of nodes around every layer, which
            are counted by node type and cannot be scanned together with edges.
        edge_type_names: name of each edge type, in order; by default those of
            ``loader.dataset.edge_type_names``, or plain numbers after looking through the loader.
            The types are the integers that the model is given as ``edge_type`` or ``edge_attr``,
            of several per edge the first;
            without any, all edges are of the type ``"edge"``. In a heterogeneous graph they are the
            relations, such as ``"author writes paper"``. Rows that are no edge of the input are of
            the type ``"added"``: self-loops that a layer adds, and pairs of nodes without an edge
            in global attention.
        node_type_names: the same for nodes, where the sites are of node states (``"*:state"``): by
            default those of ``loader.dataset.node_type_names``, or numbers. The types are the
            integers that the model is given as ``x``, of several per node the first; without any,
            all nodes are of the type ``"node"``. In a heterogeneous graph they are its node types.
        inputs: what the model's ``forward`` calls ``edge_index``, ``edge_attr``, ``edge_type``,
            ``batch`` and ``x``, where it differs; as in :func:`edgescope.capture`.
        trust: names or patterns of sites whose edges you vouch for, as in
            :func:`edgescope.capture`.
        call: how to call the model on a batch; by default the batch's attributes are matched
            with the names of ``forward``.
        keep_ratio: activations with a larger ratio are kept one by one, for :meth:`Scan.massive`;
            by default those that the criterion may call massive.
        max_rows: how many of them are kept per site, the largest ratios first.
        joint_budget: bytes for each of a site's two joint histograms over type and channel.
        shards: a folder for what is finished of the scan. If the process is killed and the same
            scan is started again, it goes on from there and gives exactly the result of an
            uninterrupted scan; the loader must give the same batches in the same order. The
            shards are deleted when the scan is complete. Processes need a folder each.
        shard_every: seconds between shards, 0 for one after every batch; what was done since
            the last one is done again.
        discover: whether to look for attention that no adapter knows, by running the model on the
            first batch once or twice more; see :meth:`es.capture.discover
            <edgescope.capturing._Capture.discover>`. What is found has sites like the others,
            marked as discovered; it is remembered for the model.
        progress: whether to show a progress bar.

    Returns:
        The scan. Its ``coverage`` says which attention of the model it looked at, and which not
        and why.

    Raises:
        InputError: if the model has no site or does not run one, if a site that was asked for has
            no vectors or its edges cannot be identified, or those of no site can, if the criterion
            needs a larger untrained ensemble, if a module cannot be re-initialised, or if the
            loader is empty or can be gone through only once; if ``shards`` holds another scan of
            the model, or the loader gives other batches than those counted there.

    Example:
        >>> import edgescope as es
        >>> molecules = es.data.load("solubility").test
        >>> model = es.models.GraphTransformer(
        ...     **molecules.model_sizes, hidden_dim=16, num_heads=4, num_layers=2
        ... )
        >>> scan = es.scan(model, es.data.loader(molecules))
        >>> list(scan.sites)
        ['layers.0.attention:score', 'layers.1.attention:score']
    """
    given, model = model, eager_twin(model)
    loader = graph_loader(loader)
    compared = baseline_argument(baseline)
    noted = NotedCall(call)
    check_inputs(inputs)
    numbers = {"keep_ratio": keep_ratio, "max_rows": max_rows, "joint_budget": joint_budget}
    for name, number in numbers.items():
        if number is not None:
            check_number(number, name)
    rule = find_criterion(criterion)
    check_ensemble(rule, compared)
    there = discover_at_start(model, loader, noted, inputs, wanted=discover)
    chosen = choose_sites(model, sites, states=True, found=there)
    settings = Settings(
        types_of_rows(
            chosen.rows,
            loader,
            {"edge": edge_type_names, "node": node_type_names},
            inputs,
            chosen.add_edges,
            partial(noted.passed, model),
        ),
        dict(inputs or {}),
        noted,
        rule,
        common_ratio(rule) if keep_ratio is None else keep_ratio,
        None,
        max_rows,
        joint_budget,
        Shards(shards, shard_every),
        progress,
        trust=trust,
    )
    with settings.shards:  # no other call uses them meanwhile
        if isinstance(compared, nn.Module | Untrained):
            scope = (model, loader, sites, settings)
            compared, refused = _scan_baseline(compared, *scope, discover=discover)
            chosen = chosen.without(refused, model)
        settings = settings._replace(
            rule=rule.resolve(None if compared is None else compared.ensemble())
        )
        found, chosen = scan_model(model, loader, chosen, settings)
        coverage = found.coverage and replace(found.coverage, eager=tuple(compiled_parts(given)))
        mark = fingerprint_of_loader(loader)
        info = replace(found.info, data_fingerprint=mark, coverage=coverage, pins=pins_of(model))
        if compared is not None:
            compared = compared.without(chosen.refused)
        found = Scan(found.sites, info, found.names, compared)
        settings.shards.remove()
    if chosen.left_out or chosen.refused:
        message = left_out_message(chosen.left_out, chosen.refused)
        warn(message, EdgescopeWarning, stacklevel=2)
    _check_batch_norm(found)
    return found


def _check_batch_norm(found: Scan) -> None:
    """Warn if an ensemble that was scanned before normalises in another way than the model."""
    members = [] if found.baseline is None else found.baseline.members
    own, theirs = found.info.batch_norm, {member.info.batch_norm for member in members}
    if own is not None and theirs and theirs <= {not own}:
        words = {True: "has running statistics", False: "was never given data"}
        warn(
            f"the batch norm of {found.info.model} {words[own]}, that of the untrained members of "
            f"the baseline {words[not own]}: the model differs from them by that alone. Scan with "
            "baseline=es.Untrained(), which makes members in the model's state",
            EdgescopeWarning,
            stacklevel=3,
        )


def _scan_baseline(
    baseline: nn.Module | Untrained,
    model: nn.Module,
    loader: Iterable[Any],
    sites: Sites,
    settings: Settings,
    *,
    discover: bool,
) -> tuple[Scan, Mapping[str, str]]:
    """Scan a model to compare with, or every member of an untrained ensemble.

    Returns:
        The scan, and the layers that it leaves out with the reasons: those of any member.
    """
    if settings.rule.everywhere is None:
        # Its thresholds may not be known yet; the baseline is there for its histograms.
        ratio = PAPER_RATIO if settings.keep_ratio is None else settings.keep_ratio
        settings = settings._replace(keep_ratio=ratio, keep_magnitude=inf)
    members: list[Scan] = []
    refused: Mapping[str, str] = {}
    if isinstance(baseline, nn.Module):
        carry_if_alike(model, baseline)
        there = discover_at_start(baseline, loader, settings.call, settings.inputs, wanted=discover)
        chosen = choose_sites(baseline, sites, states=True, found=there)
        found, chosen = scan_model(baseline, loader, chosen, settings, look=False)
        refused = chosen.refused
    else:
        copies = baseline.models(model, loader, call=settings.call, progress=settings.progress)
        for number, member in enumerate(copies, 1):
            title = f"scanning untrained member {number}/{baseline.members} of {{model}}"
            chosen = choose_sites(member, sites, states=True).without(refused, member)
            one, chosen = scan_model(
                member, loader, chosen, settings._replace(title=title), look=False
            )
            refused = chosen.refused
            one.sites = {s: f._replace(sketch=f.sketch.sparse()) for s, f in one.sites.items()}
            members.append(one)
        members = [member.without(refused) for member in members]
        found = merge_scans(members, same_graphs=True)
        found.members = tuple(members)
    rule = settings.rule.resolve(found.ensemble())
    mark = fingerprint_of_loader(loader)
    for scanned in (found, *members):
        scanned.info = replace(scanned.info, criterion=rule, data_fingerprint=mark)
    return found, refused
