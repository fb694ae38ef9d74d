"""The result of an attack with noise: losses, and a metric, by kind of noise and restart."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from edgescope.lib.manifest import Kind, Stored, stored, storing
from edgescope.lib.plurals import plural
from edgescope.lib.task_metrics import known_metric, written
from edgescope.lib.typed_fields import record

if TYPE_CHECKING:
    import polars as pl

KINDS = ("none", "random", "ascent")
"""Without noise, with random noise, and with noise found by gradient ascent."""

_KIND = Kind("an attack", "attack.json", 1, "attack again")


@dataclass(frozen=True)
class NoiseAttack:
    """Losses of a model under noise.

    Attributes:
        std: standard deviation of the noise.
        steps: steps of gradient ascent.
        losses: mean loss over all known targets, by kind of noise: one number without noise, else
            one per restart.
        arguments: what the model was given, as in :class:`edgescope.scanning.result.ScanInfo`.
        metric: name of the metric that ``scores`` are of; empty if none was asked for.
        scores: the metric of the predictions, by kind of noise, as ``losses``.

    Example:
        >>> import edgescope as es
        >>> graphs = es.data.planted("marked", 60).test
        >>> model = es.models.GATv2(**graphs.model_sizes, hidden_dim=8, num_heads=2, num_layers=1)
        >>> loader = es.data.loader(graphs)
        >>> found = es.noise_attack(model, loader, steps=2, restarts=1)
        >>> sorted(found.losses)
        ['ascent', 'none', 'random']
    """

    std: float
    steps: int
    losses: dict[str, tuple[float, ...]]
    arguments: tuple[str, ...] = ()
    metric: str = ""
    scores: dict[str, tuple[float, ...]] = field(default_factory=dict)

    @property
    def gain(self) -> tuple[float, ...]:
        """How much more loss ascent gives than the random noise it started from, per restart."""
        pairs = zip(self.losses["ascent"], self.losses["random"], strict=True)
        return tuple(found - start for found, start in pairs)

    def table(self) -> "pl.DataFrame":
        """Return mean, standard deviation, smallest and largest loss, a row per kind of noise.

        The last row, ``gain``, is the loss that ascent adds to random noise. The standard deviation
        is over restarts, with ``n - 1``; null for a single number. If a metric was asked for, its
        mean, smallest and largest value stand behind, null in the last row.
        """
        import polars as pl

        columns = {**self.losses, "gain": self.gain}
        every = (pl.Series(name, values, dtype=pl.Float64) for name, values in columns.items())
        rows = [
            (each.name, each.len(), each.mean(), each.std(), each.min(), each.max())
            for each in every
        ]
        schema = ["noise", "restarts", "mean", "sd", "min", "max"]
        table = pl.DataFrame(rows, schema=schema, orient="row")
        if not self.scores:
            return table
        every = (pl.Series(self.scores.get(name, ()), dtype=pl.Float64) for name in columns)
        ends = [(each.mean(), each.min(), each.max()) for each in every]
        names = [self.metric, f"{self.metric}_min", f"{self.metric}_max"]
        more = pl.DataFrame(ends, schema=dict.fromkeys(names, pl.Float64), orient="row")
        return table.hstack(more.fill_nan(None))

    def conclusion(self) -> str:
        """Say in a sentence what noise does, in the metric if there is one, else in the loss."""
        words, numbers = self.metric or "loss", self.scores or self.losses
        if self.metric:
            words = known_metric(self.metric).words
        means = [sum(numbers[kind]) / len(numbers[kind]) for kind in KINDS]
        none, random, ascent = map(written, means)
        return (
            f"noise of standard deviation {self.std:g} on the embeddings takes the {words} from "
            f"{none} to {random} at random and to {ascent} by gradient ascent "
            f"(mean of {plural(len(numbers['ascent']), 'restart')})"
        )

    def save(self, folder: str | Path) -> Path:
        """Write ``attack.json``; an earlier attack is replaced.

        Raises:
            InputError: if the folder cannot be written, or holds something else.
        """
        folder = Path(folder)
        plain = {"format": _KIND.format, **asdict(self), "conclusion": self.conclusion()}
        numbers = {"restarts": len(self.losses["ascent"])}
        with storing(folder, _KIND, numbers, "no attack") as new:
            (new / _KIND.marker).write_text(json.dumps(plain, indent=1), encoding="utf-8")
        return folder

    @classmethod
    def load(cls, folder: str | Path) -> "NoiseAttack":
        """Read what :meth:`save` wrote.

        Raises:
            InputError: if the folder holds no attack, a damaged one, or one of another version.
        """
        return stored(Path(folder), _KIND, _read)


def _read(files: Stored) -> NoiseAttack:
    plain = files.json(_KIND.marker)
    if plain.pop("format") != files.format:
        raise ValueError(f"{_KIND.marker} is of another format than the folder")
    plain.pop("conclusion")
    found = record(NoiseAttack, plain)
    for numbers in (found.losses, *([found.scores] if found.scores else [])):
        if set(numbers) != set(KINDS) or not all(numbers.values()):
            raise ValueError(f"{_KIND.marker} lacks a kind of noise")
    files.check({"restarts": len(found.losses["ascent"])})
    return found
