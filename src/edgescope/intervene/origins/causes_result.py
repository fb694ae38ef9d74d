"""The result of tracing massive activations to their causes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import polars as pl

from edgescope.intervene.origins.causes_pictures import CausesPictures
from edgescope.intervene.origins.causes_words import CausesInfo, verdicts
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
