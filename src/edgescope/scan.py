"""Scan: capture and statistics over a loader, in one pass."""

import time
from collections.abc import Iterable, Iterator, Sequence, Sized
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from edgescope._progress import track
from edgescope.calling import Call, call_model
from edgescope.capture import EdgeActivations, capture
from edgescope.capture.graph_input import edge_types
from edgescope.errors import InputError
from edgescope.results import Scan, ScanInfo, SiteScan
from edgescope.statistics.criteria import Criterion
from edgescope.statistics.criteria import criterion as find_criterion
from edgescope.statistics.ratio import edge_ratios
from edgescope.statistics.rows import RowKeeper
from edgescope.statistics.sketch import JOINT_BUDGET
from edgescope.storage import load_scan

if TYPE_CHECKING:
    from edgescope.statistics.metric import MassiveActivations

__all__ = ["Scan", "load_scan", "scan"]

MAX_ROWS = 200_000
"""Activations kept one by one per site: about 30 MB at the most."""


def scan(
    model: nn.Module,
    loader: Iterable[Any],
    *,
    baseline: nn.Module | Scan | None = None,
    criterion: str | Criterion = "paper2025",
    sites: str | Sequence[str] | None = None,
    edge_type_names: Sequence[str] | None = None,
    call: Call = call_model,
    keep_ratio: float | None = None,
    max_rows: int = MAX_ROWS,
    joint_budget: int = JOINT_BUDGET,
    progress: bool = True,
) -> Scan:
    """Scan every edge of a loader's graphs, at every site of a model.

    The model runs in eval mode without gradients, on the device it is on, and is left as it was.
    Memory depends on the number of sites and on the largest batch, not on the number of graphs.

    Args:
        model: the model to scan.
        loader: yields batches of whole graphs (PyG ``Batch``). Graphs are numbered in the order
            in which they come, unless a batch says their positions in ``batch.graph`` ``[G]``.
        baseline: what to compare with: usually the same model before training, which is then
            scanned on the same graphs; or a scan.
        criterion: rule that calls an activation massive, or the name of a preset.
        sites: names or patterns of the sites to scan; all by default.
        edge_type_names: name of each edge type, in order; by default those of
            ``loader.dataset.edge_type_names``, or plain numbers after looking through the loader.
        call: how to call the model on a batch; by default the batch's attributes are matched
            with the names of ``forward``.
        keep_ratio: activations with a larger ratio are kept one by one, for :meth:`Scan.massive`;
            the criterion's ratio by default.
        max_rows: how many of them are kept per site, the largest ratios first.
        joint_budget: bytes for each of a site's two joint histograms over type and channel.
        progress: whether to show a progress bar.

    Raises:
        InputError: if the model has no site or does not run one, if its edges cannot be
            identified, or if the loader is empty or can be gone through only once.
    """
    if isinstance(loader, Iterator):
        raise InputError(
            f"received a {type(loader).__name__}, which can be gone through only once; "
            "pass a loader or a list of batches"
        )
    rule = find_criterion(criterion)
    keep_ratio = rule.ratio if keep_ratio is None else keep_ratio
    names = _edge_type_names(loader, edge_type_names)
    if isinstance(baseline, nn.Module):
        baseline = scan(
            baseline,
            loader,
            criterion=rule,
            sites=sites,
            edge_type_names=names,
            call=call,
            keep_ratio=keep_ratio,
            max_rows=max_rows,
            joint_budget=joint_budget,
            progress=progress,
        )
    runner = _Scanner(names, keep_ratio, max_rows, joint_budget)
    started = time.perf_counter()
    with _evaluating(model), capture(model, sites, reduce=runner.reduce) as tape:
        device = next((p.device for p in model.parameters()), torch.device("cpu"))
        total = len(loader) if isinstance(loader, Sized) else None
        for batch in track(loader, f"scanning {type(model).__name__}", total, progress):
            runner.start(batch)
            call(model, batch.to(device))
    if not runner.graphs:
        raise InputError("the loader gave no batch; pass a loader over at least one graph")
    info = ScanInfo(
        model=type(model).__name__,
        data=str(getattr(getattr(loader, "dataset", None), "name", "")),
        graphs=runner.graphs,
        edge_type_names=names,
        criterion=rule,
        keep_ratio=keep_ratio,
        max_rows=max_rows,
        seconds=time.perf_counter() - started,
    )
    results = {site: runner.result(site) for site in tape.sites}
    return Scan(results, info, runner.smiles(), baseline)


