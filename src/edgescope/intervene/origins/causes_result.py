"""The result of tracing massive activations to their causes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import polars as pl

from edgescope.intervene.origins.causes_pictures import CausesPictures
from edgescope.intervene.origins.causes_words import verdicts
from edgescope.intervene.origins.patch_gradients import AGREEMENT
from edgescope.intervene.origins.rewind_rows import REWINDS, SETS, SITES
from edgescope.intervene.origins.score_factors import FACTOR_ROWS, WRITER_ROWS
from edgescope.intervene.origins.site_patches import EFFECTS, PATHS
from edgescope.intervene.origins.type_triples import TYPES
from edgescope.lib.errors import InputError
from edgescope.lib.manifest import Kind
from edgescope.lib.stored_tables import TableFile

FORMAT = 1
"""Raised when a change makes older folders unreadable."""

TABLES: dict[str, dict[str, type[pl.DataType]]] = {
    "rewinds": REWINDS,
    "sites": SITES,
    "sets": SETS,
    "types": TYPES,
    "paths": PATHS,
    "effects": EFFECTS,
    "agreement": AGREEMENT,
    "factors": FACTOR_ROWS,
    "writers": WRITER_ROWS,
}
"""Columns of every table."""


@dataclass(frozen=True)
class CausesInfo:
    """What was traced, and how.

    Attributes:
        model: class of the model.
        data: name of the data set, if it has one.
        graphs: number of graphs.
        batches: number of batches.
        where: what is called massive.
        sites: names of the sites that were counted at, in the order of the model's layers.
        levels: how much was put back at once.
        share: of what the trained model has more, which a set must take away, or make.
        tensors: number of parameters and buffers.
        changed: how many of them differ between the trained and the untrained model.
        running: how many of these are running statistics of batch norm.
        kept: tensors that the untrained state dict does not hold, left as they are.
        checked: whether the trained model with all tensors put back was compared with the
            untrained model itself, which gave the same predictions and counts to the bit; a state
            dict cannot be run.
        itself: largest change of a prediction if every site is patched with its own activations;
            ``None`` if nothing was patched.
        donor: whether another input was patched in.
        steps: of integrated gradients.
        seed: decided resamples, random sets and edges.
        metric: name of the task metric; ``None`` if there is none.
        before: the metric of the trained model; ``None`` without one.
        before_low: lower end of its 95 % interval.
        before_high: upper end.
        untrained: the metric of the untrained model.
        guess: that of one prediction for all graphs, the best that the targets alone give; without
            a metric, the mean change of the predictions if each were their median.
        nonfinite: predictions of the trained model that are not finite, which are left out.
        passes: forward passes over the loader by what they were for.
        max_passes: how many the rewinding could take.
        stopped: whether it ended there.
        exact: why the first site was not enumerated; empty if it was.
        seconds: how long it took.
        device: the device that the model ran on.
        left_out: sites and parts that could not be taken, each with the reason.
        arguments: names of the arguments that the model was given, as in
            :class:`edgescope.scanning.site_scan.ScanInfo`.
        data_fingerprint: of the graphs, as there.
    """

    model: str
    data: str
    graphs: int
    batches: int
    where: str
    sites: tuple[str, ...]
    levels: tuple[str, ...]
    share: float
    tensors: int
    changed: int
    running: int
    kept: tuple[str, ...]
    checked: bool
    itself: float | None
    donor: bool
    steps: int
    seed: int
    metric: str | None
    before: float | None
    before_low: float | None
    before_high: float | None
    untrained: float | None
    guess: float | None
    nonfinite: int
    passes: Mapping[str, int]
    max_passes: int
    stopped: bool
    exact: str
    seconds: float
    device: str
    left_out: Mapping[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    data_fingerprint: str = ""

    @property
    def all_passes(self) -> int:
        """Forward passes over the loader."""
        return sum(self.passes.values())


@dataclass(frozen=True, eq=False, repr=False)
class Causes(CausesPictures):
    """The result of :func:`edgescope.causes`.

    Attributes:
        info: what was traced, and how.
        tables: the tables by name, see :meth:`table`.

    Example:
        >>> import edgescope as es
        >>> graphs = es.data.planted("marked", 60).test
        >>> sizes = {"hidden_dim": 8, "num_heads": 2, "num_layers": 1}
        >>> model = es.models.GATv2(**graphs.model_sizes, **sizes)
        >>> loader = es.data.loader(graphs)
        >>> found = es.causes(model, es.Untrained(), loader, where=20, patches=False)
        >>> found.table().filter(level="model")["unit"].to_list()
        ['trained', 'untrained']
    """

    info: CausesInfo
    tables: Mapping[str, pl.DataFrame]

    kind = Kind("a result on causes", "causes.json", FORMAT, "trace them again")
    info_type = CausesInfo
    files = tuple(TableFile(name, schema, name) for name, schema in TABLES.items())

    def stored_tables(self) -> tuple[pl.DataFrame, ...]:
        """Return all tables."""
        return tuple(self.tables[name] for name in TABLES)

    @classmethod
    def made_of(cls, info: CausesInfo, tables: tuple[pl.DataFrame, ...]) -> Self:
        """Return the result of an info and all tables."""
        return cls(info, dict(zip(TABLES, tables, strict=True)))

    def table(self, of: str = "rewinds") -> pl.DataFrame:
        """Return a table; intervals are 95 %, by bootstrap over graphs.

        ===============  ========================================================================
        ``"rewinds"``    one row per unit and direction, the best first: ``"rewound"``, put back in
                         the trained model, or ``"restored"``, trained in the untrained model; the
                         first two rows are the models themselves. ``massive`` rows of edges at
                         all sites and their share (``prevalence``), its ``change``, the ``share``
                         that this is of what training has made, ``nonfinite`` rows, the
                         ``largest`` magnitude, ``growth`` (that over the median magnitude of the
                         untrained model at the same site, the largest of all sites), the metric
                         and how far predictions ``moved``
        ``"sites"``      the same for every site
        ``"sets"``       the smallest sets, coarse to fine: what it ``does``, ``units``, ``others``
                         that do it alone as well, ``among`` how many it was looked for, its
                         ``proof``, how many sets were ``tried``, and ``random_share``, what as
                         many units drawn at random do
        ``"types"``      every triple of types that occurs, at the first site
        ``"paths"``      one row per patched site and site: what is massive there then
        ``"effects"``    one row per patched site: what becomes of the prediction; ``exact`` the
                         mean change of a graph's predictions, summed, and what ``gradient`` and
                         ``integrated`` gradients estimate; ``gap``, what the latter miss of it
        ``"agreement"``  Spearman's rank correlation of estimate and exact patch, over graphs,
                         over edges patched one by one, and over sites
        ``"factors"``    decades by which each factor of a massive score is above the typical one
        ``"writers"``    share of each factor that each earlier block has written, with its sign
        ===============  ========================================================================

        A number is null where it does not exist. Ends of an interval are NaN with fewer than 8
        graphs.

        Args:
            of: name of the table.

        Raises:
            InputError: if there is none of that name.
        """
        if of not in self.tables:
            raise InputError(f"unknown table {of!r}, expected one of {', '.join(TABLES)}")
        return self.tables[of]

    def verdicts(self) -> list[str]:
        """Say what was found, a sentence each."""
        return verdicts(self.info, self.tables)

    def conclusion(self) -> str:
        """Say the same in one line."""
        return "; ".join(self.verdicts())

    def __repr__(self) -> str:
        """Say what was traced."""
        info = self.info
        return (
            f"Causes({info.model} on {info.graphs} graphs, {len(info.sites)} sites, {info.where}, "
            f"{info.all_passes} passes)"
        )
