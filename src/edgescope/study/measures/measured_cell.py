"""What measures are given: a trained and scanned cell with its models and data."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl
    from torch import nn

    from edgescope.data import Splits
    from edgescope.scanning.result import Scan
    from edgescope.study.cells import Cell
    from edgescope.train import RunFolder


@dataclass(frozen=True)
class MeasuredCell:
    """A cell that is trained and scanned, as measures see it.

    Attributes:
        cell: what was trained, on which data, and how it was scanned.
        model: the trained model, in evaluation mode; of an untrained cell its initial model.
        untrained: the same architecture with its initial weights, in evaluation mode.
        scan: of ``model``; of a trained cell with its baseline, calibrated ones with their
            untrained ensemble.
        splits: the data, all parts.
        part: the part that was scanned, a sequence of graphs.
        run: the run folder.

    Example:
        >>> import polars as pl
        >>> def graphs(of):  # a measure
        ...     return {"graphs": pl.DataFrame({"graphs": [of.scan.info.graphs]})}
    """

    cell: "Cell"
    model: "nn.Module"
    untrained: "nn.Module"
    scan: "Scan"
    splits: "Splits"
    part: Any
    run: "RunFolder | None"


Measure = Callable[[MeasuredCell], "dict[str, pl.DataFrame]"]
"""Names of tables to their rows, without the column ``cell``; the same for the same cell."""