class _Scanner:
    """Takes in the activations of one site after the other, batch by batch."""

    def __init__(
        self, names: Sequence[str], keep_ratio: float, max_rows: int, joint_budget: int
    ) -> None:
        self.graphs = 0
        self._names = names
        self._keep = (keep_ratio, max_rows)
        self._joint_budget = joint_budget
        self._metrics: dict[str, MassiveActivations] = {}
        self._keepers: dict[str, RowKeeper] = {}
        self._smiles: dict[int, str] = {}
        self._positions = torch.zeros(0, dtype=torch.int64)
        self._batch_smiles: dict[int, str] = {}

    def start(self, batch: Any) -> None:  # noqa: ANN401  (any PyG batch)
        """Note which graphs of the data set the batch holds."""
        number = int(getattr(batch, "num_graphs", 1))
        positions = getattr(batch, "graph", None)
        if not isinstance(positions, Tensor) or positions.shape != (number,):
            positions = torch.arange(self.graphs, self.graphs + number)
        self._positions = positions
        self.graphs += number
        smiles = getattr(batch, "smiles", None) or []
        smiles = [smiles] if isinstance(smiles, str) else smiles
        self._batch_smiles = dict(zip(positions.tolist(), smiles, strict=bool(smiles)))

    def reduce(self, activations: EdgeActivations) -> None:
        """Count a site's activations of the current batch, and keep the most massive."""
        site, values, identity = activations
        if site not in self._metrics:
            self._open(site, values)
        ratios = edge_ratios(values)
        graph = self._positions.to(identity.graph.device)[identity.graph]
        self._metrics[site].update(values, identity.edge_type, graph, ratios)
        kept = self._keepers[site].update(activations, ratios, graph)
        self._smiles |= {
            number: self._batch_smiles[number] for number in kept & self._batch_smiles.keys()
        }
        if len(self._smiles) > 2 * self._keep[1]:
            self._forget_smiles()

    def result(self, site: str) -> SiteScan:
        """Return what was found at a site."""
        if site not in self._keepers:
            raise InputError(f"the model did not run {site}; leave it out with sites=")
        keeper = self._keepers[site]
        return SiteScan(
            self._metrics[site].compute(),
            keeper.rows(),
            keeper.extremes(),
            keeper.nonfinite(),
            keeper.seen,
        )

    def smiles(self) -> dict[int, str]:
        """Return the SMILES of the graphs that hold kept activations, where the data has them."""
        self._forget_smiles()
        return dict(sorted(self._smiles.items()))

    def _forget_smiles(self) -> None:
        held = set().union(*(keeper.graphs() for keeper in self._keepers.values()))
        self._smiles = {number: self._smiles[number] for number in held & self._smiles.keys()}

    def _open(self, site: str, values: Tensor) -> None:
        from edgescope.statistics.metric import MassiveActivations

        heads, channels = values.shape[1:]
        metric = MassiveActivations(heads, channels, len(self._names), self._joint_budget)
        self._metrics[site] = metric.to(values.device)
        self._keepers[site] = RowKeeper(*self._keep)


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """Run in eval mode without gradients, then set every module's mode back."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def _edge_type_names(loader: Iterable[Any], names: Sequence[str] | None) -> tuple[str, ...]:
    """Return a name for every edge type, looking through the loader if nothing else says."""
    if names is None:
        names = getattr(getattr(loader, "dataset", None), "edge_type_names", None)
    if names is not None:
        return tuple(names)
    largest = 0
    for batch in loader:
        types = edge_types(getattr(batch, "edge_attr", None), batch.edge_index.size(1))
        if types is not None and types.numel():
            largest = max(largest, int(types.max()))
    return tuple(f"type {number}" for number in range(largest + 1)) if largest else ("edge",)
