"""Attention weights between the nodes of the graphs that a report draws, kept beside a scan."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from edgescope.lib.errors import InputError
from edgescope.lib.input_files import table_of
from edgescope.lib.manifest import Kind, Stored, stored, storing
from edgescope.scanning.result import Scan

FORMAT = 1
"""Raised when a change makes older folders unreadable."""

_KIND = Kind("attention maps", "attention.json", FORMAT, "scan again")

SCHEMA: dict[str, type[pl.DataType]] = {
    "layer": pl.String,
    "stage": pl.String,
    "graph": pl.Int64,
    "source": pl.String,
    "target": pl.String,
    "head": pl.Int64,
    "value": pl.Float32,
}

STAGES = ("weight", "logit")
"""What is kept of a layer."""


class AttentionMap(NamedTuple):
    """What one layer computes in one graph, at one stage; ``R`` edges."""

    layer: str
    """Path of the layer."""
    stage: str
    """``"weight"``, after the softmax, or ``"logit"``, before."""
    sources: list[str]
    """Names of the nodes that are attended to, ``R`` of them."""
    targets: list[str]
    """Names of the nodes that attend."""
    values: NDArray[np.float32]
    """Of every edge and head ``[R, H]``."""


@dataclass(frozen=True, eq=False)
class AttentionMaps:
    """Attention weights and logits of the graphs that the report of a scan draws.

    Made by :func:`edgescope.report.attention_maps`.

    Attributes:
        mark: which scan they belong to.
        rows: one per layer, stage (``"weight"`` or ``"logit"``), graph, edge and head, with the
            names of the edge's ``source`` and ``target`` on the page and the ``value``.
        left_out: layers without maps, each with the reason; under ``""`` what holds for all.
        values: per graph its target in the loader and what the model returns for it, where both are
            one number.
        no_values: why there are none.

    Example:
        >>> import edgescope as es
        >>> graphs = es.data.load("solubility").test[:64]
        >>> model = es.models.GAT(**graphs.model_sizes, hidden_dim=8, num_heads=2, num_layers=1)
        >>> loader = es.data.loader(graphs)
        >>> scan = es.scan(model, loader)
        >>> maps = es.report.attention_maps(scan, model, loader)
        >>> sorted(maps.rows["stage"].unique())
        ['logit', 'weight']
    """

    mark: str
    rows: pl.DataFrame
    left_out: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[int, tuple[float, float]] = field(default_factory=dict)
    no_values: str = ""

    def check(self, scan: Scan) -> None:
        """Refuse those of another scan.

        Raises:
            InputError: if they are.
        """
        if self.mark != mark_of(scan):
            raise InputError(
                "received attention maps of another scan, expected those of this one; make them "
                "anew with es.report.attention_maps(scan, model, loader), or scan again on the "
                "command line"
            )

    def of(self, graph: int) -> list[AttentionMap]:
        """Return what is kept of a graph: the layers in their order, weights before logits."""
        return self._maps.get(graph, [])

    @cached_property
    def _maps(self) -> dict[int, list[AttentionMap]]:
        found: dict[int, list[AttentionMap]] = {}
        for rows in self.rows.partition_by("graph", "layer", "stage", maintain_order=True):
            heads = int(rows["head"].max()) + 1  # type: ignore[arg-type]  # there is a row
            edges = rows.filter(head=0)
            found.setdefault(int(rows["graph"][0]), []).append(
                AttentionMap(
                    rows["layer"][0],
                    rows["stage"][0],
                    edges["source"].to_list(),
                    edges["target"].to_list(),
                    rows["value"].to_numpy().reshape(-1, heads),
                )
            )
        return found

    @property
    def layers(self) -> list[str]:
        """The layers of which something is kept, in the order of the model."""
        return self.rows["layer"].unique(maintain_order=True).to_list()

    def save(self, folder: str | Path) -> Path:
        """Write ``attention.json`` and a table; earlier maps are replaced.

        Raises:
            InputError: if the folder cannot be written, or holds something else.
        """
        folder = Path(folder)
        plain = {
            "format": FORMAT,
            "mark": self.mark,
            "left_out": dict(self.left_out),
            "values": [[graph, *pair] for graph, pair in self.values.items()],
            "no_values": self.no_values,
        }
        with storing(folder, _KIND, {"rows": self.rows.height}, "no attention maps") as new:
            self.rows.write_parquet(new / "attention.parquet")
            (new / _KIND.marker).write_text(json.dumps(plain, indent=1), encoding="utf-8")
        return folder

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read what :meth:`save` wrote.

        Raises:
            InputError: if the folder holds no maps, or damaged ones.
        """
        return cls(*stored(Path(folder), _KIND, _read))


def mark_of(scan: Scan) -> str:
    """Return what tells a scan from others: a digest of its largest activations."""
    rows = scan.extremes().select("site", "graph", "edge", "head", "channel", "value").rows()
    text = json.dumps([[*row[:-1], f"{row[-1]:.5g}"] for row in rows])
    return hashlib.sha256(f"{scan.info.graphs} {text}".encode()).hexdigest()


def _read(files: Stored) -> tuple[Any, ...]:
    plain: dict[str, Any] = files.json(_KIND.marker)
    rows = table_of(files.files["attention.parquet"], SCHEMA)
    files.check({"rows": rows.height})
    left_out = {str(layer): str(why) for layer, why in plain["left_out"].items()}
    values = {int(graph): (float(true), float(own)) for graph, true, own in plain["values"]}
    return str(plain["mark"]), rows, left_out, values, str(plain["no_values"])
