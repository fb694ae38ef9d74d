"""What is known of one place of a model, a site or a module's output, after some batches."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import polars as pl
import torch
from torch import Tensor

from edgescope.capturing import EdgeIdentity
from edgescope.intervene.number_formats.eight_bit_integers import SCALES, int8_loss
from edgescope.intervene.number_formats.float_formats import FLOATS, Loss, float_loss
from edgescope.intervene.number_formats.overflow_events import Spot, nonfinite_rows, spot_of

SCHEMA = {
    "place": pl.String,
    "kind": pl.String,
    "format": pl.String,
    "values": pl.Int64,
    "nonfinite": pl.Int64,
    "largest": pl.Float64,
    "batch": pl.Int64,
    "row": pl.Int64,
    "channel": pl.Int64,
    "graph": pl.Int64,
    "edge": pl.Int64,
    "source": pl.Int64,
    "target": pl.Int64,
    "headroom_bits": pl.Float64,
    "beyond": pl.Int64,
    "vanishing": pl.Int64,
    "error_mean": pl.Float64,
    "error_largest": pl.Float64,
    "error_others": pl.Float64,
}
"""Columns of the table of headroom."""


@dataclass
class PlaceRecord:
    """What a place computed in float32, batch by batch; nothing of the numbers is held.

    Attributes:
        name: of the site or the output.
        kind: ``"site"`` or ``"module"``.
        values: how many numbers there were.
        nonfinite: how many of them are not finite.
        largest: the largest finite magnitude; -1 before there is one.
        spot: where it is.
        losses: what rounding to each format does.
        first_beyond: the first number that each format does not reach.
        nonfinite_rows: of every batch with numbers that are not finite, in which rows ``[N]``.
        channels: the largest finite magnitude of every channel ``[C]``.
    """

    name: str
    kind: str
    values: int = 0
    nonfinite: int = 0
    largest: float = -1.0
    spot: Spot | None = None
    losses: dict[str, Loss] = field(default_factory=dict)
    first_beyond: dict[str, Spot] = field(default_factory=dict)
    nonfinite_rows: dict[int, Tensor] = field(default_factory=dict)
    channels: Tensor | None = None

    def take(self, values: Tensor, batch: int, order: int, identity: EdgeIdentity | None) -> None:
        """Take in what was computed on a batch.

        Args:
            values: ``[N, ...]``.
            batch: number of the batch.
            order: how many places were computed before in it.
            identity: what the rows are, of a site; with ``graph`` as the position in the data set.
        """
        if not values.numel():
            return
        flat = values.float().reshape(len(values), -1) if values.dim() else values.reshape(1, 1)
        magnitude = flat.abs()
        finite = magnitude.isfinite()
        bad = flat.numel() - int(finite.sum())
        self.values += flat.numel()
        self.nonfinite += bad
        if bad:
            self.nonfinite_rows[batch] = nonfinite_rows(values)
            magnitude = magnitude.where(finite, 0.0)
        if bad < flat.numel():
            top = int(magnitude.argmax())
            if (found := float(magnitude.flatten()[top])) > self.largest:
                self.largest = found
                self.spot = spot_of(self.name, batch, order, top, values, identity)
        channels = magnitude.amax(0)
        same = self.channels is not None and self.channels.shape == channels.shape
        self.channels = torch.maximum(self.channels, channels) if same else channels  # type: ignore[arg-type]
        for name, form in FLOATS.items():
            loss = float_loss(flat, form)
            self._add(name, loss)
            if loss.beyond and name not in self.first_beyond:
                at = int((magnitude >= form.limit).flatten().nonzero()[0])
                self.first_beyond[name] = spot_of(self.name, batch, order, at, values, identity)
        for scale in SCALES:
            self._add(f"int8 per {scale}", int8_loss(flat, scale))  # type: ignore[arg-type]

    def _add(self, name: str, loss: Loss) -> None:
        self.losses[name] = self.losses.get(name, Loss()).joined(loss)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield the row of the table of headroom of every format."""
        known = self.largest >= 0
        spot = {} if self.spot is None else self.spot._asdict()
        for name in (*FLOATS, *(f"int8 per {scale}" for scale in SCALES)):
            loss = self.losses.get(name, Loss())
            form = FLOATS.get(name)
            bits = form.headroom(self.largest) if form and known else math.inf
            yield {column: spot.get(column) for column in SCHEMA} | {
                "place": self.name,
                "kind": self.kind,
                "format": name,
                "values": self.values,
                "nonfinite": self.nonfinite,
                "largest": self.largest if known else None,
                "headroom_bits": bits if math.isfinite(bits) else None,
                "beyond": loss.beyond if form else None,
                "vanishing": loss.vanishing,
                "error_mean": loss.mean,
                "error_largest": loss.largest if loss.rounded else None,
                "error_others": loss.of_others,
            }


class Records:
    """The places of a model in the order in which they were first computed."""

    def __init__(self) -> None:
        self._of: dict[str, PlaceRecord] = {}

    def of(self, name: str, kind: str) -> PlaceRecord:
        """Return the record of a place, a new one at first."""
        return self._of.setdefault(name, PlaceRecord(name, kind))

    def alias(self, name: str, first: str) -> None:
        """Note that a place hands on what another one has computed."""
        self._of.setdefault(name, self._of[first])

    def has(self, name: str) -> bool:
        """Return whether a place was computed."""
        return name in self._of

    def was_finite(self, name: str, batch: int, rows: int) -> Tensor:
        """Return which of so many rows were finite in float32 ``[rows]``, bool."""
        found = self._of[name].nonfinite_rows.get(batch) if name in self._of else None
        same = found is not None and len(found) == rows
        return ~found if same else torch.ones(rows, dtype=torch.bool)  # type: ignore[operator]

    def channels(self, name: str) -> Tensor | None:
        """Return the largest finite magnitude of every channel of a place ``[C]``."""
        return self._of[name].channels if name in self._of else None

    def first_beyond(self, form: str, places: set[str]) -> list[Spot]:
        """Return of each of some places the first number that a format does not reach."""
        held = (record for name, record in self._of.items() if name in places)
        return [each.first_beyond[form] for each in held if form in each.first_beyond]

    def table(self) -> pl.DataFrame:
        """Return a row per place and format."""
        once = {id(record): record for record in self._of.values()}
        rows = [row for record in once.values() for row in record.rows()]
        return pl.DataFrame(rows, schema=SCHEMA, orient="row")
