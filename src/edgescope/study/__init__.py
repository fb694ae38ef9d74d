"""Studies: a grid of models, data sets, states and seeds, run cell by cell, and its results."""

from edgescope.lib.optional import require

for _package in ("pydantic", "yaml", "filelock"):
    require(_package, "train")

from edgescope.study.cells import Cell, plan  # noqa: E402
from edgescope.study.runner import run  # noqa: E402
from edgescope.study.spec import StudySpec  # noqa: E402
from edgescope.study.study_file import read, study_names  # noqa: E402
from edgescope.study.study_store import Study, load  # noqa: E402

__all__ = ["Cell", "Study", "StudySpec", "load", "plan", "read", "run", "study_names"]
