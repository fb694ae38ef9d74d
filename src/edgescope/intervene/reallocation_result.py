"""The result of the reallocation experiment."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

SCHEMA = (
    *("layer", "massive_edges", "massive_share", "edge_share", "difference", "low", "high"),
    *(
        "attention_share",
        "uniform_share",
        "attention_difference",
        "attention_low",
        "attention_high",
    ),
)
"""Columns of the table: of massive activations, and of attention."""


@dataclass(frozen=True)
class Reallocation:
    """What added edges hold of massive activations and of attention.

    Attributes:
        added: names of the types of added edges.
        criterion: name of the rule that calls an activation massive.
        graphs: number of graphs.
        rows: of every layer, and at last of all of them together, the columns of :meth:`table`.
        problem: why intervals are missing; empty if none is.
        arguments: what the model was given, as in :class:`edgescope.scanning.result.ScanInfo`.

    Example:
        >>> import edgescope as es
        >>> graphs = es.data.rewire(es.data.planted("marked", 20).test, "virtual_node")
        >>> model = es.models.GATv2(**graphs.model_sizes, hidden_dim=8, num_heads=2, num_layers=1)
        >>> found = es.reallocation(model, es.data.loader(graphs))
        >>> found.added, found.graphs == len(graphs)
        (('virtual',), True)
    """

    added: tuple[str, ...]
    criterion: str
    graphs: int
    rows: tuple[tuple[Any, ...], ...]
    problem: str = ""
    arguments: tuple[str, ...] = ()

    def table(self) -> "pl.DataFrame":
        """Return a row per layer, and one of all layers.

        ``massive_edges`` counts edges with a massive activation; ``massive_share`` is the share of
        them that was added, ``edge_share`` the share of all edges, ``difference`` the first minus
        the second, ``low`` and ``high`` its interval. ``attention_share`` is what added edges have
        of the attention of nodes with edges of both kinds, ``uniform_share`` what they would have
        if all edges into a node had the same. Null where there is nothing to divide by.
        """
        import polars as pl

        types = dict.fromkeys(SCHEMA, pl.Float64) | {
            "layer": pl.String,
            "massive_edges": pl.Int64,
        }
        return pl.DataFrame(list(self.rows), schema=types, orient="row", strict=False)

    @property
    def verdict(self) -> str:
        """Say in one sentence where the massive activations of all layers are."""
        found = dict(zip(SCHEMA, self.rows[-1], strict=True))
        what = " and ".join(self.added)
        if found["massive_share"] is None:
            return (
                f"there is no massive activation by {self.criterion} on {self.graphs} graphs, so "
                "none can have moved"
            )
        numbers = (
            f"{found['massive_share']:.1%} of {found['massive_edges']:,} edges with massive "
            f"activations are {what} edges, and {found['edge_share']:.1%} of all edges"
        )
        if found["low"] is None:
            return f"{numbers}; {self.problem}"
        interval = f"difference {found['difference']:+.1%}, {found['low']:+.1%} to "
        interval += f"{found['high']:+.1%}"
        if found["low"] > 0:
            return f"massive activations moved to the added edges: {numbers} ({interval})"
        if found["high"] < 0:
            return f"massive activations avoid the added edges: {numbers} ({interval})"
        return f"massive activations show no difference: {numbers} ({interval})"
