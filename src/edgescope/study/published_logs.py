"""The published code's own log of activations, ``malog.pkl``, as a scan.

It is a pickle of ``{'layers.malog_h': [...], 'layers.malog_e': [...], 'model.edge_types': [...]}``:
per layer and batch the edge scores ``[E, F]``, and per batch the edge types ``[E]``. The published
runs log batches of one molecule. A pickle can run any code while it is read, so this one is read
by an unpickler that knows tensors and plain containers and refuses everything else.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from warnings import warn

import torch
from torch import Tensor

from edgescope.capturing.activations import EdgeActivations
from edgescope.capturing.edge_rows import EdgeIdentity
from edgescope.lib.errors import InputError
from edgescope.lib.tensors import check_held
from edgescope.scanning.criteria import PAPER_RATIO, Bounds, criterion
from edgescope.scanning.edge_types import MOST_TYPES, value_names
from edgescope.scanning.result import Scan, ScanInfo
from edgescope.scanning.site_counter import SiteCounter
from edgescope.scanning.site_scan import SiteScan
from edgescope.statistics.sketch_layout import SketchLayout
from edgescope.study.log_pickle import EDGES, TYPES, read_malog

SCORE = "attention"


def import_malog(
    path: str | Path,
    *,
    num_heads: int = 1,
    edge_type_names: Sequence[str] | None = None,
    rule: str = "paper2025",
    max_rows: int = 200_000,
    heads: int | None = None,
) -> Scan:
    """Return a published log as a scan, with a site ``layers.N.attention:score`` per layer.

    A batch of the log counts as one graph, as the published figures take it. Which nodes an edge
    joins is not logged: source and target are -1.

    Args:
        path: the file.
        num_heads: heads of the model, into which the ``F`` values of an edge are divided; the log
            does not say.
        edge_type_names: names of the edge types, in order; by default those of molecules
            (``none, single, double, triple``) if no type is above 3, else the values that occur,
            such as ``type 7``.
        rule: ``"paper2025"`` or ``"sun2024"``.
        max_rows: how many activations are kept one by one per site.
        heads: the old name of ``num_heads``.

    Raises:
        InputError: as :func:`read_malog`; if layers, batches, edges or widths do not agree, if
            the width is no multiple of ``num_heads``, if a type has no name, or if more than 256
            have none.

    Example:
        >>> import edgescope as es
        >>> scan = es.study.import_malog("malog.pkl", num_heads=8)  # doctest: +SKIP
        >>> scan.report("report.html")  # doctest: +SKIP
    """
    started = time.perf_counter()
    if heads is not None:
        warn("import_malog(heads=) is now num_heads=", DeprecationWarning, stacklevel=2)
        num_heads = heads
    chosen = criterion(rule)
    if chosen.members_needed:
        raise InputError(f"a log has no untrained ensemble, which the criterion {rule} needs")
    log = read_malog(path)
    types = [_types(entry, number, path) for number, entry in enumerate(log[TYPES])]
    layers = [_scores(layer, types, number, path) for number, layer in enumerate(log[EDGES])]
    if not layers or not types:
        raise InputError(f"{path} holds {len(layers)} layers and {len(types)} batches; log again")
    names, types = _numbered(types, edge_type_names, path)
    sites = {
        f"layers.{number}.attention:score": _site(
            f"layers.{number}.attention:score", layer, types, num_heads, len(names), max_rows
        )
        for number, layer in enumerate(layers)
    }
    info = ScanInfo(
        model="malog",
        data=Path(path).stem,
        graphs=len(types),
        edge_type_names=names,
        criterion=chosen,
        keep_ratio=PAPER_RATIO,
        max_rows=max_rows,
        seconds=time.perf_counter() - started,
    )
    return Scan(sites, info)


def _types(entry: Any, number: int, path: str | Path) -> Tensor:  # noqa: ANN401  (from a file)
    if not isinstance(entry, Tensor) or entry.is_floating_point():
        raise InputError(
            f"{path}: {TYPES}[{number}] holds {_said(entry)}, expected a tensor of integers [E]"
        )
    _check_held(entry, f"{path}: {TYPES}[{number}]")
    kinds = entry.detach().flatten().long()
    if kinds.numel() and int(kinds.min()) < 0:
        raise InputError(f"{path}: {TYPES}[{number}] holds {int(kinds.min())}, expected 0 or more")
    return kinds


def _scores(
    layer: Any,  # noqa: ANN401  (from a file)
    types: list[Tensor],
    number: int,
    path: str | Path,
) -> list[Tensor]:
    """Return the scores of a layer, batch by batch ``[E, F]``."""
    where = f"{path}: {EDGES}[{number}]"
    if not isinstance(layer, list) or len(layer) != len(types):
        found = f"{len(layer)} batches" if isinstance(layer, list) else type(layer).__name__
        raise InputError(f"{where} holds {found}, {TYPES} holds {len(types)}; log both together")
    scores: list[Tensor] = []
    for batch, (entry, kinds) in enumerate(zip(layer, types, strict=True)):
        values = entry.get(SCORE) if isinstance(entry, dict) else None
        if not isinstance(values, Tensor) or not values.is_floating_point() or values.dim() < 2:  # noqa: PLR2004  (edges and channels)
            raise InputError(
                f"{where}[{batch}] holds {_said(values)} as {SCORE!r}, expected a tensor [E, F]"
            )
        _check_held(values, f"{where}[{batch}]")
        flat = values.detach().flatten(1).float()
        expected = (kinds.numel(), scores[0].size(1) if scores else flat.size(1))
        if flat.shape != expected:
            raise InputError(
                f"{where}[{batch}] is {list(flat.shape)}, expected {list(expected)}: as many edges "
                f"as {TYPES}[{batch}], and the same width in every batch"
            )
        scores.append(flat)
    return scores


def _numbered(
    types: Sequence[Tensor], given: Sequence[str] | None, path: str | Path
) -> tuple[tuple[str, ...], list[Tensor]]:
    """Return a name for every edge type, and the types as positions among the names.

    Raises:
        InputError: if there are too few names, or too many types without names.
    """
    from edgescope.data.chemistry.molecule_dataset import BOND_TYPE_NAMES

    values = torch.unique(torch.cat([torch.unique(kinds) for kinds in types]))
    largest = int(values.max()) if len(values) else 0
    if given is not None or largest < len(BOND_TYPE_NAMES):
        names = tuple(BOND_TYPE_NAMES if given is None else given)
        if largest >= len(names):
            raise InputError(
                f"received {len(names)} names of edge types, the log has types up to {largest}; "
                "name all of them, in order"
            )
        return names, list(types)
    if len(values) > MOST_TYPES:
        raise InputError(
            f"{path}: {TYPES} holds {len(values)} different integers up to {largest}, more than "
            f"the {MOST_TYPES} that are counted as types without names; name all of them in order "
            "with edge_type_names="
        )
    return value_names(values.tolist()), [torch.searchsorted(values, kinds) for kinds in types]


def _site(
    name: str,
    batches: list[Tensor],
    types: list[Tensor],
    heads: int,
    kinds: int,
    max_rows: int,
) -> SiteScan:
    width = batches[0].size(1)
    if heads < 1 or width % heads:
        raise InputError(f"{name} has {width} values per edge, no multiple of {heads} heads")
    layout = SketchLayout(heads, width // heads, kinds)
    counter = SiteCounter(layout, Bounds(ratio=PAPER_RATIO), max_rows)
    for number, (values, edge_type) in enumerate(zip(batches, types, strict=True)):
        edges = values.size(0)
        if not edges:
            continue
        graph = torch.full((edges,), number)
        unknown = torch.full((2, edges), -1)
        identity = EdgeIdentity(
            unknown, torch.arange(edges), graph, edge_type, torch.zeros_like(unknown)
        )
        shaped = values.view(edges, heads, -1).contiguous()
        counter.update(EdgeActivations(name, shaped, identity))
    return counter.result()


def _check_held(entry: Tensor, where: str) -> None:
    try:
        check_held(entry, where)
    except ValueError as error:
        raise InputError(f"{error}, expected all of them; save a copy with .clone()") from error


def _said(value: object) -> str:
    if isinstance(value, Tensor):
        return f"a tensor {list(value.shape)} of {value.dtype}"
    return f"a {type(value).__name__}"
