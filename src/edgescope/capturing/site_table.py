"""Tables of what can be captured: in a model, and in general."""

from typing import TYPE_CHECKING

from torch import nn

from edgescope.capturing.adapters.adapter import Adapter
from edgescope.capturing.adapters.registry import ADAPTERS
from edgescope.capturing.edits import is_editable
from edgescope.capturing.sites import Site, find_sites

if TYPE_CHECKING:
    import polars as pl


def list_sites(model: nn.Module) -> "pl.DataFrame":
    """Return what can be captured in a model, and what cannot and why.

    Columns: site, layer (class), shape, formula, dropout (whether values are those before or
    after the layer's dropout of attention weights), editable (whether ``es.capture.edit`` can
    replace the values) and reason (why it cannot be captured; null if it can).

    Args:
        model: any model.

    Example:
        >>> from torch_geometric.nn import GATConv
        >>> import edgescope as es
        >>> es.capture.sites(GATConv(8, 8, heads=2))["site"].to_list()
        [':logit', ':weight', ':message']
    """
    import polars as pl

    rows: list[tuple[str | bool | None, ...]] = []
    for found in find_sites(model):
        layer = type(found.layer).__name__
        if isinstance(found, Site):
            about = found.about
            rows.append(
                (
                    found.name,
                    layer,
                    about.shape,
                    about.formula,
                    about.dropout or None,
                    is_editable(found),
                    None,
                )
            )
        else:
            rows.append((found.path or "(the model)", layer, *[None] * 4, found.reason))
    names = ["site", "layer", "shape", "formula", "dropout", "editable", "reason"]
    schema = dict.fromkeys(names, pl.String()) | {"editable": pl.Boolean()}
    return pl.DataFrame(rows, schema=schema, orient="row")


def list_layers() -> "pl.DataFrame":
    """Return every layer class that can be captured, one row per stage.

    Columns: layer, stage, formula, shape, dropout (as in :func:`list_sites`), loops (what the
    layer does with self-loops) and refuses (which of its configurations are refused).

    Example:
        >>> import edgescope as es
        >>> layers = es.capture.layers()
        >>> layers["layer"].is_in(["GATConv"]).sum()  # a row per stage
        3
    """
    import polars as pl

    rows = [
        (
            class_name(adapter),
            stage,
            about.formula,
            about.shape,
            about.dropout or None,
            adapter.loops,
            "; ".join(adapter.refuses) or None,
        )
        for adapter in ADAPTERS
        for stage, about in adapter.stages.items()
    ]
    schema = ["layer", "stage", "formula", "shape", "dropout", "loops", "refuses"]
    return pl.DataFrame(rows, schema=dict.fromkeys(schema, pl.String), orient="row")


def class_name(adapter: Adapter) -> str:
    """Return the name of the class that an adapter observes, such as ``GATConv``."""
    layer = adapter.layer
    return layer.rpartition(".")[2] if isinstance(layer, str) else layer.__name__
