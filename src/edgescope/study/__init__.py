"""Studies: a grid of models, data sets, states and seeds, run cell by cell, and its results.

``read`` and ``run`` make the folder of a study, ``load`` opens it, ``tables`` and ``write_figures``
show what is in it. ``dossier`` answers the claims of the publications from its result tables.
``import_malog`` opens what the published code has logged, and
:mod:`edgescope.study.twins` holds the experiments on nodes with the same neighbours. All is loaded
when it is first used; the grids need the extra ``train``.
"""

import importlib
from typing import TYPE_CHECKING, Any

from edgescope.lib.optional import require

if TYPE_CHECKING:
    from edgescope.study import twins
    from edgescope.study.cells import Cell, plan
    from edgescope.study.claim_dossier import Dossier, dossier
    from edgescope.study.claims.article_numbers import article
    from edgescope.study.claims.claim import Claim
    from edgescope.study.claims.claim_list import CLAIMS, rulings
    from edgescope.study.claims.result_set import read_results
    from edgescope.study.claims.rulings import Ruling
    from edgescope.study.export import StudyTable, table, tables, write_tables
    from edgescope.study.node_classes import paired_accuracy, run_nodes
    from edgescope.study.published_logs import import_malog
    from edgescope.study.result_tables import results
    from edgescope.study.runner import run
    from edgescope.study.spec import StudySpec
    from edgescope.study.study_figures import write_figures
    from edgescope.study.study_file import read, study_names
    from edgescope.study.study_progress import is_done, work_left
    from edgescope.study.study_store import Study, load
    from edgescope.study.study_tables import cautions

__all__ = [
    "CLAIMS",
    "Cell",
    "Claim",
    "Dossier",
    "Ruling",
    "Study",
    "StudySpec",
    "StudyTable",
    "article",
    "cautions",
    "dossier",
    "import_malog",
    "is_done",
    "load",
    "paired_accuracy",
    "plan",
    "read",
    "read_results",
    "results",
    "rulings",
    "run",
    "run_nodes",
    "study_names",
    "table",
    "tables",
    "twins",
    "work_left",
    "write_figures",
    "write_tables",
]

_GRIDS = {
    "Cell": "cells",
    "Study": "study_store",
    "StudySpec": "spec",
    "StudyTable": "export",
    "cautions": "study_tables",
    "is_done": "study_progress",
    "load": "study_store",
    "plan": "cells",
    "read": "study_file",
    "results": "result_tables",
    "run": "runner",
    "study_names": "study_file",
    "table": "export",
    "tables": "export",
    "work_left": "study_progress",
    "write_figures": "study_figures",
    "write_tables": "export",
}
"""Name of everything about grids to the module that holds it."""

_CLAIMS = {
    "CLAIMS": "claims.claim_list",
    "Claim": "claims.claim",
    "Dossier": "claim_dossier",
    "Ruling": "claims.rulings",
    "article": "claims.article_numbers",
    "dossier": "claim_dossier",
    "read_results": "claims.result_set",
    "rulings": "claims.claim_list",
}
"""The same of everything about claims, which needs no extra."""


def __getattr__(name: str) -> Any:  # noqa: ANN401  (PEP 562: a module attribute of any type)
    if name == "twins":
        return importlib.import_module("edgescope.study.twins")
    if name == "import_malog":
        return importlib.import_module("edgescope.study.published_logs").import_malog
    if name in _CLAIMS:
        return getattr(importlib.import_module(f"edgescope.study.{_CLAIMS[name]}"), name)
    if name in {"paired_accuracy", "run_nodes"}:
        return getattr(importlib.import_module("edgescope.study.node_classes"), name)
    if name in _GRIDS:
        for package in ("pydantic", "yaml", "filelock"):
            require(package, "train")
        return getattr(importlib.import_module(f"edgescope.study.{_GRIDS[name]}"), name)
    raise AttributeError(f"module 'edgescope.study' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
