"""The result of tracing massive activations to their causes."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import polars as pl

from edgescope.intervene.origins.causes_info import CausesInfo
from edgescope.intervene.origins.causes_pictures import CausesPictures
from edgescope.intervene.origins.causes_words import verdicts
from edgescope.intervene.origins.patch_gradients import AGREEMENT
from edgescope.intervene.origins.rewind_rows import REWINDS, SETS, SITES
from edgescope.intervene.origins.score_factors import FACTOR_ROWS, WRITER_ROWS
from edgescope.intervene.origins.site_patches import EFFECTS, PATHS
from edgescope.intervene.origins.type_triples import TYPES
from edgescope.lib.errors import InputError
from edgescope.lib.input_files import table_of
from edgescope.lib.manifest import Kind, Stored, stored, storing
from edgescope.lib.typed_fields import record

FORMAT = 1
"""Raised when a change makes older folders unreadable."""

_KIND = Kind("a result on causes", "causes.json", FORMAT, "trace them again")

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

    def save(self, folder: str | Path) -> Path:
        """Write ``causes.json`` and the tables; an earlier result is replaced.

        Raises:
            InputError: if the folder cannot be written, or holds something else.
        """
        folder = Path(folder)
        plain = {"format": FORMAT, **asdict(self.info), "conclusion": self.conclusion()}
        counts = {name: self.tables[name].height for name in TABLES}
        with storing(folder, _KIND, counts, "no result on causes") as new:
            for name in TABLES:
                self.tables[name].write_parquet(new / f"{name}.parquet")
            (new / _KIND.marker).write_text(json.dumps(plain, indent=1), encoding="utf-8")
        return folder

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read what :meth:`save` wrote.

        Raises:
            InputError: if the folder holds no such result, or a damaged one.
        """
        return cls(*stored(Path(folder), _KIND, _read))


def _read(files: Stored) -> tuple[CausesInfo, dict[str, pl.DataFrame]]:
    plain = files.json(_KIND.marker)
    if plain.pop("format") != files.format:
        raise ValueError(f"{_KIND.marker} is of another format than the folder")
    plain.pop("conclusion")
    tables = {
        name: table_of(files.files[f"{name}.parquet"], schema) for name, schema in TABLES.items()
    }
    if not tables["rewinds"].height:
        raise ValueError("rewinds.parquet has no rows")
    files.check({name: table.height for name, table in tables.items()})
    return record(CausesInfo, plain), tables
