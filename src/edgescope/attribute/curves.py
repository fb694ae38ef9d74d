"""Fidelity over sparsity: how predictions move as more and more edges are taken away."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor, nn

from edgescope.attribute.bonds import Bonds, Bools, Floats, bonds, places, share_of, without_bonds
from edgescope.attribute.fidelity import CHANGE, UNFAITHFUL, Outputs, characterisation, predict
from edgescope.attribute.stability import TOP
from edgescope.data.dataset_check import check_dataset
from edgescope.data.graphs import GraphDataset
from edgescope.lib.eager_twin import eager_twin
from edgescope.lib.errors import InputError
from edgescope.lib.model_call import Call, call_model
from edgescope.lib.progress import track
from edgescope.lib.task_metrics import Task
from edgescope.statistics.bootstrap import mean_of

if TYPE_CHECKING:
    import polars as pl

SHARES = tuple(step / 20 for step in range(21))
"""Shares of the bonds of a graph that are removed: 0, 0.05 ... 1."""

SIDES = ("plus", "minus")
"""The most important bonds are removed, and the least important ones."""


@dataclass(frozen=True, eq=False)
class FidelityCurves:
    """How far predictions move when a share of the bonds of every graph is removed.

    ``plus`` removes the most important bonds, fidelity+, where a good explanation moves a lot;
    ``minus`` the least important ones and keeps only the rest, fidelity-, where it moves little.

    Attributes:
        shares: shares removed ``[S]``.
        moved: side, then measure (see :mod:`edgescope.attribute.fidelity`), to every share and
            graph ``[S, G]``; NaN for graphs without edges.
        scale: unit of changes in regression; None for other tasks.

    Example:
        >>> import edgescope as es
        >>> graphs = es.data.planted("marked", 60).test
        >>> model = es.models.GATv2(**graphs.model_sizes, hidden_dim=8, num_heads=2, num_layers=1)
        >>> removal = es.attribute.Removal(model, graphs, shares=(0, 0.5, 1), scale=1.0)
        >>> curves = removal.curves(graphs.edge_attr.float())
        >>> curves.moved["plus"]["change"].shape == (3, len(graphs))
        True
    """

    shares: Floats
    moved: Mapping[str, Mapping[str, Floats]]
    scale: float | None

    def area(self, side: str, measure: str = CHANGE) -> Floats:
        """Return the area under the curve of every graph ``[G]``, by the trapezoid rule.

        It is the mean of the measure over the shares.
        """
        span = self.shares[-1] - self.shares[0]
        area: Floats = np.trapezoid(self.moved[side][measure], self.shares, axis=0) / span
        return area

    def at(self, side: str, share: float, measure: str = CHANGE) -> Floats:
        """Return the measure of every graph ``[G]`` where ``share`` of its bonds are removed.

        Raises:
            InputError: if the curve has no such share.
        """
        near = np.flatnonzero(np.isclose(self.shares, share))
        if not len(near):
            raise InputError(f"the curve has no share {share:g}, add it to shares=")
        found: Floats = self.moved[side][measure][near[0]]
        return found

    def characterisation(self, top: float = TOP, measure: str = CHANGE) -> float:
        """Return the characterisation score of the most important share of the bonds.

        Fidelity+ is the mean over graphs where the share ``top`` is removed, fidelity- where all
        but it is. See :func:`edgescope.attribute.fidelity.characterisation`.
        """
        plus, minus = self.at("plus", top, measure), self.at("minus", 1 - top, measure)
        if np.isnan(plus).all():
            return float("nan")
        return characterisation(float(np.nanmean(plus)), float(np.nanmean(minus)))

    def unfaithfulness(self, top: float = TOP) -> Floats:
        """Return the unfaithfulness of every graph ``[G]`` where only the share ``top`` is kept."""
        return self.at("minus", 1 - top, UNFAITHFUL)

    def table(self) -> "pl.DataFrame":
        """Return the mean over graphs: columns side, share, and one per measure."""
        import polars as pl

        return pl.concat(
            pl.DataFrame(
                {"side": [side] * len(self.shares), "share": self.shares}
                | {name: mean_of(list(each.T), len(each)) for name, each in measures.items()}
            )
            for side, measures in self.moved.items()
        ).fill_nan(None)


class Removal:
    """Takes bonds away from the graphs of a data set and looks at what a model predicts.

    What does not depend on importances is predicted once: the whole graphs, and those without any
    edges. Nodes stay, also those that lose all edges.

    Args:
        model: the model; its outputs are numbers or logits ``[G, T]``.
        dataset: the graphs.
        shares: shares of the bonds of a graph that are removed, ascending from 0 to 1. Leave
            out 1 for a model that cannot take a graph without edges.
        task: what the model predicts; by default what the data set says.
        target: column of its outputs that is explained; with classes the predicted one is.
        scale: unit of changes in regression; by default the standard deviation of the predictions.
        seed: decides between equal importances.
        batch_size: graphs per batch.
        call: how to call the model on a batch.

    Attributes:
        whole: predictions for the whole graphs ``[G, T]``.
        outputs: what changes are measured against.

    Raises:
        InputError: if an argument is out of range, or the model gives no finite predictions.

    Example:
        >>> import edgescope as es
        >>> graphs = es.data.planted("marked", 60).test
        >>> model = es.models.GATv2(**graphs.model_sizes, hidden_dim=8, num_heads=2, num_layers=1)
        >>> removal = es.attribute.Removal(model, graphs, shares=(0, 0.2, 0.8, 1), scale=1.0)
        >>> removal.whole.shape == (len(graphs), 1)
        True
    """

    def __init__(
        self,
        model: nn.Module,
        dataset: GraphDataset,
        *,
        shares: Sequence[float] = SHARES,
        task: Task | None = None,
        target: int = 0,
        scale: float | None = None,
        seed: int = 0,
        batch_size: int = 64,
        call: Call = call_model,
    ) -> None:
        model = eager_twin(model)
        check_dataset(dataset)
        self.shares = np.asarray(shares, dtype=np.float64)
        inside = len(self.shares) > 1 and self.shares[0] >= 0 and self.shares[-1] <= 1
        if not inside or (np.diff(self.shares) <= 0).any():
            raise InputError(
                f"received the shares {list(shares)}, expected two or more from 0 to 1, ascending"
            )
        self.model = model
        self.dataset = dataset
        self.bonds: Bonds = bonds(dataset)
        self.batch_size = batch_size
        self.call = call
        self.seed = seed
        self.whole = predict(model, dataset, batch_size=batch_size, call=call)
        self.outputs = Outputs(self.whole, task or dataset.task, target, scale)
        self._same = self.outputs.against(self.whole)
        self._nothing: dict[str, Floats] | None = None

    def curves(self, importance: Tensor, *, progress: bool = True) -> FidelityCurves:
        """Return how predictions move when the most and when the least important bonds go.

        Args:
            importance: of every directed edge ``[E]``; a bond has the mean of its directions.
            progress: whether to show a progress bar.

        Raises:
            InputError: if an importance is NaN.
        """
        place = places(self.bonds.merged(importance), self.bonds, self.seed)
        count = self.bonds.count[self.bonds.graph]
        levels = [(side, share) for side in SIDES for share in self.shares.tolist()]
        found: dict[str, list[dict[str, Floats]]] = {side: [] for side in SIDES}
        for side, share in track(levels, "removing edges", len(levels), progress):
            removed = (
                place < share_of(share, count)
                if side == "plus"
                else place >= share_of(1 - share, count)
            )
            found[side].append(self._moved(removed))
        empty = self.bonds.count == 0
        moved = {
            side: {
                name: np.where(empty, np.nan, np.stack([each[name] for each in rows]))
                for name in self.outputs.measures
            }
            for side, rows in found.items()
        }
        return FidelityCurves(self.shares, moved, self.outputs.scale)

    def _moved(self, removed: Bools) -> dict[str, Floats]:
        if not removed.any():
            return self._same
        if not removed.all():
            return self._without(removed)
        if self._nothing is None:
            try:
                self._nothing = self._without(removed)
            except (RuntimeError, IndexError, ValueError) as error:
                reason = " ".join(str(error).split())
                raise InputError(
                    f"{type(self.model).__name__} cannot predict graphs without edges ({reason}); "
                    "give shares= that end below 1"
                ) from error
        return self._nothing

    def _without(self, removed: Bools) -> dict[str, Floats]:
        reduced = without_bonds(self.dataset, self.bonds, removed)
        found = predict(self.model, reduced, batch_size=self.batch_size, call=self.call)
        return self.outputs.against(found)
